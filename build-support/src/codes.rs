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
    /// Nothing but whitespace and comments.
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
    /// A word where only certain words have a meaning.
    UNKNOWN_WORD = 13, "a word that has no meaning at this place";
    /// A comma inside `{ }` that cuts Rust in two.
    SPLIT_VALUE = 14, "a comma that splits a value";
    /// Two entries that exclude each other, or one that needs another.
    ENTRY_CONFLICT = 15, "entries that do not go together";
    /// An anchor that is given twice, or that no alias refers to.
    BAD_ANCHOR = 16, "an anchor that is given twice or never used";

    // 01xx: names.
    /// Not a name that is valid in Rust.
    BAD_NAME = 101, "a name that is not valid in Rust";
    /// A name that Tea uses itself.
    RESERVED_NAME = 102, "a reserved name";
    /// Two nodes of one name, or two names that become the same Rust name.
    DUPLICATE_NAME = 103, "the same name twice";
    /// `from`, `to`, `fan_in`, `goto` or `needs` with a name that no node has.
    UNKNOWN_NODE = 104, "unknown node";
    /// `output`, `failures` or `allow_failure` with a name that no key has.
    UNKNOWN_KEY = 105, "unknown state key";
    /// `item_var` or `index_var` with the name of a key.
    HIDDEN_KEY = 106, "a variable that hides a state key";
    /// A call of a function that nothing in the calling file can be.
    UNKNOWN_FUNCTION = 107, "unknown function";
    /// `with` or `output` with a name that no key of the called workflow has, or that is not one of its inputs.
    UNKNOWN_CALLED_KEY = 108, "a call that names a key that the called workflow does not have";
    /// `use` with a file that cannot be read.
    CALLED_FILE = 109, "a called workflow that cannot be read";

    // 02xx: graph.
    /// No path leads to a node.
    NEVER_REACHED = 201, "a node that is never reached";
    /// A `goto` list, or edges with `when`, with nothing that follows if no condition holds.
    FALLS_THROUGH = 202, "nothing follows if no condition holds";
    /// A path after one that is always taken.
    NEVER_TAKEN = 203, "a path that is never taken";
    /// Paths from one node that exclude each other.
    CONFLICTING_WAYS = 204, "conflicting paths from one node";
    /// Several nodes that follow at the same time, outside a fan-out.
    SEVERAL_WAYS = 205, "several nodes follow at the same time";
    /// An edge from `__end__`.
    MISPLACED_END = 206, "`__end__` where nothing can end";
    /// Back to a `__start__` that depends on conditions.
    MISPLACED_START = 207, "`__start__` where nothing can start";
    /// `fan_in` or parallel settings on a plain edge, or settings for several branches on a node that runs once.
    NOT_PARALLEL = 208, "parallel settings on something that is not parallel";
    /// A fan-out without a fan-in, with two, or with one that cannot be.
    BAD_FAN_IN = 209, "a fan-out without one clear fan-in";
    /// A head that is not a node, is a branch twice, or is the fan-in itself.
    BAD_BRANCH = 210, "something that cannot be a branch";
    /// A path out of a fan-out other than its fan-in.
    LEAVES_FAN_OUT = 211, "a path out of a fan-out";
    /// A path into a fan-out other than its edges.
    ENTERS_FAN_OUT = 212, "a path into a fan-out";
    /// A branch from which the fan-in is out of reach.
    NEVER_JOINS = 213, "a branch that never reaches its fan-in";
    /// Nodes that wait for each other.
    DEPENDENCY_CYCLE = 214, "a cycle of dependencies";
    /// `edges` or `goto` in a dataflow file.
    ORDER_IN_DATAFLOW = 215, "an order in addition to `needs`";
    /// `__start__` or `__end__` in `needs`.
    BAD_NEED = 216, "a need that is not a node";
    /// Fan-outs in fan-outs in fan-outs.
    TOO_DEEP = 217, "fan-outs nested too deeply";
    /// A node of a dataflow file without `needs`.
    MISSING_NEEDS = 218, "a node that does not say what it needs";
    /// A workflow that calls itself, directly or through others.
    RECURSIVE_CALL = 219, "a workflow that calls itself";
    /// `join` for as many branches as there are, or more, or for branches that depend on one another.
    BAD_JOIN = 220, "a `join` that has no meaning";

    // 03xx: dataflow.
    /// A key that some way leaves unset where it is read.
    MAYBE_UNSET = 301, "a read that may come before any write";
    /// A key that is read and that nothing writes.
    NEVER_WRITTEN = 302, "a key that is read and never written";
    /// Two writers at the same time, without `reduce`.
    CONCURRENT_WRITES = 303, "two writers at the same time";
    /// A writer and a reader at the same time.
    READ_RACE = 304, "a reader and a writer at the same time";
    /// A `transient` key that a worker process would need.
    TRANSIENT_CROSSES = 305, "a transient key across a process edge";
    /// `parallel_results` where there are none.
    NO_RESULTS = 306, "`parallel_results` outside a fan-in";
    /// One node writes a key twice.
    DUPLICATE_OUTPUT = 307, "a key twice among a node's outputs";
    /// `failures` without `allow_failure`.
    NO_FAILURES = 308, "`failures` where none are allowed";
    /// `default` on a key that is not an input.
    UNUSED_DEFAULT = 309, "a default that is never used";
    /// A `default` or `reduce` that names a key.
    NO_STATE = 310, "a state key where there is no state";
    /// A `default` that is a word where a string was meant.
    BARE_TEXT = 311, "a word where a string was meant";

    /// A node's output is a `secret` input.
    SECRET_WRITTEN = 312, "a secret that a node writes";
    /// A call that leaves out a required input, or gives one that may be unset.
    MISSING_INPUT = 313, "a call without a required input";
    /// A call whose output some path of the called workflow leaves unset.
    UNSET_OUTPUT = 314, "a call with an output that may be unset";
    /// A value in `allow_failure` for a key that the branch does not write.
    UNUSED_FALLBACK = 315, "a value for a key that the branch does not write";

    // 04xx: Rust in YAML.
    /// Not a Rust expression, or not statements with a tail expression.
    BAD_EXPRESSION = 401, "Rust code that does not parse";
    /// Not a Rust type.
    BAD_TYPE = 402, "a Rust type that does not parse";
    /// Not a path or closure.
    BAD_FUNCTION = 403, "neither a path to a function nor a closure";
    /// `key = value` in a node's Rust.
    ASSIGNED_KEY = 404, "an assignment to a state key";
    /// `return` without a `Result`.
    BAD_RETURN = 405, "a `return` that does not give a `Result`";

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
    /// A setting for worker processes under `thread`.
    NOT_HONORED = 507, "a setting that the strategy cannot honor";
    /// Settings that belong to one thing and are written differently on its parts.
    DISAGREEING_EDGES = 508, "edges that disagree";

    /// `resume` without `checkpoint`.
    NO_RECORDS = 509, "settings of records where runs are not recorded";
    /// `cache` on a node that reads or writes what is never written down.
    NOT_CACHED = 510, "a node that cannot be cached";
    /// `ask` where a worker process would run it.
    ASKS_IN_WORKER = 511, "a question in a worker process";

    // 09xx: warnings.
    /// A key that no node reads or writes, or that is written for nobody.
    UNUSED_KEY = 901, "a key that is never used";
    /// An optional key that is read and never written.
    ALWAYS_UNSET = 902, "an optional key that is never set";
    /// `settings.parallel` in a file without anything parallel.
    UNUSED_SETTINGS = 903, "parallel settings without anything parallel";
    /// `max_visits` on a node that runs once.
    UNUSED_VISITS = 904, "`max_visits` outside of a loop";
    /// A node that is part of a branch only because of its place in the list.
    LISTED_IN_BRANCH = 905, "a node that joins a branch by its place in the list";
    /// A `transient` key of a standard type under `checkpoint`.
    TRANSIENT_DATA = 906, "plain data that is made again on resume";
    /// `ask` without `checkpoint`.
    UNRECORDED_QUESTION = 907, "a question in a run that is not recorded";
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn numbers_ascend_and_names_are_unique() {
        assert!(ALL.is_sorted_by(|a, b| a.code < b.code), "a number is used twice or is in the wrong group");
        let mut names: Vec<_> = ALL.iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
