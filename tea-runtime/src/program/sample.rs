//! Hand-written plans for the tests of this module. They are drawn and reported, but never run.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use crate::{
    context::Context,
    failure::NodeError,
    map::{Local, in_place, map},
    plan::{
        Arm, Block, CodeId, Map, Next, Place, Plan, Region, Run, Site, Step, Target, Task, Work,
        kit::{self, PLAN, REGION},
    },
    policy::{ParallelConfig, Strategy},
    state::{
        Key, KeySpec, Kind, Parse, View,
        kind::{Cannot, Probe},
    },
};

macro_rules! kinds {
    ($($name:ident: $type:ty = $text:literal;)*) => {
        $(static $name: Kind = Kind {
            to_json: Probe::<$type>::TO_JSON.as_ref(),
            parse: const { &Parse::best(
                [
                    Probe::<$type>::FROM_PATH,
                    Probe::<$type>::FROM_SOME_PATH,
                    Probe::<$type>::FROM_PATHS,
                    Probe::<$type>::FROM_SOME_PATHS,
                    Probe::<$type>::FROM_STR,
                    Probe::<$type>::FROM_TEXTS,
                ],
                [Probe::<$type>::FROM_JSON, Probe::<$type>::FROM_JSON_STR],
            ) }.as_ref(),
            ..Kind::of::<$type>($text)
        };)*
    };
}

kinds! {
    PATH: PathBuf = "PathBuf";
    USIZE: usize = "usize";
    BOOL: bool = "bool";
    STRING: String = "String";
    COUNTS: Vec<HashMap<String, f64>> = "Vec<HashMap<String, f64>>";
    OPAQUE: Opaque = "Opaque";
}

/// Neither serde nor `FromStr`.
struct Opaque;

const fn input(name: &'static str, kind: &'static Kind, description: &'static str) -> KeySpec {
    KeySpec { input: true, description, ..KeySpec::new(name, kind) }
}

/// `read-qc`: a fan-out with both strategies that contains another one, a loop, a condition, and a map.
pub(crate) static READ_QC: Plan = Plan {
    name: "read-qc",
    description: "Quality control of reads",
    file: "src/flow.yaml",
    module: "sample::read_qc",
    version: Some("1.2.3"),
    keys: &[
        input("reads", &PATH, "FASTQ file"),
        KeySpec { default: Some(|| Arc::new(21_usize)), ..input("k", &USIZE, "length of a k-mer") },
        KeySpec { default: Some(|| Arc::new(false)), ..input("all_reads", &BOOL, "") },
        KeySpec { optional: true, ..input("output", &STRING, "name of the report") },
        KeySpec::new("counts", &COUNTS),
        KeySpec::new("opaque", &OPAQUE),
        KeySpec { transient: true, output: false, ..KeySpec::new("index", &OPAQUE) },
        KeySpec::new("report", &STRING),
    ],
    root: &Block {
        entry: Next::Go(Target::Step(0)),
        steps: &[
            Step { next: Next::Go(Target::Step(1)), ..node("load", 10) },
            Step { work: Work::FanOut(&BRANCHES), next: Next::Go(Target::Step(2)), ..node("load", 30) },
            Step {
                next: Next::Choose(&[
                    Arm {
                        when: Some(never),
                        to: Target::Step(0),
                        text: "report.is_empty() && k < 31",
                        reads: &[],
                        code: CodeId::UNKNOWN,
                    },
                    Arm { when: None, to: Target::Step(3), text: "", reads: &[], code: CodeId::UNKNOWN },
                ]),
                ..node("end", 20)
            },
            Step { work: Work::Map(&EACH), next: Next::Go(Target::End), ..node("each", 24) },
        ],
        keys: &[],
    },
    sites: &[Site::Region(&BRANCHES), Site::Region(&INNER), Site::Map(&EACH)],
    ..PLAN
};

static BRANCHES: Region = Region {
    place: place(30),
    tasks: &[
        Task {
            block: &Block {
                entry: Next::Go(Target::Step(0)),
                steps: &[
                    Step { next: Next::Go(Target::Step(1)), ..node("count", 12) },
                    Step { work: Work::FanOut(&INNER), next: Next::Go(Target::Step(2)), ..node("count", 40) },
                    node("sum", 16),
                ],
                keys: &[],
            },
            config: &PROCESS,
            ..task("count", &COUNT)
        },
        Task {
            when: Some(never),
            when_text: "k > 3",
            when_reads: &[],
            ..task("gc", &Block { steps: &[node("gc", 18)], ..COUNT })
        },
    ],
    max_workers: Some(4),
    fail_fast: true,
    ..REGION
};

static INNER: Region = Region {
    id: 1,
    place: place(40),
    tasks: &[
        task("left", &Block { steps: &[node("left", 14)], ..COUNT }),
        task("right", &Block { steps: &[node("right", 15)], ..COUNT }),
    ],
    ..REGION
};

static EACH: Map = Map {
    id: 2,
    place: place(24),
    max_workers: Some(8),
    config: &PROCESS,
    ..kit::map("each", &map(in_place(Key::<Vec<u8>>::new(4)), |_, _, _: &u8, _| Ok(()), (), None, Local, Local))
};

/// A dataflow file: `a` and `b`, then `c` after both, then `d`.
pub(crate) static DIAMOND: Plan = Plan {
    name: "diamond",
    file: "flow.yaml",
    module: "sample::diamond",
    keys: &[],
    root: &Block {
        entry: Next::Go(Target::Step(0)),
        steps: &[Step { work: Work::FanOut(&NEEDS), ..node("__start__", 1) }],
        keys: &[],
    },
    sites: &[Site::Region(&NEEDS)],
    ..PLAN
};

static NEEDS: Region = Region {
    place: place(1),
    tasks: &[
        task("a", &Block { steps: &[node("a", 2)], ..COUNT }),
        task("b", &Block { steps: &[node("b", 3)], ..COUNT }),
        Task { needs: &[0, 1], ..task("c", &Block { steps: &[node("c", 4)], ..COUNT }) },
        Task { needs: &[2], ..task("d", &Block { steps: &[node("d", 5)], ..COUNT }) },
    ],
    dataflow: true,
    ..REGION
};

const COUNT: Block = Block { entry: Next::Go(Target::Step(0)), steps: &[node("count", 12)], keys: &[] };

static PROCESS: ParallelConfig = ParallelConfig { strategy: Strategy::Process, ..ParallelConfig::DEFAULT };

const fn task(name: &'static str, block: &'static Block) -> Task {
    Task { place: place(30), ..kit::task(name, block) }
}

const fn node(name: &'static str, line: u32) -> Step {
    Step { place: place(line), ..kit::step(name, Work::Run(&Run(nothing, ()))) }
}

const fn place(line: u32) -> Place {
    Place { line, column: 5 }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a node")]
fn nothing(_: &View, _: &Context) -> Result<(), NodeError> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a condition")]
fn never(_: &View, _: &Context) -> Result<bool, NodeError> {
    Ok(false)
}
