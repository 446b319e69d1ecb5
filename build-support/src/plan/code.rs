//! The identities of code, by which a run recognizes in another build what has not changed.

/// The identity of the code of something that is recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeId {
    /// The hash; `0` if it is not known what the code can reach, so that the executable counts.
    pub hash: u128,
    /// The parts that it consists of, by their numbers, ascending.
    pub parts: Vec<u32>,
    /// What counts besides and is only known when the program runs, without repetitions.
    pub outside: Vec<Outside>,
}

/// What counts as code and is only known when the program runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outside {
    /// The content of the file at this path.
    File(String),
    /// The value of the environment variable of this name.
    Variable(String),
}

/// The identities of a workflow, apart from those of its nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identities {
    /// The hash of the workflow's structure.
    pub shape: u128,
    /// The hash of the type of each key; `0` if it is not known.
    pub keys: Vec<u128>,
    /// What the identities consist of.
    pub parts: Vec<Part>,
    /// Why nodes have larger identities than they could, if they do.
    pub notice: Option<String>,
}

/// A part of identities, for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Its file; empty if it has none.
    pub file: String,
    /// Its line.
    pub line: u32,
    /// What it is.
    pub name: String,
    /// The hash of its content.
    pub hash: u64,
}
