//! What is known of nodes before they run.

use std::borrow::Cow;

use crate::plan::{Step, Work};

/// What would become of a node, a fan-out or a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prospect {
    /// The node or branch; for a fan-out, the node that it starts from; for an item, `each[17]`; for a node of a workflow that
    /// it calls, `each[17]/parse`.
    pub node: Cow<'static, str>,
    /// Whether it is a fan-out.
    pub fan_out: bool,
    /// Whether it would run: its record does not hold, or it has none.
    pub runs: bool,
    /// Why.
    pub why: String,
    /// Whether it would run only as far as the cache does not have its results.
    pub cached: bool,
    /// Of a fan-out, its branches; of a branch with a fan-out of its own, its nodes; of a map, items that would run; of what
    /// calls a workflow, its nodes.
    pub parts: Vec<Prospect>,
}

impl Prospect {
    pub(super) fn done(node: impl Into<Cow<'static, str>>) -> Self {
        let node = node.into();
        Self { node, fan_out: false, runs: false, why: "it is done".to_owned(), cached: false, parts: Vec::new() }
    }

    pub(super) fn running(node: impl Into<Cow<'static, str>>, why: impl Into<String>) -> Self {
        let (node, why) = (node.into(), why.into());
        Self { node, fan_out: false, runs: true, why, cached: false, parts: Vec::new() }
    }

    /// Whether this is its name, or the last part of it.
    #[cfg(feature = "cli")]
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.node == name || self.node.rsplit('/').next() == Some(name)
    }

    /// A step that would run.
    pub(super) fn step(step: &Step, why: &str) -> Self {
        Self { fan_out: matches!(step.work, Work::FanOut(_)), cached: step.cached, ..Self::running(step.name, why) }
    }
}

/// What a run would do from where its records end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// The run that would go on; `None` if a new one would begin.
    pub run: Option<String>,
    /// In the order in which they were done, and would be done as far as that is known.
    pub nodes: Vec<Prospect>,
}
