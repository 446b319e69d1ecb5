//! What generated code looks like, written by hand: the workflow of the design's first chapter, with a map, a reducer,
//! a default and conditions. It proves that the tables and macros fit together under the strictest lints.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, clippy::pedantic)]

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tea_runtime::state::View;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Chunk(Vec<u8>);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Profile(Vec<u64>);

impl Profile {
    fn merge(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

/// Stays in this process, and can do nothing at all.
struct Index(usize);

fn load_chunks(reads: &Path) -> std::io::Result<Vec<Chunk>> {
    Ok(vec![Chunk(std::fs::read(reads)?)])
}

fn count_kmers(chunks: &[Chunk], k: usize) -> Profile {
    Profile(chunks.iter().map(|chunk| (chunk.0.len() / k) as u64).collect())
}

// What follows is generated.

/// Workflow `read-qc`, compiled from flow.yaml.
mod read_qc {
    use ::tea_runtime::__private as tea;

    /// What the caller supplies.
    pub(super) struct Input {
        /// FASTQ file
        pub(super) reads: types::Reads,
        pub(super) k: types::K,
    }

    impl Input {
        /// The required inputs, the others at their defaults.
        #[must_use]
        pub(super) fn new(reads: types::Reads) -> Self {
            Self { reads, k: Nodes::default_k() }
        }
    }

    pub(super) struct Output {
        pub(super) reads: types::Reads,
        pub(super) k: types::K,
        pub(super) chunks: types::Chunks,
        pub(super) profile: types::Profile,
        pub(super) sizes: types::Sizes,
    }

    pub(super) struct Workflow;

    impl tea::Workflow for Workflow {
        type Input = Input;
        type Output = Output;
        const PLAN: &'static tea::Plan = &PLAN;

        fn inputs(input: Input) -> Vec<(u32, tea::Value)> {
            vec![(0, key::READS.share(input.reads)), (1, key::K.share(input.k))]
        }

        fn output(mut view: tea::View) -> Result<Output, Box<tea::Failure>> {
            Ok(Output {
                reads: view.take(key::READS)?,
                k: view.take(key::K)?,
                chunks: view.take(key::CHUNKS)?,
                profile: view.take(key::PROFILE)?,
                sizes: view.take(key::SIZES)?,
            })
        }
    }

    pub(super) struct Keys;
    pub(super) struct Nodes;

    pub(super) mod types {
        use super::{Keys, tea::KeyType};
        pub(in super::super) type Reads = <Keys as KeyType<0>>::Value;
        pub(in super::super) type K = <Keys as KeyType<1>>::Value;
        pub(in super::super) type Chunks = <Keys as KeyType<2>>::Value;
        pub(in super::super) type Profile = <Keys as KeyType<3>>::Value;
        pub(in super::super) type Index = <Keys as KeyType<4>>::Value;
        pub(in super::super) type Sizes = <Keys as KeyType<5>>::Value;
    }

    pub(super) mod key {
        use super::{
            Keys,
            tea::{Key, KeyType},
            types,
        };
        pub(in super::super) const READS: Key<types::Reads> = <Keys as KeyType<0>>::CHECKED.key;
        pub(in super::super) const K: Key<types::K> = <Keys as KeyType<1>>::CHECKED.key;
        pub(in super::super) const CHUNKS: Key<types::Chunks> = <Keys as KeyType<2>>::CHECKED.key;
        pub(in super::super) const PROFILE: Key<types::Profile> = <Keys as KeyType<3>>::CHECKED.key;
        pub(in super::super) const INDEX: Key<types::Index> = <Keys as KeyType<4>>::CHECKED.key;
        pub(in super::super) const SIZES: Key<types::Sizes> = <Keys as KeyType<5>>::CHECKED.key;
    }

    static KEYS: [tea::KeySpec; 6] = [
        tea::KeySpec {
            name: "reads",
            kind: &<Keys as tea::KeyType<0>>::KIND,
            input: true,
            default: None,
            reduce: None,
            transient: false,
            optional: false,
            description: "FASTQ file",
        },
        tea::KeySpec {
            name: "k",
            kind: &<Keys as tea::KeyType<1>>::KIND,
            input: true,
            default: Some(|| key::K.share(Nodes::default_k())),
            reduce: None,
            transient: false,
            optional: false,
            description: "",
        },
        tea::KeySpec {
            name: "chunks",
            kind: &<Keys as tea::KeyType<2>>::KIND,
            input: false,
            default: None,
            reduce: None,
            transient: false,
            optional: false,
            description: "",
        },
        tea::KeySpec {
            name: "profile",
            kind: &<Keys as tea::KeyType<3>>::KIND,
            input: false,
            default: None,
            reduce: Some(Nodes::reduce_profile),
            transient: false,
            optional: false,
            description: "",
        },
        tea::KeySpec {
            name: "index",
            kind: &<Keys as tea::KeyType<4>>::KIND,
            input: false,
            default: None,
            reduce: None,
            transient: true,
            optional: false,
            description: "",
        },
        tea::KeySpec {
            name: "sizes",
            kind: &<Keys as tea::KeyType<5>>::KIND,
            input: false,
            default: None,
            reduce: None,
            transient: false,
            optional: false,
            description: "",
        },
    ];

    pub(super) static PLAN: tea::Plan = tea::Plan {
        name: "read-qc",
        description: "",
        file: "flow.yaml",
        module: ::core::module_path!(),
        keys: &KEYS,
        root: &tea::Block {
            entry: tea::Next::Go(tea::Target::Step(0)),
            steps: &[
                tea::Step {
                    name: "load",
                    place: tea::Place { line: 1, column: 1 },
                    work: tea::Work::Run(&tea::Run(Nodes::load, key::CHUNKS)),
                    next: tea::Next::Go(tea::Target::Step(1)),
                    max_visits: 10_000,
                },
                tea::Step {
                    name: "load",
                    place: tea::Place { line: 1, column: 1 },
                    work: tea::Work::FanOut(&REGION_0),
                    next: tea::Next::Go(tea::Target::Step(2)),
                    max_visits: 10_000,
                },
                tea::Step {
                    name: "sizes",
                    place: tea::Place { line: 1, column: 1 },
                    work: tea::Work::Map(&MAP_1),
                    next: tea::Next::Go(tea::Target::Step(3)),
                    max_visits: 10_000,
                },
                tea::Step {
                    name: "merge",
                    place: tea::Place { line: 1, column: 1 },
                    work: tea::Work::Run(&tea::Run(Nodes::merge, ())),
                    next: tea::Next::Choose(&[
                        tea::Arm { when: Some(Nodes::merge_when_1), to: tea::Target::End, text: "k > 3" },
                        tea::Arm { when: None, to: tea::Target::Step(0), text: "" },
                    ]),
                    max_visits: 10_000,
                },
            ],
            keys: &[0, 1, 2, 3, 4, 5],
        },
        sites: &[tea::Site::Region(&REGION_0), tea::Site::Map(&MAP_1)],
        max_workers: None,
    };

    static CONFIG_0: tea::ParallelConfig = tea::ParallelConfig {
        strategy: tea::Strategy::Process,
        timeout: Some(::core::time::Duration::from_secs(30)),
        ..tea::ParallelConfig::DEFAULT
    };
    static CONFIG_1: tea::ParallelConfig = tea::ParallelConfig::DEFAULT;

    static REGION_0: tea::Region = tea::Region {
        id: 0,
        place: tea::Place { line: 1, column: 1 },
        tasks: &[
            tea::Task {
                name: "count",
                place: tea::Place { line: 1, column: 1 },
                when: None,
                when_text: "",
                needs: &[],
                block: &tea::Block {
                    entry: tea::Next::Go(tea::Target::Step(0)),
                    steps: &[tea::Step {
                        name: "count",
                        place: tea::Place { line: 1, column: 1 },
                        work: tea::Work::Run(&tea::Run(Nodes::count, (key::PROFILE,))),
                        next: tea::Next::Go(tea::Target::End),
                        max_visits: 10_000,
                    }],
                    keys: &[1, 2, 3],
                },
                reads: &[tea::TaskRead { key: 1, after: 0 }, tea::TaskRead { key: 2, after: 0 }],
                writes: &[tea::TaskWrite { key: 3, combine: true }],
                config: &CONFIG_0,
            },
            tea::Task {
                name: "gc",
                place: tea::Place { line: 1, column: 1 },
                when: Some(Nodes::merge_when_1),
                when_text: "k > 3",
                needs: &[],
                block: &tea::Block {
                    entry: tea::Next::Go(tea::Target::Step(0)),
                    steps: &[tea::Step {
                        name: "gc",
                        place: tea::Place { line: 1, column: 1 },
                        work: tea::Work::Run(&tea::Run(Nodes::gc, key::INDEX)),
                        next: tea::Next::Go(tea::Target::End),
                        max_visits: 10_000,
                    }],
                    keys: &[2, 4],
                },
                reads: &[tea::TaskRead { key: 2, after: 0 }],
                writes: &[tea::TaskWrite { key: 4, combine: false }],
                config: &CONFIG_1,
            },
        ],
        dataflow: false,
        max_workers: Some(4),
        fail_fast: false,
    };

    static MAP_1: tea::Map = tea::Map {
        id: 1,
        name: "sizes",
        place: tea::Place { line: 1, column: 1 },
        spec: Nodes::SIZES,
        reads: &[1],
        writes: &[5],
        max_workers: None,
        fail_fast: false,
        config: &CONFIG_0,
    };

    tea::entries! { (pub(super)) }
}

const _: () = {
    use ::tea_runtime::__private as __tea;

    __tea::key! { read_qc 0 (READS Reads default_reads reduce_reads) (first ("PathBuf" json = true, parse = true) (shared)) ty(PathBuf) }
    __tea::key! { read_qc 1 (K K default_k reduce_k) (first ("usize" json = true, parse = true) (crossing)) ty(usize) default(21) }
    __tea::key! {
        read_qc 2 (CHUNKS Chunks default_chunks reduce_chunks) (first ("Vec<Chunk>" json = true, parse = false) (
            shared "state key `chunks` cannot be shared between threads" "is not `Send + Sync`" "declared at flow.yaml:7:3",
            crossing "state key `chunks` cannot cross to a worker process" "is not `Serialize`" "declared at flow.yaml:7:3"
        )) ty(Vec<Chunk>)
    }
    __tea::key! {
        read_qc 3 (PROFILE Profile default_profile reduce_profile) (first ("Profile" json = true, parse = false) (shared "state key `profile` cannot be shared between threads" "is not `Send + Sync`")) ty(Profile) reduce(Profile::merge)
    }
    __tea::key! { read_qc 4 (INDEX Index default_index reduce_index) (first ("Index" json = false, parse = false) (shared)) ty(Index) }
    __tea::key! { read_qc 5 (SIZES Sizes default_sizes reduce_sizes) (first ("Vec<usize>" json = false, parse = false) (shared)) ty(Vec<usize>) }

    impl read_qc::Nodes {
        __tea::node! { read_qc load(Chunks) [reads: get READS] (;) => load_chunks(reads)? }
        __tea::node! { read_qc count(Profile,) [chunks: get CHUNKS, k: copy K] (;) => (count_kmers(chunks, k),) }
        __tea::node! { read_qc gc(Index) [chunks: get CHUNKS] (ctx;) => ctx.check()?; Index(chunks.len()) }
        __tea::node! {
            read_qc merge() [profile: get PROFILE, index: find INDEX] (; parallel_results) =>
            let slowest = parallel_results.iter().max_by_key(|r| r.elapsed);
            if index.is_none_or(|index| index.0 == 0) || slowest.is_none() {
                return Err("empty".into());
            }
            println!("{profile:?}");
        }
        __tea::condition! { read_qc merge_when_1 [k: copy K] (;) => k > 3 }
        __tea::map_node! {
            read_qc SIZES (SIZES) ()
            (crossing "items and results of `sizes` cannot cross to a worker process" "is not `Serialize`")
            items(given [chunks: get CHUNKS] (;) => chunks.clone())
            body((chunk, index) [k: copy K] (;) => chunk.0.len() / k + index)
        }
    }
};

#[test]
fn tables_and_functions_fit_together() {
    use tea_runtime::plan::{Plan, Workflow};
    let plan: &'static Plan = <read_qc::Workflow as Workflow>::PLAN;
    assert_eq!(plan.module, "handwritten::read_qc");
    let mut view = View::new(plan, plan.root.keys);
    let input = read_qc::Input::new("reads.fq".into());
    assert_eq!(input.k, 21);
    for (key, value) in read_qc::Workflow::inputs(input) {
        view.set(key, value);
    }
    let reduce = plan.keys[3].reduce.expect("profile has a reducer");
    let profile = |n| read_qc::key::PROFILE.share(Profile(vec![n]));
    view.set(3, reduce(plan.keys[3].kind, profile(1), profile(2)).expect("nobody else holds them"));
    view.set(2, read_qc::key::CHUNKS.share(Vec::new()));
    view.set(5, read_qc::key::SIZES.share(vec![1, 2]));
    let output = read_qc::Workflow::output(view).expect("nobody else holds them");
    assert_eq!(output.profile.0, [1, 2]);
    assert_eq!((output.reads, output.k, output.chunks.len(), output.sizes), ("reads.fq".into(), 21, 0, vec![1, 2]));
}

#[test]
fn kinds_hold_what_a_type_can_do_and_its_keys_need() {
    let keys = read_qc::PLAN.keys;
    let found = |key: usize| {
        let kind = keys[key].kind;
        [kind.clone.is_some(), kind.to_json.is_some(), kind.wire.is_some(), kind.parse.is_some()]
    };
    assert_eq!(found(0), [true, true, false, true]);
    assert_eq!(found(1), [true, true, true, true]);
    assert_eq!(found(2), [true, true, true, false]);
    assert_eq!(found(3), [true, true, false, false]);
    assert_eq!(found(4), [false, false, false, false]);

    let parse = keys[1].kind.parse.expect("usize is FromStr");
    assert_eq!((parse.text)("31").expect("a number").downcast_ref(), Some(&31usize));
    assert_eq!((parse.json)(31.into()).expect("a number").downcast_ref(), Some(&31usize));
    assert_eq!((parse.text)("x").expect_err("no number"), "invalid digit found in string");
}
