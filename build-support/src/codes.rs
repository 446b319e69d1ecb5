//! Every code the compiler can report, in one table. A code never changes its number or its meaning, and a
//! number is never used twice; `docs/errors.md` has an entry for each.
//!
//! To add one, put a line at the end of its group: doc comment, name, number, title for the catalogue.

use crate::diagnostic::Code;

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The code.
    pub code: Code,
    /// Name of its constant.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $title:literal;)*) => {
        $($(#[$doc])* pub const $name: Code = Code($number);)*

        /// The whole table, in order of the numbers.
        pub const ALL: &[Entry] = &[$(Entry { code: $name, name: stringify!($name), title: $title }),*];
    };
}

codes! {
    // 00xx: YAML and shapes.
    /// The text breaks YAML's rules, or is not UTF-8.
    YAML_SYNTAX = 1, "the file is not valid YAML";
    /// More than one `---` document.
    SEVERAL_DOCUMENTS = 2, "more than one YAML document";
    /// Nothing but blanks and comments.
    EMPTY_FILE = 3, "the file holds no workflow";
    /// The same entry twice in one mapping.
    DUPLICATE_ENTRY = 4, "the same entry twice in one mapping";
    /// An entry that the language does not have at this place.
    UNKNOWN_ENTRY = 5, "unknown entry";
    /// An entry that must be there is not.
    MISSING_ENTRY = 6, "missing entry";
    /// A mapping, list or scalar where another of them belongs.
    WRONG_SHAPE = 7, "wrong kind of value";
    /// An alias without an anchor.
    UNKNOWN_ANCHOR = 8, "alias of an unknown anchor";
    /// Aliases expand to more than any workflow needs.
    EXPANSION_LIMIT = 9, "aliases expand to too much";
    /// `<<` with something that is not a mapping.
    BAD_MERGE = 10, "merge of something that is not a mapping";
    /// A YAML tag such as `!include`.
    TAG = 11, "YAML tags have no meaning here";
    /// Nested deeper, or larger, than the parser goes.
    FILE_LIMIT = 12, "the file is nested too deeply or is too large";
    /// A word where only certain words may stand.
    UNKNOWN_WORD = 13, "a word that has no meaning at this place";
    /// A comma inside `{ }` that cuts Rust in two.
    SPLIT_VALUE = 14, "a comma that splits a value";
    /// Two entries that exclude each other, or one that needs another.
    ENTRY_CONFLICT = 15, "entries that do not go together";

    // 01xx: names.
    /// Not a name that can stand in Rust.
    BAD_NAME = 101, "a name that cannot stand in Rust";
    /// A name that Tea uses itself.
    RESERVED_NAME = 102, "a reserved name";
    /// Two nodes of one name, or two names that become the same Rust name.
    DUPLICATE_NAME = 103, "the same name twice";

    // 02xx: graph.

    // 03xx: dataflow.

    // 04xx: Rust in YAML.
    /// Not a Rust expression, or not statements with a tail expression.
    BAD_EXPRESSION = 401, "Rust code that does not parse";
    /// Not a Rust type.
    BAD_TYPE = 402, "a Rust type that does not parse";
    /// Not a path or closure.
    BAD_FUNCTION = 403, "neither a path to a function nor a closure";

    // 05xx: settings.
    /// Neither `thread` nor `process`.
    UNKNOWN_STRATEGY = 501, "unknown parallel strategy";
    /// Not a duration with its unit.
    BAD_DURATION = 502, "not a duration";
    /// Not a size with its unit.
    BAD_SIZE = 503, "not a size";
    /// Not a whole number, or not a number.
    BAD_NUMBER = 504, "not a number";
    /// A number, duration or size that is too small or too large.
    OUT_OF_RANGE = 505, "a setting out of its range";
    /// Two settings that contradict each other.
    SETTING_CONFLICT = 506, "settings that contradict each other";

    // 09xx: warnings.
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn numbers_ascend_and_names_are_unique() {
        assert!(ALL.is_sorted_by(|a, b| a.code < b.code), "a number is used twice or stands in the wrong group");
        let mut names: Vec<_> = ALL.iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
