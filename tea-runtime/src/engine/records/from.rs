//! `--from`: a node from which on everything runs again.

use super::Records;
use crate::{
    plan::{Block, Plan, Step, Work},
    store::StoreError,
    words::did_you_mean,
};

impl Records {
    /// Whether everything from this node on is to run again. A workflow that is called may have nodes of the same name.
    pub(in crate::engine) fn renews(&self, plan: &Plan, step: &Step) -> bool {
        let is_meant = |from| from == step.name && node(plan.root, from).is_some_and(|of| std::ptr::eq(of, step));
        self.session.from.as_deref().is_some_and(is_meant)
    }

    /// Whether a block contains such a node.
    pub(in crate::engine) fn renews_within(&self, plan: &Plan, block: &Block) -> bool {
        let of = self.session.from.as_deref().and_then(|from| node(block, from));
        of.is_some_and(|step| self.renews(plan, step))
    }

    /// Why no record of an earlier process holds.
    pub(super) fn why_renewed(&self) -> &'static str {
        match self.session.from {
            Some(_) => "it comes after the node that `--from` names, or a node that calls has `resume: rerun`",
            None => "the node that calls has `resume: rerun`",
        }
    }
}

/// The node of this name in a block and its branches.
fn node(block: &Block, name: &str) -> Option<&'static Step> {
    block.steps.iter().find_map(|step| match step.work {
        Work::FanOut(region) => region.tasks.iter().find_map(|task| node(task.block, name)),
        _ => (step.name == name).then_some(step),
    })
}

/// Refuses the name of a node that there is not, and of one of a workflow that is called.
pub(super) fn check(plan: &Plan, from: &str) -> Result<(), StoreError> {
    if node(plan.root, from).is_some() {
        return Ok(());
    }
    let outer = from.split(['/', '[']).next().unwrap_or_default();
    Err(StoreError::new(match node(plan.root, outer) {
        Some(_) if outer != from => format!(
            "`--from {from}`: only nodes of `{}` itself can be named: with `--from {outer}`, all that `{outer}` does runs \
             again, and what follows",
            plan.name
        ),
        _ => {
            let help = did_you_mean(from, nodes(plan.root).into_iter());
            let help = help.map(|help| format!(": {help}")).unwrap_or_default();
            format!("`--from {from}`: the workflow has no node `{from}`{help}")
        }
    }))
}

/// The names of the nodes in a block and its branches.
fn nodes(block: &Block) -> Vec<&'static str> {
    let of = |step: &'static Step| match step.work {
        Work::FanOut(region) => region.tasks.iter().flat_map(|task| nodes(task.block)).collect(),
        _ => vec![step.name],
    };
    block.steps.iter().flat_map(of).collect()
}
