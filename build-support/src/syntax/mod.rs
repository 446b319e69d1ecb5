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
mod work;
mod workflow;

pub use calls::{Call, Callee};
pub use checkpoint::{Checkpoint, CodeScope};
pub(crate) use naming::is_identifier;
pub use parallel::{CircuitBreaker, Idempotent, Retry, RetryOn, Strategy};
pub use rust::Rust;
pub use schema::schema;
pub use settings::Parallel;
pub(crate) use settings::{SHARED, is_for_processes, parallel_settings};
pub use work::{Action, Map, Variable, Work};
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
