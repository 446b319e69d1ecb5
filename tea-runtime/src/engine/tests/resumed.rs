//! Runs that are ended anywhere, and go on: what runs again, and what does not.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use fastrand::Rng;

use super::{
    foreseen,
    kit::*,
    random::Random,
    scratch::{Scratch, copy},
};
use crate::{
    engine::{
        Means, Options,
        records::{Session, Which, outlook},
    },
    map::{Hashed, MapSpec, Wired, given, in_place, map, reduced},
    plan::{Plan, Step, Target},
    policy::ParallelConfig,
    request,
    state::{Key, Value},
    store::Status,
};

#[test]
fn a_run_whose_log_is_cut_anywhere_goes_on_to_the_same_end() {
    let seeds = std::env::var("TEA_RANDOM_PLANS").map_or(12, |count| count.parse().unwrap());
    for seed in 0..seeds {
        let random = Random::new(seed);
        let whole = Scratch::new();
        let ran = whole.run(random.plan, false);
        let all = ran.nodes;
        random.check(ran.outcome, &format!("seed {seed}, recorded"));
        whole.set_status(Status::Unfinished);
        let length = fs::metadata(whole.log()).unwrap().len();
        let mut rng = Rng::with_seed(seed);
        let mut cuts: Vec<u64> = match std::env::var("TEA_CUTS") {
            Ok(_) => (0..length).collect(),
            Err(_) => (0..30).map(|_| rng.u64(0..length)).collect(),
        };
        cuts.sort_unstable();
        let mut before = all.len();
        for cut in cuts.into_iter().chain([length]) {
            let scratch = Scratch::new();
            copy(&whole.0, &scratch.0);
            fs::OpenOptions::new().write(true).open(scratch.log()).unwrap().set_len(cut).unwrap();
            let session = Session { state_dir: scratch.0.clone(), resume: Some(Which::Last), ..Session::default() };
            let foreseen = outlook(random.plan, &[], &session);
            let ran = scratch.run(random.plan, true);
            if ran.outcome.as_ref().is_err_and(|error| error.to_string().contains("before its inputs")) {
                continue;
            }
            let what = format!("seed {seed}, cut at {cut} of {length}");
            foreseen::check(random.plan.root, &foreseen.unwrap().nodes, (&ran.nodes, &all), |_| false, &what);
            random.check(ran.outcome, &what);
            let nodes = ran.nodes.len();
            assert!(nodes <= before, "seed {seed}, cut at {cut}: {nodes} nodes, and {before} with less of the log");
            before = nodes;
        }
        assert_eq!(before, 0, "seed {seed}: nothing that is done is done again");
    }
}

/// `a` writes 1, `b` doubles, `c` fails as long as `fails` is not 0, `d` adds 5.
fn chain_of_four(fails: &'static AtomicUsize) -> (&'static Plan, Key<i64>) {
    let mut kit = Kit::default();
    let number = kit.key::<i64>("number");
    kit.wired(number);
    let steps = chain(vec![
        puts("a", number, 1),
        node("b", move |view, _| {
            let doubled = view.get(number) * 2;
            put(view, number, doubled)
        }),
        node("c", move |_, _| if fails.load(Ordering::Relaxed) > 0 { Err("not yet".into()) } else { Ok(()) }),
        node("d", move |view, _| {
            let more = view.get(number) + 5;
            put(view, number, more)
        }),
    ]);
    let root = kit.block(steps);
    (kit.plan(root), number)
}

#[test]
fn a_node_that_failed_is_tried_again_and_those_before_it_are_not() {
    static FAILS: AtomicUsize = AtomicUsize::new(1);
    let (plan, number) = chain_of_four(&FAILS);
    let scratch = Scratch::new();
    let failed = scratch.run(plan, false);
    assert_eq!(failed.nodes, ["a", "b", "c"]);
    assert_eq!(failed.outcome.unwrap_err().run(), Some(&*scratch.name()));
    assert_eq!(scratch.run(plan, true).nodes, ["c"]);
    FAILS.store(0, Ordering::Relaxed);
    let ran = scratch.run(plan, true);
    assert_eq!(ran.nodes, ["c", "d"]);
    assert_eq!(*ran.view().get(number), 7);
    let error = scratch.run(plan, true).outcome.unwrap_err().to_string();
    assert!(error.contains("no run of `test`") && error.contains("to resume"), "{error}");
}

#[test]
fn from_a_node_on_everything_runs_again_and_until_it_nothing_after_it() {
    static FAILS: AtomicUsize = AtomicUsize::new(0);
    let (plan, number) = chain_of_four(&FAILS);
    let scratch = Scratch::new();
    let session = Session { state_dir: scratch.0.clone(), ..Session::default() };
    let options = Options { until: Some("b".to_owned()), ..Options::default() };
    let error = request::run_recorded(plan, Vec::new(), options, Some(session), Means::default()).unwrap_err();
    assert!(error.is_stopped() && error.to_string().contains("stopped after `b`"), "{error}");
    let ran = scratch.run(plan, true);
    assert_eq!(ran.nodes, ["c", "d"]);
    assert_eq!(*ran.view().get(number), 7);
    let name = scratch.name();
    let ran = scratch.run_with(plan, Vec::new(), |session| {
        (session.resume, session.from) = (Some(Which::Named(name)), Some("b".to_owned()));
    });
    assert_eq!(ran.nodes, ["b", "c", "d"]);
    let error = scratch.run_with(plan, Vec::new(), |session| session.from = Some("x".to_owned())).outcome.unwrap_err();
    assert!(error.to_string().contains("has no node `x`"), "{error}");
    let inner = scratch.run_with(plan, Vec::new(), |session| session.from = Some("b[17]/parse".to_owned()));
    let error = inner.outcome.unwrap_err().to_string();
    assert!(error.contains("with `--from b`, all that `b` does runs again, and what follows"), "{error}");
    let options = Options { until: Some("x".to_owned()), ..Options::default() };
    let error = request::run_recorded(plan, Vec::new(), options, None, Means::default()).unwrap_err();
    assert!(error.to_string().contains("has no node `x` outside of branches"), "{error}");
}

/// A fan-out has a name of its own in plans, which nobody knows.
#[test]
fn what_is_no_node_is_refused_with_the_node_that_was_probably_meant() {
    let mut kit = Kit::default();
    let number = kit.key::<i64>("number");
    kit.wired(number);
    let branch = task("branch", kit.block(vec![puts("parse", number, 1)])).writes(number, false);
    let region = kit.region(vec![branch]);
    let fan_out = fan_out(region);
    let until = Some(fan_out.name.to_owned());
    let root = kit.block(chain(vec![puts("load", number, 0), fan_out]));
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    let from = |name: &str| scratch.run_with(plan, Vec::new(), |session| session.from = Some(name.to_owned()));
    let error = from("prase").outcome.unwrap_err().to_string();
    assert!(error.ends_with("has no node `prase`: did you mean `parse`?"), "{error}");
    let options = Options { until, ..Options::default() };
    let error = request::run_recorded(plan, Vec::new(), options, None, Means::default()).unwrap_err().to_string();
    assert!(error.ends_with("outside of branches to stop after: there is `load`"), "{error}");
}

#[test]
fn conditions_are_not_evaluated_again_and_results_say_that_they_are_restored() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    static FAILING: AtomicUsize = AtomicUsize::new(1);
    fn asked(holds: bool) -> bool {
        ASKED.fetch_add(1, Ordering::Relaxed);
        holds
    }
    let mut kit = Kit::default();
    let number = kit.key::<i64>("number");
    kit.wired(number);
    let mut skipped = task("skipped", kit.block(vec![node("skipped", |_, _| Ok(()))]));
    skipped.when = Some(|_, _| Ok(asked(false)));
    let mut one = task("one", kit.block(vec![puts("one", number, 1)])).writes(number, false);
    one.when = Some(|_, _| Ok(asked(true)));
    let region = kit.region(vec![skipped, one]);
    let mut start = node("start", |_, _| Ok(()));
    start.next = choose(vec![(Some(|_, _| Ok(asked(false))), Target::End), (None, Target::Step(1))]);
    let fan = Step { next: to(2), ..fan_out(region) };
    let join = node("join", |view, _| {
        if FAILING.load(Ordering::Relaxed) > 0 {
            return Err("not yet".into());
        }
        let results = view.parallel_results();
        assert!(results[0].skipped && !results[0].restored);
        assert!(results[1].success && results[1].restored && results[1].attempts == 1);
        assert_eq!(results[1].branch, "one");
        Ok(())
    });
    let mut root = kit.block(vec![start, fan, join]);
    root.entry = choose(vec![(Some(|_, _| Ok(asked(false))), Target::End), (None, Target::Step(0))]);
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    scratch.run(plan, false).outcome.unwrap_err();
    assert_eq!(ASKED.swap(0, Ordering::Relaxed), 4);
    FAILING.store(0, Ordering::Relaxed);
    let ran = scratch.run(plan, true);
    assert_eq!(ran.nodes, ["join"]);
    assert_eq!(*ran.view().get(number), 1);
    assert_eq!(ASKED.load(Ordering::Relaxed), 0);
}

#[test]
fn what_is_transient_is_made_again_and_what_stays_the_same_keeps_what_follows() {
    static FAILING: AtomicUsize = AtomicUsize::new(1);
    let mut kit = Kit::default();
    let handle = kit.unique::<AtomicUsize>("handle");
    kit.transient(handle);
    let number = kit.key::<i64>("number");
    kit.wired(number);
    let mut rerun = node("notify", |_, _| Ok(()));
    rerun.rerun = true;
    let steps = chain(vec![
        puts("a", number, 4),
        node("open", move |view, _| put(view, handle, AtomicUsize::new(7))),
        rerun,
        puts("b", number, 5),
        node("c", move |view, _| {
            assert_eq!(view.get(handle).load(Ordering::Relaxed), 7);
            if FAILING.load(Ordering::Relaxed) > 0 { Err("not yet".into()) } else { Ok(()) }
        }),
    ]);
    let root = kit.block(steps);
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    assert_eq!(scratch.run(plan, false).nodes, ["a", "open", "notify", "b", "c"]);
    FAILING.store(0, Ordering::Relaxed);
    let ran = scratch.run(plan, true);
    assert_eq!(ran.nodes, ["open", "notify", "c"]);
    assert_eq!(*ran.view().get(number), 5);
}

#[test]
fn changed_inputs_and_files_are_told_and_what_depends_on_them_runs_again() {
    static FAILING: AtomicUsize = AtomicUsize::new(1);
    let mut kit = Kit::default();
    let (number, path, written) = (kit.key::<i64>("number"), kit.key::<PathBuf>("path"), kit.key::<PathBuf>("written"));
    kit.wired(number);
    kit.wired(path);
    kit.wired(written);
    kit.input(number, Some(|| Arc::new(3_i64)));
    kit.input(path, None);
    let scratch = Scratch::new();
    fs::create_dir_all(&scratch.0).unwrap();
    let (input, output) = (scratch.0.join("input"), scratch.0.join("output"));
    fs::write(&input, "in").unwrap();
    let steps = chain(vec![
        puts("a", number, 4),
        {
            let output = output.clone();
            node("write", move |view, _| {
                fs::write(&output, "out")?;
                put(view, written, output.clone())
            })
        },
        node("c", move |_, _| if FAILING.load(Ordering::Relaxed) > 0 { Err("not yet".into()) } else { Ok(()) }),
    ]);
    let root = kit.block(steps);
    let plan = kit.plan(root);
    let value = |path: &Path| Arc::new(path.to_owned()) as Value;
    scratch.run_with(plan, vec![(1, value(&input))], |_| ()).outcome.unwrap_err();
    // The inputs are those of the run, and may be given again.
    assert_eq!(scratch.run(plan, true).nodes, ["c"]);
    let same = scratch.run_with(plan, vec![(1, value(&input))], |session| session.resume = Some(Which::Last));
    assert_eq!((same.nodes, same.warnings), (vec!["c".to_owned()], Vec::new()));
    // A file that a node wrote is gone: its writer runs again, and what follows.
    fs::remove_file(&output).unwrap();
    assert_eq!(scratch.run(plan, true).nodes, ["write", "c"]);
    assert_eq!(scratch.run(plan, true).nodes, ["c"]);
    // Another input; then it is no other any more.
    let other = scratch.run_with(plan, vec![(0, Arc::new(9_i64))], |session| session.resume = Some(Which::Last));
    assert_eq!(other.nodes, ["a", "c"], "`a` writes to `number` what it wrote before");
    assert!(other.warnings[0].contains("input `number` has changed"), "{:?}", other.warnings);
    let after = scratch.run(plan, true);
    assert_eq!((after.nodes, after.warnings), (vec!["c".to_owned()], Vec::new()));
    fs::write(&input, "changed").unwrap();
    let changed = scratch.run(plan, true);
    assert_eq!(changed.nodes, ["a", "write", "c"]);
    assert!(changed.warnings[0].contains("the file of input `path` has changed"), "{:?}", changed.warnings);
    FAILING.store(0, Ordering::Relaxed);
    assert_eq!(scratch.run(plan, true).nodes, ["c"]);
}

#[test]
fn items_that_an_expression_gives_in_another_order_are_not_mixed_up() {
    const OUT: Key<Vec<i64>> = Key::new(0);
    static ORDER: AtomicUsize = AtomicUsize::new(0);
    static FAILING: AtomicUsize = AtomicUsize::new(1);
    static RAN: AtomicUsize = AtomicUsize::new(0);
    fn items() -> Vec<i64> {
        let mut items: Vec<i64> = (0..50).collect();
        if ORDER.load(Ordering::Relaxed) > 0 {
            items.swap(3, 40);
        }
        items
    }
    static EACH: &dyn MapSpec = &map(
        given(|_, _| Ok(items())),
        |_, _, n, _| {
            RAN.fetch_add(1, Ordering::Relaxed);
            if *n == 49 && FAILING.load(Ordering::Relaxed) > 0 { Err("last".into()) } else { Ok(n * 2) }
        },
        OUT,
        None,
        Hashed,
        Wired,
    );
    let mut kit = Kit::default();
    let out: Key<Vec<i64>> = kit.key("out");
    kit.wired(out);
    let each = kit.map("each", EACH, ParallelConfig::DEFAULT, |map| map.writes = &[0]);
    let root = kit.block(vec![each]);
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    scratch.run(plan, false).outcome.unwrap_err();
    assert_eq!(RAN.swap(0, Ordering::Relaxed), 50);
    ORDER.store(1, Ordering::Relaxed);
    FAILING.store(0, Ordering::Relaxed);
    let view = scratch.run(plan, true).view();
    assert!(view.get(OUT).iter().copied().eq(items().into_iter().map(|n| n * 2)));
    assert_eq!(RAN.load(Ordering::Relaxed), 1, "the one that failed, and none that changed places");
}

#[test]
fn items_of_a_key_go_on_where_they_were_and_are_combined_in_order() {
    const ITEMS: Key<Vec<i64>> = Key::new(0);
    const OUT: Key<Vec<i64>> = Key::new(1);
    static STOP_AT: AtomicUsize = AtomicUsize::new(500);
    static RAN: AtomicUsize = AtomicUsize::new(0);
    static EACH: &dyn MapSpec = &map(
        in_place(ITEMS),
        |_, _, n, _| {
            RAN.fetch_add(1, Ordering::Relaxed);
            if *n >= i64::try_from(STOP_AT.load(Ordering::Relaxed))? { Err("stop".into()) } else { Ok(vec![*n]) }
        },
        reduced(OUT),
        None,
        crate::map::Local,
        Wired,
    );
    let mut kit = Kit::default();
    let items = kit.key::<Vec<i64>>("items");
    kit.wired(items);
    let out = kit.list("out");
    kit.wired(out);
    let each = kit.map("each", EACH, ParallelConfig::DEFAULT, |map| (map.writes, map.fail_fast) = (&[1], true));
    let root = kit.block(chain(vec![puts("items", items, (0..1000).collect()), each, node("end", |_, _| Ok(()))]));
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    scratch.run(plan, false).outcome.unwrap_err();
    STOP_AT.store(usize::MAX / 2, Ordering::Relaxed);
    RAN.store(0, Ordering::Relaxed);
    let ran = scratch.run(plan, true);
    assert_eq!(ran.nodes, ["end"]);
    assert!(ran.view().get(OUT).iter().copied().eq(0..1000));
    assert_eq!(RAN.load(Ordering::Relaxed), 500);
}

#[test]
fn an_outlook_says_what_would_run_and_why() {
    static FAILS: AtomicUsize = AtomicUsize::new(1);
    let (plan, _) = chain_of_four(&FAILS);
    let scratch = Scratch::new();
    scratch.run(plan, false).outcome.unwrap_err();
    let session = |with: fn(&mut Session)| {
        let mut session = Session { state_dir: scratch.0.clone(), resume: Some(Which::Last), ..Session::default() };
        with(&mut session);
        session
    };
    let outlook = |session| {
        let outlook = outlook(plan, &[], &session).unwrap();
        let nodes = outlook.nodes.into_iter().map(|node| (node.node.into_owned(), node.runs, node.why));
        (outlook.run, nodes.collect::<Vec<_>>())
    };
    let why = |node: &str, runs, why: &str| (node.to_owned(), runs, why.to_owned());
    let (run, nodes) = outlook(session(|_| ()));
    assert_eq!(run, Some(scratch.name()));
    let expected = [
        why("a", false, "it is done"),
        why("b", false, "it is done"),
        why("c", true, "it has no record"),
        why("d", true, "a node before it runs"),
    ];
    assert_eq!(nodes, expected);
    let (_, nodes) = outlook(session(|session| session.from = Some("b".to_owned())));
    assert_eq!(nodes[0], why("a", false, "it is done"));
    assert_eq!(nodes[1], why("b", true, "`--from` names it"));
    let (run, nodes) = outlook(session(|session| session.resume = None));
    assert_eq!((run, nodes.iter().all(|node| node.1)), (None, true));
    assert_eq!(scratch.run(plan, true).nodes, ["c"], "nothing was changed by looking");
}
