//! Sequences, conditions, loops, and what goes wrong in them.

use std::sync::Arc;

use super::kit::*;
use crate::{
    engine::Options,
    failure::FailureKind,
    plan::{Condition, Target},
    request,
    state::{Key, View},
};

const A: Key<i64> = Key::new(0);
const LOG: Key<Vec<i64>> = Key::new(1);

fn kit() -> Kit {
    let mut kit = Kit::default();
    kit.key::<i64>("a");
    kit.list("log");
    kit
}

#[test]
fn steps_run_in_order() {
    let kit = kit();
    let root = kit.block(chain((0..100).map(|i| appends("n", LOG, i)).collect()));
    let view = run(kit.plan(root)).unwrap();
    assert_eq!(*view.get(LOG), (0..100).collect::<Vec<_>>());
}

#[test]
fn an_empty_block_ends() {
    let kit = kit();
    let root = kit.block(Vec::new());
    assert!(run(kit.plan(root)).unwrap().find(A).is_none());
}

#[test]
fn the_first_arm_that_holds_is_taken() {
    let below: fn(i64) -> Condition = |limit| match limit {
        1 => |view, _| Ok(*view.get(A) < 1),
        _ => |view, _| Ok(*view.get(A) < 2),
    };
    for (value, expected) in [(0, vec![10]), (1, vec![20]), (2, vec![])] {
        let kit = kit();
        let mut first = puts("first", A, value);
        let arms = vec![(Some(below(1)), Target::Step(1)), (Some(below(2)), Target::Step(2)), (None, Target::End)];
        first.next = choose(arms);
        let root = kit.block(vec![first, appends("ten", LOG, 10), appends("twenty", LOG, 20)]);
        let view = run(kit.plan(root)).unwrap();
        assert_eq!(view.find(LOG).cloned().unwrap_or_default(), expected);
    }
}

fn counting_loop(max_visits: u64) -> Vec<crate::plan::Step> {
    let mut steps = chain(vec![
        puts("start", A, 0),
        node("count", |view, _| {
            let next = view.get(A) + 1;
            put(view, A, next)
        }),
        node("check", |_, _| Ok(())),
    ]);
    steps[1].max_visits = max_visits;
    steps[2].max_visits = max_visits;
    steps[2].next =
        choose(vec![(Some(|view: &View, _| Ok(*view.get(A) < 1_000)), Target::Step(1)), (None, Target::End)]);
    steps
}

#[test]
fn max_visits_is_exact_and_names_the_node() {
    let kit_ = kit();
    let root = kit_.block(counting_loop(1_000));
    assert_eq!(*run(kit_.plan(root)).unwrap().get(A), 1_000);

    let kit = kit();
    let root = kit.block(counting_loop(999));
    let error = run(kit.plan(root)).unwrap_err();
    let failures = error.failures();
    assert_eq!(failures[0].failure.node.as_deref(), Some("count"));
    assert!(failures[0].failure.message.contains("999 times"), "{error}");
    assert_eq!(error.finished(), ["start", "check"]);
}

#[test]
fn a_bound_that_nobody_set_says_so() {
    let kit = kit();
    let mut steps = vec![node("again", |_, _| Ok(()))];
    (steps[0].max_visits, steps[0].next) = (10_000, to(0));
    let root = kit.block(steps);
    let error = run(kit.plan(root)).unwrap_err();
    let message = &error.failures()[0].failure.message;
    assert!(message.contains("10000 times") && message.contains("write `max_visits`"), "{message}");
}

#[test]
fn a_step_that_was_jumped_over_is_not_counted() {
    let kit = kit();
    // 0 jumps over 1 to 2, which goes back to 1.
    let mut steps = vec![puts("zero", A, 0), appends("one", LOG, 1), appends("two", LOG, 2)];
    steps[0].next = to(2);
    steps[1].max_visits = 1;
    steps[2].next = to(1);
    let root = kit.block(steps);
    assert_eq!(*run(kit.plan(root)).unwrap().get(LOG), [2, 1]);
}

#[test]
fn a_loop_in_a_block_of_many_steps() {
    let kit = kit();
    let mut steps = chain((0..200).map(|i| appends("n", LOG, i)).collect());
    steps[199].next =
        choose(vec![(Some(|view: &View, _| Ok(view.get(LOG).len() < 1_000)), Target::Step(100)), (None, Target::End)]);
    let root = kit.block(steps);
    assert_eq!(run(kit.plan(root)).unwrap().get(LOG).len(), 1_000);
}

#[test]
fn an_error_tells_node_message_and_causes() {
    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the count is no number")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let kit = kit();
    let bad = node("bad", |_, _| {
        "x".parse::<i64>().map_err(Outer)?;
        Ok(())
    });
    let root = kit.block(chain(vec![puts("first", A, 1), bad, puts("never", A, 2)]));
    let error = run(kit.plan(root)).unwrap_err();
    assert_eq!(error.to_string(), "workflow `test` failed: node `bad`: the count is no number");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "invalid digit found in string");
    assert_eq!(error.finished(), ["first"]);
    assert!(!error.is_cancelled() && !error.is_input());
}

#[test]
fn panics_in_nodes_and_conditions() {
    let kit_ = kit();
    let root = kit_.block(vec![node("boom", |_, _| panic!("no {}", "luck"))]);
    let error = run(kit_.plan(root)).unwrap_err();
    let failure = &error.failures()[0].failure.clone();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Panic, "no luck"));
    assert!(failure.panicked_at.as_ref().unwrap().contains("blocks.rs"));

    let kit = kit();
    let mut step = puts("chooser", A, 1);
    step.next = choose(vec![(Some(|_: &View, _| panic!("bad condition")), Target::End), (None, Target::End)]);
    let root = kit.block(vec![step]);
    let error = run(kit.plan(root)).unwrap_err();
    assert_eq!(error.to_string(), "workflow `test` failed: node `chooser`: bad condition");
}

#[test]
fn inputs_and_defaults() {
    let make = || {
        let mut kit = kit();
        kit.input(A, Some(|| Arc::new(7_i64)));
        kit.input(LOG, None);
        let root = kit.block(Vec::new());
        kit.plan(root)
    };
    let error = run(make()).unwrap_err();
    assert!(error.is_input());
    assert_eq!(error.to_string(), "the input `log` is missing");
    let view = request::run(make(), vec![(1, Arc::new(vec![1_i64]))], Options::default()).unwrap();
    assert_eq!((*view.get(A), view.get(LOG).as_slice()), (7, &[1][..]));
}

#[test]
fn a_node_may_run_a_workflow() {
    let kit_ = kit();
    let root = kit_.block(vec![node("outer", |view, _| {
        let mut kit = kit();
        let tasks = (0..3).map(|i| task("t", kit.block(vec![appends("n", LOG, i)])).writes(LOG, true)).collect();
        let region = kit.region(tasks);
        let root = kit.block(vec![fan_out(region)]);
        let inner = run(kit.plan(root)).map_err(|error| error.to_string())?;
        put(view, LOG, inner.get(LOG).clone())
    })]);
    assert_eq!(*run(kit_.plan(root)).unwrap().get(LOG), [0, 1, 2]);
}

#[test]
fn a_panic_outside_of_nodes_ends_the_run() {
    /// What the last branch to let go of it drops is dropped by the engine.
    #[derive(Clone)]
    struct Bomb {
        armed: bool,
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.armed, "dropped");
        }
    }
    const BOMB: Key<Bomb> = Key::new(0);
    for limited in [false, true] {
        let mut kit = Kit::default();
        kit.unique::<Bomb>("bomb");
        let arm = node("arm", |view, _| put(view, BOMB, Bomb { armed: true }));
        let local = task("local", kit.block(chain(vec![arm, node("fail", |_, _| Err("no".into()))])));
        let timeout = limited.then_some(std::time::Duration::from_mins(1));
        let region = kit.region(vec![local.config(crate::policy::ParallelConfig { timeout, ..THREAD.clone() })]);
        let root = kit.block(vec![fan_out(region)]);
        let error = run(kit.plan(root)).unwrap_err();
        assert!(error.to_string().contains("node `fail`: no"), "{error}");

        let mut kit = Kit::default();
        kit.unique::<Bomb>("bomb");
        let arm = node("arm", |view, _| put(view, BOMB, Bomb { armed: true }));
        let swaps = task("swaps", kit.block(vec![node("swap", |view, _| put(view, BOMB, Bomb { armed: false }))]))
            .writes(BOMB, false);
        let region = kit.region(vec![swaps]);
        let root = kit.block(chain(vec![arm, fan_out(region), node("never", |_, _| Err("reached".into()))]));
        let error = run(kit.plan(root)).unwrap_err();
        assert!(error.to_string().contains("dropped"), "{error}");
    }
}

#[test]
fn values_are_combined_in_place() {
    // A type that cannot be copied: combining would fail if anybody else still held the value.
    struct Sum(i64);
    const SUM: Key<Sum> = Key::new(0);
    let mut kit = Kit::default();
    kit.unique::<Sum>("sum");
    kit.reduce(SUM, |kind, before, written| {
        Ok(Arc::new(Sum(SUM.owned(kind, before)?.0 + SUM.owned(kind, written)?.0)))
    });
    let add = |n| node("add", move |view, _| put(view, SUM, Sum(n)));
    let branch = |kit: &Kit, n| task("b", kit.block(chain(vec![add(n), add(n)]))).writes(SUM, true);
    let region = {
        let tasks = vec![branch(&kit, 10), branch(&kit, 100)];
        kit.region(tasks)
    };
    // A branch that reads what it combines with is given the value itself, also where it writes it only on some paths.
    let reading = |kit: &Kit, steps| task("b", kit.block(chain(steps))).reads(SUM, 0).writes(SUM, false);
    let one = {
        let tasks = vec![reading(&kit, vec![add(1_000), add(1_000)])];
        kit.region(tasks)
    };
    let none = {
        let tasks = vec![reading(&kit, vec![node("none", |_, _| Ok(()))])];
        kit.region(tasks)
    };
    // Many times: whoever ends the last branch may still be on its way out when another thread joins.
    let mut steps = chain(vec![add(1), fan_out(region), add(1), fan_out(one), fan_out(none), add(1)]);
    let again = |view: &View, _: &crate::context::Context| Ok(view.get(SUM).0 < 2_223 * 2_000);
    steps[5].next = choose(vec![(Some(again), Target::Step(0)), (None, Target::End)]);
    let root = kit.block(steps);
    assert_eq!(run_with(kit.plan(root), 2).unwrap().get(SUM).0, 2_223 * 2_000);
}
