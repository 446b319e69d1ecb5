//! Names of what is generated, made from the workflow's own: unique where they must be, and always Rust's.

use std::collections::HashSet;

use crate::plan::{KeyId, Plan};

/// The names of the module and of all that belongs to keys.
#[derive(Debug)]
pub(super) struct Names {
    /// Of the generated module, where it is in scope.
    pub(super) module: String,
    /// Of the generated module of a workflow that nodes call, in the module of those that call it.
    pub(super) inner: String,
    keys: Vec<KeyNames>,
}

/// The names that belong to a key.
#[derive(Debug)]
pub(super) struct KeyNames {
    /// The key as an identifier.
    pub(super) variable: String,
    /// The constant in module `key`.
    pub(super) constant: String,
    /// The alias in module `types`.
    pub(super) alias: String,
}

impl Names {
    pub(super) fn new(plan: &Plan, module: Option<&str>) -> Self {
        let (mut constants, mut aliases) = (Unique::default(), Unique::default());
        let keys = plan.keys.iter().map(|key| {
            let name = &key.name.value;
            KeyNames {
                variable: variable(name),
                constant: constants.take(&snake(name).to_uppercase()),
                alias: aliases.take(&camel(name)),
            }
        });
        let module = module.map_or_else(|| snake(&plan.name.value), str::to_owned);
        Self { inner: String::new(), module, keys: keys.collect() }
    }

    /// The names of workflows that nodes call.
    pub(super) fn of_called(plans: &[Plan]) -> Vec<Self> {
        let mut modules = Unique::default();
        // What is in the module already.
        for name in ["nodes", "keys", "types", "key", "check", "tea"] {
            modules.take(name);
        }
        let names = |plan: &Plan| {
            let inner = modules.take(&snake(&plan.name.value));
            Self { module: format!("__called_{inner}"), inner, ..Self::new(plan, None) }
        };
        plans.iter().map(names).collect()
    }

    pub(super) fn key(&self, key: KeyId) -> &KeyNames {
        &self.keys[key.0 as usize]
    }
}

/// Gives each name once; when asked for it again, a number is added.
#[derive(Debug, Default)]
pub(super) struct Unique(HashSet<String>);

impl Unique {
    pub(super) fn take(&mut self, wanted: &str) -> String {
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        let free = std::iter::once(wanted.to_owned()).chain(numbered).find(|name| !self.0.contains(name));
        let name = free.expect("there is always another number");
        self.0.insert(name.clone());
        name
    }
}

/// A name that is a valid identifier in the workflow file, as an identifier in Rust.
pub(crate) fn variable(name: &str) -> String {
    if syn::parse_str::<syn::Ident>(name).is_ok() { name.to_owned() } else { format!("r#{name}") }
}

/// `Read-QC` as `read_qc`: whatever it is made from, a valid name of a function or module.
pub(crate) fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && lower {
            snake.push('_');
        }
        lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        snake.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    }
    if !snake.starts_with(|c: char| c.is_ascii_alphabetic()) {
        snake.insert(0, '_');
    }
    if syn::parse_str::<syn::Ident>(&snake).is_err() {
        snake.push('_');
    }
    snake
}

/// `gc_content` as `GcContent`: a valid name of a type.
fn camel(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let camel: String = words
        .filter_map(|word| {
            let first = word.chars().next()?;
            Some(format!("{}{}", first.to_ascii_uppercase(), &word[1..]))
        })
        .collect();
    if camel == "Self" || !camel.starts_with(|c: char| c.is_ascii_alphabetic()) { format!("Key{camel}") } else { camel }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_becomes_an_identifier() {
        let cases = [
            ("read-qc", "read_qc"),
            ("ReadQC", "read_qc"),
            ("match", "match_"),
            ("1000genome", "_1000genome"),
            ("_", "__"),
            ("", "__"),
            ("grüße", "gr__e"),
            ("a.b c", "a_b_c"),
        ];
        for (name, expected) in cases {
            assert_eq!(snake(name), expected, "{name}");
            assert!(syn::parse_str::<syn::Ident>(&snake(name)).is_ok(), "{name}");
        }
        assert_eq!(["gc", "gc_content", "self", "_", "BAM"].map(camel), ["Gc", "GcContent", "KeySelf", "Key", "BAM"]);
    }

    #[test]
    fn a_name_asked_for_twice_gets_a_number() {
        let mut names = Unique::default();
        assert_eq!(
            [names.take("a"), names.take("a"), names.take("a_2"), names.take("a")],
            ["a", "a_2", "a_2_2", "a_3"]
        );
    }
}
