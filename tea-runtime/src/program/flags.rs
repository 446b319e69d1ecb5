//! The flag of each input key.

use super::{questions, records};
use crate::{
    plan::Plan,
    state::{KeySpec, Parse, Shape},
};

/// Flags that every program has; an input of the same name is moved out of their way.
pub(super) const BUILT_IN: [&str; 19] = [
    "input",
    "output",
    "output-on-failure",
    "max-workers",
    "fail-if-any",
    "parallel-strategy",
    "progress",
    "quiet",
    "verbose",
    "log-format",
    "error-format",
    "report",
    "timing",
    "until",
    "set",
    "settings",
    "explain-settings",
    "help",
    "version",
];

/// An input and its flag. A secret has none on the command line.
#[derive(Debug)]
pub(super) struct Flag {
    /// The key's number.
    pub(super) key: u32,
    /// The key.
    pub(super) spec: &'static KeySpec,
    /// The flag, without its dashes.
    pub(super) name: String,
    /// What its texts look like.
    pub(super) shape: Shape,
}

impl Flag {
    /// Whether a run needs a value from the caller.
    pub(super) fn required(&self) -> bool {
        self.spec.default.is_none() && !self.spec.optional
    }

    /// Whether the flag alone means `true`.
    pub(super) fn is_switch(&self) -> bool {
        self.shape == Shape::Bool && !self.spec.flag.positional
    }

    /// The words that it takes, if it takes only certain ones, for completions.
    pub(super) fn words(&self) -> &'static [&'static str] {
        match &self.shape {
            Shape::Bool => &["true", "false"],
            Shape::Words(words) => words,
            Shape::List(element) => match **element {
                Shape::Words(words) => words,
                _ => &[],
            },
            _ => &[],
        }
    }

    /// What help calls the value.
    pub(super) fn value_name(&self) -> String {
        match self.spec.flag.value_name {
            "" => match &self.shape {
                // Each argument is one element, which help says with dots.
                Shape::List(element) if self.spec.flag.positional => value_name(element),
                shape => value_name(shape),
            },
            name => name.to_owned(),
        }
    }

    /// How it is given on the command line: `--k <NUMBER>`, or `<PATH>`.
    pub(super) fn usage(&self) -> Option<String> {
        let value = self.value_name();
        match (self.spec.secret, self.spec.flag.positional) {
            (true, _) => None,
            (false, true) if matches!(self.shape, Shape::List(_)) => Some(format!("<{value}>...")),
            (false, true) => Some(format!("<{value}>")),
            (false, false) => Some(format!("--{} <{value}>", self.name)),
        }
    }

    /// All the ways to give it, for people.
    pub(super) fn ways(&self) -> String {
        let flag = self.usage().map(|usage| format!("as `{usage}`"));
        let variable = self.spec.flag.env.map(|name| format!("in the environment variable `{name}`"));
        let ways: Vec<_> = flag.into_iter().chain(variable).collect();
        let object = format!("as `{}` in the object of `--input`", self.spec.name);
        if ways.is_empty() { object } else { format!("{}, or {object}", ways.join(", ")) }
    }

    /// What is expected, for people who know no Rust; the type only where nothing else is known of it.
    pub(super) fn expected(&self) -> String {
        self.described(match &self.shape {
            Shape::Own => format!("`{}`", self.spec.kind.name),
            Shape::Json => format!("`{}`, as JSON", self.spec.kind.name),
            Shape::List(element) if self.spec.flag.positional => {
                format!("one or more arguments, each {}", element.expected())
            }
            shape => shape.expected(),
        })
    }

    /// The same for its entry in the object of `--input`.
    pub(super) fn expected_in_json(&self) -> String {
        self.described(match &self.shape {
            Shape::Own | Shape::Json => format!("`{}`, as serde reads it", self.spec.kind.name),
            shape => expected_in_json(shape),
        })
    }

    fn described(&self, what: String) -> String {
        match self.spec.description {
            "" => what,
            description => format!("{what}: {description}"),
        }
    }
}

fn value_name(shape: &Shape) -> String {
    const LONGEST: usize = 40;
    let word = match shape {
        Shape::Bool => "yes|no",
        Shape::Unsigned | Shape::Signed | Shape::Number => "NUMBER",
        Shape::Text => "TEXT",
        Shape::Path => "PATH",
        Shape::Duration => "TIME",
        Shape::Words(words) => match words.join("|") {
            words if words.len() <= LONGEST => return words,
            _ => "WORD",
        },
        Shape::List(element) if **element == Shape::Path => "PATH",
        Shape::List(element) => return format!("{},…", value_name(element)),
        Shape::Json => "JSON",
        Shape::Own => "VALUE",
    };
    word.to_owned()
}

fn expected_in_json(shape: &Shape) -> String {
    match shape {
        Shape::Duration => "a time as in `{\"secs\": 90, \"nanos\": 0}`".to_owned(),
        Shape::List(element) => format!("a list, each {}", expected_in_json(element)),
        shape => shape.expected(),
    }
}

#[cfg(all(unix, feature = "remote"))]
use super::pool::has_flag as is_of_pools;

/// This program has no flags for pools.
#[cfg(not(all(unix, feature = "remote")))]
fn is_of_pools(_: &Plan, _: &str) -> bool {
    false
}

/// Whether some programs have this flag, and this is one of them.
fn is_of_plan(plan: &Plan, name: &str) -> bool {
    records::has_flag(plan, name) || questions::has_flag(plan, name) || is_of_pools(plan, name)
}

/// The flags of a plan's inputs in schema order: `_` becomes `-`, and a name that is taken gets `input-` in front.
pub(super) fn of(plan: &Plan) -> Vec<Flag> {
    let mut flags: Vec<Flag> = Vec::new();
    for (key, spec) in (0..).zip(plan.keys).filter(|(_, spec)| spec.input) {
        let mut name = spec.name.trim_start_matches("r#").trim_matches('_').replace('_', "-");
        let taken = |name: &str| BUILT_IN.contains(&name) || is_of_plan(plan, name);
        while name.is_empty() || taken(&name) || flags.iter().any(|flag| flag.name == name) {
            name = format!("input-{name}");
        }
        let shape = match spec.flag.choices {
            [] => spec.kind.parse.map_or(Shape::Own, Parse::shape),
            choices => Shape::Words(choices),
        };
        flags.push(Flag { key, spec, name, shape });
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
