//! A workflow file as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The file. Settings that do not change what is computed are not read.
#[derive(Debug, Deserialize)]
pub struct File {
    pub(super) state_schema: BTreeMap<String, Key>,
    #[serde(default)]
    settings: Settings,
    pub(super) nodes: Vec<Node>,
    #[serde(default)]
    pub(super) edges: Vec<Edge>,
    #[serde(default)]
    pub(super) finally: Vec<Finally>,
}

#[derive(Debug, Default, Deserialize)]
struct Settings {
    #[serde(default)]
    parallel: Policy,
}

/// A key, in its long form. The generator writes no other.
#[derive(Debug, Deserialize)]
pub(super) struct Key {
    #[serde(default)]
    pub(super) input: bool,
    pub(super) default: Option<String>,
    pub(super) reduce: Option<String>,
    #[serde(default)]
    pub(super) optional: bool,
    #[serde(default)]
    transient: bool,
    output: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Node {
    pub(super) name: String,
    /// What it does, unless it has a workflow.
    #[serde(default)]
    pub(super) run: String,
    pub(super) ask: Option<String>,
    pub(super) workflow: Option<Inner>,
    #[serde(default)]
    pub(super) with: BTreeMap<String, String>,
    output: Option<Names>,
    pub(super) goto: Option<Goto>,
    pub(super) max_visits: Option<u64>,
    pub(super) needs: Option<Vec<String>>,
    pub(super) items: Option<Items>,
    pub(super) item_var: Option<String>,
    pub(super) index_var: Option<String>,
    pub(super) failures: Option<String>,
    allow_failure: Option<Allow>,
    retry: Option<Retry>,
}

/// `allow_failure`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Allow {
    Bool(bool),
    /// What keys are after a failure.
    Values(BTreeMap<String, String>),
}

impl Allow {
    fn holds(allow: Option<&Self>) -> Option<bool> {
        allow.map(|allow| !matches!(allow, Self::Bool(false)))
    }

    fn values(allow: Option<&Self>) -> BTreeMap<String, String> {
        match allow {
            Some(Self::Values(values)) => values.clone(),
            _ => BTreeMap::new(),
        }
    }
}

/// A node of `finally`.
#[derive(Debug, Deserialize)]
pub(super) struct Finally {
    pub(super) run: String,
}

/// A workflow that is written in a node: nodes in a row, each with one output. The generator writes no other.
#[derive(Debug, Deserialize)]
pub(super) struct Inner {
    pub(super) nodes: Vec<Step>,
}

/// A node of a workflow that is written in a node, or a map of another workflow.
#[derive(Debug, Deserialize)]
pub(super) struct Step {
    #[serde(default)]
    pub(super) run: String,
    pub(super) ask: Option<String>,
    pub(super) items: Option<String>,
    #[serde(default)]
    pub(super) with: BTreeMap<String, String>,
    pub(super) workflow: Option<Inner>,
    pub(super) output: Names,
    retry: Option<Retry>,
}

impl Step {
    /// The key that it writes.
    pub(super) fn key(&self) -> &str {
        &self.output.as_slice()[0]
    }

    /// How often it is tried, if it is tried by itself.
    pub(super) fn attempts(&self) -> Option<u64> {
        self.retry.map(|retry| 1 + retry.max_retries)
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Goto {
    Node(String),
    List(Vec<Arm>),
}

#[derive(Debug, Deserialize)]
pub(super) struct Arm {
    #[serde(rename = "if")]
    pub(super) condition: Option<String>,
    pub(super) to: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Edge {
    pub(super) from: String,
    to: To,
    pub(super) when: Option<String>,
    #[serde(default)]
    pub(super) parallel: bool,
    pub(super) fan_in: Option<String>,
    join: Option<Join>,
    allow_failure: Option<Allow>,
    retry: Option<Retry>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Join {
    Count(usize),
    /// `first`.
    Word(String),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum To {
    Node(String),
    Branches(Vec<Names>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Names {
    One(String),
    Many(Vec<String>),
    /// A key of a workflow, and the key that gets its value. The generator writes no more than one.
    Pair(BTreeMap<String, String>),
}

impl Names {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
            Self::Pair(pair) => std::slice::from_ref(pair.values().next().expect("a pair")),
        }
    }

    /// The key of a workflow that it takes.
    pub(super) fn as_key(&self) -> Option<&str> {
        match self {
            Self::Pair(pair) => pair.keys().next().map(String::as_str),
            _ => None,
        }
    }
}

/// What gives the items of a map.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Items {
    One(String),
    /// By variable. The generator writes them in the order of their names.
    Sweep(BTreeMap<String, String>),
}

impl Items {
    /// The variables, each with what gives its values.
    pub(super) fn variables<'f>(&'f self, item_var: Option<&'f str>) -> Vec<(&'f str, &'f str)> {
        match self {
            Self::One(items) => vec![(item_var.unwrap_or("item"), items)],
            Self::Sweep(variables) => variables.iter().map(|(name, items)| (name.as_str(), items.as_str())).collect(),
        }
    }
}

/// What happens after a failure, as far as it is written in one place.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Policy {
    allow_failure: Option<bool>,
    retry: Option<Retry>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Retry {
    max_retries: u64,
}

impl Policy {
    pub(super) fn allows_failure(&self) -> bool {
        self.allow_failure == Some(true)
    }

    pub(super) fn attempts(&self) -> u64 {
        1 + self.retry.map_or(0, |retry| retry.max_retries)
    }
}

impl File {
    /// Reads a file.
    ///
    /// # Panics
    /// If it is not one that the generators write.
    #[must_use]
    pub fn read(text: &str) -> Self {
        serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// The keys that are part of the output, by name.
    pub fn output(&self) -> impl Iterator<Item = &str> {
        let is_output = |key: &Key| !key.transient && key.output != Some(false);
        self.state_schema.iter().filter(move |(_, key)| is_output(key)).map(|(name, _)| name.as_str())
    }

    /// What holds where this is written: the nearest place that says so.
    pub(super) fn policy(&self, nearest: Policy) -> Policy {
        let default = &self.settings.parallel;
        Policy {
            allow_failure: nearest.allow_failure.or(default.allow_failure),
            retry: nearest.retry.or(default.retry),
        }
    }
}

impl Node {
    pub(super) fn output(&self) -> &[String] {
        self.output.as_ref().map_or(&[], Names::as_slice)
    }

    /// The key of its workflow that it gives.
    pub(super) fn gives(&self) -> Option<&str> {
        self.output.as_ref().and_then(Names::as_key)
    }

    /// Its output is a list, which takes a tuple apart.
    pub(super) fn takes_apart(&self) -> bool {
        matches!(self.output, Some(Names::Many(_)))
    }

    pub(super) fn written_policy(&self) -> Policy {
        Policy { allow_failure: Allow::holds(self.allow_failure.as_ref()), retry: self.retry }
    }

    /// What keys are after a failure.
    pub(super) fn fallback(&self) -> BTreeMap<String, String> {
        Allow::values(self.allow_failure.as_ref())
    }
}

impl Edge {
    /// How many branches have to succeed, if not all.
    pub(super) fn join(&self) -> Option<usize> {
        self.join.as_ref().map(|join| match join {
            Join::Count(count) => *count,
            Join::Word(word) => {
                assert_eq!(word, "first");
                1
            }
        })
    }

    /// What keys are after a failure.
    pub(super) fn fallback(&self) -> BTreeMap<String, String> {
        Allow::values(self.allow_failure.as_ref())
    }

    /// What it leads to: nodes, or of branches that are written as lists all of their nodes.
    pub(super) fn to(&self) -> impl Iterator<Item = &[String]> {
        let (node, branches) = match &self.to {
            To::Node(node) => (Some(std::slice::from_ref(node)), &[][..]),
            To::Branches(branches) => (None, &branches[..]),
        };
        node.into_iter().chain(branches.iter().map(Names::as_slice))
    }

    pub(super) fn written_policy(&self) -> Policy {
        Policy { allow_failure: Allow::holds(self.allow_failure.as_ref()), retry: self.retry }
    }
}
