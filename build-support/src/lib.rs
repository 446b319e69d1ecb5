//! The Tea compiler: YAML text → spanned tree → syntax → graph → checked plan → Rust.
#![forbid(unsafe_code)]

mod caller;
mod check;
pub mod codes;
pub mod diagnostic;
pub mod doubt;
mod expand;
mod externs;
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
pub fn plan(sources: &Sources, file: FileId, found: &mut Diagnostics) -> Option<plan::Plan> {
    check(&syntax::parse(sources, file, found)?, found)
}

/// The plan of a workflow, whose syntax errors are in `found`. Everything else that is wrong goes there too; `None` if
/// there are errors.
pub fn check(workflow: &syntax::Workflow, found: &mut Diagnostics) -> Option<plan::Plan> {
    if workflow.broken {
        return None;
    }
    let graph = graph::build(workflow, found);
    let access = graph::access::analyse(&graph);
    check::check(&graph, &access, found);
    (!found.has_errors()).then(|| plan::lower(&graph, &access))
}
