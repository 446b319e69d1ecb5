//! Retries, breakers, limits and cancellation, on threads.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::kit::*;
use crate::{
    cancel::CancellationToken,
    context::Context,
    engine::{Options, Settings, settings::Changes},
    error::Error,
    failure::FailureKind,
    plan::{Plan, Task},
    policy::{CircuitBreakerConfig, ParallelConfig, RetryOn, RetryPolicy},
    request,
    result::{CircuitState, ParallelFlowResult},
    state::{Key, View},
};

const LOG: Key<Vec<i64>> = Key::new(0);
const MS: Duration = Duration::from_millis(1);
/// Longer than any test takes.
const LONG: Duration = Duration::from_mins(10);

const RETRY: RetryPolicy = RetryPolicy { max_retries: 2, base_delay: MS, ..RetryPolicy::DEFAULT };

fn kit() -> Kit {
    let mut kit = Kit::default();
    kit.list("log");
    kit
}

/// A task of one node.
fn one(
    kit: &Kit,
    name: &'static str,
    code: impl Fn(&mut View, &Context) -> Result<(), crate::failure::NodeError> + Sync + 'static,
) -> Task {
    task(name, kit.block(vec![node(name, code)])).writes(LOG, true)
}

/// A branch that never ends by itself.
fn hangs(kit: &Kit, name: &'static str) -> Task {
    one(kit, name, |_, _| {
        loop {
            std::thread::sleep(20 * MS);
        }
    })
}

/// A plan of one fan-out, and its results.
fn plan(mut kit: Kit, tasks: Vec<Task>, fail_fast: bool) -> (&'static Plan, &'static Mutex<Vec<ParallelFlowResult>>) {
    let results = leak(Mutex::new(Vec::new()));
    let region = kit.region_with(tasks, |region| region.fail_fast = fail_fast);
    let looks = node("looks", |view, _| {
        *results.lock().unwrap() = view.parallel_results().to_vec();
        Ok(())
    });
    let root = kit.block(chain(vec![fan_out(region), looks]));
    (kit.plan(root), results)
}

fn run_one(kit: Kit, task: Task) -> (Result<View, Error>, Vec<ParallelFlowResult>) {
    let (plan, results) = plan(kit, vec![task], false);
    let outcome = run(plan);
    (outcome, results.lock().unwrap().clone())
}

#[test]
fn a_branch_is_tried_again_from_its_start() {
    let kit = kit();
    let flaky = task(
        "flaky",
        kit.block(chain(vec![
            appends("writes", LOG, 1),
            node("fails", |_, context| match context.attempt() {
                1 => Err("first".into()),
                2 => panic!("second"),
                _ => Ok(()),
            }),
        ])),
    )
    .writes(LOG, true)
    .config(ParallelConfig { retry: RETRY, ..ParallelConfig::DEFAULT });
    let (outcome, results) = run_one(kit, flaky);
    assert_eq!(*outcome.unwrap().get(LOG), [1], "what failed attempts wrote is gone");
    assert!(results[0].success);
    assert_eq!(results[0].attempts, 3);
    let errors: Vec<_> = results[0].attempt_errors.iter().map(|error| &*error.message).collect();
    assert_eq!(errors, ["first", "second"]);
    assert!(results[0].elapsed >= MS / 2 + MS);
}

#[test]
fn attempts_and_kinds_are_limited() {
    let tries = leak(AtomicUsize::new(0));
    for (retry_on, expected) in [(&[RetryOn::Error][..], 3), (&[RetryOn::Panic, RetryOn::Timeout], 1)] {
        let kit = kit();
        tries.store(0, Ordering::SeqCst);
        let retry = RetryPolicy { retry_on, ..RETRY };
        let fails = one(&kit, "fails", |_, _| {
            tries.fetch_add(1, Ordering::SeqCst);
            Err("always".into())
        });
        let (outcome, _) = run_one(kit, fails.config(ParallelConfig { retry, ..ParallelConfig::DEFAULT }));
        let error = outcome.unwrap_err();
        assert_eq!(tries.load(Ordering::SeqCst), expected);
        assert_eq!(error.failures()[0].result.unwrap().attempts as usize, expected);
    }
}

#[test]
fn kept_errors_are_bounded() {
    let kit = kit();
    let retry = RetryPolicy { max_retries: 40, base_delay: Duration::ZERO, ..RETRY };
    let config = ParallelConfig { retry, allow_failure: true, ..ParallelConfig::DEFAULT };
    let fails = one(&kit, "fails", |_, context| Err(context.attempt().to_string().into())).config(config);
    let (outcome, results) = run_one(kit, fails);
    outcome.unwrap();
    assert_eq!(results[0].attempts, 41);
    let kept: Vec<_> = results[0].attempt_errors.iter().map(|error| error.message.clone()).collect();
    assert_eq!(kept, (25..41).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(results[0].error.as_ref().unwrap().message, "41");
}

#[test]
fn hung_branches_end_at_their_deadline_all_at_once() {
    let kit = kit();
    let limit = 300 * MS;
    let config = ParallelConfig { timeout: Some(limit), ..ParallelConfig::DEFAULT };
    let told = leak(AtomicBool::new(false));
    let notices = one(&kit, "notices", |_, context| {
        while !context.is_cancelled() {
            std::thread::sleep(MS);
        }
        told.store(true, Ordering::SeqCst);
        Ok(())
    });
    let tasks = vec![hangs(&kit, "one"), hangs(&kit, "two"), notices];
    let tasks = tasks.into_iter().map(|task| task.config(config.clone())).collect();
    let (plan, _) = plan(kit, tasks, false);
    let start = Instant::now();
    let error = run_with(plan, 3).unwrap_err();
    assert!(start.elapsed() >= limit);
    assert!(start.elapsed() < 3 * limit, "together, not one after the other: {:?}", start.elapsed());
    assert_eq!(kinds(&error), [FailureKind::Timeout; 3]);
    assert_eq!(error.failures()[0].failure.message, "ran over its `timeout` of 300ms");
    wait_for("the branch being told", || told.load(Ordering::SeqCst));
}

#[test]
fn branches_left_behind_hold_no_place() {
    // One worker, and each of the first branches hangs: those after them must run all the same.
    let kit = kit();
    let config = ParallelConfig { timeout: Some(50 * MS), allow_failure: true, ..ParallelConfig::DEFAULT };
    let mut tasks: Vec<_> = ["a", "b", "c"].map(|name| hangs(&kit, name).config(config.clone())).into();
    tasks.push(one(&kit, "last", |view, _| put(view, LOG, vec![1])));
    let (plan, results) = plan(kit, tasks, false);
    assert_eq!(*run_with(plan, 1).unwrap().get(LOG), [1]);
    let kinds: Vec<_> = results.lock().unwrap().iter().map(|r| r.error.as_ref().map(|e| e.kind)).collect();
    assert_eq!(kinds, [Some(FailureKind::Timeout), Some(FailureKind::Timeout), Some(FailureKind::Timeout), None]);
}

#[test]
fn timeout_total_limits_all_attempts_together() {
    let kit = kit();
    let retry = RetryPolicy { max_retries: 1_000, base_delay: Duration::ZERO, ..RETRY };
    let config =
        ParallelConfig { timeout: Some(100 * MS), timeout_total: Some(350 * MS), retry, ..ParallelConfig::DEFAULT };
    let (outcome, _) = {
        let hangs = hangs(&kit, "hangs").config(config);
        run_one(kit, hangs)
    };
    let error = outcome.unwrap_err();
    let failure = &error.failures()[0];
    assert_eq!(failure.failure.kind, FailureKind::Timeout);
    let attempts = failure.result.unwrap().attempts;
    assert!((2..=4).contains(&attempts), "{attempts}");
    assert!(failure.result.unwrap().elapsed >= 300 * MS);
}

#[test]
fn no_attempt_is_waited_for_that_would_come_too_late() {
    let kit = kit();
    let retry = RetryPolicy { base_delay: LONG, max_delay: LONG, ..RETRY };
    let config = ParallelConfig { timeout_total: Some(LONG / 4), retry, ..ParallelConfig::DEFAULT };
    let fails = one(&kit, "fails", |_, _| Err("down".into())).config(config);
    let (outcome, _) = run_one(kit, fails);
    let error = outcome.unwrap_err();
    let failure = error.failures()[0].failure;
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert!(failure.message.contains("gave up after attempt 1"), "{}", failure.message);
    assert_eq!(failure.causes, ["down"]);
}

#[test]
fn a_branch_within_a_limited_branch_is_left_behind_too() {
    let mut kit = kit();
    let inner = {
        let tasks = vec![hangs(&kit, "inner"), hangs(&kit, "inner-too")];
        kit.region(tasks)
    };
    let config = ParallelConfig { timeout: Some(100 * MS), allow_failure: true, ..ParallelConfig::DEFAULT };
    let outer = task("outer", kit.block(vec![fan_out(inner)])).config(config);
    let next = {
        let tasks = (0..4).map(|_| one(&kit, "after", |view, _| put(view, LOG, vec![1]))).collect();
        kit.region(tasks)
    };
    let region = kit.region(vec![outer]);
    let root = kit.block(chain(vec![fan_out(region), fan_out(next)]));
    assert_eq!(run_with(kit.plan(root), 2).unwrap().get(LOG).len(), 4, "the pool is free");
}

#[test]
fn limited_branches_hold_no_place_while_they_wait_for_fan_outs() {
    // One worker, three levels: whoever waits must let those go first for whom it waits.
    for workers in [1, 2] {
        let mut kit = kit();
        let config = ParallelConfig { timeout: Some(LONG), ..ParallelConfig::DEFAULT };
        let [at_once, most] = [(); 2].map(|()| leak(AtomicUsize::new(0)));
        let work = move |view: &mut View, _: &Context| {
            most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(MS);
            at_once.fetch_sub(1, Ordering::SeqCst);
            put(view, LOG, vec![1])
        };
        let mut step = node("work", work);
        for _ in 0..3 {
            let branch = |step| {
                let steps = chain(vec![node("before", work), step, node("after", work)]);
                task("branch", kit.block(steps)).writes(LOG, true).config(config.clone())
            };
            let steps = [step.work; 2].map(|work| super::kit::step("inner", work));
            let tasks = steps.into_iter().map(branch).collect();
            step = fan_out(kit.region(tasks));
        }
        let root = kit.block(vec![step]);
        assert_eq!(run_with(kit.plan(root), workers).unwrap().get(LOG).len(), 2 * (2 + 2 * (2 + 2 * 3)));
        assert!(most.load(Ordering::SeqCst) <= workers, "{most:?} of {workers} at once");
    }
}

#[test]
fn fail_fast_tells_siblings_and_starts_no_more() {
    let kit = kit();
    let begun = leak(AtomicUsize::new(0));
    let fails = one(&kit, "fails", |_, _| {
        wait_for("the sibling's start", || begun.load(Ordering::SeqCst) == 1);
        Err("first".into())
    });
    let sibling = one(&kit, "sibling", |_, context| {
        begun.fetch_add(1, Ordering::SeqCst);
        loop {
            context.check()?;
            std::thread::sleep(MS);
        }
    });
    let never = one(&kit, "never", |_, _| {
        begun.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let mut kit = kit;
    let region = kit.region_with(vec![fails, sibling, never], |region| {
        (region.fail_fast, region.max_workers) = (true, Some(2));
    });
    let root = kit.block(vec![fan_out(region)]);
    let error = run(kit.plan(root)).unwrap_err();
    assert_eq!(begun.load(Ordering::SeqCst), 1, "the third never starts");
    assert_eq!(error.failures()[0].failure.message, "first");
    assert_eq!(error.failure().unwrap().kind, FailureKind::Error, "the first failure, not what followed from it");
    assert!(!error.is_cancelled());
}

#[test]
fn the_caller_says_whether_it_fails_fast_and_what_may_fail() {
    for fail_fast in [true, false] {
        let mut kit = kit();
        let never = leak(AtomicUsize::new(0));
        let allowed = ParallelConfig { allow_failure: true, ..ParallelConfig::DEFAULT };
        let fails = one(&kit, "fails", |_, _| Err("first".into())).config(allowed);
        let next = one(&kit, "next", |_, _| {
            never.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        let region = kit.region_with(vec![fails, next], |region| {
            (region.fail_fast, region.max_workers) = (!fail_fast, Some(1));
        });
        let root = kit.block(vec![fan_out(region)]);
        let plan = kit.plan(root);
        let changes = Changes {
            change: Some(&|_, config| config.allow_failure = false),
            fail_fast: Some(fail_fast),
            wanted: &[],
        };
        let settings = Settings::changed(plan, changes).unwrap();
        let error = request::run(plan, Vec::new(), Options { settings, ..Options::default() }).unwrap_err();
        assert_eq!(error.failures()[0].failure.message, "first");
        assert_eq!(never.load(Ordering::SeqCst), usize::from(!fail_fast));
    }
}

#[test]
fn siblings_that_do_not_listen_are_left_behind_after_their_grace() {
    let kit = kit();
    let config = ParallelConfig { grace: 50 * MS, ..ParallelConfig::DEFAULT };
    let fails = one(&kit, "fails", |_, _| Err("first".into()));
    let tasks = vec![hangs(&kit, "deaf").config(config), fails];
    let (plan, _) = plan(kit, tasks, true);
    let error = run_with(plan, 2).unwrap_err();
    assert_eq!(kinds(&error), [FailureKind::Cancelled, FailureKind::Error]);
    assert_eq!(error.to_string(), "workflow `test` failed: branch `fails`: first (and 1 more)");
}

#[test]
fn a_cancelled_run_ends_also_if_branches_do_not_listen() {
    let kit = kit();
    let config = ParallelConfig { grace: 50 * MS, ..ParallelConfig::DEFAULT };
    let begun = leak(AtomicUsize::new(0));
    let deaf = one(&kit, "deaf", |_, _| {
        begun.fetch_add(1, Ordering::SeqCst);
        loop {
            std::thread::sleep(20 * MS);
        }
    });
    let tasks = vec![deaf.config(config.clone()), one(&kit, "next", |_, _| Ok(())).config(config)];
    let (plan, _) = plan(kit, tasks, false);
    let cancel = CancellationToken::new();
    let from = cancel.clone();
    std::thread::spawn(move || {
        wait_for("the start", || begun.load(Ordering::SeqCst) == 1);
        from.cancel();
    });
    let error =
        request::run(plan, Vec::new(), Options { max_workers: Some(1), cancel, ..Options::default() }).unwrap_err();
    assert!(error.is_cancelled());
}

#[test]
fn ten_thousand_waiting_branches_are_cancelled_at_once() {
    let kit = kit();
    let cancel = CancellationToken::new();
    let (from, begun) = (leak(cancel.clone()), leak(AtomicUsize::new(0)));
    // From the eleventh on, none ends before it is cancelled: then each thread has one that had begun, and starts no other.
    let work = |_: &mut View, context: &Context| {
        if begun.fetch_add(1, Ordering::SeqCst) >= 10 {
            from.cancel();
            while !context.is_cancelled() {
                std::thread::yield_now();
            }
        }
        Ok(())
    };
    let tasks = (0..10_000).map(|_| one(&kit, "t", work)).collect();
    let (plan, _) = plan(kit, tasks, false);
    let error =
        request::run(plan, Vec::new(), Options { max_workers: Some(2), cancel, ..Options::default() }).unwrap_err();
    assert!(error.is_cancelled());
    assert!((11..=12).contains(&begun.load(Ordering::SeqCst)));
}

#[test]
fn cancelling_ends_a_wait_between_attempts() {
    let kit = kit();
    let cancel = CancellationToken::new();
    let from = leak(cancel.clone());
    let retry = RetryPolicy { base_delay: LONG, max_delay: LONG, ..RETRY };
    let fails = one(&kit, "fails", |_, _| {
        std::thread::spawn(|| {
            std::thread::sleep(50 * MS);
            from.cancel();
        });
        Err("down".into())
    });
    let (plan, _) = plan(kit, vec![fails.config(ParallelConfig { retry, ..ParallelConfig::DEFAULT })], false);
    let error = request::run(plan, Vec::new(), Options { cancel, ..Options::default() }).unwrap_err();
    assert!(error.is_cancelled());
}

#[test]
fn sequential_nodes_heed_cancellation_between_steps() {
    let kit = kit();
    let cancel = CancellationToken::new();
    let from = leak(cancel.clone());
    let cancels = node("cancels", |_, _| {
        from.cancel();
        Ok(())
    });
    let root = kit.block(chain(vec![cancels, appends("never", LOG, 1)]));
    let error = request::run(kit.plan(root), Vec::new(), Options { cancel, ..Options::default() }).unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(error.finished(), ["cancels"]);
}

#[test]
fn a_circuit_opens_and_its_state_is_told() {
    let mut kit = kit();
    let breaker = CircuitBreakerConfig { failure_threshold: 2, reset_timeout: LONG, half_open_max_calls: 1 };
    let calls = leak(AtomicUsize::new(0));
    let config = ParallelConfig { circuit_breaker: Some(breaker), allow_failure: true, ..ParallelConfig::DEFAULT };
    let fails = one(&kit, "fails", |_, _| {
        calls.fetch_add(1, Ordering::SeqCst);
        Err("down".into())
    });
    let region = kit.region(vec![fails.config(config)]);
    let seen = leak(Mutex::new(Vec::new()));
    let looks = node("looks", |view, _| {
        let result = &view.parallel_results()[0];
        seen.lock().unwrap().push((result.error.as_ref().unwrap().kind, result.circuit, result.attempts));
        Ok(())
    });
    let mut steps = chain(vec![fan_out(region), looks]);
    let again = |_: &View, _: &Context| Ok(true);
    steps[1].next = choose(vec![(Some(again), crate::plan::Target::Step(0)), (None, crate::plan::Target::End)]);
    steps[1].max_visits = 3;
    let root = kit.block(steps);
    assert!(run(kit.plan(root)).unwrap_err().to_string().contains("3 times"));
    assert_eq!(calls.load(Ordering::SeqCst), 2, "the third is not made");
    let (error, open) = (FailureKind::Error, Some(CircuitState::Open));
    let expected = [(error, Some(CircuitState::Closed), 1), (error, open, 1), (FailureKind::CircuitOpen, open, 0)];
    assert_eq!(*seen.lock().unwrap(), expected);
}
