//! What a node does.

use super::{Call, Callee, Rust, Workflow};
use crate::source::Spanned;

/// What a node does.
#[derive(Debug)]
pub enum Work {
    /// It runs once.
    Run(Action),
    /// `type: dynamic_parallel`.
    Map(Box<Map>),
}

impl Work {
    /// What is run, once or for each item.
    #[must_use]
    pub fn action(&self) -> &Action {
        match self {
            Self::Run(action) => action,
            Self::Map(map) => &map.run,
        }
    }
}

/// What is run, once or for each item.
#[derive(Debug)]
pub enum Action {
    /// `run`.
    Rust(Rust),
    /// `ask`: a format string that gives the question.
    Ask(Rust),
    /// `use` or `workflow`.
    Call(Call),
}

impl Action {
    /// The Rust of this workflow in it.
    pub fn rust(&self) -> impl Iterator<Item = &Rust> {
        let (one, passed) = match self {
            Self::Rust(rust) | Self::Ask(rust) => (Some(rust), None),
            Self::Call(call) => (None, Some(call.with.iter().map(|(_, rust)| rust))),
        };
        one.into_iter().chain(passed.into_iter().flatten())
    }

    /// The call, if it is one.
    #[must_use]
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Rust(_) | Self::Ask(_) => None,
            Self::Call(call) => Some(call),
        }
    }

    /// The question, if it is one.
    #[must_use]
    pub fn question(&self) -> Option<&Rust> {
        match self {
            Self::Ask(question) => Some(question),
            Self::Rust(_) | Self::Call(_) => None,
        }
    }

    /// The workflow that is written in the node.
    #[must_use]
    pub fn inline(&self) -> Option<&Workflow> {
        match &self.call()?.callee {
            Callee::File(_) => None,
            Callee::Inline(workflow) => Some(workflow),
        }
    }
}

/// `type: dynamic_parallel`.
#[derive(Debug)]
pub struct Map {
    /// What the body sees of an item: one variable, or several, of whose values each combination is an item.
    pub variables: Vec<Variable>,
    /// `index_var`.
    pub index_var: Option<Spanned<String>>,
    /// What is run for each item.
    pub run: Action,
    /// `failures`: the key that holds what failed.
    pub failures: Option<Spanned<String>>,
}

impl Map {
    /// The Rust that gives the items.
    pub fn items(&self) -> impl Iterator<Item = &Rust> {
        self.variables.iter().map(|variable| &variable.items)
    }
}

/// A variable of a `dynamic_parallel` node.
#[derive(Debug)]
pub struct Variable {
    /// `item_var`, or the name in the mapping of `items`; `None` means `item`.
    pub name: Option<Spanned<String>>,
    /// What gives its values.
    pub items: Rust,
}
