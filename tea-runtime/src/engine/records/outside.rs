//! What counts as code and is only known when the program runs: files and environment variables that nodes name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
};

use serde::{Deserialize, Serialize};

use super::Name;
use crate::{
    plan::{Block, CodeId, Outside, Plan, Work},
    store::{Hash, StoreError},
};

/// The contents of files and the values of variables, as they were when the run started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct Surroundings(BTreeMap<String, [u8; 16]>);

impl Surroundings {
    /// Reads all that the nodes of a plan name.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(in crate::engine) fn read(plan: &Plan) -> Result<Self, StoreError> {
        let mut nodes = BTreeMap::new();
        let called = plan.workflows.iter().map(|workflow| workflow.root);
        called.chain([plan.root]).for_each(|block| names(block, &mut nodes));
        let mut found = BTreeMap::new();
        for (outside, node) in nodes {
            let hash = match outside {
                Outside::File(path) => File::open(path).and_then(Hash::of_reader).map_err(|error| {
                    StoreError::new(format!(
                        "`{path}`, which is among the `sources` of node `{node}`, cannot be read: {error}"
                    ))
                })?,
                Outside::Variable(name) => {
                    Hash::of_data(&std::env::var_os(name).map(std::ffi::OsString::into_encoded_bytes))
                }
            };
            found.insert(shown(&outside), hash.first());
        }
        Ok(Self(found))
    }

    /// The identity of code with what counts besides.
    pub(super) fn with(&self, own: [u8; 16], code: &[CodeId]) -> [u8; 16] {
        if code.iter().all(|of| of.outside.is_empty()) {
            return own;
        }
        let all: BTreeSet<String> = code.iter().flat_map(|of| of.outside).map(shown).collect();
        let all: Vec<_> = all.into_iter().map(|name| (self.0.get(&name).copied(), name)).collect();
        Name::of(&(own, all)).bytes()
    }

    /// What has changed of what is named now as before.
    pub(super) fn all_changes(&self, before: &Self) -> Vec<String> {
        let differs = |(name, hash): &(&String, &[u8; 16])| before.0.get(*name).is_some_and(|before| before != *hash);
        self.0.iter().filter(differs).map(|(name, _)| format!("{name} changed")).collect()
    }

    /// What has changed of what some code names.
    pub(super) fn changes(&self, before: &Self, code: &[CodeId]) -> Vec<String> {
        let all: BTreeSet<String> = code.iter().flat_map(|of| of.outside).map(shown).collect();
        let changed = all.into_iter().filter(|name| self.0.get(name) != before.0.get(name));
        changed
            .map(|name| format!("{name} {}", if before.0.contains_key(&name) { "changed" } else { "is new" }))
            .collect()
    }
}

/// What the nodes of a block name, with the first node that does.
fn names(block: &'static Block, into: &mut BTreeMap<Outside, &'static str>) {
    for step in block.steps {
        for outside in step.code.outside {
            into.entry(*outside).or_insert(step.name);
        }
        if let Work::FanOut(region) = step.work {
            region.tasks.iter().for_each(|task| names(task.block, into));
        }
    }
}

/// For people.
fn shown(outside: &Outside) -> String {
    match outside {
        Outside::File(path) => format!("source `{path}`"),
        Outside::Variable(name) => format!("environment variable `{name}`"),
    }
}
