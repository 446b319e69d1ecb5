//! Random workflows of every construct, nested, and what must come out of them.
//!
//! [`generate`] and [`scatter`] write workflow files whose nodes are small arithmetic. [`file`](mod@file) evaluates such a
//! file as the reference says what it means, and [`plan`] what the compiler makes of it, both in the plainest way there is:
//! one branch after the other. Whatever runs the workflow must agree with them.

pub mod file;
pub mod generate;
pub mod outcome;
pub mod plan;
pub mod rust;
pub mod scatter;

use std::{collections::BTreeMap, env};

use tea_build::{
    diagnostic::{Diagnostics, Severity},
    plan::Plan,
    source::Sources,
};

/// A state, by the names of its keys.
pub type State = BTreeMap<String, rust::Value>;

/// The number in an environment variable, if it is set.
///
/// # Panics
/// If it is no number.
#[must_use]
pub fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|value| value.parse().expect("a number"))
}

/// The plan of a workflow file.
///
/// # Errors
/// The codes of the errors in it.
pub fn compile(text: &str) -> Result<Plan, Vec<String>> {
    let mut sources = Sources::default();
    let file = sources.add("flow.yaml", text.to_owned());
    let mut found = Diagnostics::default();
    let plan = tea_build::plan(&sources, file, &mut found);
    plan.ok_or_else(|| {
        let errors = found.into_sorted().into_iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|error| error.code.to_string()).collect()
    })
}
