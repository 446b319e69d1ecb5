//! What is recorded of a run, and what is not.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{kit::*, scratch::Scratch};
use crate::{
    cancel::CancellationToken,
    context::Context,
    engine::{
        Means, Options,
        records::{Session, Which},
    },
    map::{Hashed, MapSpec, Wired, given, map},
    policy::ParallelConfig,
    position::Position,
    request,
    state::{Key, View},
    store::{Folder, Kind, Recorder, Status},
};

#[test]
fn a_branch_that_has_ended_is_recorded_while_others_run() {
    let (scratch, mut kit) = (Scratch::new(), Kit::default());
    let store = scratch.0.clone();
    let is_recorded = move || {
        let folder = Folder::open(&store).unwrap();
        let run = folder.runs().unwrap().remove(0);
        let mut position = Vec::new();
        Position::ROOT.step(0, 1).at_part(0).encode(&mut position);
        Recorder::look(folder, run).unwrap().log().find(Kind::Branch, &position).is_some()
    };
    let waits = move |_: &mut View, _: &Context| {
        wait_for("the record of the first branch", &is_recorded);
        Ok(())
    };
    // More than half of those that were started.
    let waiting = ["b", "c", "d"].map(|name| node(name, waits.clone()));
    let nodes = [node("a", |_, _| Ok(()))].into_iter().chain(waiting);
    let tasks = nodes.map(|node| task(node.name, kit.block(vec![node]))).collect();
    let region = kit.region(tasks);
    let root = kit.block(vec![fan_out(region)]);
    let session = Session { state_dir: scratch.0.clone(), ..Session::default() };
    // No listener has to be told of the end at once.
    let options = Options { max_workers: Some(4), ..Options::default() };
    request::run_recorded(kit.plan(root), Vec::new(), options, Some(session), Means::default()).unwrap();
}

#[test]
fn what_was_allowed_to_fail_is_kept_when_interrupted_and_tried_again_once_the_run_ended() {
    const OUT: Key<Vec<i64>> = Key::new(0);
    static FAILING: AtomicUsize = AtomicUsize::new(1);
    static RAN: AtomicUsize = AtomicUsize::new(0);
    static EACH: &dyn MapSpec = &map(
        given(|_, _| Ok(0..100_i64)),
        |_, _, n, _| {
            RAN.fetch_add(1, Ordering::Relaxed);
            if n % 10 == 3 && FAILING.load(Ordering::Relaxed) > 0 { Err("three".into()) } else { Ok(*n) }
        },
        OUT,
        None,
        Hashed,
        Wired,
    );
    let ran = || RAN.swap(0, Ordering::Relaxed);
    let mut kit = Kit::default();
    let out: Key<Vec<i64>> = kit.key("out");
    kit.wired(out);
    let allowed = ParallelConfig { allow_failure: true, ..ParallelConfig::DEFAULT };
    let each = kit.map("each", EACH, allowed.clone(), |map| map.writes = &[0]);
    let mut fails = task(
        "fails",
        kit.block(vec![node(
            "fails",
            |_, _| {
                if FAILING.load(Ordering::Relaxed) > 0 { Err("no".into()) } else { Ok(()) }
            },
        )]),
    );
    fails.config = leak(allowed);
    let region = kit.region(vec![fails, task("fine", kit.block(vec![node("fine", |_, _| Ok(()))]))]);
    let gate = node("gate", |_, _| if FAILING.load(Ordering::Relaxed) == 1 { Err("closed".into()) } else { Ok(()) });
    let root = kit.block(chain(vec![each, fan_out(region), gate]));
    let plan = kit.plan(root);

    let scratch = Scratch::new();
    assert_eq!(scratch.run(plan, false).nodes, ["fails", "fine", "gate"]);
    assert_eq!(ran(), 100);
    // Interrupted: failures are kept.
    scratch.set_status(Status::Unfinished);
    assert_eq!(scratch.run(plan, true).nodes, ["gate"]);
    assert_eq!(ran(), 0);
    // The run before ended, with a failure: what may fail gets another chance.
    assert_eq!(scratch.run(plan, true).nodes, ["fails", "gate"]);
    assert_eq!(ran(), 10);
    FAILING.store(0, Ordering::Relaxed);
    let again = scratch.run(plan, true);
    assert_eq!(again.nodes, ["fails", "gate"]);
    assert_eq!(ran(), 10);
    assert!(again.view().get(OUT).iter().copied().eq(0..100));
}

#[test]
fn values_are_read_only_if_somebody_who_runs_wants_them() {
    static READ: AtomicUsize = AtomicUsize::new(0);
    static FAILING: AtomicUsize = AtomicUsize::new(1);
    #[derive(Debug, serde::Serialize)]
    struct Counted(i64);
    impl<'de> serde::Deserialize<'de> for Counted {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            READ.fetch_add(1, Ordering::Relaxed);
            i64::deserialize(from).map(Self)
        }
    }
    let mut kit = Kit::default();
    let (unread, read) = (kit.unique::<Counted>("unread"), kit.unique::<Counted>("read"));
    kit.wired(unread);
    kit.wired(read);
    let steps = chain(vec![
        node("a", move |view, _| {
            put(view, unread, Counted(1))?;
            put(view, read, Counted(2))
        }),
        node("b", move |view, _| put(view, unread, Counted(3))),
        node("c", |_, _| if FAILING.load(Ordering::Relaxed) > 0 { Err("not yet".into()) } else { Ok(()) }),
        node("d", move |view, _| {
            assert_eq!(view.get(read).0, 2);
            // Not `Clone`, and another has it: it is read once more.
            let kept = view.share(read);
            let taken = view.take(read).map_err(|failure| failure.message)?;
            assert_eq!((kept.0, taken.0), (2, 2));
            Ok(())
        }),
    ]);
    let root = kit.block(steps);
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    scratch.run(plan, false).outcome.unwrap_err();
    FAILING.store(0, Ordering::Relaxed);
    // Whoever writes a type as bytes reads its first values to see whether they arrive.
    READ.store(0, Ordering::Relaxed);
    let view = scratch.run(plan, true).view();
    assert_eq!(READ.load(Ordering::Relaxed), 2);
    assert_eq!(view.get(unread).0, 3);
    assert_eq!(READ.load(Ordering::Relaxed), 3);
}

#[test]
fn what_nobody_needs_after_a_branch_is_not_recorded_once_more_and_is_there_for_who_takes_the_whole_state() {
    const PARTS: Key<Vec<i64>> = Key::new(0);
    static RAN: AtomicUsize = AtomicUsize::new(0);
    static FAILING: AtomicUsize = AtomicUsize::new(1);
    static EACH: &dyn MapSpec = &map(
        given(|_, _| Ok(0..1000_i64)),
        |_, _, n, _| {
            RAN.fetch_add(1, Ordering::Relaxed);
            Ok(*n)
        },
        PARTS,
        None,
        Hashed,
        Wired,
    );
    let mut kit = Kit::default();
    let (parts, sum) = (kit.key::<Vec<i64>>("parts"), kit.key::<i64>("sum"));
    kit.wired(parts);
    kit.not_output(parts);
    kit.wired(sum);
    let each = kit.map("each", EACH, ParallelConfig::DEFAULT, |map| map.writes = &[0]);
    let add = node("add", move |view, _| {
        let all = view.get(parts).iter().sum();
        put(view, sum, all)
    });
    let branch = task("branch", kit.block(chain(vec![each, add]))).writes(parts, false).writes(sum, false);
    let region = kit.region(vec![branch, task("other", kit.block(Vec::new()))]);
    let gate = node("gate", move |view, _| {
        assert_eq!(*view.get(sum), 499_500);
        if FAILING.load(Ordering::Relaxed) > 0 { Err("not yet".into()) } else { Ok(()) }
    });
    let steps = vec![fan_out(region).reads(&[sum.id]), gate.reads(&[sum.id])];
    let root = kit.block(chain(steps));
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    let run = |resume: Option<Which>, only_output: bool| {
        scratch.run_with(plan, Vec::new(), |session| (session.resume, session.only_output) = (resume, only_output))
    };
    assert_eq!(run(None, true).nodes, ["add", "gate"]);
    FAILING.store(0, Ordering::Relaxed);
    let resumed = run(Some(Which::Last), true);
    assert_eq!(resumed.nodes, ["gate"]);
    assert!(resumed.view().value(parts.id).is_none());
    let whole = run(Some(Which::Named(scratch.name())), false);
    assert!(whole.nodes.is_empty(), "{:?}", whole.nodes);
    assert!(whole.view().get(parts).iter().copied().eq(0..1000));
    assert_eq!(RAN.load(Ordering::Relaxed), 1000);
}

#[test]
fn what_a_branch_in_a_branch_has_left_out_is_there_for_who_takes_the_whole_state() {
    const PARTS: Key<Vec<i64>> = Key::new(0);
    static RAN: AtomicUsize = AtomicUsize::new(0);
    static FAILING: AtomicUsize = AtomicUsize::new(1);
    static EACH: &dyn MapSpec = &map(
        given(|_, _| Ok(0..10_i64)),
        |_, _, n, _| {
            RAN.fetch_add(1, Ordering::Relaxed);
            Ok(*n)
        },
        PARTS,
        None,
        Hashed,
        Wired,
    );
    let mut kit = Kit::default();
    let parts = kit.key::<Vec<i64>>("parts");
    kit.wired(parts);
    kit.not_output(parts);
    let each = kit.map("each", EACH, ParallelConfig::DEFAULT, |map| map.writes = &[0]);
    let inner = task("inner", kit.block(chain(vec![each]))).writes(parts, false);
    let within = kit.region(vec![inner, task("other", kit.block(Vec::new()))]);
    let late = node("late", |_, _| if FAILING.load(Ordering::Relaxed) > 0 { Err("not yet".into()) } else { Ok(()) });
    let outer = task("outer", kit.block(chain(vec![fan_out(within), late]))).writes(parts, false);
    let region = kit.region(vec![outer, task("another", kit.block(Vec::new()))]);
    let root = kit.block(chain(vec![fan_out(region)]));
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    let run = |resume: Option<Which>, only_output: bool| {
        scratch.run_with(plan, Vec::new(), |session| (session.resume, session.only_output) = (resume, only_output))
    };
    assert_eq!(run(None, true).nodes, ["late"]);
    FAILING.store(0, Ordering::Relaxed);
    // Of the inner branch, there is only what its record has: the outer one cannot leave out what it does not see.
    assert_eq!(run(Some(Which::Last), true).nodes, ["late"]);
    let whole = run(Some(Which::Named(scratch.name())), false);
    assert!(whole.nodes.is_empty(), "{:?}", whole.nodes);
    assert!(whole.view().get(parts).iter().copied().eq(0..10));
    assert_eq!(RAN.load(Ordering::Relaxed), 10);
}

#[test]
fn what_was_cancelled_is_no_failure_that_is_kept() {
    const OUT: Key<Vec<i64>> = Key::new(0);
    static CANCEL: std::sync::Mutex<Option<CancellationToken>> = std::sync::Mutex::new(None);
    static EACH: &dyn MapSpec = &map(
        given(|_, _| Ok(0..40_i64)),
        |_, _, n, _| {
            if *n == 5
                && let Some(cancel) = CANCEL.lock().unwrap().take()
            {
                cancel.cancel();
            }
            Ok(*n)
        },
        OUT,
        None,
        Hashed,
        Wired,
    );
    let mut kit = Kit::default();
    let out: Key<Vec<i64>> = kit.key("out");
    kit.wired(out);
    let allowed = ParallelConfig { allow_failure: true, ..ParallelConfig::DEFAULT };
    let each = kit.map("each", EACH, allowed, |map| map.writes = &[0]);
    let root = kit.block(vec![each]);
    let plan = kit.plan(root);
    let (scratch, cancel) = (Scratch::new(), CancellationToken::new());
    *CANCEL.lock().unwrap() = Some(cancel.clone());
    let session = Session { state_dir: scratch.0.clone(), ..Session::default() };
    let options = Options { max_workers: Some(1), cancel, ..Options::default() };
    let error = request::run_recorded(plan, Vec::new(), options, Some(session), Means::default()).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    assert!(scratch.run(plan, true).view().get(OUT).iter().copied().eq(0..40));
}

#[test]
fn what_cannot_be_recorded_ends_recording_with_a_warning_or_the_run() {
    #[derive(Debug, Clone, serde::Deserialize)]
    struct Unwritable;
    impl serde::Serialize for Unwritable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    let mut kit = Kit::default();
    let (bad, good) = (kit.key::<Unwritable>("bad"), kit.key::<i64>("good"));
    kit.wired(bad);
    kit.wired(good);
    let root = kit.block(chain(vec![puts("a", good, 1), puts("b", bad, Unwritable), puts("c", good, 3)]));
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    let ran = scratch.run(plan, false);
    assert_eq!(ran.warnings.len(), 1, "{:?}", ran.warnings);
    assert!(ran.warnings[0].contains("no longer recorded") && ran.warnings[0].contains("`bad`"), "{:?}", ran.warnings);
    assert_eq!(*ran.view().get(good), 3);
    let scratch = Scratch::new();
    let ran = scratch.run_with(plan, Vec::new(), |session| session.require_state = true);
    assert_eq!(ran.nodes, ["a", "b"]);
    let error = ran.outcome.unwrap_err().to_string();
    assert!(error.contains("can no longer be recorded"), "{error}");
}
