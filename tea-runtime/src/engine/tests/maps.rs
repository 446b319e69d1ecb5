//! Maps: order, laziness, reduction, failures, size.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::kit::*;
use crate::{
    error::Error,
    failure::FailureKind,
    map::{Local, MapSpec, given, in_place, map, reduced},
    policy::{ParallelConfig, RetryPolicy},
    result::ItemFailure,
    state::{Key, View},
};

const ITEMS: Key<Vec<i64>> = Key::new(0);
const OUT: Key<Vec<i64>> = Key::new(1);
const LOG: Key<Vec<i64>> = Key::new(2);
const FAILURES: Key<Vec<ItemFailure>> = Key::new(3);

const ALLOWED: ParallelConfig = ParallelConfig { allow_failure: true, ..ParallelConfig::DEFAULT };

fn kit() -> Kit {
    let mut kit = Kit::default();
    kit.key::<Vec<i64>>("items");
    kit.key::<Vec<i64>>("out");
    kit.list("log");
    kit.key::<Vec<ItemFailure>>("failures");
    kit
}

fn run_map(items: Vec<i64>, spec: &'static dyn MapSpec, config: ParallelConfig) -> Result<View, Error> {
    let mut kit = kit();
    let each = kit.map("each", spec, config, |_| ());
    let root = kit.block(chain(vec![puts("items", ITEMS, items), each]));
    run_with(kit.plan(root), 3)
}

#[test]
fn results_stand_in_item_order() {
    static DOUBLE: &dyn MapSpec =
        &map(in_place(ITEMS), |_, _, n, i| Ok(n * 2 + i64::try_from(i)?), OUT, None, Local, Local);
    for count in [0, 1, 2, 7, 1_000, 54_321] {
        let items: Vec<i64> = (0..count).map(|i| i % 17).collect();
        let expected: Vec<i64> = (0..count).map(|i| i % 17 * 2 + i).collect();
        let view = run_map(items.clone(), DOUBLE, ParallelConfig::DEFAULT).unwrap();
        assert_eq!(*view.get(OUT), expected);
        assert_eq!(*view.get(ITEMS), items);
    }
}

#[test]
fn items_may_be_borrowed_from_nowhere() {
    static LETTERS: &dyn MapSpec = &map(
        given(|view, _| Ok(view.get(ITEMS).iter().map(|n| format!("{n}")).collect::<BTreeSet<_>>())),
        |view, _, text, _| Ok(i64::try_from(text.len())? + view.get(ITEMS)[0]),
        OUT,
        None,
        Local,
        Local,
    );
    let view = run_map(vec![5, 500, 50], LETTERS, ParallelConfig::DEFAULT).unwrap();
    assert_eq!(*view.get(OUT), [6, 7, 8]);
}

#[test]
fn an_iterator_is_asked_for_items_only_as_they_are_needed() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    static MOST_AHEAD: AtomicUsize = AtomicUsize::new(0);
    static DONE: AtomicUsize = AtomicUsize::new(0);
    static LAZY: &dyn MapSpec = &map(
        given(|_, _| Ok((0..2_000).inspect(|_| _ = ASKED.fetch_add(1, Ordering::SeqCst)))),
        |_, _, _, _| {
            let ahead = ASKED.load(Ordering::SeqCst) - DONE.fetch_add(1, Ordering::SeqCst);
            MOST_AHEAD.fetch_max(ahead, Ordering::SeqCst);
            std::thread::sleep(Duration::from_micros(100));
            Ok(())
        },
        (),
        None,
        Local,
        Local,
    );
    run_map(Vec::new(), LAZY, ParallelConfig::DEFAULT).unwrap();
    assert_eq!(DONE.load(Ordering::SeqCst), 2_000);
    assert!(MOST_AHEAD.load(Ordering::SeqCst) < 200, "{MOST_AHEAD:?}");
}

#[test]
fn a_million_cheap_items() {
    static SUM: &dyn MapSpec =
        &map(given(|_, _| Ok(0..1_000_000_i64)), |_, _, n, _| Ok(n + 1), OUT, None, Local, Local);
    let view = run_map(Vec::new(), SUM, ParallelConfig::DEFAULT).unwrap();
    assert!(view.get(OUT).iter().copied().eq(1..=1_000_000));
}

#[test]
fn a_reduced_output_is_folded_in_item_order_onto_what_is_there() {
    static FOLD: &dyn MapSpec = &map(in_place(ITEMS), |_, _, n, _| Ok(vec![*n]), reduced(LOG), None, Local, Local);
    let mut kit = kit();
    let each = kit.map("each", FOLD, ParallelConfig::DEFAULT, |_| ());
    let items: Vec<i64> = (0..3_000).collect();
    let root = kit.block(chain(vec![puts("items", ITEMS, items), appends("log", LOG, -1), each]));
    assert!(run_with(kit.plan(root), 3).unwrap().get(LOG).iter().copied().eq(-1..3_000));
}

static PICKY: &dyn MapSpec = &map(
    in_place(ITEMS),
    |_, _, n, _| match n % 100 {
        7 => Err("seven".into()),
        13 => panic!("thirteen"),
        _ => Ok(*n),
    },
    OUT,
    Some(FAILURES),
    Local,
    Local,
);

#[test]
fn failed_items_are_left_out_and_told() {
    let view = run_map((0..1_000).collect(), PICKY, ALLOWED).unwrap();
    assert!(view.get(OUT).iter().copied().eq((0..1_000).filter(|n| ![7, 13].contains(&(n % 100)))));
    let failures = view.get(FAILURES);
    let facts: Vec<_> = failures.iter().map(|f| (f.index, f.kind, &*f.message, f.attempts)).collect();
    let expected: Vec<_> = (0..10)
        .flat_map(|h| {
            [(h * 100 + 7, FailureKind::Error, "seven", 1), (h * 100 + 13, FailureKind::Panic, "thirteen", 1)]
        })
        .collect();
    assert_eq!(facts, expected);
}

#[test]
fn failed_items_fail_the_map_after_the_others() {
    let error = run_map((0..200).collect(), PICKY, ParallelConfig::DEFAULT).unwrap_err();
    let names: Vec<_> = error.failures().iter().map(|failure| failure.branch.join("/")).collect();
    assert_eq!(names, ["each[7]", "each[13]", "each[107]", "each[113]"]);
    let failure = error.failure().unwrap();
    assert_eq!(failure.message, "4 of 200 items failed, `each[7]` first");
    assert_eq!((failure.node.as_deref(), failure.kind), (Some("each"), FailureKind::Error));
}

/// The first thousand are told, by their index, whatever came in first; all are counted, everywhere alike.
#[test]
fn more_than_a_thousand_failed_items_are_counted() {
    static ODD: &dyn MapSpec = &map(
        in_place(ITEMS),
        |_, _, n, _| if n % 2 == 1 { Err("odd".into()) } else { Ok(*n) },
        OUT,
        None,
        Local,
        Local,
    );
    let error = run_map((0..3_000).collect(), ODD, ParallelConfig::DEFAULT).unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!(failure.message, "1500 of 3000 items failed, `each[1]` first");
    assert_eq!((failure.branches.len(), failure.further, error.failures().len()), (1_000, 500, 1_000));
    assert_eq!(failure.branches.last().unwrap().branch, "each[1999]");
    assert!(error.to_string().ends_with("branch `each[1]`: node `each`: odd (and 1499 more)"), "{error}");
}

#[test]
fn failed_items_are_tried_again_one_by_one() {
    static TRIES: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    static FLAKY: &dyn MapSpec = &map(
        in_place(ITEMS),
        |_, context, n, i| {
            TRIES.lock().unwrap().push(i);
            if n % 10 == 3 && context.attempt() <= 2 { Err("flaky".into()) } else { Ok(*n) }
        },
        OUT,
        None,
        Local,
        Local,
    );
    let retry = RetryPolicy { max_retries: 2, base_delay: Duration::from_millis(1), ..RetryPolicy::DEFAULT };
    let config = ParallelConfig { retry, ..ParallelConfig::DEFAULT };
    let view = run_map((0..100).collect(), FLAKY, config).unwrap();
    assert!(view.get(OUT).iter().copied().eq(0..100));
    let mut tries = TRIES.lock().unwrap().clone();
    tries.sort_unstable();
    let expected: Vec<usize> = (0..100).flat_map(|i| vec![i; if i % 10 == 3 { 3 } else { 1 }]).collect();
    assert_eq!(tries, expected, "the others ran once");
}

#[test]
fn fail_fast_starts_no_more_items() {
    static BEGUN: AtomicUsize = AtomicUsize::new(0);
    static FIRST: &dyn MapSpec = &map(
        given(|_, _| Ok(0..)),
        |_, context, n: &i64, _| {
            BEGUN.fetch_add(1, Ordering::SeqCst);
            if *n == 0 {
                return Err("first".into());
            }
            if *n == 1 {
                loop {
                    context.check()?;
                    std::thread::yield_now();
                }
            }
            Ok(())
        },
        (),
        None,
        Local,
        Local,
    );
    let mut kit = kit();
    let each = kit.map("each", FIRST, ParallelConfig::DEFAULT, |map| map.fail_fast = true);
    let root = kit.block(vec![each]);
    let error = run_with(kit.plan(root), 2).unwrap_err();
    assert_eq!(error.failures()[0].failure.message, "first");
    assert!(BEGUN.load(Ordering::SeqCst) < 1_000);
}

#[test]
fn hung_items_are_left_behind() {
    static HANGS: &dyn MapSpec = &map(
        in_place(ITEMS),
        |_, context, n, _| {
            if *n < 3 && context.attempt() == 1 {
                loop {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            Ok(*n)
        },
        OUT,
        None,
        Local,
        Local,
    );
    let retry = RetryPolicy { max_retries: 1, base_delay: Duration::ZERO, ..RetryPolicy::DEFAULT };
    let config = ParallelConfig { timeout: Some(Duration::from_millis(300)), retry, ..ParallelConfig::DEFAULT };
    let view = run_map((0..6).collect(), HANGS, config).unwrap();
    assert_eq!(*view.get(OUT), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn what_goes_wrong_around_the_items() {
    static NO_ITEMS: &dyn MapSpec = &map(
        given(|_, _| {
            "x".parse::<u8>()?;
            Ok(0..1)
        }),
        |_, _, _, _| Ok(()),
        (),
        None,
        Local,
        Local,
    );
    static BAD_ITERATOR: &dyn MapSpec = &map(
        given(|_, _| Ok((0..9).map(|n| if n == 5 { panic!("five") } else { n }))),
        |_, _, _, _| Ok(()),
        (),
        None,
        Local,
        Local,
    );
    for (spec, message) in [(NO_ITEMS, "invalid digit found in string"), (BAD_ITERATOR, "five")] {
        let error = run_map(Vec::new(), spec, ParallelConfig::DEFAULT).unwrap_err();
        assert_eq!(error.to_string(), format!("workflow `test` failed: node `each`: {message}"));
    }
}

#[test]
fn a_reducer_that_fails_fails_the_map() {
    const SUM: Key<i64> = Key::new(0);
    const NUMBERS: Key<Vec<i64>> = Key::new(1);
    static ADD: &dyn MapSpec = &map(in_place(NUMBERS), |_, _, n, _| Ok(*n), reduced(SUM), None, Local, Local);
    let mut kit = Kit::default();
    let sum = kit.key::<i64>("sum");
    kit.reduce(sum, |_, _, _| panic!("cannot add"));
    kit.key::<Vec<i64>>("numbers");
    let each = kit.map("each", ADD, ParallelConfig::DEFAULT, |_| ());
    let root = kit.block(chain(vec![puts("numbers", NUMBERS, (0..500).collect()), each]));
    let error = run(kit.plan(root)).unwrap_err();
    assert_eq!(error.failures()[0].failure.kind, FailureKind::Panic);
}

/// Whoever ends the last item may still be on its way out when another thread joins the map.
#[test]
fn a_map_adds_to_a_value_that_it_owns() {
    // A type that cannot be copied: combining would fail if anybody else still held the value.
    struct Sum(i64);
    const SUM: Key<Sum> = Key::new(0);
    const ROUND: Key<i64> = Key::new(1);
    static ADD: &dyn MapSpec =
        &map(given(|_, _| Ok(0..4_i64)), |_, _, n, _| Ok(Sum(*n)), reduced(SUM), None, Local, Local);
    let mut kit = Kit::default();
    kit.unique::<Sum>("sum");
    kit.key::<i64>("round");
    kit.reduce(SUM, |kind, before, written| {
        Ok(Arc::new(Sum(SUM.owned(kind, before)?.0 + SUM.owned(kind, written)?.0)))
    });
    let each = kit.map(
        "each",
        ADD,
        ParallelConfig { timeout: Some(Duration::from_hours(1)), ..ParallelConfig::DEFAULT },
        |_| (),
    );
    let count = node("count", |view, _| {
        let round = *view.get(ROUND);
        put(view, ROUND, round + 1)
    });
    let mut steps = chain(vec![puts("round", ROUND, 0), each, count]);
    let again = |view: &View, _: &crate::context::Context| Ok(*view.get(ROUND) < 3_000);
    steps[2].next = choose(vec![(Some(again), crate::plan::Target::Step(1)), (None, crate::plan::Target::End)]);
    let root = kit.block(steps);
    assert_eq!(run_with(kit.plan(root), 2).unwrap().get(SUM).0, 3_000 * 6);
}

#[test]
fn maps_within_branches_and_loops() {
    static ADD: &dyn MapSpec = &map(in_place(ITEMS), |_, _, n, _| Ok(n + 1), OUT, None, Local, Local);
    let mut kit = kit();
    let branch = |kit: &mut Kit| {
        let mut steps = chain(vec![
            kit.map("each", ADD, ParallelConfig::DEFAULT, |_| ()),
            node("back", |view, _| {
                let out = view.get(OUT).clone();
                put(view, ITEMS, out)
            }),
            node("log", |view, _| {
                let first = view.get(ITEMS)[0];
                put(view, LOG, vec![first])
            }),
        ]);
        let again = |view: &View, _: &crate::context::Context| Ok(view.get(ITEMS)[0] < 50);
        steps[2].next = choose(vec![(Some(again), crate::plan::Target::Step(0)), (None, crate::plan::Target::End)]);
        task("t", kit.block(steps)).reads(ITEMS, 0).writes(LOG, true)
    };
    let tasks = vec![branch(&mut kit), branch(&mut kit)];
    let region = kit.region(tasks);
    let root = kit.block(chain(vec![puts("items", ITEMS, vec![0; 10]), fan_out(region)]));
    let view = run_with(kit.plan(root), 2).unwrap();
    assert!(view.get(LOG).iter().copied().eq((1..=50).chain(1..=50)));
    assert_eq!(*view.get(ITEMS), [0; 10]);
}

#[test]
fn a_panic_in_the_drop_of_an_item_or_result_fails_the_map() {
    struct Bomb(bool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0, "dropped");
        }
    }
    static ITEMS: &dyn MapSpec =
        &map(given(|_, _| Ok((0..9).map(|n| Bomb(n == 4)))), |_, _, _, _| Ok(()), (), None, Local, Local);
    // The results of the others are dropped, since the sixth fails.
    static RESULTS: &dyn MapSpec = &map(
        given(|_, _| Ok(0..9)),
        |_, _, n, _| if *n == 5 { Err("sixth".into()) } else { Ok(Bomb(*n == 4)) },
        Key::<Vec<Bomb>>::new(1),
        None,
        Local,
        Local,
    );
    let long = Some(Duration::from_hours(1));
    for timeout in [None, long] {
        for retries in [0, 1] {
            let retry = RetryPolicy { max_retries: retries, base_delay: Duration::ZERO, ..RetryPolicy::DEFAULT };
            let config = ParallelConfig { timeout, retry, ..ParallelConfig::DEFAULT };
            let error = run_map(vec![], ITEMS, config.clone()).unwrap_err();
            assert_eq!(
                (kinds(&error), error.failures()[0].failure.message.as_str()),
                (vec![FailureKind::Panic], "dropped")
            );
            let error = run_map(vec![], RESULTS, config).unwrap_err();
            assert!(["sixth", "dropped"].contains(&error.failures()[0].failure.message.as_str()), "{error}");
        }
    }
}
