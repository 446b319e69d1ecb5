//! Random workflows of every construct, nested, and what must come out of them.
//!
//! [`generate`] writes a workflow file whose nodes are small arithmetic; [`interpret`] evaluates the compiler's plan of it
//! in the plainest way there is: one task after the other, on one state. Whatever runs the plan must agree with that.

pub mod generate;
pub mod interpret;
pub mod outcome;

use std::env;

use tea_build::{
    diagnostic::{Diagnostics, Severity},
    plan::Plan,
    source::Sources,
};

/// The functions that generated nodes call, as Rust source for the program and, in [`interpret`], for the interpreter.
pub const PRELUDE: &str = r#"
/// A number that depends on all others.
fn mix(seed: u64, values: &[u64]) -> u64 {
    values.iter().fold(seed, |mixed, value| (mixed.rotate_left(7) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 40
}
/// Fails for a third of all values.
fn shaky(seed: u64, values: &[u64]) -> Result<u64, String> {
    let value = mix(seed, values);
    if value % 3 == 0 { Err(format!("{value} is no good")) } else { Ok(value) }
}
/// None to three numbers.
fn list(seed: u64, values: &[u64]) -> Vec<u64> {
    let first = mix(seed, values);
    (0..first % 4).map(|index| mix(index, &[first])).collect()
}
/// A number for a list.
fn sum(values: &[u64]) -> u64 {
    mix(1, values)
}
/// A number for a list that may be unset.
fn sum_or(values: Option<&Vec<u64>>) -> u64 {
    values.map_or(0, |values| mix(1, values))
}
/// Associative, but not commutative.
fn join(mut one: Vec<u64>, mut other: Vec<u64>) -> Vec<u64> {
    one.append(&mut other);
    one
}
/// How many branches failed.
fn failed(results: &[tea_runtime::result::ParallelFlowResult]) -> u64 {
    results.iter().filter(|result| result.error.is_some()).count() as u64
}
"#;

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
