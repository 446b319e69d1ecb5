//! Large plans: nothing grows with them but what must.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::kit::*;
use crate::{
    plan::Target,
    state::{Key, View},
};

const LOG: Key<Vec<i64>> = Key::new(0);
const A: Key<i64> = Key::new(1);

fn kit() -> Kit {
    let mut kit = Kit::default();
    kit.list("log");
    kit.key::<i64>("a");
    kit
}

fn adds_one() -> crate::plan::Step {
    node("add", |view, _| {
        let next = view.get(A) + 1;
        put(view, A, next)
    })
}

#[test]
fn a_loop_of_100_000_turns() {
    let kit = kit();
    let mut steps = chain(vec![puts("start", A, 0), adds_one()]);
    steps[1].max_visits = u64::MAX;
    steps[1].next =
        choose(vec![(Some(|view: &View, _| Ok(*view.get(A) < 100_000)), Target::Step(1)), (None, Target::End)]);
    let root = kit.block(steps);
    assert_eq!(*run(kit.plan(root)).unwrap().get(A), 100_000);
}

#[test]
fn a_loop_of_100_000_fan_outs() {
    for workers in [1, 2] {
        let mut kit = kit();
        let add = task("add", kit.block(vec![adds_one()])).reads(A, 0).writes(A, false);
        let idle = task("idle", kit.block(vec![node("idle", |_, _| Ok(()))]));
        let region = kit.region(vec![add, idle]);
        let mut steps = chain(vec![puts("start", A, 0), fan_out(region)]);
        steps[1].max_visits = u64::MAX;
        steps[1].next =
            choose(vec![(Some(|view: &View, _| Ok(*view.get(A) < 100_000)), Target::Step(1)), (None, Target::End)]);
        let root = kit.block(steps);
        assert_eq!(*run_with(kit.plan(root), workers).unwrap().get(A), 100_000);
    }
}

#[test]
fn ten_thousand_branches() {
    let mut kit = kit();
    let tasks = (0..10_000).map(|i| task("t", kit.block(vec![appends("n", LOG, i)])).writes(LOG, true)).collect();
    let region = kit.region(tasks);
    let root = kit.block(vec![fan_out(region)]);
    assert!(run(kit.plan(root)).unwrap().get(LOG).iter().copied().eq(0..10_000));
}

#[test]
fn a_chain_of_10_000_dataflow_nodes() {
    let mut kit = kit();
    let tasks = (0..10_000).map(|i: u32| {
        let task = task("t", kit.block(vec![adds_one()])).reads(A, i).writes(A, false);
        if i == 0 { task } else { task.needs(&[i - 1]) }
    });
    let tasks = tasks.collect();
    let region = kit.region_with(tasks, |region| region.dataflow = true);
    let root = kit.block(chain(vec![puts("start", A, 0), fan_out(region)]));
    assert_eq!(*run(kit.plan(root)).unwrap().get(A), 10_000);
}

#[test]
fn a_wide_dataflow_graph_runs_every_node_once_and_in_order() {
    const WIDTH: u32 = 100;
    let mut kit = kit();
    let runs: &'static [AtomicUsize] = (0..20 * WIDTH).map(|_| AtomicUsize::new(0)).collect::<Vec<_>>().leak();
    let tasks = (0..20 * WIDTH).map(|i| {
        let (layer, column) = (i / WIDTH, i % WIDTH);
        let mut needs =
            if layer == 0 { vec![] } else { [0, 1, 37].map(|by| (layer - 1) * WIDTH + (column + by) % WIDTH).into() };
        needs.sort_unstable();
        let before = needs.clone();
        let work = node("n", move |_, _| {
            assert!(before.iter().all(|&need| runs[need as usize].load(Ordering::Acquire) == 1));
            runs[i as usize].fetch_add(1, Ordering::Release);
            Ok(())
        });
        task("t", kit.block(vec![work])).needs(&needs)
    });
    let tasks = tasks.collect();
    let region = kit.region_with(tasks, |region| region.dataflow = true);
    let root = kit.block(vec![fan_out(region)]);
    run_with(kit.plan(root), 4).unwrap();
    assert!(runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1));
}

/// `cargo test --release -p tea-runtime --lib engine::tests::scale::speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn speed() {
    let work = |nanos: u128| {
        let start = std::time::Instant::now();
        while start.elapsed().as_nanos() < nanos {
            std::hint::spin_loop();
        }
    };
    for (branches, nanos) in [(3, 10_000), (1_000, 0), (1_000, 1_000), (1_000, 10_000)] {
        let mut kit = Kit::default();
        let task = |kit: &Kit| {
            task(
                "b",
                kit.block(vec![node("n", move |_, _| {
                    work(nanos);
                    Ok(())
                })]),
            )
        };
        let tasks = (0..branches).map(|_| task(&kit)).collect();
        let region = kit.region(tasks);
        let root = kit.block(vec![fan_out(region)]);
        let plan = kit.plan(root);
        let mut best = std::time::Duration::MAX;
        for _ in 0..300 {
            let start = std::time::Instant::now();
            run_with(plan, 2).unwrap();
            best = best.min(start.elapsed());
        }
        println!("{branches} branches of {nanos} ns: best {best:?}, a branch {:?}", best / branches);
    }
}
