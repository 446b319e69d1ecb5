//! The nodes of a workflow by their places in it, as the manifest has them for people.

use crate::plan::{Block, Plan, Work};

/// The nodes and branches of a workflow in the order of the file, by the steps and tasks that lead to them. They are in
/// the manifest, so that a run can be shown after the workflow has changed.
pub(super) fn names(plan: &Plan) -> Vec<(Vec<u64>, String)> {
    let mut names = Vec::new();
    collect(plan.root, "", &[], &mut names);
    names
}

fn collect(block: &Block, caller: &str, path: &[u64], into: &mut Vec<(Vec<u64>, String)>) {
    let below = |number: u64| [path, &[number]].concat();
    for (at, step) in (0..).zip(block.steps) {
        let Work::FanOut(region) = step.work else {
            let name = format!("{caller}{}", step.name);
            if let Work::Call(call) = step.work {
                into.push((below(at), name.clone()));
                collect(call.workflow.root, &(name + "/"), &below(at), into);
            } else {
                into.push((below(at), name));
            }
            continue;
        };
        for (number, task) in (0..).zip(region.tasks) {
            let path = [&below(at)[..], &[number]].concat();
            into.push((path.clone(), format!("{caller}{}", task.name)));
            // Nodes of other branches are not recorded one by one.
            if task.block.is_by_steps() {
                collect(task.block, caller, &path, into);
            }
        }
    }
}
