//! Names to indices: state keys, nodes, and what a piece of Rust uses of them.

use std::collections::HashMap;

use super::{KeyId, NodeAccess, NodeWrite};
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    doubt::Facts,
    source::{Span, Spanned},
    suggest,
    syntax::{self, Action, Rust, Work, Workflow},
};

/// The first node is preceded by this.
pub(super) const START: &str = "__start__";
/// The last node is followed by this.
pub(super) const END: &str = "__end__";
/// What `item_var` is if not written.
pub(crate) const ITEM: &str = "item";
/// The names that Tea puts into scope.
const CONTEXT: &str = "ctx";
const RESULTS: &str = "parallel_results";
/// What tells in `finally` how the run ended.
pub(crate) const OUTCOME: &str = "outcome";

/// Whether Tea puts this name into scope.
pub(crate) fn is_given(name: &str) -> bool {
    name == CONTEXT || name == RESULTS
}

/// A node's name; the index after the last node is `__start__`.
pub(super) fn node_name(workflow: &Workflow, node: usize) -> &str {
    workflow.nodes.get(node).map_or(START, |node| &node.name.value)
}

/// A way through the workflow, for people; the middle of a long one is left out.
pub(crate) fn path(names: &[&str]) -> String {
    /// More than so many names nobody follows.
    const SHOWN: usize = 9;
    if names.len() <= SHOWN {
        return names.join(" → ");
    }
    let (first, last) = (&names[..SHOWN / 2], &names[names.len() - SHOWN / 2..]);
    format!("{} → … → {}", first.join(" → "), last.join(" → "))
}

/// The state's keys by name.
#[derive(Debug)]
pub struct Keys<'a> {
    list: &'a [syntax::Key],
    by_name: HashMap<&'a str, KeyId>,
}

/// What a piece of Rust uses.
#[derive(Debug, Default)]
pub struct Uses {
    /// State keys, each with its first place, in text order.
    pub keys: Vec<(KeyId, Span)>,
    /// `ctx`.
    pub context: bool,
    /// `parallel_results`.
    pub results: Option<Span>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(workflow: &'a Workflow) -> Self {
        let mut by_name = HashMap::with_capacity(workflow.keys.len());
        for (key, id) in workflow.keys.iter().zip(0..) {
            by_name.entry(key.name.value.as_str()).or_insert(KeyId(id));
        }
        Self { list: &workflow.keys, by_name }
    }

    /// The key of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<KeyId> {
        self.by_name.get(name).copied()
    }

    /// The entry of a key.
    #[must_use]
    pub fn entry(&self, key: KeyId) -> &'a syntax::Key {
        &self.list[key.0 as usize]
    }

    /// A key's name.
    #[must_use]
    pub fn name(&self, key: KeyId) -> &'a str {
        &self.entry(key).name.value
    }

    /// All keys in written order.
    pub fn iter(&self) -> impl Iterator<Item = (KeyId, &'a syntax::Key)> + use<'a> {
        (0..).map(KeyId).zip(self.list)
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What `rust` uses; `hidden` names mean something else in it.
    #[must_use]
    pub fn uses(&self, rust: &Rust, hidden: &[&str]) -> Uses {
        let mut uses = Uses::default();
        for name in &rust.names {
            match name.value.as_str() {
                word if hidden.contains(&word) => {}
                CONTEXT => uses.context = true,
                RESULTS => uses.results = uses.results.or(Some(name.span)),
                word => uses.keys.extend(self.get(word).map(|key| (key, name.span))),
            }
        }
        // Stable, so that the first place of each key stays.
        uses.keys.sort_by_key(|(key, _)| *key);
        uses.keys.dedup_by_key(|(key, _)| *key);
        uses
    }

    /// What the Rust of a node, or what is run for each item, uses: the first places of state keys by key.
    #[must_use]
    pub fn uses_of(&self, action: &Action, hidden: &[&str]) -> Vec<(KeyId, Span)> {
        let mut keys: Vec<_> = action.rust().flat_map(|rust| self.uses(rust, hidden).keys).collect();
        keys.sort_by_key(|(key, _)| *key);
        keys.dedup_by_key(|(key, _)| *key);
        keys
    }

    /// The key that some Rust is, if it is nothing else. `hidden` names mean something else in it.
    #[must_use]
    pub fn just_a_key(&self, rust: &Rust, hidden: &[&str]) -> Option<KeyId> {
        let text = rust.text.trim();
        let key = if hidden.contains(&text) { None } else { self.get(text) };
        key.filter(|_| rust.names.len() == 1)
    }

    /// The key that a node writes; an unknown one is an error.
    pub(crate) fn resolve(&self, name: &Spanned<String>, found: &mut Diagnostics) -> Option<KeyId> {
        if let Some(key) = self.get(&name.value) {
            return Some(key);
        }
        let names = self.list.iter().map(|key| key.name.value.as_str());
        let mut error =
            Diagnostic::error(codes::UNKNOWN_KEY, name.span, format!("there is no state key `{}`", name.value))
                .label("not in `state_schema`");
        error.helps.extend(suggest::help(&name.value, "keys", names));
        found.push(error);
        None
    }
}

/// What a node reads and writes.
pub(super) fn accesses(node: &syntax::Node, keys: &Keys<'_>, found: &mut Diagnostics) -> NodeAccess {
    let mut access = NodeAccess::default();
    let own = match &node.work {
        Work::Run(_) => Vec::new(),
        Work::Map(map) => {
            access.reads = map.items().flat_map(|items| keys.uses(items, &[]).keys).collect();
            hidden(map)
        }
    };
    access.reads.extend(keys.uses_of(node.work.action(), &own));
    access.reads.sort_by_key(|(key, _)| *key);
    access.reads.dedup_by_key(|(key, _)| *key);
    for name in node.output.keys() {
        let Some(key) = keys.resolve(name, found) else { continue };
        if let Some(first) = access.writes.iter().find(|write| write.key == key) {
            if keys.name(key) == name.value {
                let message = format!("`{}` is written twice by one node", name.value);
                let finding = written_again(name.span, first, message);
                found.push(finding.help("give each part of the tuple its own key"));
            }
            continue;
        }
        let reduced_map = matches!(node.work, Work::Map(_)) && keys.entry(key).reduce.is_some();
        access.writes.push(NodeWrite { key, span: name.span, always: !reduced_map });
    }
    if let Work::Map(map) = &node.work
        && let Some(name) = &map.failures
        && let Some(key) = keys.resolve(name, found)
    {
        if let Some(first) = access.writes.iter().find(|write| write.key == key) {
            let message = format!("`{}` is both the output and the failures of one node", name.value);
            found.push(
                written_again(name.span, first, message)
                    .help("give the failures their own key, of type `Vec<tea_runtime::result::ItemFailure>`"),
            );
        } else {
            access.writes.push(NodeWrite { key, span: name.span, always: true });
        }
    }
    access
}

/// One node writes a key at two places.
fn written_again(span: Span, first: &NodeWrite, message: String) -> Diagnostic {
    Diagnostic::error(codes::DUPLICATE_OUTPUT, span, message)
        .label("written again here")
        .also(first.span, "written here")
}

/// The names of the item and its index in a map's body.
pub(crate) fn hidden(map: &syntax::Map) -> Vec<&str> {
    let items = map.variables.iter().map(|variable| variable.name.as_ref().map_or(ITEM, |name| &name.value));
    items.chain(map.index_var.as_ref().map(|name| name.value.as_str())).collect()
}

/// A place in the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Start,
    Node(usize),
    End,
}

/// A name of a place, resolved.
#[derive(Debug, Clone, Copy)]
pub(super) struct To {
    pub(super) place: Place,
    pub(super) span: Span,
}

/// The nodes by name.
pub(super) struct NodeNames<'a> {
    workflow: &'a Workflow,
    by_name: HashMap<&'a str, usize>,
}

impl<'a> NodeNames<'a> {
    pub(super) fn new(workflow: &'a Workflow) -> Self {
        let mut by_name = HashMap::with_capacity(workflow.nodes.len());
        for (index, node) in workflow.nodes.iter().enumerate() {
            by_name.entry(node.name.value.as_str()).or_insert(index);
        }
        Self { workflow, by_name }
    }

    fn get(&self, name: &str) -> Option<Place> {
        match name {
            START => Some(Place::Start),
            END => Some(Place::End),
            _ => self.by_name.get(name).copied().map(Place::Node),
        }
    }

    /// The place of this name; an unknown one is an error, and the nearest is meant.
    pub(super) fn resolve(&self, name: &Spanned<String>, found: &mut Diagnostics) -> Option<To> {
        self.resolve_or(name, None, found)
    }

    /// Like [`Self::resolve`], for a path that hardly affects others: with the nearest name in its place, little is in doubt.
    pub(super) fn resolve_goto(&self, name: &Spanned<String>, found: &mut Diagnostics) -> Option<To> {
        self.resolve_or(name, Some(Facts::ENDS), found)
    }

    fn resolve_or(&self, name: &Spanned<String>, if_near: Option<Facts>, found: &mut Diagnostics) -> Option<To> {
        let to = |place| To { place, span: name.span };
        if let Some(place) = self.get(&name.value) {
            return Some(to(place));
        }
        let names = self.workflow.nodes.iter().map(|node| node.name.value.as_str());
        let mut error = Diagnostic::error(codes::UNKNOWN_NODE, name.span, format!("there is no node `{}`", name.value))
            .label("not in `nodes`");
        error.helps.extend(suggest::help(&name.value, "nodes", names.clone().chain([START, END])));
        let near = suggest::nearest(&name.value, names.chain([START, END])).and_then(|near| self.get(near)).map(to);
        if let (Some(doubts), Some(_)) = (if_near, near) {
            error.doubts = doubts;
        }
        found.push(error);
        near
    }
}
