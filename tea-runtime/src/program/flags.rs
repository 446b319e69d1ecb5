//! The flag of each input key.

use crate::{plan::Plan, state::KeySpec};

/// Flags that every program has; an input of the same name is moved out of their way.
pub(super) const BUILT_IN: [&str; 12] = [
    "input",
    "output",
    "max-workers",
    "parallel-strategy",
    "progress",
    "quiet",
    "verbose",
    "log-format",
    "error-format",
    "timing",
    "help",
    "version",
];

/// An input and its flag.
#[derive(Debug)]
pub(super) struct Flag {
    /// The key's number.
    pub(super) key: u32,
    /// The key.
    pub(super) spec: &'static KeySpec,
    /// The flag, without its dashes.
    pub(super) name: String,
}

impl Flag {
    /// Whether a run needs a value from the caller.
    pub(super) fn required(&self) -> bool {
        self.spec.default.is_none() && !self.spec.optional
    }

    /// Whether the flag alone means `true`.
    pub(super) fn is_switch(&self) -> bool {
        self.spec.kind.name == "bool"
    }
}

/// The flags of a plan's inputs in schema order: `_` becomes `-`, and a name that is taken gets `input-` in front.
pub(super) fn of(plan: &Plan) -> Vec<Flag> {
    let mut flags: Vec<Flag> = Vec::new();
    for (key, spec) in (0..).zip(plan.keys).filter(|(_, spec)| spec.input) {
        let mut name = spec.name.trim_start_matches("r#").trim_matches('_').replace('_', "-");
        while name.is_empty() || BUILT_IN.contains(&&*name) || flags.iter().any(|flag| flag.name == name) {
            name = format!("input-{name}");
        }
        flags.push(Flag { key, spec, name });
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{args, sample::READ_QC};

    #[test]
    fn a_taken_name_gets_a_word_in_front() {
        let names: Vec<_> = of(&READ_QC).into_iter().map(|flag| flag.name).collect();
        assert_eq!(names, ["reads", "k", "all-reads", "input-output"]);
    }

    #[test]
    fn every_built_in_flag_is_known_here() {
        let command = args::command(&READ_QC, &[], "read-qc", false);
        for arg in command.get_arguments() {
            let long = arg.get_long().expect("every argument is a flag");
            assert!(BUILT_IN.contains(&long), "{long}");
        }
    }
}
