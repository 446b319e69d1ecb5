//! The structure of a workflow, which decides where records belong.

use std::fmt::Write;

use super::Hasher;
use crate::plan::{Action, Block, Key, Next, Plan, Work};

/// The hash of everything that decides where records belong: the structure of the workflow, without names of nodes, Rust and
/// settings of how nodes run.
pub(super) fn shape(plan: &Plan) -> u128 {
    let mut text = String::new();
    for plan in plan.called.iter().chain([plan]) {
        shape_of_plan(plan, &mut text);
    }
    let mut hasher = Hasher::default();
    hasher.text(&text);
    hasher.finish()
}

fn shape_of_plan(plan: &Plan, text: &mut String) {
    for key in &plan.keys {
        let Key { name, input, transient, output, secret, optional, always_set, recorded, .. } = key;
        let reduce = key.reduce.is_some();
        let _ = writeln!(
            text,
            "{} {input} {transient} {output} {secret} {optional} {always_set} {recorded} {reduce}",
            name.value
        );
    }
    shape_of(&plan.root, text);
}

fn shape_of(block: &Block, text: &mut String) {
    let next = |next: &Next, text: &mut String| {
        let _ = match next {
            Next::Go(target) => writeln!(text, "go {target:?}"),
            Next::Choose(arms) => {
                writeln!(text, "choose {:?}", arms.iter().map(|arm| (arm.when.is_some(), arm.to)).collect::<Vec<_>>())
            }
            Next::Fork(tasks) => writeln!(text, "fork {tasks:?}"),
        };
    };
    let _ = writeln!(text, "block {:?}", block.keys);
    next(&block.entry, text);
    for step in &block.steps {
        let _ = match &step.work {
            Work::Run(run) => writeln!(text, "run {:?} {:?}", calls(&run.action), run.output),
            Work::Map(map) => {
                let output = map.output.map(|output| (output.key, output.reduce));
                let _ = writeln!(text, "{:?}", calls(&map.body));
                writeln!(text, "map {} {output:?} {:?} {:?} {}", map.id, map.failures, map.items_key(), map.recorded)
            }
            Work::FanOut(region) => {
                let _ = writeln!(text, "fan-out {} {}", region.id, region.dataflow);
                for task in &region.tasks {
                    let (reads, writes) = (&task.reads, &task.writes);
                    let _ = writeln!(text, "task {} {:?} {reads:?} {writes:?}", task.when.is_some(), task.needs);
                    shape_of(&task.block, text);
                }
                writeln!(text, "end")
            }
        };
        next(&step.next, text);
    }
    let _ = writeln!(text, "end");
}

/// The workflow that is called, if one is.
fn calls(action: &Action) -> Option<usize> {
    match action {
        Action::Rust(_) | Action::Ask(_) => None,
        Action::Call(call) => Some(call.number),
    }
}
