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

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    env,
};

use tea_build::{
    diagnostic::{Diagnostics, Severity},
    plan::Plan,
    source::Sources,
};

/// What a state holds besides keys: what `finally` told after a success.
pub const FINALLY: &str = "finally";

/// A state, by the names of its keys.
pub type State = BTreeMap<String, rust::Value>;

/// The state as a block sees it, and what the block did with it.
#[derive(Debug, Clone, Default)]
struct Memory {
    state: State,
    /// What it wrote itself, in order.
    written: Vec<Write>,
    /// The names that it looked up.
    read: RefCell<BTreeSet<String>>,
}

/// A value that a node gave to a key.
#[derive(Debug, Clone)]
struct Write {
    key: String,
    value: rust::Value,
    reduce: bool,
}

impl Memory {
    /// The same state, with which nothing was done here.
    fn of(state: State) -> Self {
        Self { state, ..Self::default() }
    }

    fn write(&mut self, key: &str, value: rust::Value, reduce: bool) {
        self.written.push(Write { key: key.to_owned(), value: value.clone(), reduce });
        let value = rust::written(self.state.remove(key), value, reduce);
        self.state.insert(key.to_owned(), value);
    }

    /// Takes over what a part of a fan-out wrote.
    fn join(&mut self, written: &[Write]) {
        for Write { key, value, reduce } in written {
            self.write(key, value.clone(), *reduce);
        }
    }
}

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
    let plan = tea_build::plan(&mut sources, file, &mut found);
    plan.ok_or_else(|| {
        let errors = found.into_sorted().into_iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|error| error.code.to_string()).collect()
    })
}
