//! What one error makes of the others. An error leaves parts of the file in doubt; a finding that is about such a part
//! may be a consequence and not a second mistake, and is not reported. It shows up once the first error is gone.
//!
//! Both are properties of a code, in two tables below; where a site knows better, it says so with
//! [`Diagnostic::doubts`](crate::diagnostic::Diagnostic::doubts).

#[allow(clippy::wildcard_imports, reason = "the tables name nearly all codes")]
use crate::codes::*;
use crate::diagnostic::{Code, Diagnostic, Severity};

/// Parts of what a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts(u8);

impl Facts {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Which entries are written.
    pub const ENTRIES: Self = Self(1);
    /// Which nodes there are, and what they are called.
    pub const NODES: Self = Self(1 << 1);
    /// Which state keys there are, and how they are declared.
    pub const KEYS: Self = Self(1 << 2);
    /// What follows what.
    pub const ORDER: Self = Self(1 << 3);
    /// Which nodes something leads to.
    pub const REACH: Self = Self(1 << 4);
    /// Which node writes which key.
    pub const WRITES: Self = Self(1 << 5);
    /// How parallel parts run.
    pub const SETTINGS: Self = Self(1 << 6);
    /// From which nodes the end is in reach.
    pub const ENDS: Self = Self(1 << 7);
    /// Everything.
    pub const ALL: Self = Self(u8::MAX);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What leads where.
const WAYS: Facts = Facts::ORDER.and(Facts::REACH).and(Facts::ENDS);
/// What a node's entries say.
pub(crate) const NODE: Facts = EDGE.and(Facts::NODES).and(Facts::WRITES);
/// What an edge's entries say.
pub(crate) const EDGE: Facts = Facts::ENTRIES.and(WAYS).and(Facts::SETTINGS);
/// What a state key's entries say.
pub(crate) const KEY: Facts = Facts::ENTRIES.and(Facts::KEYS);
/// What a setting says.
pub(crate) const SETTING: Facts = Facts::ENTRIES.and(Facts::SETTINGS);

/// What must be certain for a finding to be one.
pub(crate) fn needed(code: Code) -> Facts {
    match code {
        EMPTY_FILE | MISSING_ENTRY | UNKNOWN_ANCHOR | BAD_ANCHOR | ENTRY_CONFLICT | FALLS_THROUGH => Facts::ENTRIES,
        UNKNOWN_NODE => Facts::NODES,
        UNKNOWN_KEY | UNKNOWN_CALLED_KEY | MISSING_INPUT | UNUSED_DEFAULT => Facts::KEYS,
        NEVER_REACHED => Facts::NODES.and(Facts::ORDER).and(Facts::REACH),
        NEVER_JOINS => Facts::NODES.and(Facts::ORDER).and(Facts::ENDS),
        SEVERAL_WAYS | BAD_FAN_IN | BAD_BRANCH | LEAVES_FAN_OUT | ENTERS_FAN_OUT | DEPENDENCY_CYCLE | NO_RESULTS
        | BAD_JOIN => Facts::NODES.and(Facts::ORDER),
        NOT_HONORED | DISAGREEING_EDGES | ASKS_IN_WORKER => Facts::ORDER.and(Facts::SETTINGS),
        CONCURRENT_WRITES | READ_RACE => Facts::NODES.and(Facts::KEYS).and(Facts::ORDER),
        MAYBE_UNSET | NEVER_WRITTEN | UNSET_OUTPUT | UNUSED_FALLBACK => {
            Facts::NODES.and(Facts::KEYS).and(Facts::ORDER).and(Facts::WRITES)
        }
        TRANSIENT_CROSSES => Facts::KEYS.and(Facts::ORDER).and(Facts::SETTINGS),
        NOT_PARALLEL | NO_FAILURES | NO_RECORDS | SETTING_CONFLICT => Facts::SETTINGS,
        _ => Facts::NONE,
    }
}

/// What an error leaves in doubt.
pub(crate) fn doubted(code: Code) -> Facts {
    match code {
        YAML_SYNTAX | DUPLICATE_ENTRY | WRONG_SHAPE | SPLIT_VALUE | TAG | FILE_LIMIT => Facts::ALL,
        // One that is missing says nothing of other entries.
        MISSING_ENTRY | UNKNOWN_ANCHOR => NODE.and(KEY).without(Facts::ENTRIES),
        UNKNOWN_NODE => WAYS.and(Facts::WRITES),
        UNKNOWN_KEY | CALLED_FILE | RECURSIVE_CALL | BAD_JOIN => Facts::WRITES,
        DUPLICATE_NAME => Facts::NODES,
        NEVER_TAKEN | CONFLICTING_WAYS | SEVERAL_WAYS | MISPLACED_START | BAD_FAN_IN | TOO_DEEP => {
            Facts::REACH.and(Facts::ENDS)
        }
        _ => Facts::NONE,
    }
}

/// The findings that no error among them puts in doubt.
pub(crate) fn certain(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let is_error = |finding: &Diagnostic| finding.severity == Severity::Error;
    // What is certain by itself first, wherever it was found; then each finding for those after it.
    let own = findings.iter().filter(|finding| is_error(finding) && finding.needs == Facts::NONE);
    let mut doubts = own.fold(Facts::NONE, |doubts, finding| doubts.and(finding.doubts));
    findings.retain(|finding| {
        let keep = !finding.needs.meets(doubts);
        if keep && is_error(finding) {
            doubts = doubts.and(finding.doubts);
        }
        keep
    });
    findings
}

/// Puts findings together that say the same of one name at several places.
pub(crate) fn together(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    /// More places than this say nothing new.
    const SHOWN: usize = 3;
    let mut first = std::collections::HashMap::new();
    let mut kept: Vec<Diagnostic> = Vec::with_capacity(findings.len());
    for finding in findings {
        if matches!(finding.code, UNKNOWN_NODE | UNKNOWN_KEY | UNKNOWN_FUNCTION | UNKNOWN_ENTRY) {
            if let Some(index) = first.get(&(finding.code, finding.message.clone())) {
                let same: &mut Diagnostic = &mut kept[*index];
                if same.labels.len() < SHOWN {
                    same.labels.push((finding.span, "also here".to_owned()));
                }
                continue;
            }
            first.insert((finding.code, finding.message.clone()), kept.len());
        }
        kept.push(finding);
    }
    kept
}
