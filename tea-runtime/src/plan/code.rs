//! The identities of code, by which records tell whether they still hold.

/// The identity of the code of something that is recorded: what it can reach in the sources, and how the program is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeId {
    /// The hash; `0` if it is not known.
    pub hash: u128,
    /// The parts that it consists of, as ranges of [`Identities::parts`].
    pub parts: &'static [(u32, u32)],
    /// What counts besides and is only known when the program runs.
    pub outside: &'static [Outside],
}

/// What counts as code and is only known when the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outside {
    /// The content of the file at this path.
    File(&'static str),
    /// The value of the environment variable of this name.
    Variable(&'static str),
}

impl CodeId {
    /// It is not known what the code can reach, so the executable counts.
    pub const UNKNOWN: Self = Self { hash: 0, parts: &[], outside: &[] };
}

/// The identities of a workflow's code, apart from those of its nodes.
#[derive(Debug)]
pub struct Identities {
    /// The hash of the workflow's structure: records of another structure have no place in it.
    pub shape: u128,
    /// Why more than necessary counts as the code of a node, if that is so.
    pub notice: Option<&'static str>,
    /// By key, the hash of its type; `0` if it is not known.
    pub keys: &'static [u128],
    /// What identities consist of.
    pub parts: &'static [Part],
}

/// A part of identities.
#[derive(Debug)]
pub struct Part {
    /// What it is: `fn score`.
    pub name: &'static str,
    /// Its file; may be empty.
    pub file: &'static str,
    /// Its line.
    pub line: u32,
    /// The hash of its content.
    pub hash: u64,
}
