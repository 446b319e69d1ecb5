//! Fan-outs: order of results and writes, conditions, shared segments, dataflow, nesting.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::kit::*;
use crate::{
    failure::FailureKind,
    plan::{Next, Target, Task},
    policy::ParallelConfig,
    state::{Key, View},
};

const LOG: Key<Vec<i64>> = Key::new(0);
const A: Key<i64> = Key::new(1);
const B: Key<i64> = Key::new(2);

fn kit() -> Kit {
    let mut kit = Kit::default();
    kit.list("log");
    kit.key::<i64>("a");
    kit.key::<i64>("b");
    kit
}

fn appending(kit: &Kit, name: &'static str, value: i64) -> Task {
    task(name, kit.block(vec![appends(name, LOG, value)])).writes(LOG, true)
}

/// Runs a root block of `before`, a fan-out, `after`.
fn around(mut kit: Kit, tasks: Vec<Task>, after: Vec<crate::plan::Step>) -> Result<View, crate::error::Error> {
    let region = kit.region(tasks);
    let mut steps = vec![appends("before", LOG, -1), fan_out(region)];
    steps.extend(after);
    let root = kit.block(chain(steps));
    run(kit.plan(root))
}

#[test]
fn writes_combine_in_task_order_whoever_ends_first() {
    let kit = kit();
    let turn = leak(AtomicUsize::new(0));
    // The last task must end first, and so on.
    let late = |i: usize| {
        node("late", move |view, _| {
            wait_for("the next task's end", || turn.load(Ordering::Acquire) == i);
            turn.fetch_add(1, Ordering::Release);
            put(view, LOG, vec![i64::try_from(i).unwrap()])
        })
    };
    let config = ParallelConfig { timeout: Some(std::time::Duration::from_mins(2)), ..ParallelConfig::DEFAULT };
    let tasks = [1, 0].map(|i| task("t", kit.block(vec![late(i)])).writes(LOG, true).config(config.clone()));
    let mut kit = kit;
    let region = kit.region_with(tasks.into(), |region| region.max_workers = Some(2));
    let root = kit.block(vec![fan_out(region)]);
    assert_eq!(*run(kit.plan(root)).unwrap().get(LOG), [1, 0]);
}

#[test]
fn a_replaced_key_takes_the_last_writer_and_keeps_its_value_without_one() {
    let kit = kit();
    let tasks = vec![
        task(
            "reads",
            kit.block(vec![node("n", |view, _| {
                let sum = *view.get(A) + 1;
                put(view, A, sum)
            })]),
        )
        .reads(A, 0)
        .writes(A, false),
        task("writes-not", kit.block(vec![node("n", |_, _| Ok(()))])).writes(B, false),
    ];
    let mut kit = kit;
    let region = kit.region(tasks);
    let root = kit.block(chain(vec![puts("a", A, 1), puts("b", B, 5), fan_out(region)]));
    let view = run(kit.plan(root)).unwrap();
    assert_eq!((*view.get(A), *view.get(B)), (2, 5));
}

#[test]
fn a_task_sees_only_what_it_is_sent() {
    let kit = kit();
    let sees = |name| {
        node(name, |view, _| {
            let seen = i64::from(view.find(A).is_some());
            put(view, LOG, vec![seen])
        })
    };
    let tasks = vec![
        task("blind", kit.block(vec![sees("blind")])).writes(LOG, true),
        task("seeing", kit.block(vec![sees("seeing")])).reads(A, 0).writes(LOG, true),
    ];
    let mut kit = kit;
    let region = kit.region(tasks);
    let root = kit.block(chain(vec![puts("a", A, 1), fan_out(region)]));
    assert_eq!(*run(kit.plan(root)).unwrap().get(LOG), [0, 1]);
}

#[test]
fn a_long_branch_holds_up_none_that_was_handed_out_with_it() {
    let mut kit = kit();
    let ended = leak(AtomicUsize::new(0));
    let tasks = (0..200).map(|i| {
        let work = node("n", move |_, _| {
            if i == 60 {
                wait_for("all others", || ended.load(Ordering::Acquire) == 199);
            }
            ended.fetch_add(1, Ordering::Release);
            Ok(())
        });
        task("t", kit.block(vec![work]))
    });
    let tasks = tasks.collect();
    let region = kit.region(tasks);
    let root = kit.block(vec![fan_out(region)]);
    run_with(kit.plan(root), 2).unwrap();
}

#[test]
fn branches_with_fan_outs_among_short_ones() {
    for workers in [1, 3] {
        let mut kit = kit();
        let mut branch = |i: i64| {
            let mut steps = vec![appends("own", LOG, i)];
            if i % 7 == 3 {
                let inner = [0, 1].map(|by| appending(&kit, "inner", 1_000 * i + by));
                steps.push(fan_out(kit.region(inner.into())));
            }
            task("t", kit.block(chain(steps))).writes(LOG, true)
        };
        let tasks = (0..100).map(&mut branch).collect();
        let region = kit.region(tasks);
        let root = kit.block(vec![fan_out(region)]);
        let inner = |i: i64| if i % 7 == 3 { vec![i, 1_000 * i, 1_000 * i + 1] } else { vec![i] };
        assert!(run_with(kit.plan(root), workers).unwrap().get(LOG).iter().copied().eq((0..100).flat_map(inner)));
    }
}

#[test]
fn results_stand_in_declared_order() {
    let kit = kit();
    let may_fail = ParallelConfig { allow_failure: true, ..ParallelConfig::DEFAULT };
    let mut skipped = appending(&kit, "skipped", 1);
    skipped.when = Some(|_, _| Ok(false));
    let fails =
        task("fails", kit.block(vec![node("broken", |_, _| Err("no".into()))])).config(may_fail).writes(A, false);
    let tasks = vec![appending(&kit, "first", 0), skipped, fails, appending(&kit, "last", 3)];
    let seen = leak(Mutex::new(Vec::new()));
    let looks = node("looks", |view, _| {
        seen.lock().unwrap().extend_from_slice(view.parallel_results());
        Ok(())
    });
    let view = around(kit, tasks, vec![looks]).unwrap();
    assert_eq!(*view.get(LOG), [-1, 0, 3]);
    assert!(view.find(A).is_none());
    let seen = seen.lock().unwrap();
    let facts: Vec<_> = seen.iter().map(|r| (&*r.branch, r.success, r.skipped, r.attempts)).collect();
    let expected =
        [("first", true, false, 1), ("skipped", false, true, 0), ("fails", false, false, 1), ("last", true, false, 1)];
    assert_eq!(facts, expected);
    let failure = seen[2].error.as_ref().unwrap();
    assert_eq!((failure.kind, failure.node.as_deref(), &*failure.message), (FailureKind::Error, Some("broken"), "no"));
    assert!(seen.iter().all(|result| result.pid == std::process::id() && result.worker.is_none()));
}

#[test]
fn every_failure_is_reported_after_all_siblings_ended() {
    let kit = kit();
    let ended = leak(AtomicUsize::new(0));
    let fails = |name, panics: bool| {
        task(name, kit.block(vec![node(name, move |_, _| if panics { panic!("P") } else { Err("E".into()) })]))
    };
    let counts = |name| {
        task(
            name,
            kit.block(vec![node(name, |_, _| {
                ended.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })]),
        )
    };
    let tasks = vec![counts("one"), fails("two", false), counts("three"), fails("four", true), counts("five")];
    let error = around(kit, tasks, Vec::new()).unwrap_err();
    assert_eq!(ended.load(Ordering::Relaxed), 3);
    assert_eq!(kinds(&error), [FailureKind::Error, FailureKind::Panic]);
    let failures = error.failures();
    assert_eq!((failures[0].branch.as_slice(), failures[1].branch.as_slice()), (&["two"][..], &["four"][..]));
    assert_eq!(error.finished(), ["before", "one", "three", "five"]);
    assert_eq!(error.to_string(), "workflow `test` failed: branch `two`: E (and 1 more)");
    assert_eq!(error.failure().unwrap().message, "2 of 5 branches failed, `two` first");
}

#[test]
fn a_region_whose_tasks_are_all_skipped_joins() {
    let kit = kit();
    let mut only = appending(&kit, "only", 1);
    only.when = Some(|view, _| Ok(view.find(LOG).is_none()));
    let view = around(kit, vec![only], vec![appends("after", LOG, 2)]).unwrap();
    assert_eq!(*view.get(LOG), [-1, 2]);
    let view = around(self::kit(), Vec::new(), vec![appends("after", LOG, 2)]).unwrap();
    assert_eq!(*view.get(LOG), [-1, 2]);
}

#[test]
fn a_condition_that_fails_fails_the_fan_out() {
    let kit = kit();
    let mut only = appending(&kit, "only", 1);
    only.when = Some(|_, _| Err("cannot say".into()));
    let error = around(kit, vec![only], Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "workflow `test` failed: node `only`: cannot say");
}

/// Two branches that lead, or do not lead, to a shared segment.
fn shared(left: Next, right: Next) -> Vec<i64> {
    let kit = kit();
    let branch = |name, value, next| {
        let mut step = appends(name, LOG, value);
        step.next = next;
        task(name, kit.block(vec![step])).writes(LOG, true)
    };
    let tasks = vec![
        branch("left", 1, left),
        branch("right", 2, right),
        // It reads what both wrote.
        task(
            "shared",
            kit.block(vec![node("n", |view, _| {
                let sum = view.get(LOG).iter().sum();
                put(view, A, sum)
            })]),
        )
        .needs(&[0, 1])
        .reads(LOG, 2)
        .writes(A, false),
        task(
            "tail",
            kit.block(vec![node("n", |view, _| {
                let a = *view.get(A);
                put(view, B, a * 10)
            })]),
        )
        .needs(&[2])
        .reads(A, 1)
        .writes(B, false),
    ];
    let mut kit = kit;
    let tasks = tasks.into_iter().enumerate().map(|(index, mut task)| {
        if index == 2 {
            let steps: Vec<_> =
                vec![crate::plan::Step { next: Next::Fork(&[3]), ..step("n", task.block.steps[0].work) }];
            task.block = leak(kit.block(steps));
        }
        task
    });
    let tasks = tasks.collect();
    let region = kit.region(tasks);
    let root = kit.block(chain(vec![puts("b", B, 0), fan_out(region)]));
    let view = run(kit.plan(root)).unwrap();
    let mut all = view.get(LOG).clone();
    all.extend([view.find(A).copied().unwrap_or(-1), *view.get(B)]);
    all
}

#[test]
fn a_shared_segment_starts_once_if_anything_leads_to_it() {
    let there = Next::Go(Target::Task(2));
    assert_eq!(shared(there, there), [1, 2, 3, 30]);
    assert_eq!(shared(there, END), [1, 2, 3, 30]);
    assert_eq!(shared(END, there), [1, 2, 3, 30]);
    assert_eq!(shared(END, END), [1, 2, -1, 0], "skipped, and what follows it too");
}

#[test]
fn dataflow_starts_each_node_after_its_needs_and_bars_those_of_failures() {
    let kit = kit();
    let allowed = ParallelConfig { allow_failure: true, ..ParallelConfig::DEFAULT };
    let fails = |name| task(name, kit.block(vec![node(name, |_, _| Err("no".into()))]));
    let tasks = vec![
        appending(&kit, "a", 1),
        fails("bad"),
        fails("may-fail").config(allowed),
        appending(&kit, "after-a-and-may-fail", 2).needs(&[0, 2]),
        appending(&kit, "after-bad", 3).needs(&[0, 1]),
        appending(&kit, "after-after-bad", 4).needs(&[4]),
    ];
    let mut kit = kit;
    let region = kit.region_with(tasks, |region| region.dataflow = true);
    let root = kit.block(vec![fan_out(region)]);
    let error = run(kit.plan(root)).unwrap_err();
    assert_eq!(kinds(&error), [FailureKind::Error]);
    assert_eq!(error.finished(), ["a", "after-a-and-may-fail"]);
}

#[test]
fn the_longest_way_starts_first_and_what_gathers_is_long() {
    let kit = kit();
    let order = leak(Mutex::new(Vec::new()));
    let says = |name: &'static str| {
        task(
            name,
            kit.block(vec![node(name, move |_, _| {
                order.lock().unwrap().push(name);
                Ok(())
            })]),
        )
    };
    let middle = says("middle").needs(&[1]);
    let tasks = vec![says("short"), says("long"), middle, says("end").needs(&[2]), says("gathers").needs(&[0, 2])];
    let mut kit = kit;
    let region = kit.region_with(tasks, |region| region.dataflow = true);
    let root = kit.block(vec![fan_out(region)]);
    run_with(kit.plan(root), 1).unwrap();
    assert_eq!(*order.lock().unwrap(), ["long", "middle", "short", "gathers", "end"]);
}

#[test]
fn max_workers_bounds_what_runs_at_once() {
    for workers in [1, 2, 3] {
        let kit = kit();
        let (now, most) = (leak(AtomicUsize::new(0)), leak(AtomicUsize::new(0)));
        let works = |_: &mut View, _: &crate::context::Context| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            (0..50).for_each(|_| std::thread::yield_now());
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        };
        let tasks = (0..40).map(|_| task("t", kit.block(vec![node("n", works)]))).collect();
        let mut kit = kit;
        let region = kit.region_with(tasks, |region| region.max_workers = Some(workers));
        let root = kit.block(vec![fan_out(region)]);
        run(kit.plan(root)).unwrap();
        assert!(most.load(Ordering::SeqCst) <= workers as usize);
    }
}

/// A fan-out of two, each of which fans out, and so on.
fn nested(kit: &mut Kit, depth: usize, mark: i64) -> crate::plan::Block {
    if depth == 0 {
        return kit.block(vec![appends("leaf", LOG, mark)]);
    }
    let tasks = [0, 1].map(|bit| task("t", nested(kit, depth - 1, mark * 2 + bit)).writes(LOG, true));
    let region = kit.region(tasks.into());
    kit.block(vec![fan_out(region)])
}

#[test]
fn nesting_needs_no_threads_and_keeps_order() {
    for workers in [1, 2, 7] {
        let mut kit = kit();
        let root = nested(&mut kit, 8, 0);
        let view = run_with(kit.plan(root), workers).unwrap();
        assert_eq!(*view.get(LOG), (0..256).collect::<Vec<_>>());
    }
}

#[test]
fn very_deep_nesting_does_not_grow_the_stack() {
    let mut kit = kit();
    let mut block = kit.block(vec![appends("leaf", LOG, 1)]);
    for _ in 0..5_000 {
        let region = kit.region(vec![task("t", block).writes(LOG, true)]);
        block = kit.block(vec![fan_out(region)]);
    }
    assert_eq!(*run_with(kit.plan(block), 2).unwrap().get(LOG), [1]);
}

#[test]
fn a_branch_with_a_fan_out_makes_way_for_the_next_as_soon_as_it_ends() {
    static NEXT: AtomicBool = AtomicBool::new(false);
    let mut kit = kit();
    let tasks = (0..9).map(|index| {
        let leaf = node("leaf", move |_, _| {
            match index {
                0 => {}
                8 => NEXT.store(true, Ordering::SeqCst),
                // The others end after the one that starts when the first has ended.
                _ => wait_for("the ninth branch", || NEXT.load(Ordering::SeqCst)),
            }
            Ok(())
        });
        let inner = kit.region(vec![task("inner", kit.block(vec![leaf]))]);
        task("outer", kit.block(vec![fan_out(inner)]))
    });
    let tasks = tasks.collect();
    let region = kit.region_with(tasks, |region| region.max_workers = Some(8));
    let root = kit.block(vec![fan_out(region)]);
    run(kit.plan(root)).unwrap();
}

#[test]
fn a_nested_failure_tells_the_way_to_it() {
    let mut kit = kit();
    let inner = kit.region(vec![task("inner", kit_block_fails(&kit))]);
    let outer = task("outer", kit.block(vec![fan_out(inner)]));
    let error = around(kit, vec![outer], Vec::new()).unwrap_err();
    assert_eq!(error.failures()[0].branch, ["outer", "inner"]);
    assert_eq!(error.to_string(), "workflow `test` failed: branch `outer/inner`: node `deep`: no");
    assert_eq!(error.failure().unwrap().kind, FailureKind::Error);
}

fn kit_block_fails(kit: &Kit) -> crate::plan::Block {
    kit.block(vec![node("deep", |_, _| Err("no".into()))])
}

#[test]
fn reading_state_copies_none_of_it() {
    struct Huge(Vec<u8>);
    const HUGE: Key<Huge> = Key::new(0);
    const SEEN: Key<Vec<i64>> = Key::new(1);
    let mut kit = Kit::default();
    kit.unique::<Huge>("huge");
    kit.list("seen");
    let reads = |kit: &Kit| {
        task(
            "t",
            kit.block(vec![node("n", |view, _| {
                let place = view.get(HUGE).0.as_ptr() as usize;
                put(view, SEEN, vec![i64::try_from(place).unwrap()])
            })]),
        )
        .reads(HUGE, 0)
        .writes(SEEN, true)
    };
    let tasks = vec![reads(&kit), reads(&kit)];
    let region = kit.region(tasks);
    let make = node("make", |view, _| view.put(HUGE, Huge(vec![0; 1 << 20])).map_err(|e| e.message.into()));
    let root = kit.block(chain(vec![make, fan_out(region)]));
    let mut view = run(kit.plan(root)).unwrap();
    let place = i64::try_from(view.get(HUGE).0.as_ptr() as usize).unwrap();
    assert_eq!(*view.get(SEEN), [place, place]);
    assert!(view.take(HUGE).is_ok(), "nobody else holds it any more");
}
