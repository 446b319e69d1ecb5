//! Parts of plans, for tests. What a test does not say is nothing, or as it is by default.

use super::{Block, CodeId, Map, MapSpec, Next, Place, Plan, Region, Step, Target, Task, Work};
use crate::policy::ParallelConfig;

pub(crate) const PLACE: Place = Place { line: 1, column: 1 };

pub(crate) const END: Next = Next::Go(Target::End);

/// A block that ends at once.
pub(crate) const NOTHING: Block = Block { entry: END, steps: &[], keys: &[] };

pub(crate) const PLAN: Plan = Plan {
    name: "test",
    description: "",
    file: "test.yaml",
    module: "test",
    package: None,
    version: None,
    panics_abort: false,
    keys: &[],
    root: &NOTHING,
    finally: &[],
    sites: &[],
    workflows: &[],
    max_workers: None,
    checkpoint: None,
    identities: None,
};

pub(crate) const REGION: Region = Region {
    id: 0,
    place: PLACE,
    keys: &[],
    tasks: &[],
    dataflow: false,
    join: None,
    max_workers: None,
    fail_fast: false,
    written: &[],
};

/// A step that is the last of its block.
pub(crate) const fn step(name: &'static str, work: Work) -> Step {
    Step {
        name,
        place: PLACE,
        work,
        next: END,
        max_visits: 10_000,
        reads: &[],
        writes: &[],
        rerun: false,
        code: CodeId::UNKNOWN,
        cached: false,
        pinned: false,
    }
}

pub(crate) const fn task(name: &'static str, block: &'static Block) -> Task {
    Task {
        name,
        place: PLACE,
        when: None,
        when_text: "",
        when_reads: &[],
        when_code: CodeId::UNKNOWN,
        fallback: &[],
        code: CodeId::UNKNOWN,
        needs: &[],
        block,
        reads: &[],
        writes: &[],
        config: &ParallelConfig::DEFAULT,
        written: Some(&[]),
    }
}

pub(crate) const fn map(name: &'static str, spec: &'static dyn MapSpec) -> Map {
    Map {
        id: 0,
        name,
        place: PLACE,
        keys: &[],
        workflow: None,
        passed: &[],
        spec,
        reads: &[],
        writes: &[],
        indexed: false,
        max_workers: None,
        fail_fast: false,
        config: &ParallelConfig::DEFAULT,
        written: &[],
    }
}
