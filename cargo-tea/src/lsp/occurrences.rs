//! The names in a workflow file: where each node and key is declared, and where it is used.

use std::collections::HashSet;

use tea_build::{
    source::{Span, Spanned},
    syntax::{Rust, Work, Workflow},
};

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Node,
    Key,
}

/// What is done with a name at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Declares,
    /// A node writes the key.
    Writes,
    /// Rust reads the key.
    Reads,
    /// The order of the nodes refers to the node.
    Refers,
}

/// A name at a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occurrence<'a> {
    pub(super) kind: Kind,
    pub(super) role: Role,
    pub(super) text: &'a str,
    pub(super) span: Span,
    /// The node that the place belongs to, by its index.
    pub(super) node: Option<usize>,
}

/// All names of nodes and keys, in no order.
pub(super) fn all(workflow: &Workflow) -> Vec<Occurrence<'_>> {
    let keys = workflow.keys.iter().map(|key| key.name.value.as_str()).collect();
    let mut names = Occurrences { workflow, keys, list: Vec::new() };
    names.collect();
    names.list
}

/// The name at an offset.
pub(super) fn at<'n, 'a>(names: &'n [Occurrence<'a>], offset: usize) -> Option<&'n Occurrence<'a>> {
    names.iter().find(|name| name.span.start as usize <= offset && offset <= name.span.end as usize)
}

struct Occurrences<'a> {
    workflow: &'a Workflow,
    keys: HashSet<&'a str>,
    list: Vec<Occurrence<'a>>,
}

impl<'a> Occurrences<'a> {
    fn collect(&mut self) {
        for key in &self.workflow.keys {
            self.add(Kind::Key, Role::Declares, &key.name, None);
        }
        for (index, node) in self.workflow.nodes.iter().enumerate() {
            let of = Some(index);
            self.add(Kind::Node, Role::Declares, &node.name, of);
            node.output.keys().iter().for_each(|key| self.add(Kind::Key, Role::Writes, key, of));
            node.needs
                .iter()
                .flat_map(|needs| &needs.value)
                .for_each(|need| self.add(Kind::Node, Role::Refers, need, of));
            for arm in node.goto.iter().flat_map(|goto| &goto.arms) {
                self.add(Kind::Node, Role::Refers, &arm.to, of);
                arm.condition.iter().for_each(|rust| self.rust(rust, &[], of));
            }
            match &node.work {
                Work::Run(action) => action.rust().for_each(|rust| self.rust(rust, &[], of)),
                Work::Map(map) => {
                    self.rust(&map.items, &[], of);
                    let item = map.item_var.as_ref().map_or("item", |name| &name.value);
                    let hidden: Vec<_> =
                        std::iter::once(item).chain(map.index_var.as_ref().map(|name| &*name.value)).collect();
                    map.run.rust().for_each(|rust| self.rust(rust, &hidden, of));
                    map.failures.iter().for_each(|key| self.add(Kind::Key, Role::Writes, key, of));
                }
            }
        }
        for edge in &self.workflow.edges {
            self.add(Kind::Node, Role::Refers, &edge.from, None);
            edge.to
                .iter()
                .flat_map(|branch| &branch.nodes)
                .for_each(|node| self.add(Kind::Node, Role::Refers, node, None));
            edge.fan_in.iter().for_each(|node| self.add(Kind::Node, Role::Refers, node, None));
            edge.when.iter().for_each(|rust| self.rust(rust, &[], None));
        }
    }

    fn add(&mut self, kind: Kind, role: Role, name: &'a Spanned<String>, node: Option<usize>) {
        self.list.push(Occurrence { kind, role, text: &name.value, span: name.span, node });
    }

    fn rust(&mut self, rust: &'a Rust, hidden: &[&str], node: Option<usize>) {
        for name in &rust.names {
            if !hidden.contains(&name.value.as_str()) && self.keys.contains(name.value.as_str()) {
                self.add(Kind::Key, Role::Reads, name, node);
            }
        }
    }
}
