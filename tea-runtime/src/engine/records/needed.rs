//! Which values somebody needs after the branch that wrote them. The others are not recorded once more when the branch
//! ends, if its steps are recorded: those who want them after all walk through its steps again, of which none runs.

use crate::plan::{Block, Next, Plan, Region, Task, Work};

/// Whether a value that `task` wrote is part of the output, or may be read outside of the task or by its next visit.
pub(in crate::engine) fn is_needed(plan: &Plan, region: &Region, task: &Task, key: u32) -> bool {
    if plan.workflows.iter().any(|workflow| std::ptr::eq(workflow.keys, region.keys)) {
        // It is in a workflow that nodes call, whose values are theirs.
        return true;
    }
    let is_output = plan.keys[key as usize].output;
    is_output || task.reads.iter().any(|read| read.key == key) || is_read(plan.root, task.block, key)
}

/// Whether something in `block` reads a key, apart from what is in `except`.
fn is_read(block: &Block, except: &Block, key: u32) -> bool {
    if std::ptr::eq(block, except) {
        return false;
    }
    let decides = |next: Next| matches!(next, Next::Choose(arms) if arms.iter().any(|arm| arm.reads.contains(&key)));
    decides(block.entry)
        || block.steps.iter().any(|step| {
            let works = match step.work {
                Work::Run(_) | Work::Ask(_) | Work::Call(_) => false,
                Work::Map(map) => map.reads.contains(&key),
                Work::FanOut(region) => {
                    let reads = |task: &Task| task.when_reads.contains(&key) || is_read(task.block, except, key);
                    region.tasks.iter().any(reads)
                }
            };
            works || step.reads.contains(&key) || decides(step.next)
        })
}
