//! The Tea compiler: YAML text → spanned tree → syntax → graph → checked plan → Rust.
#![forbid(unsafe_code)]

mod caller;
mod calls;
mod check;
pub mod codes;
pub mod diagnostic;
pub mod doubt;
mod expand;
mod externs;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod generate;
pub mod graph;
mod identity;
pub mod misspelt;
pub mod plan;
pub mod render;
mod script;
pub mod source;
mod stub;
pub mod suggest;
pub mod syntax;
mod yaml;

use diagnostic::Diagnostics;
use source::{FileId, Sources};

pub use self::{
    caller::Caller,
    expand::{Arguments, expand},
    script::{SHEETS, compile, sheet_source},
};

/// The way through the compiler as far as code generation: YAML text → syntax → graph → checked plan. Everything
/// wrong goes to `found`; `None` if that forbids generating code.
pub fn plan(sources: &mut Sources, file: FileId, found: &mut Diagnostics) -> Option<plan::Plan> {
    check(&mut syntax::parse(sources, file, found)?, sources, found)
}

/// The plan of a workflow, whose syntax errors are in `found`. Everything else that is wrong goes there too; `None` if
/// there are errors. The files of workflows that it calls are added to `sources`.
pub fn check(workflow: &mut syntax::Workflow, sources: &mut Sources, found: &mut Diagnostics) -> Option<plan::Plan> {
    if workflow.broken {
        return None;
    }
    let (mut called, mut plans, mut sites) = (Vec::new(), Vec::new(), 0);
    let defaults = workflow.parallel.clone();
    for (workflow, number) in calls::load(workflow, sources, found).into_iter().zip(0..) {
        let (plan, always_set, asks) = check_one(&workflow, &called, (Some(number), sites), &defaults, found);
        sites = plan.as_ref().map_or(sites, |plan| plan.sites);
        plans.extend(plan);
        called.push(graph::Called { workflow, always_set, asks });
    }
    let (plan, ..) = check_one(workflow, &called, (None, sites), &defaults, found);
    plan.map(|plan| plan::Plan { called: plans, ..plan })
}

/// The plan of one workflow, given those that it calls and the `settings.parallel` of the program; which of its keys are
/// always set at its end; and whether it asks a person.
fn check_one(
    workflow: &syntax::Workflow,
    called: &[graph::Called],
    (number, first_site): (Option<usize>, u32),
    defaults: &syntax::Parallel,
    found: &mut Diagnostics,
) -> (Option<plan::Plan>, Vec<bool>, bool) {
    let graph = graph::build(workflow, called, found);
    let access = graph::access::analyse(&graph);
    check::check(&graph, &access, number.is_some(), found);
    let set = &access.blocks[0].sets;
    let always_set = graph.keys.iter().map(|(key, _)| set.binary_search(&key).is_ok()).collect();
    let asks = workflow.nodes.iter().any(|node| graph.asks(node));
    ((!found.has_errors()).then(|| plan::lower(&graph, &access, number, first_site, defaults)), always_set, asks)
}
