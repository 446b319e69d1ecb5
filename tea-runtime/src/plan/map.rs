//! `dynamic_parallel` nodes.

use super::{KeySpec, MapSpec, Origin, Passed, Place, Subworkflow};
use crate::policy::ParallelConfig;

/// A `dynamic_parallel` node.
#[derive(Debug)]
pub struct Map {
    /// Index in [`Plan::sites`](super::Plan::sites).
    pub id: u32,
    /// Its name.
    pub name: &'static str,
    /// Where it is written.
    pub place: Place,
    /// The keys of the workflow that it is in.
    pub keys: &'static [KeySpec],
    /// Items, body and output.
    pub spec: &'static dyn MapSpec,
    /// The workflow that the body calls, if it does.
    pub workflow: Option<&'static Subworkflow>,
    /// What determines its inputs, if the run is recorded.
    pub passed: &'static [Passed],
    /// The keys that the body reads, ascending. Besides the items, a worker is sent only these.
    pub reads: &'static [u32],
    /// The keys that it writes (output and failures).
    pub writes: &'static [u32],
    /// Whether the body uses the index of its item.
    pub indexed: bool,
    /// The maximum number of items that run at once.
    pub max_workers: Option<u32>,
    /// Whether the first failure cancels the rest.
    pub fail_fast: bool,
    /// The settings of an item.
    pub config: &'static ParallelConfig,
    /// Where all of its settings are written.
    pub written: &'static [Origin],
}
