//! `settings.checkpoint`.

use std::time::Duration;

use super::{
    language::CHECKPOINT,
    reader::{Fields, Reader},
};
use crate::{source::Spanned, yaml::Value};

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

impl Default for Checkpoint {
    fn default() -> Self {
        Self { sync: Duration::from_millis(100), keep: 5, max_size: 20 << 30, code: CodeScope::Source }
    }
}

impl<'a> Reader<'a, '_> {
    /// `checkpoint` of `settings`: `true`, or a mapping that says more. What is neither has been reported, and was meant as
    /// `true`.
    pub(super) fn checkpoint(&mut self, settings: &Fields<'_, 'a>) -> Option<Spanned<Checkpoint>> {
        let entry = settings.any("checkpoint")?;
        let span = entry.key.span.to(entry.value.span);
        let default = Checkpoint::default();
        if let Value::Map(_) = entry.value.value {
            let fields = self.fields(&entry.value, &CHECKPOINT)?;
            let checkpoint = Checkpoint {
                sync: self.duration(&fields, "sync").map_or(default.sync, |time| time.value),
                keep: self.count(&fields, "keep").map_or(default.keep, |count| count.value),
                max_size: self.size(&fields, "max_size").map_or(default.max_size, |size| size.value),
                code: self.word(&fields, "code").map_or(default.code, |word| match word.value {
                    "crate" => CodeScope::Crate,
                    "build" => CodeScope::Build,
                    _ => CodeScope::Source,
                }),
            };
            return Some(Spanned::new(checkpoint, span));
        }
        let holds = self.bool_or(settings, "checkpoint", CHECKPOINT.example).is_none_or(|flag| flag.value);
        holds.then(|| Spanned::new(default, span))
    }
}
