//! Fan-outs of which some branches are enough.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    kit::{Kit, appends, chain, fan_out, kinds, leak, node, put, puts, run, run_with, task},
    scratch::Scratch,
};
use crate::{
    cancel::CancellationToken,
    engine::Options,
    event::{Event, Events},
    failure::FailureKind,
    plan::{Plan, Step, Task},
    policy::{ParallelConfig, RetryPolicy},
    request,
    result::ParallelFlowResult,
    state::Key,
};

fn broken() -> Step {
    node("broken", |_, _| Err("no".into()))
}

fn never() -> Step {
    node("never", |_, _| panic!("it is not needed"))
}

/// Runs until it is told to end.
fn stubborn() -> Step {
    node("stubborn", |_, context| {
        while !context.is_cancelled() {
            std::thread::yield_now();
        }
        Ok(context.check()?)
    })
}

/// A fan-out of these, one after the other if `workers` is 1, with `join`; then something that sees the results.
fn joined(
    mut kit: Kit,
    (join, workers): (u32, u32),
    tasks: Vec<Task>,
) -> (&'static Plan, &'static Mutex<Vec<ParallelFlowResult>>) {
    let region = kit.region_with(tasks, |region| {
        region.join = Some(join);
        region.max_workers = Some(workers);
    });
    let seen = leak(Mutex::new(Vec::new()));
    let looks = node("looks", |view, _| {
        *seen.lock().unwrap() = view.parallel_results().to_vec();
        Ok(())
    });
    let root = kit.block(chain(vec![fan_out(region), looks]));
    (kit.plan(root), seen)
}

fn facts(results: &Mutex<Vec<ParallelFlowResult>>) -> Vec<(String, bool, bool)> {
    let results = results.lock().unwrap();
    results.iter().map(|result| (result.branch.to_string(), result.success, result.skipped)).collect()
}

#[test]
fn the_first_that_succeeds_wins_and_the_others_are_told_to_end() {
    let mut kit = Kit::default();
    let number = kit.key::<i64>("number");
    let slow = task("slow", kit.block(chain(vec![puts("writes", number, 1), stubborn()]))).writes(number, false);
    let fast = task("fast", kit.block(vec![puts("writes", number, 2)])).writes(number, false);
    let (plan, seen) = joined(kit, (1, 2), vec![slow, fast]);
    for _ in 0..100 {
        assert_eq!(*run(plan).unwrap().get(number), 2);
        assert_eq!(facts(seen), [("slow".to_owned(), false, true), ("fast".to_owned(), true, false)]);
    }
}

/// Of several winners the last in declared order gives the value, and what is reduced is combined in this order.
#[test]
fn several_winners_join_in_declared_order() {
    let mut kit = Kit::default();
    let (number, list) = (kit.key::<i64>("number"), kit.list("list"));
    let one = |kit: &Kit, name, value| {
        let steps = vec![puts("writes", number, value), appends("appends", list, value)];
        task(name, kit.block(chain(steps))).writes(number, false).writes(list, true)
    };
    let tasks = vec![
        task("broken", kit.block(chain(vec![appends("appends", list, 9), broken()]))).writes(list, true),
        one(&kit, "first", 1),
        one(&kit, "second", 2),
        task("never", kit.block(vec![never()])),
    ];
    let (plan, seen) = joined(kit, (2, 1), tasks);
    let view = run(plan).unwrap();
    assert_eq!((*view.get(number), view.get(list).clone()), (2, vec![1, 2]));
    let facts = facts(seen).into_iter().map(|(_, success, skipped)| (success, skipped)).collect::<Vec<_>>();
    assert_eq!(facts, [(false, false), (true, false), (true, false), (false, true)]);
    // Whatever wins, and however many do at the same time, two of them do.
    let mut kit = Kit::default();
    let list: Key<Vec<i64>> = kit.list("list");
    let tasks = (0..20).map(|by| task("t", kit.block(vec![appends("a", list, by)])).writes(list, true)).collect();
    let (plan, _) = joined(kit, (2, 8), tasks);
    for workers in [1, 2, 8] {
        let view = run_with(plan, workers).unwrap();
        let list = view.get(list);
        assert!(list.len() == 2 && list[0] < list[1], "{list:?}");
    }
}

/// The last winner in declared order gives the value, also if it was not the last to succeed.
#[test]
fn the_order_of_winners_does_not_depend_on_who_was_first() {
    let mut kit = Kit::default();
    let number = kit.key::<i64>("number");
    let is_done = leak(AtomicUsize::new(0));
    let waits = node("waits", move |view, _| {
        while is_done.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        put(view, number, 1)
    });
    let tasks = vec![
        task("waits", kit.block(vec![waits])).writes(number, false),
        task("second", kit.block(vec![puts("writes", number, 2)])).writes(number, false),
        task("stubborn", kit.block(vec![stubborn()])),
    ];
    let (plan, _) = joined(kit, (2, 3), tasks);
    let listener = |event: &Event<'_>| {
        if let Event::BranchFinished { result, .. } = event
            && result.branch == "second"
        {
            is_done.store(1, Ordering::Relaxed);
        }
    };
    let options = Options { events: Events::new(vec![Arc::new(listener)]), ..Options::default() };
    assert_eq!(*request::run(plan, Vec::new(), options).unwrap().get(number), 2);
}

#[test]
fn too_few_that_succeed_fail_the_run_and_say_so() {
    let kit = Kit::default();
    let fine = task("fine", kit.block(vec![]));
    let mut skipped = task("skipped", kit.block(vec![never()]));
    skipped.when = Some(|_, _| Ok(false));
    let tasks = vec![fine, skipped, task("broken", kit.block(vec![broken()]))];
    let error = run(joined(kit, (2, 2), tasks).0).unwrap_err();
    let failures: Vec<_> = error.failures().iter().map(ToString::to_string).collect();
    assert_eq!(failures, ["branch `broken`: no"], "{error}");
    let told = "1 of 3 branches succeeded (1 skipped), and `join` asks for 2";
    assert_eq!(error.failure().unwrap().message, told);
    assert_eq!(error.to_string(), format!("workflow `test` failed: {told} (and 1 more)"));

    let kit = Kit::default();
    let mut skipped = task("skipped", kit.block(vec![never()]));
    skipped.when = Some(|_, _| Ok(false));
    let mut other = task("other", kit.block(vec![never()]));
    other.when = Some(|_, _| Ok(false));
    let error = run(joined(kit, (1, 2), vec![skipped, other]).0).unwrap_err();
    assert!(error.to_string().contains("0 of 2 branches succeeded (2 skipped)"), "{error}");
}

/// A branch that combines what it read is given no value for its own that the others or the run still need.
#[test]
fn what_a_loser_did_is_lost() {
    let mut kit = Kit::default();
    let list = kit.list("list");
    let broken = task("broken", kit.block(chain(vec![appends("appends", list, 9), broken()])));
    let broken = broken.reads(list, 0).writes(list, false);
    let fine = task("fine", kit.block(vec![]));
    let region = kit.region_with(vec![broken, fine], |region| {
        region.join = Some(1);
        region.max_workers = Some(1);
    });
    let root = kit.block(chain(vec![appends("first", list, 0), fan_out(region)]));
    assert_eq!(*run(kit.plan(root)).unwrap().get(list), [0]);
}

#[test]
fn an_interrupted_race_is_cancelled_and_has_not_failed() {
    let kit = Kit::default();
    let token = CancellationToken::new();
    let from = token.clone();
    let stops = node("stops", move |_, context| {
        from.cancel();
        Ok(context.check()?)
    });
    let tasks = vec![task("stops", kit.block(vec![stops])), task("stubborn", kit.block(vec![stubborn()]))];
    let (plan, _) = joined(kit, (1, 2), tasks);
    let options = Options { cancel: token, ..Options::default() };
    let error = request::run(plan, Vec::new(), options).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    assert!(kinds(&error).iter().all(|kind| *kind == FailureKind::Cancelled), "{:?}", kinds(&error));
}

/// Who has won wins again, although nothing is known of those before it.
#[test]
fn a_resumed_run_takes_the_same_winner() {
    static OPEN: AtomicUsize = AtomicUsize::new(0);
    let mut kit = Kit::default();
    let number = kit.key::<i64>("number");
    kit.wired(number);
    let slow = node("slow", |_, context| {
        assert_eq!(OPEN.load(Ordering::Relaxed), 0, "it has lost");
        while !context.is_cancelled() {
            std::thread::yield_now();
        }
        Ok(context.check()?)
    });
    let slow = task("slow", kit.block(vec![slow])).writes(number, false);
    let fast = task("fast", kit.block(vec![puts("fast", number, 2)])).writes(number, false);
    let region = kit.region_with(vec![slow, fast], |region| region.join = Some(1));
    let gate = node("gate", |_, _| if OPEN.load(Ordering::Relaxed) == 0 { Err("closed".into()) } else { Ok(()) });
    let root = kit.block(chain(vec![fan_out(region), gate]));
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    // One thread would run `slow` for ever.
    let run = |resume| scratch.run_on(2, plan, resume);
    let mut nodes = run(false).nodes;
    nodes.sort_unstable();
    assert_eq!(nodes, ["fast", "gate", "slow"]);
    OPEN.store(1, Ordering::Relaxed);
    let again = run(true);
    assert_eq!(again.nodes, ["gate"]);
    assert_eq!(*again.view().get(number), 2);
}

/// What is told of branches that failed before another one won is the same when an interrupted run is resumed.
#[test]
fn a_resumed_run_tells_the_same_of_those_that_failed() {
    static SEEN: Mutex<Vec<Vec<(String, bool, bool)>>> = Mutex::new(Vec::new());
    let mut kit = Kit::default();
    let number = kit.key::<i64>("number");
    kit.wired(number);
    // It is tried again after `fails`.
    let wins = node(
        "wins",
        move |view, context| {
            if context.attempt() == 1 { Err("not yet".into()) } else { put(view, number, 1) }
        },
    );
    let retry = RetryPolicy { max_retries: 1, base_delay: Duration::from_millis(50), ..RetryPolicy::DEFAULT };
    let wins = task("wins", kit.block(vec![wins])).writes(number, false);
    let wins = wins.config(ParallelConfig { retry, ..ParallelConfig::DEFAULT });
    let fails = task("fails", kit.block(vec![broken()])).writes(number, false);
    let region = kit.region_with(vec![wins, fails], |region| (region.join, region.max_workers) = (Some(1), Some(1)));
    // The first run is interrupted here.
    let gate = node("gate", |view, context| {
        let results = Mutex::new(view.parallel_results().to_vec());
        let mut seen = SEEN.lock().unwrap();
        seen.push(facts(&results));
        if seen.len() == 1 {
            context.token().cancel();
        }
        Ok(context.check()?)
    });
    let root = kit.block(chain(vec![fan_out(region), gate]));
    let (plan, scratch) = (kit.plan(root), Scratch::new());
    scratch.run_on(1, plan, false);
    assert_eq!(scratch.run_on(1, plan, true).nodes, ["gate"]);
    let seen = SEEN.lock().unwrap();
    assert_eq!(seen[0], seen[1]);
}

/// Each branch that starts ends once in events, however it ends.
#[test]
fn events_tell_of_each_branch_once() {
    let kit = Kit::default();
    let tasks = vec![
        task("stubborn", kit.block(vec![stubborn()])),
        task("fine", kit.block(vec![])),
        task("late", kit.block(vec![never()])),
    ];
    let (plan, _) = joined(kit, (1, 2), tasks);
    let log = Arc::new(Mutex::new(Vec::new()));
    let listener = {
        let log = Arc::clone(&log);
        move |event: &Event<'_>| match event {
            Event::BranchStarted { scope, name, .. } => log.lock().unwrap().push((*scope, format!("{name} starts"))),
            Event::BranchFinished { scope, result } => {
                let how = if result.success { "wins" } else { "is skipped" };
                log.lock().unwrap().push((*scope, format!("{} {how}", result.branch)));
            }
            _ => {}
        }
    };
    let options = Options { events: Events::new(vec![Arc::new(listener)]), ..Options::default() };
    request::run(plan, Vec::new(), options).unwrap();
    let mut log = std::mem::take(&mut *log.lock().unwrap());
    log.sort();
    let said: Vec<_> = log.iter().map(|(_, said)| said.as_str()).collect();
    let expected =
        ["stubborn starts", "stubborn is skipped", "fine starts", "fine wins", "late is skipped"].map(str::to_owned);
    let mut said: Vec<String> = said.into_iter().map(str::to_owned).collect();
    let mut expected = expected.to_vec();
    said.sort_unstable();
    expected.sort_unstable();
    assert_eq!(said, expected);
}

#[test]
fn retries_and_fallbacks_of_others_do_not_matter() {
    let mut kit = Kit::default();
    let number = kit.key::<i64>("number");
    let retry = RetryPolicy { max_retries: 1, base_delay: Duration::ZERO, ..ParallelConfig::DEFAULT.retry };
    let config = ParallelConfig { retry, ..ParallelConfig::DEFAULT };
    let tries = leak(AtomicUsize::new(0));
    let flaky = node("flaky", move |view, _| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => Err("not yet".into()),
        _ => put(view, number, 1),
    });
    let flaky = task("flaky", kit.block(vec![flaky])).writes(number, false).config(config);
    let tasks = vec![flaky, task("never", kit.block(vec![never()]))];
    let (plan, seen) = joined(kit, (1, 1), tasks);
    assert_eq!(*run(plan).unwrap().get(number), 1);
    assert_eq!(seen.lock().unwrap()[0].attempts, 2);
}
