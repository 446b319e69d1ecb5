//! The cache: results that later runs take, whatever else they read.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use super::{kit::*, scratch::Scratch};
use crate::{
    engine::records::Which,
    map::{Hashed, MapSpec, Wired, given, in_place, map},
    plan::{CodeId, Plan, Step},
    policy::{ParallelConfig, RetryPolicy},
    state::{Key, Value},
};

/// A step with `cache`, whose code has this identity.
#[expect(clippy::needless_pass_by_value, reason = "what is made of it takes its place")]
fn cached(step: Step, hash: u128) -> Step {
    Step { cached: true, code: CodeId { hash, ..CodeId::UNKNOWN }, ..step }
}

/// The same plan, whose runs are not recorded.
fn unrecorded(plan: &'static Plan) -> &'static Plan {
    let Plan {
        name,
        description,
        file,
        module,
        package,
        version,
        panics_abort,
        keys,
        root,
        finally,
        sites,
        workflows,
        max_workers,
        ..
    } = *plan;
    let (checkpoint, identities) = (None, None);
    leak(Plan {
        name,
        description,
        file,
        module,
        package,
        version,
        panics_abort,
        keys,
        root,
        finally,
        sites,
        workflows,
        max_workers,
        checkpoint,
        identities,
    })
}

fn number(value: i64) -> Value {
    Arc::new(value)
}

/// The entries of the cache of a store.
fn entries(store: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(store.join("cache")).unwrap().map(|folder| folder.unwrap().path());
    let mut files: Vec<_> =
        folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|file| file.unwrap().path())).collect();
    files.sort();
    files
}

/// How often something ran since it was last asked.
fn ran(count: &AtomicUsize) -> usize {
    count.swap(0, Ordering::Relaxed)
}

/// Inputs `x` and `y`; `square` writes `p` from `x`, `sum` writes `q` from `p` and `y`. Both have a cache.
fn squares(counts: &'static [AtomicUsize; 2]) -> (&'static Plan, [Key<i64>; 4]) {
    let mut kit = Kit::default();
    let keys = ["x", "y", "p", "q"].map(|name| {
        let key = kit.key::<i64>(name);
        kit.wired(key)
    });
    let [x, y, p, q] = keys;
    kit.input(x, Some(|| Arc::new(1_i64)));
    kit.input(y, Some(|| Arc::new(1_i64)));
    let square = node("square", move |view, _| {
        counts[0].fetch_add(1, Ordering::Relaxed);
        let x = *view.get(x);
        if x < 0 { Err("is negative".into()) } else { put(view, p, x * x) }
    });
    let sum = node("sum", move |view, _| {
        counts[1].fetch_add(1, Ordering::Relaxed);
        let sum = *view.get(p) + *view.get(y);
        put(view, q, sum)
    });
    let steps = vec![cached(square.reads(&[x.id]), 1), cached(sum.reads(&[p.id, y.id]), 2)];
    let root = kit.block(chain(steps));
    (kit.plan(root), keys)
}

#[test]
fn a_run_takes_what_an_earlier_one_made_of_the_same() {
    static COUNTS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let (plan, [x, y, _, q]) = squares(&COUNTS);
    for plan in [plan, unrecorded(plan)] {
        let scratch = Scratch::new();
        let run = |inputs: &[(Key<i64>, i64)], cache: bool| {
            let inputs = inputs.iter().map(|(key, value)| (key.id, number(*value))).collect();
            let run = scratch.run_with(plan, inputs, |session| session.cache = cache);
            (run.outcome.map(|view| *view.get(q)).ok(), COUNTS.each_ref().map(ran))
        };
        assert_eq!(run(&[(x, 3)], true), (Some(10), [1, 1]));
        assert_eq!(run(&[(x, 3)], true), (Some(10), [0, 0]), "all is known");
        assert_eq!(run(&[(x, 3), (y, 5)], true), (Some(14), [0, 1]), "one does not depend on the other input");
        assert_eq!(run(&[(x, 2)], true), (Some(5), [1, 1]));
        assert_eq!(run(&[(x, 3)], true), (Some(10), [0, 0]), "also what was made before the last run");
        assert_eq!(run(&[(x, 3)], false), (Some(10), [1, 1]), "without the cache");
        // Failures are not kept.
        assert_eq!(run(&[(x, -1)], true), (None, [1, 0]));
        assert_eq!(run(&[(x, -1)], true), (None, [1, 0]));
        // Other code.
        assert_eq!(entries(&scratch.0).len(), 5);
    }
}

#[test]
fn what_is_taken_from_the_cache_is_recorded_like_what_was_made() {
    static COUNTS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let (plan, [x, ..]) = squares(&COUNTS);
    let scratch = Scratch::new();
    scratch.run(plan, false).view();
    let again = scratch.run_with(plan, vec![(x.id, number(1))], |session| session.resume = None);
    again.view();
    assert_eq!(COUNTS.each_ref().map(ran), [1, 1]);
    let names: Vec<_> =
        crate::store::Folder::open(&scratch.0).unwrap().runs().unwrap().into_iter().map(|run| run.name).collect();
    for entry in entries(&scratch.0) {
        fs::remove_file(entry).unwrap();
    }
    for name in names {
        let ran = scratch.run_with(plan, Vec::new(), |session| session.resume = Some(Which::Named(name)));
        assert!(ran.nodes.is_empty(), "{:?}", ran.nodes);
    }
}

#[test]
fn a_damaged_entry_is_removed_and_made_again() {
    static COUNTS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let (plan, [.., q]) = squares(&COUNTS);
    let plan = unrecorded(plan);
    let scratch = Scratch::new();
    scratch.run(plan, false).view();
    ran(&COUNTS[0]);
    ran(&COUNTS[1]);
    let whole: Vec<_> = entries(&scratch.0).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    for (at, (bytes, path)) in whole.iter().enumerate() {
        for length in 0..bytes.len() {
            fs::write(path, &bytes[..length]).unwrap();
            let again = scratch.run(plan, false);
            assert_eq!(COUNTS.iter().map(ran).sum::<usize>(), 1, "entry {at}, cut at {length}");
            assert!(again.warnings.iter().any(|warning| warning.contains("was damaged")), "{:?}", again.warnings);
            assert_eq!(*again.view().get(q), 2);
            let mut flipped = bytes.clone();
            flipped[length] ^= 1;
            fs::write(path, flipped).unwrap();
            assert_eq!(*scratch.run(plan, false).view().get(q), 2);
            assert_eq!(COUNTS.iter().map(ran).sum::<usize>(), 1, "entry {at}, another byte at {length}");
        }
    }
    // One in the place of another.
    fs::write(&whole[0].1, &whole[1].0).unwrap();
    assert_eq!(*scratch.run(plan, false).view().get(q), 2);
    assert_eq!(COUNTS.iter().map(ran).sum::<usize>(), 1);
}

#[test]
fn nodes_whose_identity_other_nodes_may_have_are_told_apart_by_their_names() {
    let mut kit = Kit::default();
    let (p, q) = (kit.key::<i64>("p"), kit.key::<i64>("q"));
    let (p, q) = (kit.wired(p), kit.wired(q));
    let none: &[u32] = leak(Vec::new());
    let puts = |name, key: Key<i64>, value: i64, hash| {
        let step = cached(node(name, move |view, _| put(view, key, value)), hash);
        Step { reads: none, ..step }
    };
    let pinned = |step: Step| Step { pinned: true, ..step };
    let steps = vec![puts("a", p, 1, 0), puts("b", p, 2, 0), pinned(puts("c", q, 3, 7)), pinned(puts("d", q, 4, 7))];
    let keys: &[u32] = leak(vec![p.id, q.id]);
    let steps = chain(steps);
    let root = crate::plan::Block { entry: to(0), steps: steps.leak(), keys };
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    for _ in 0..2 {
        let view = scratch.run(plan, false).view();
        assert_eq!((*view.get(p), *view.get(q)), (2, 4));
    }
    assert_eq!(entries(&scratch.0).len(), 4);
}

/// Items of an input, or else of an expression, each of which gives its square; some fail at their first attempt.
fn sweep(is_in_place: bool, counts: &'static [AtomicUsize; 2]) -> (&'static Plan, [Key<Vec<i64>>; 2], Key<i64>) {
    const ITEMS: Key<Vec<i64>> = Key::new(0);
    const OUT: Key<Vec<i64>> = Key::new(1);
    const PLUS: Key<i64> = Key::new(2);
    let mut kit = Kit::default();
    let (items, out, plus) = (kit.key::<Vec<i64>>("items"), kit.key::<Vec<i64>>("out"), kit.key::<i64>("plus"));
    kit.wired(items);
    kit.wired(out);
    kit.wired(plus);
    kit.input(items, Some(|| Arc::new(vec![1_i64, 2, 3])));
    kit.input(plus, Some(|| Arc::new(0_i64)));
    let body = move |item: i64, plus: i64| {
        counts[0].fetch_add(1, Ordering::Relaxed);
        if item == 2 && counts[1].fetch_add(1, Ordering::Relaxed) == 0 {
            return Err("only the first time".into());
        }
        Ok(item * item + plus)
    };
    let spec: &'static dyn MapSpec = if is_in_place {
        leak(map(in_place(ITEMS), move |view, _, item: &i64, _| body(*item, *view.get(PLUS)), OUT, None, Hashed, Wired))
    } else {
        let items = given(|view, _| Ok(view.get(ITEMS).clone()));
        leak(map(items, move |view, _, item: &i64, _| body(*item, *view.get(PLUS)), OUT, None, Hashed, Wired))
    };
    let retry = RetryPolicy { max_retries: 1, base_delay: std::time::Duration::ZERO, ..RetryPolicy::DEFAULT };
    let config = ParallelConfig { retry, ..ParallelConfig::DEFAULT };
    let step = kit.map("each", spec, config, |map| map.reads = leak(vec![plus.id]));
    let root = kit.block(chain(vec![cached(step.reads(&[items.id, plus.id]), 3)]));
    (kit.plan(root), [items, out], plus)
}

#[test]
fn items_are_taken_one_by_one_wherever_they_are_now() {
    static COUNTS: [[AtomicUsize; 2]; 2] = [const { [const { AtomicUsize::new(0) }; 2] }; 2];
    for (is_in_place, counts) in [(true, &COUNTS[0]), (false, &COUNTS[1])] {
        let (plan, [items, out], plus) = sweep(is_in_place, counts);
        for plan in [plan, unrecorded(plan)] {
            counts[1].store(0, Ordering::Relaxed);
            let scratch = Scratch::new();
            let run = |of: &[i64], more: i64| {
                let inputs = vec![(items.id, Arc::new(of.to_vec()) as Value), (plus.id, number(more))];
                let done = scratch.run_with(plan, inputs, |_| ());
                let view = done.outcome.unwrap();
                (view.get(out).clone(), ran(&counts[0]))
            };
            assert_eq!(run(&[1, 2, 3], 0), (vec![1, 4, 9], 4), "one is tried twice");
            assert_eq!(run(&[1, 2, 3], 0), (vec![1, 4, 9], 0));
            assert_eq!(run(&[3, 4, 1, 2, 5, 3], 0), (vec![9, 16, 1, 4, 25, 9], 2));
            assert_eq!(run(&[3, 4], 1), (vec![10, 17], 2), "what the body reads counts");
            assert_eq!(run(&[], 0), (Vec::new(), 0));
        }
    }
}

#[test]
fn what_is_computed_again_must_be_what_the_cache_has() {
    const OUT: Key<Vec<i64>> = Key::new(0);
    static COUNTS: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
    static WRONG: AtomicI64 = AtomicI64::new(0);
    static NEXT: AtomicI64 = AtomicI64::new(0);
    let mut kit = Kit::default();
    let p = kit.key::<i64>("p");
    kit.wired(p);
    let step = cached(node("clock", move |view, _| put(view, p, NEXT.load(Ordering::Relaxed))), 5);
    let root = kit.block(chain(vec![step.reads(leak(vec![p.id]))]));
    let plan = unrecorded(kit.plan(root));
    let scratch = Scratch::new();
    let run = |share: f64| scratch.run_with(plan, Vec::new(), |session| session.verify_cache = share).outcome;
    run(0.0).unwrap();
    run(1.0).unwrap();
    NEXT.store(1, Ordering::Relaxed);
    assert_eq!(*run(0.0).unwrap().get(p), 0);
    let error = run(1.0).unwrap_err().to_string();
    assert!(error.contains("`clock` wrote another `p` than what the cache has"), "{error}");

    let mut kit = Kit::default();
    let out = kit.key::<Vec<i64>>("out");
    kit.wired(out);
    let items = given(|_, _| Ok(0..4_i64));
    let body = |item: &i64| {
        COUNTS[0].fetch_add(1, Ordering::Relaxed);
        Ok(item + WRONG.load(Ordering::Relaxed))
    };
    let spec = leak(map(items, move |_, _, item: &i64, _| body(item), OUT, None, Hashed, Wired));
    let step = kit.map("each", spec, ParallelConfig::DEFAULT, |_| ());
    let root = kit.block(chain(vec![cached(step, 6)]));
    let plan = unrecorded(kit.plan(root));
    let run = |share: f64| scratch.run_with(plan, Vec::new(), |session| session.verify_cache = share).outcome;
    run(0.0).unwrap();
    run(1.0).unwrap();
    assert_eq!(ran(&COUNTS[0]), 8);
    WRONG.store(1, Ordering::Relaxed);
    run(0.0).unwrap();
    let error = run(1.0).unwrap_err().to_string();
    assert!(error.contains("of `each` gave something else than what the cache has"), "{error}");
}

#[test]
fn a_file_that_changed_makes_its_writer_run_again() {
    static RAN: AtomicUsize = AtomicUsize::new(0);
    let folder = tempfile::tempdir().unwrap();
    let path: &'static Path = leak(folder.path().join("out"));
    let mut kit = Kit::default();
    let file = kit.key::<PathBuf>("file");
    kit.wired(file);
    let step = node("write", move |view, _| {
        RAN.fetch_add(1, Ordering::Relaxed);
        fs::write(path, "text").unwrap();
        put(view, file, path.to_owned())
    });
    let step = Step { reads: leak(Vec::new()), ..cached(step, 8) };
    let steps = chain(vec![step]);
    let root = crate::plan::Block { entry: to(0), steps: steps.leak(), keys: leak(vec![file.id]) };
    let plan = unrecorded(kit.plan(root));
    let scratch = Scratch::new();
    let run = || {
        scratch.run(plan, false).view();
        ran(&RAN)
    };
    assert_eq!((run(), run()), (1, 0));
    fs::write(path, "other text").unwrap();
    assert_eq!((run(), run()), (1, 0));
    fs::remove_file(path).unwrap();
    assert_eq!((run(), run()), (1, 0));
}

#[test]
fn many_runs_at_once_use_one_cache() {
    static COUNTS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let (plan, [x, y, _, sum]) = squares(&COUNTS);
    let plan = unrecorded(plan);
    let scratch = Scratch::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let scratch = &scratch;
            scope.spawn(move || {
                for n in 0..50 {
                    let (one, other) = ((n + thread) % 10, n % 3);
                    let inputs = vec![(x.id, number(one)), (y.id, number(other))];
                    let ran = scratch.run_with(plan, inputs, |_| ());
                    assert!(ran.warnings.is_empty(), "{:?}", ran.warnings);
                    assert_eq!(*ran.view().get(sum), one * one + other);
                }
            });
        }
    });
    assert_eq!(entries(&scratch.0).len(), 10 + 30);
}
