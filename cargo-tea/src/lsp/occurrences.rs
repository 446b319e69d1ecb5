//! The names in a workflow file: where each node and key is declared, and where it is used. A workflow that is written in a
//! node has names of its own.

use std::collections::HashSet;

use tea_build::{
    source::{Span, Spanned},
    syntax::{Action, Rust, Work, Workflow},
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
    /// A node writes the key, or the caller of the workflow gives it.
    Writes,
    /// Rust reads the key, or the caller of the workflow takes it.
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
    /// The workflow that it is a name of, among [`workflows`].
    pub(super) workflow: usize,
    /// The node of that workflow that the place belongs to, by its index.
    pub(super) node: Option<usize>,
}

/// A workflow and those that are written in its nodes, in the order in which they begin.
pub(super) fn workflows(workflow: &Workflow) -> Vec<&Workflow> {
    let inner = workflow.nodes.iter().filter_map(|node| node.work.action().inline());
    std::iter::once(workflow).chain(inner.flat_map(workflows)).collect()
}

/// All names of nodes and keys, in no order.
pub(super) fn all(workflow: &Workflow) -> Vec<Occurrence<'_>> {
    let mut names = Occurrences { count: 0, around: Vec::new(), list: Vec::new() };
    names.workflow(workflow);
    names.list
}

/// The name at an offset.
pub(super) fn at<'n, 'a>(names: &'n [Occurrence<'a>], offset: usize) -> Option<&'n Occurrence<'a>> {
    names.iter().find(|name| name.span.start as usize <= offset && offset <= name.span.end as usize)
}

struct Occurrences<'a> {
    /// How many workflows have begun.
    count: usize,
    /// The workflow that is looked at and those around it, outermost first: their numbers and keys.
    around: Vec<(usize, HashSet<&'a str>)>,
    list: Vec<Occurrence<'a>>,
}

impl<'a> Occurrences<'a> {
    fn workflow(&mut self, workflow: &'a Workflow) {
        let keys = workflow.keys.iter().map(|key| key.name.value.as_str()).collect();
        self.around.push((self.count, keys));
        self.count += 1;
        for key in &workflow.keys {
            self.add(Kind::Key, Role::Declares, &key.name, None);
        }
        for (index, node) in workflow.nodes.iter().enumerate() {
            let of = Some(index);
            self.add(Kind::Node, Role::Declares, &node.name, of);
            node.output.keys().iter().for_each(|key| self.add(Kind::Key, Role::Writes, key, of));
            node.fallback.iter().for_each(|(key, _)| self.add(Kind::Key, Role::Writes, key, of));
            node.needs
                .iter()
                .flat_map(|needs| &needs.value)
                .for_each(|need| self.add(Kind::Node, Role::Refers, need, of));
            for arm in node.goto.iter().flat_map(|goto| &goto.arms) {
                self.add(Kind::Node, Role::Refers, &arm.to, of);
                arm.condition.iter().for_each(|rust| self.rust(rust, &[], of));
            }
            match &node.work {
                Work::Run(action) => self.action(action, &[], of),
                Work::Map(map) => {
                    map.items().for_each(|items| self.rust(items, &[], of));
                    let names = map.variables.iter().map(|one| one.name.as_ref().map_or("item", |name| &name.value));
                    let hidden: Vec<_> = names.chain(map.index_var.as_ref().map(|name| &*name.value)).collect();
                    self.action(&map.run, &hidden, of);
                    map.failures.iter().for_each(|key| self.add(Kind::Key, Role::Writes, key, of));
                }
            }
        }
        for node in &workflow.finally {
            self.add(Kind::Node, Role::Declares, &node.name, None);
            self.rust(&node.run, &["outcome"], None);
        }
        for edge in &workflow.edges {
            self.add(Kind::Node, Role::Refers, &edge.from, None);
            edge.to
                .iter()
                .flat_map(|branch| &branch.nodes)
                .for_each(|node| self.add(Kind::Node, Role::Refers, node, None));
            edge.fan_in.iter().for_each(|node| self.add(Kind::Node, Role::Refers, node, None));
            edge.failures.iter().for_each(|key| self.add(Kind::Key, Role::Writes, key, None));
            edge.when.iter().for_each(|rust| self.rust(rust, &[], None));
            edge.fallback.iter().for_each(|(key, _)| self.add(Kind::Key, Role::Writes, key, None));
        }
        self.around.pop();
    }

    fn action(&mut self, action: &'a Action, hidden: &[&str], node: Option<usize>) {
        action.rust().for_each(|rust| self.rust(rust, hidden, node));
        let Some((call, inner)) = action.call().zip(action.inline()) else { return };
        let (given, number) = (call.with.iter().map(|(name, _)| name), self.count);
        let given = given.map(|name| (Role::Writes, name)).chain(call.gives.iter().map(|name| (Role::Reads, name)));
        self.list.extend(given.map(|(role, name)| Occurrence {
            kind: Kind::Key,
            role,
            text: &name.value,
            span: name.span,
            workflow: number,
            node: None,
        }));
        self.workflow(inner);
    }

    fn add(&mut self, kind: Kind, role: Role, name: &'a Spanned<String>, node: Option<usize>) {
        let workflow = self.around.last().map_or(0, |around| around.0);
        self.list.push(Occurrence { kind, role, text: &name.value, span: name.span, workflow, node });
    }

    /// A key is that of the innermost workflow that has one with its name.
    fn rust(&mut self, rust: &'a Rust, hidden: &[&str], node: Option<usize>) {
        let own = self.around.last().map_or(0, |around| around.0);
        for name in rust.names.iter().filter(|name| !hidden.contains(&name.value.as_str())) {
            let (text, span) = (name.value.as_str(), name.span);
            let Some((workflow, _)) = self.around.iter().rfind(|(_, keys)| keys.contains(text)) else { continue };
            let node = node.filter(|_| *workflow == own);
            self.list.push(Occurrence { kind: Kind::Key, role: Role::Reads, text, span, workflow: *workflow, node });
        }
    }
}
