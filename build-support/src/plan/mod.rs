//! The checked plan: what the checks prove and code generation sees, and nothing else.
//!
//! A plan is a tree. A [`Block`] is sequential: steps with jumps between them. A step may be a
//! [`Region`]: tasks that run in parallel, each with a block of its own, ordered by `needs`. The
//! whole workflow is one block; a dataflow file is a block with a single region.

mod code;
mod json;
mod lower;
mod parallel;

use crate::{
    graph::resolve,
    source::{Span, Spanned},
    syntax::{Checkpoint, Rust},
};

pub use self::code::{CodeId, Identities, Outside, Part};
pub use crate::graph::{KeyId, Policy, Target, TaskRead, TaskWrite};
pub use lower::lower;
pub use parallel::{Level, Map, MapOutput, Origin, Region, Task, Variable};

/// Everything that is generated.
#[derive(Debug)]
pub struct Plan {
    /// Its number, if it is a workflow that nodes call.
    pub number: Option<usize>,
    /// The workflows that nodes call, by their numbers; empty in these themselves.
    pub called: Vec<Plan>,
    /// `name` of the workflow.
    pub name: Spanned<String>,
    /// `description`.
    pub description: Option<String>,
    /// The state's keys in written order.
    pub keys: Vec<Key>,
    /// The whole workflow.
    pub root: Block,
    /// What runs when the run ends, one node each.
    pub finally: Vec<Block>,
    /// Number of regions and maps, with those of the workflows that nodes call: each has an `id` below this.
    pub sites: u32,
    /// `settings.parallel.max_workers`.
    pub max_workers: Option<u32>,
    /// The first `remote` of the file, which needs a feature of the runtime.
    pub remote: Option<Span>,
    /// `settings.checkpoint`.
    pub checkpoint: Option<Spanned<Checkpoint>>,
    /// The identities of the code; `None` if only the executable counts.
    pub identities: Option<Identities>,
}

/// A state key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: Spanned<String>,
    /// Its Rust type.
    pub ty: Rust,
    /// Numbers, `bool` and `char` are read by value.
    pub by_value: bool,
    /// The caller supplies it.
    pub input: bool,
    /// What it is where the caller does not.
    pub default: Option<Rust>,
    /// How several writes combine.
    pub reduce: Option<Rust>,
    /// Never leaves this process.
    pub transient: bool,
    /// It is part of the output.
    pub output: bool,
    /// It is shown nowhere and never recorded.
    pub secret: bool,
    /// Readers see an `Option`.
    pub optional: bool,
    /// `description`.
    pub description: Option<String>,
    /// `short`.
    pub short: Option<char>,
    /// It is given on the command line without a flag.
    pub positional: bool,
    /// `value_name`.
    pub value_name: Option<String>,
    /// `env`.
    pub env: Option<String>,
    /// `choices`.
    pub choices: Vec<String>,
    /// It is the answer to a question.
    pub asked: bool,
    /// Set on every path to the end (inputs included); else `Output` holds an `Option`.
    pub always_set: bool,
    /// The places that send it over a process edge (`parallel_strategy: process` or `remote`, or what resolved to it);
    /// empty if it never crosses.
    pub crosses: Vec<Span>,
    /// Its values are recorded.
    pub recorded: bool,
    /// The first `cache` on a node that reads or writes it: its values are written as bytes, and compared by them.
    pub cached: Option<Span>,
    /// The settings because of which its value is copied, so that its type must be `Clone`.
    pub copied: Vec<Span>,
}

/// Steps run one after the other, with jumps.
#[derive(Debug)]
pub struct Block {
    /// Where it starts.
    pub entry: Next,
    /// The steps; jumps go by index.
    pub steps: Vec<Step>,
    /// Every key that a step of this block reads or writes itself, ascending: the block's working set.
    /// Keys that nested regions read or write are among them.
    pub keys: Vec<KeyId>,
}

/// Something that is run, and what follows.
#[derive(Debug)]
pub struct Step {
    /// The node's name; for a fan-out, the name of the node it starts from (`__start__` at the start).
    pub name: String,
    /// Where it is written.
    pub span: Span,
    /// What is run.
    pub work: Work,
    /// What follows.
    pub next: Next,
    /// Visits within one run of the block after which the run fails, naming the node.
    pub max_visits: u64,
    /// It runs again in every resume.
    pub rerun: bool,
    /// `cache: true`: its results are kept for later runs.
    pub cached: Option<Span>,
    /// What counts in place of its Rust and what this can reach.
    pub version: Option<String>,
    /// The identity of its code; of a fan-out, none.
    pub code: CodeId,
}

/// What a step runs.
#[derive(Debug)]
pub enum Work {
    /// A node's Rust, or a call.
    Run(Run),
    /// A `dynamic_parallel` node.
    Map(Box<Map>),
    /// A fan-out, up to its fan-in.
    FanOut(Box<Region>),
}

impl Work {
    /// The keys that it writes by itself, in the order in which they are written.
    #[must_use]
    pub(crate) fn writes(&self) -> Vec<KeyId> {
        match self {
            Self::FanOut(_) => Vec::new(),
            Self::Run(run) => match &run.output {
                Output::None => Vec::new(),
                Output::One(key) => vec![*key],
                Output::Tuple(keys) => keys.clone(),
            },
            Self::Map(map) => map.output.iter().map(|output| output.key).chain(map.failures).collect(),
        }
    }

    /// The call in it, if it is one or its items are.
    #[must_use]
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Run(Run { action: Action::Call(call), .. }) => Some(call),
            Self::Map(map) => match &map.body {
                Action::Call(call) => Some(call),
                Action::Rust(_) | Action::Ask(_) => None,
            },
            Self::Run(_) | Self::FanOut(_) => None,
        }
    }

    /// The same, to change it.
    pub fn call_mut(&mut self) -> Option<&mut Call> {
        match self {
            Self::Run(Run { action: Action::Call(call), .. }) => Some(call),
            Self::Map(map) => match &mut map.body {
                Action::Call(call) => Some(call),
                Action::Rust(_) | Action::Ask(_) => None,
            },
            Self::Run(_) | Self::FanOut(_) => None,
        }
    }
}

/// A node's Rust and what it writes.
#[derive(Debug)]
pub struct Run {
    /// What is run.
    pub action: Action,
    /// What it writes; `Tuple` if written as a list, even of one.
    pub output: Output,
}

/// What is run, once or for each item.
#[derive(Debug)]
pub enum Action {
    /// The user's Rust.
    Rust(Code),
    /// A question to a person, whose text this is as a format string.
    Ask(Code),
    /// Another workflow.
    Call(Call),
}

impl Code {
    /// Whether it is in `finally` and uses `outcome`.
    pub(crate) fn uses_outcome(&self) -> bool {
        self.at_end && self.rust.names.iter().any(|name| name.value == resolve::OUTCOME)
    }
}

impl Action {
    /// The Rust of this workflow in it.
    pub fn code(&self) -> impl Iterator<Item = &Code> {
        let (one, passed) = match self {
            Self::Rust(code) | Self::Ask(code) => (Some(code), None),
            Self::Call(call) => (None, Some(call.inputs.iter().map(|input| &input.value))),
        };
        one.into_iter().chain(passed.into_iter().flatten())
    }

    /// The same, to change it.
    pub fn code_mut(&mut self) -> impl Iterator<Item = &mut Code> {
        let (one, passed) = match self {
            Self::Rust(code) | Self::Ask(code) => (Some(code), None),
            Self::Call(call) => (None, Some(call.inputs.iter_mut().map(|input| &mut input.value))),
        };
        one.into_iter().chain(passed.into_iter().flatten())
    }
}

/// A call of another workflow.
#[derive(Debug)]
pub struct Call {
    /// Its number.
    pub number: usize,
    /// The inputs that it is given.
    pub inputs: Vec<Input>,
    /// The inputs that it is not given and that have a default, with the identities of that.
    pub defaults: Vec<(KeyId, CodeId)>,
    /// Its keys whose values are passed on, in the order of the node's output.
    pub gives: Vec<KeyId>,
}

/// An input of a workflow that is called.
#[derive(Debug)]
pub struct Input {
    /// The workflow's key.
    pub key: KeyId,
    /// Its value.
    pub value: Code,
    /// The key of the caller that this is, if it is nothing else: its value is shared, not copied.
    pub shared: Option<KeyId>,
    /// Whether it mentions what is different for each item of the map that calls.
    pub of_item: bool,
    /// The identity of what it is given.
    pub code: CodeId,
}

/// What a node writes.
#[derive(Debug)]
pub enum Output {
    /// It gives `()`.
    None,
    /// It gives the key's value.
    One(KeyId),
    /// It gives a tuple of them.
    Tuple(Vec<KeyId>),
}

/// Rust with what it needs in scope.
#[derive(Debug, Clone)]
pub struct Code {
    /// The Rust.
    pub rust: Rust,
    /// The keys in scope, ascending.
    pub reads: Vec<KeyId>,
    /// `ctx` is used.
    pub uses_ctx: bool,
    /// `parallel_results` is used.
    pub uses_results: bool,
    /// It is in `finally`: keys that are no inputs may be unset.
    pub at_end: bool,
    /// Keys that unknown names in it may be meant for. The text names none of them: they are in scope without a value,
    /// so that rustc can suggest them.
    pub near: Vec<KeyId>,
}

/// What follows a step.
#[derive(Debug)]
pub enum Next {
    /// That target.
    Go(Target),
    /// The first arm whose condition holds; the last one has none.
    Choose(Vec<Arm>),
    /// All of these tasks of the region, from a task's last step (inside a parallel region several plain edges
    /// from one node are dependencies).
    Fork(Vec<u32>),
}

/// A conditional jump.
#[derive(Debug)]
pub struct Arm {
    /// Taken if this holds; without it, always.
    pub when: Option<Code>,
    /// Where it leads.
    pub to: Target,
    /// The identity of the condition.
    pub code: CodeId,
}
