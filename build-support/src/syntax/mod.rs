//! The workflow file as written: every name and setting with its place, nothing resolved yet.

mod ask;
mod calls;
mod checkpoint;
mod failures;
mod fallback;
mod language;
mod naming;
mod nodes;
mod parallel;
mod reader;
mod rust;
mod schema;
mod settings;
mod units;
mod workflow;

use std::time::Duration;

pub(crate) use naming::is_identifier;
pub use schema::schema;
pub use settings::Parallel;
pub(crate) use settings::{SHARED, is_for_processes, parallel_settings};
pub use workflow::parse;

use crate::source::{Span, Spanned};

/// A whole workflow file.
#[derive(Debug)]
pub struct Workflow {
    /// `name`.
    pub name: Spanned<String>,
    /// `description`.
    pub description: Option<String>,
    /// `state_schema`, in written order.
    pub keys: Vec<Key>,
    /// `settings.parallel`.
    pub parallel: Parallel,
    /// `settings.checkpoint`, unless that is `false`.
    pub checkpoint: Option<Spanned<Checkpoint>>,
    /// `nodes`, in written order. Then those that gather failures, to which nothing leads but their fan-outs.
    pub nodes: Vec<Node>,
    /// How many there are of these.
    pub gathering: usize,
    /// `edges`, in written order.
    pub edges: Vec<Edge>,
    /// `finally`, in written order.
    pub finally: Vec<Finally>,
    /// The file breaks YAML's rules, and this is what could be read all the same: nothing certain about its order.
    pub broken: bool,
}

impl Workflow {
    /// Takes a workflow out of its place, in which nothing is left.
    pub(crate) fn take_out(&mut self) -> Self {
        let nothing = Self {
            name: self.name.clone(),
            description: None,
            keys: Vec::new(),
            parallel: Parallel::default(),
            checkpoint: None,
            nodes: Vec::new(),
            gathering: 0,
            edges: Vec::new(),
            finally: Vec::new(),
            broken: false,
        };
        std::mem::replace(self, nothing)
    }

    /// Passes each piece of Rust to `see`, and whether it is a type.
    pub fn visit_rust<'a>(&'a self, see: &mut impl FnMut(bool, &'a Rust)) {
        for key in &self.keys {
            see(true, &key.ty);
            key.default.iter().chain(&key.reduce).for_each(|rust| see(false, rust));
        }
        for node in &self.nodes {
            if let Work::Map(map) = &node.work {
                map.items().for_each(|items| see(false, items));
            }
            let action = node.work.action();
            action.rust().for_each(|rust| see(false, rust));
            if let Some(workflow) = action.inline() {
                workflow.visit_rust(see);
            }
            let arms = node.goto.iter().flat_map(|goto| &goto.arms);
            arms.filter_map(|arm| arm.condition.as_ref()).for_each(|rust| see(false, rust));
            node.fallback.iter().for_each(|(_, rust)| see(false, rust));
        }
        self.finally.iter().for_each(|node| see(false, &node.run));
        for edge in &self.edges {
            edge.when.iter().chain(edge.fallback.iter().map(|(_, rust)| rust)).for_each(|rust| see(false, rust));
        }
    }
}

/// One entry of `state_schema`.
#[derive(Debug)]
pub struct Key {
    /// The key's name.
    pub name: Spanned<String>,
    /// Its Rust type.
    pub ty: Rust,
    /// `input: true`, at the place of that entry.
    pub input: Option<Span>,
    /// `default`.
    pub default: Option<Rust>,
    /// `reduce`.
    pub reduce: Option<Rust>,
    /// `transient: true`, at the place of that entry.
    pub transient: Option<Span>,
    /// `output`.
    pub output: Option<Spanned<bool>>,
    /// `secret: true`, at the place of that entry.
    pub secret: Option<Span>,
    /// `optional: true`, at the place of that entry.
    pub optional: Option<Span>,
    /// `description`.
    pub description: Option<String>,
    /// `short`.
    pub short: Option<Spanned<String>>,
    /// `positional: true`, at the place of that entry.
    pub positional: Option<Span>,
    /// `value_name`.
    pub value_name: Option<Spanned<String>>,
    /// `env`.
    pub env: Option<Spanned<String>>,
    /// `choices`.
    pub choices: Vec<Spanned<String>>,
}

impl Key {
    /// The key as an input of a workflow that is written in a node of this one.
    pub(crate) fn captured(&self) -> Self {
        Self {
            name: self.name.clone(),
            ty: self.ty.clone(),
            input: Some(self.name.span),
            default: None,
            reduce: None,
            transient: self.transient,
            output: None,
            secret: self.secret,
            optional: self.optional,
            description: self.description.clone(),
            short: None,
            positional: None,
            value_name: None,
            env: None,
            choices: Vec::new(),
        }
    }

    /// Whether it is part of the output.
    #[must_use]
    pub fn in_output(&self) -> bool {
        let hidden = self.output.as_ref().is_some_and(|output| !output.value);
        !hidden && self.transient.is_none() && self.secret.is_none()
    }
}

/// One entry of `nodes`.
#[derive(Debug)]
pub struct Node {
    /// The node's name.
    pub name: Spanned<String>,
    /// What it does.
    pub work: Work,
    /// `output`: no key, one key, or a list for a tuple.
    pub output: Output,
    /// `goto`.
    pub goto: Option<Goto>,
    /// `needs`: makes the file a dataflow file.
    pub needs: Option<Spanned<Vec<Spanned<String>>>>,
    /// `max_visits`.
    pub max_visits: Option<Spanned<u64>>,
    /// `resume: rerun`, at the place of that entry.
    pub rerun: Option<Span>,
    /// `cache: true`, at the place of that entry.
    pub cache: Option<Span>,
    /// `version`, `sources` and `env`.
    pub fingerprint: Fingerprint,
    /// Parallel settings written on the node.
    pub parallel: Parallel,
    /// The values in `allow_failure`: what these keys are if the node fails.
    pub fallback: Vec<(Spanned<String>, Rust)>,
    /// The whole entry.
    pub span: Span,
}

/// One entry of `finally`.
#[derive(Debug)]
pub struct Finally {
    /// Its name.
    pub name: Spanned<String>,
    /// What it does.
    pub run: Rust,
}

/// What counts as the code of a node, as far as the file says so.
#[derive(Debug, Default)]
pub struct Fingerprint {
    /// `version`: in place of the Rust and what it can reach.
    pub version: Option<Spanned<String>>,
    /// `sources`: files whose content counts.
    pub sources: Vec<Spanned<String>>,
    /// `env`: environment variables whose values count.
    pub env: Vec<Spanned<String>>,
}

impl Fingerprint {
    /// What is written, by the names of the entries, and where.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'static str, Span)> {
        let version = self.version.iter().map(|version| ("version", version.span));
        let lists = [("sources", &self.sources), ("env", &self.env)];
        version.chain(lists.into_iter().filter_map(|(name, list)| Some((name, list.first()?.span))))
    }
}

/// What a node does.
#[derive(Debug)]
pub enum Work {
    /// It runs once.
    Run(Action),
    /// `type: dynamic_parallel`.
    Map(Box<Map>),
}

impl Work {
    /// What is run, once or for each item.
    #[must_use]
    pub fn action(&self) -> &Action {
        match self {
            Self::Run(action) => action,
            Self::Map(map) => &map.run,
        }
    }
}

/// What is run, once or for each item.
#[derive(Debug)]
pub enum Action {
    /// `run`.
    Rust(Rust),
    /// `ask`: a format string that gives the question.
    Ask(Rust),
    /// `use` or `workflow`.
    Call(Call),
}

impl Action {
    /// The Rust of this workflow in it.
    pub fn rust(&self) -> impl Iterator<Item = &Rust> {
        let (one, passed) = match self {
            Self::Rust(rust) | Self::Ask(rust) => (Some(rust), None),
            Self::Call(call) => (None, Some(call.with.iter().map(|(_, rust)| rust))),
        };
        one.into_iter().chain(passed.into_iter().flatten())
    }

    /// The call, if it is one.
    #[must_use]
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Rust(_) | Self::Ask(_) => None,
            Self::Call(call) => Some(call),
        }
    }

    /// The question, if it is one.
    #[must_use]
    pub fn question(&self) -> Option<&Rust> {
        match self {
            Self::Ask(question) => Some(question),
            Self::Rust(_) | Self::Call(_) => None,
        }
    }

    /// The workflow that is written in the node.
    #[must_use]
    pub fn inline(&self) -> Option<&Workflow> {
        match &self.call()?.callee {
            Callee::File(_) => None,
            Callee::Inline(workflow) => Some(workflow),
        }
    }
}

/// A call of another workflow.
#[derive(Debug)]
pub struct Call {
    /// The workflow.
    pub callee: Callee,
    /// Its number among those that are called, once it has been loaded.
    pub number: Option<usize>,
    /// Its inputs, each with its value.
    pub with: Vec<(Spanned<String>, Rust)>,
    /// Which of its keys the node's [`Output`] gets, in the same order.
    pub gives: Vec<Spanned<String>>,
    /// `use` or `workflow`.
    pub span: Span,
}

/// A workflow that is called.
#[derive(Debug)]
pub enum Callee {
    /// `use`: the path of its file.
    File(Spanned<String>),
    /// `workflow`: written in place. Taken out once it has been loaded.
    Inline(Box<Workflow>),
}

/// `type: dynamic_parallel`.
#[derive(Debug)]
pub struct Map {
    /// What the body sees of an item: one variable, or several, of whose values each combination is an item.
    pub variables: Vec<Variable>,
    /// `index_var`.
    pub index_var: Option<Spanned<String>>,
    /// What is run for each item.
    pub run: Action,
    /// `failures`: the key that holds what failed.
    pub failures: Option<Spanned<String>>,
}

impl Map {
    /// The Rust that gives the items.
    pub fn items(&self) -> impl Iterator<Item = &Rust> {
        self.variables.iter().map(|variable| &variable.items)
    }
}

/// A variable of a `dynamic_parallel` node.
#[derive(Debug)]
pub struct Variable {
    /// `item_var`, or the name in the mapping of `items`; `None` means `item`.
    pub name: Option<Spanned<String>>,
    /// What gives its values.
    pub items: Rust,
}

/// What a node writes.
#[derive(Debug)]
pub enum Output {
    /// No `output`: the node gives `()`.
    None,
    /// `output: key`.
    One(Spanned<String>),
    /// `output: [a, b]`: the node gives a tuple.
    Tuple(Vec<Spanned<String>>),
}

impl Output {
    /// The written keys, in order.
    #[must_use]
    pub fn keys(&self) -> &[Spanned<String>] {
        match self {
            Self::None => &[],
            Self::One(key) => std::slice::from_ref(key),
            Self::Tuple(keys) => keys,
        }
    }
}

/// `goto`, plain (one arm without a condition) or a list.
#[derive(Debug)]
pub struct Goto {
    /// The arms in written order.
    pub arms: Vec<Arm>,
    /// The value of `goto`.
    pub span: Span,
}

/// One arm of a `goto` list.
#[derive(Debug)]
pub struct Arm {
    /// `if`.
    pub condition: Option<Rust>,
    /// `to`.
    pub to: Spanned<String>,
}

/// One entry of `edges`.
#[derive(Debug)]
pub struct Edge {
    /// `from`.
    pub from: Spanned<String>,
    /// `to`, one name or a list.
    pub to: Vec<Branch>,
    /// `when`.
    pub when: Option<Rust>,
    /// `parallel: true`, at the place of that entry.
    pub parallel: Option<Span>,
    /// `fan_in`.
    pub fan_in: Option<Spanned<String>>,
    /// `join`: how many branches have to succeed, if not all.
    pub join: Option<Spanned<u32>>,
    /// `failures`: the key that gets what failed.
    pub failures: Option<Spanned<String>>,
    /// Parallel settings written on the edge.
    pub settings: Parallel,
    /// The values in `allow_failure`: what these keys are if a branch fails.
    pub fallback: Vec<(Spanned<String>, Rust)>,
    /// The whole entry.
    pub span: Span,
}

/// One item of `to`: a node, or a list of nodes that follow one another.
#[derive(Debug)]
pub struct Branch {
    /// The nodes, at least one.
    pub nodes: Vec<Spanned<String>>,
    /// Written as a list: then it is a whole branch, from which the listing leads nowhere.
    pub is_list: bool,
}

impl Branch {
    /// Where it starts.
    #[must_use]
    pub fn first(&self) -> &Spanned<String> {
        &self.nodes[0]
    }
}

/// Where branches run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// On threads of this process.
    Thread,
    /// In worker processes.
    Process,
    /// In worker processes, on this machine or on the hosts of a pool.
    Remote,
}

impl Strategy {
    /// Whether branches leave the process, so that what they read and write is sent.
    #[must_use]
    pub fn crosses(self) -> bool {
        self != Self::Thread
    }

    /// The word in workflow files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Process => "process",
            Self::Remote => "remote",
        }
    }
}

/// `retry`, with the defaults of the design filled in for what is not written.
#[derive(Debug, Clone)]
pub struct Retry {
    /// How often a failed attempt is tried again.
    pub max_retries: u32,
    /// Wait before the first retry.
    pub base_delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
    /// Growth of the wait from one retry to the next; at least 1.
    pub backoff_multiplier: f64,
    /// Whether waits are varied at random.
    pub jitter: bool,
    /// The kinds of failure that are retried.
    pub retry_on: Vec<RetryOn>,
    /// Where `retry_on` is written.
    pub retry_on_span: Option<Span>,
}

impl PartialEq for Retry {
    /// Where it is written does not matter.
    fn eq(&self, other: &Self) -> bool {
        let Self { max_retries, base_delay, max_delay, backoff_multiplier, jitter, retry_on, retry_on_span: _ } = self;
        (max_retries, base_delay, max_delay) == (&other.max_retries, &other.base_delay, &other.max_delay)
            && backoff_multiplier == &other.backoff_multiplier
            && (jitter, retry_on) == (&other.jitter, &other.retry_on)
    }
}

/// `checkpoint`, with the defaults of the design filled in for what is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The most time until a record survives a loss of power.
    pub sync: Duration,
    /// How many runs that ended are kept.
    pub keep: u32,
    /// The most bytes that all records together may take.
    pub max_size: u64,
    /// What counts as the code of a node.
    pub code: CodeScope,
}

/// What counts as the code of a node: if it changes, the node runs again when a run is resumed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CodeScope {
    /// What its Rust can reach in the sources.
    #[default]
    Source,
    /// All sources of the package, and of its dependencies by path.
    Crate,
    /// The executable.
    Build,
}

/// `idempotent`: whether it may run again because its host was lost, as it may if nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idempotent(pub bool);

/// A kind of failure that may be retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOn {
    /// The node's Rust gave an error.
    Error,
    /// It panicked.
    Panic,
    /// It ran over its time.
    Timeout,
    /// Its worker was lost, out of memory included.
    Crash,
    /// Its host was lost, and it is not `idempotent`.
    Lost,
}

/// `circuit_breaker`, defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct CircuitBreaker {
    /// Failures in a row that open the circuit; at least 1.
    pub failure_threshold: u32,
    /// How long it stays open.
    pub reset_timeout: Duration,
    /// Trial calls let through when half open; at least 1.
    pub half_open_max_calls: u32,
}

/// Rust written inside YAML: its text, where each byte of it was written, and the names it uses.
#[derive(Debug, Clone)]
pub struct Rust {
    /// The Rust text, as YAML's scalar rules give it; empty if it does not parse.
    pub text: String,
    /// The place of the scalar's content.
    pub span: Span,
    /// From offsets in `text` to offsets in the file: `(text offset, file offset)` where a run starts, ascending.
    /// Between two entries both advance together.
    pub map: Vec<(u32, u32)>,
    /// Free names: identifiers that are used as variables and bound nowhere in the text, each use with its
    /// place in the file, in text order. A plain name that is called is a function and no variable. Empty for types.
    pub names: Vec<Spanned<String>>,
    /// Free names that get a value here, by `=` or `+=` and the like; they are not among `names`.
    pub assigned: Vec<Spanned<String>>,
}

impl Rust {
    /// The place in the file of a byte range of the text.
    #[must_use]
    pub fn locate(&self, start: usize, end: usize) -> Span {
        let at = |offset: usize| {
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            let run = self.map.partition_point(|(text, _)| *text <= offset);
            match run.checked_sub(1).map(|run| self.map[run]) {
                Some((text, file)) => file + (offset - text),
                None => self.span.start,
            }
        };
        let start_at = at(start);
        // The end maps through the last byte inside, so that it never runs on into the next line.
        let end_at = if end > start { at(end - 1) + 1 } else { start_at };
        Span { file: self.span.file, start: start_at, end: end_at.max(start_at) }
    }
}
