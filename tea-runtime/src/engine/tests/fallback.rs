//! What branches write that fail where that is allowed.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    kit::{Kit, appends, chain, fan_out, kinds, leak, node, put, puts, run, task},
    scratch::Scratch,
};
use crate::{
    context::Context,
    failure::{Failure, FailureKind},
    plan::{Body, Fallback, Step, Task},
    policy::ParallelConfig,
    state::{Key, View},
    store::Status,
};

const ALLOWED: ParallelConfig = ParallelConfig { allow_failure: true, ..ParallelConfig::DEFAULT };

fn broken() -> Step {
    node("broken", |_, _| Err("no".into()))
}

/// What it wrote before it failed does not count, and what it would have replaced is replaced.
#[test]
fn a_branch_that_fails_leaves_its_fallback() {
    let mut kit = Kit::default();
    let (number, text) = (kit.key::<i64>("number"), kit.key::<&'static str>("text"));
    let fails = task("fails", kit.block(chain(vec![puts("writes", number, 1), broken()])));
    let fails = fails.writes(number, false).writes(text, false).or(number, 7).or(text, "none").config(ALLOWED);
    let fine = task("fine", kit.block(vec![]));
    let region = kit.region(vec![fails, fine]);
    let root = kit.block(chain(vec![puts("before", number, 0), fan_out(region)]));
    let view = run(kit.plan(root)).unwrap();
    assert_eq!((*view.get(number), *view.get(text)), (7, "none"));
}

#[test]
fn a_branch_that_succeeds_or_is_skipped_leaves_none() {
    let mut kit = Kit::default();
    let (number, other) = (kit.key::<i64>("number"), kit.key::<i64>("other"));
    let fine = task("fine", kit.block(vec![puts("writes", number, 1)])).writes(number, false).or(number, 7);
    let mut skipped = task("skipped", kit.block(vec![broken()])).writes(other, false).or(other, 7).config(ALLOWED);
    skipped.when = Some(|_, _| Ok(false));
    let region = kit.region(vec![fine.config(ALLOWED), skipped]);
    let root = kit.block(vec![fan_out(region)]);
    let view = run(kit.plan(root)).unwrap();
    assert_eq!((*view.get(number), view.find(other)), (1, None));
}

/// A reduced key: the value stands where the branch's would, also if the branch had read it.
#[test]
fn a_fallback_is_combined_where_what_the_branch_writes_would_be() {
    let mut kit = Kit::default();
    let list = kit.list("list");
    let lists = |value| appends("appends", list, value);
    let combines = |kit: &Kit, step: Step| task("t", kit.block(chain(vec![step]))).writes(list, true);
    let first = combines(&kit, lists(1));
    let second = combines(&kit, broken()).or(list, vec![2]).config(ALLOWED);
    let third = combines(&kit, lists(3));
    let reads = task("reads", kit.block(chain(vec![lists(9), broken()]))).reads(list, 3).writes(list, false);
    let reads = reads.needs(&[0, 1, 2]).or(list, vec![4]).config(ALLOWED);
    let region = kit.region_with(vec![first, second, third, reads], |region| region.dataflow = true);
    let root = kit.block(chain(vec![lists(0), fan_out(region)]));
    let view = run(kit.plan(root)).unwrap();
    assert_eq!(*view.get(list), [0, 1, 2, 3, 4]);
}

/// What is cancelled has its fallback too: `fail_fast` where all may fail.
#[test]
fn a_branch_that_is_not_started_leaves_its_fallback() {
    let mut kit = Kit::default();
    let number = kit.key::<i64>("number");
    let fails = task("fails", kit.block(vec![broken()])).config(ALLOWED);
    let late = task("late", kit.block(vec![puts("writes", number, 1)])).writes(number, false).or(number, 7);
    let region = kit.region_with(vec![fails, late.config(ALLOWED)], |region| {
        region.fail_fast = true;
        region.max_workers = Some(1);
    });
    let root = kit.block(vec![fan_out(region)]);
    assert_eq!(*run(kit.plan(root)).unwrap().get(number), 7);
}

#[test]
fn a_fallback_that_panics_fails_the_run() {
    struct Panics;
    impl Body for Panics {
        fn run(&self, _: &mut View, _: &Context) -> Result<(), Box<Failure>> {
            panic!("of the value")
        }
    }
    let mut kit = Kit::default();
    let number: Key<i64> = kit.key("number");
    let fails = task("fails", kit.block(vec![broken()])).writes(number, false).config(ALLOWED);
    let fails = Task { fallback: &[Fallback { key: 0, value: &Panics }], ..fails };
    let region = kit.region(vec![fails, task("fine", kit.block(vec![]))]);
    let root = kit.block(vec![fan_out(region)]);
    let error = run(kit.plan(root)).unwrap_err();
    assert!(error.to_string().contains("of the value"), "{error}");
    assert!(kinds(&error).iter().all(|kind| *kind == FailureKind::Panic), "{:?}", kinds(&error));
}

/// A resumed run takes the value from the record, and what follows from it is not done again.
#[test]
fn a_fallback_is_recorded() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    static OPEN: AtomicUsize = AtomicUsize::new(0);
    struct Counts(Key<i64>);
    impl Body for Counts {
        fn run(&self, view: &mut View, _: &Context) -> Result<(), Box<Failure>> {
            view.put(self.0, 7 + i64::try_from(MADE.fetch_add(1, Ordering::Relaxed)).unwrap())
        }
    }
    let mut kit = Kit::default();
    let (number, after) = (kit.key::<i64>("number"), kit.key::<i64>("after"));
    kit.wired(number);
    kit.wired(after);
    let fails = task("fails", kit.block(vec![node("fails", |_, _| Err("no".into()))]));
    let fails = fails.writes(number, false).config(ALLOWED);
    let fails = Task { fallback: vec![Fallback { key: 0, value: leak(Counts(number)) }].leak(), ..fails };
    let region = kit.region(vec![fails, task("fine", kit.block(vec![]))]);
    let doubles = node("doubles", move |view, _| {
        let value = *view.get(number);
        put(view, after, 2 * value)
    });
    let gate = node("gate", |_, _| if OPEN.load(Ordering::Relaxed) == 0 { Err("closed".into()) } else { Ok(()) });
    let root = kit.block(chain(vec![fan_out(region), doubles.reads(&[0]), gate]));
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    assert_eq!(scratch.run(plan, false).nodes, ["fails", "doubles", "gate"]);
    scratch.set_status(Status::Unfinished);
    OPEN.store(1, Ordering::Relaxed);
    let again = scratch.run(plan, true);
    assert_eq!(again.nodes, ["gate"]);
    let view = again.view();
    assert_eq!((*view.get(number), *view.get(after), MADE.load(Ordering::Relaxed)), (7, 14, 1));
}
