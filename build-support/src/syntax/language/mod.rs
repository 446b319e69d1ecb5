//! The language's entries, in tables: what may be written in which mapping, in what shape. The parser checks against
//! them, and the JSON Schema is made from them.

mod tables;

use self::tables::SETTINGS;
pub(crate) use self::tables::{
    ARM, CHECKPOINT, CIRCUIT_BREAKER, EDGE, FINALLY, INLINE, KEY, NODE, PARALLEL, RETRY, WORKFLOW,
};
use super::settings;
use crate::doubt::Facts;

/// What may be written in one kind of mapping.
#[derive(Debug)]
pub(crate) struct Table {
    /// What such a mapping is, for messages: "a node".
    pub(crate) what: &'static str,
    /// One as it is written, for help lines.
    pub(crate) example: &'static str,
    /// Its entries.
    pub(crate) entries: &'static [Entry],
    /// Further entries: parallel settings may be written in several mappings.
    pub(crate) more: &'static [Entry],
    /// One of these must be there.
    pub(crate) one_of: &'static [&'static str],
    /// What is in doubt if one of its entries cannot be read.
    pub(crate) says: Facts,
}

/// One entry of a mapping.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: &'static str,
    /// What its value is.
    pub(crate) shape: Shape,
    /// Whether the mapping is nothing without it.
    pub(crate) required: bool,
    /// What it is for, one sentence for the schema.
    pub(crate) about: &'static str,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Any text.
    Text,
    /// A list of texts.
    Texts,
    /// The name that something gets here.
    Name,
    /// The name of something that is defined elsewhere.
    Reference,
    /// One [`Shape::Reference`] or a list of them.
    References,
    /// The same, or a mapping from the names of keys of a workflow to them.
    Outputs,
    /// A mapping from names to Rust expressions, or a list of names.
    Passes,
    /// Rust that gives items, or a mapping from variables to such.
    Items,
    /// The same, with lists in the list.
    Branches,
    /// Rust of the given kind.
    Rust(Piece),
    /// `true` or `false`.
    Bool,
    /// A whole number, at least this.
    Count(u64),
    /// A number, at least 1.
    Factor,
    /// A time with its unit; zero only where it says so.
    Duration {
        /// Whether zero has a meaning.
        zero: bool,
    },
    /// A number of bytes with its unit.
    Size,
    /// One of these words, or a whole number of at least 1.
    WordOrCount(&'static [&'static str]),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of these words.
    Words(&'static [&'static str]),
    /// A mapping.
    Mapping(&'static Table),
    /// `true` or `false`, or a mapping, which means `true` and says more.
    BoolOrMapping(&'static Table),
    /// `true` or `false`, or a mapping from names of keys to Rust expressions, which means `true`.
    BoolOrValues,
    /// A mapping with any names, each one's value either a Rust type or this mapping.
    Keys(&'static Table),
    /// A list of mappings.
    Mappings(&'static Table),
    /// A [`Shape::Reference`] or a list of mappings.
    ReferenceOrMappings(&'static Table),
}

/// A kind of Rust text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Statements, the last of which may be an expression.
    Body,
    /// An expression.
    Expression,
    /// A type.
    Type,
    /// A path to a function, or a closure.
    Function,
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Table {}

impl Table {
    /// All entries.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'static Entry> + Clone {
        self.entries.iter().chain(self.more)
    }

    /// The entry of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&'static Entry> {
        self.all().find(|entry| entry.name == name)
    }
}

const fn required(name: &'static str, shape: Shape, about: &'static str) -> Entry {
    Entry { name, shape, required: true, about }
}

pub(super) const fn entry(name: &'static str, shape: Shape, about: &'static str) -> Entry {
    Entry { name, shape, required: false, about }
}

/// All tables, for entries that are written in the wrong one.
pub(crate) static TABLES: [&Table; 12] = [
    &NODE,
    &EDGE,
    &PARALLEL,
    &CHECKPOINT,
    &RETRY,
    &CIRCUIT_BREAKER,
    &ARM,
    &KEY,
    &SETTINGS,
    &WORKFLOW,
    &FINALLY,
    &INLINE,
];

/// What a node does: its own Rust, a question, or another workflow.
pub(crate) const WORKS: &[&str] = &["run", "ask", "use", "workflow"];

/// Words of `type` on a node.
pub(crate) const NODE_TYPES: &[&str] = &["dynamic_parallel"];
/// Words of `strategy` and `parallel_strategy`.
pub(crate) const STRATEGIES: &[&str] = &["thread", "process", "remote"];
/// Words of `retry_on`.
pub(crate) const RETRY_ON: &[&str] = &["error", "panic", "timeout", "crash", "lost"];
/// Words of `code` in `checkpoint`.
pub(crate) const CODE_SCOPES: &[&str] = &["source", "crate", "build"];
/// Words of `join`.
pub(crate) const JOIN: &[&str] = &["first"];
/// Words of `resume`.
pub(crate) const RESUME: &[&str] = &["rerun"];

/// Whether an entry only says how something runs that is parallel.
pub(super) fn is_setting(name: &str) -> bool {
    let tables = [settings::ENTRIES, RETRY.entries, CIRCUIT_BREAKER.entries];
    tables.iter().any(|entries| entries.iter().any(|entry| entry.name == name))
}
