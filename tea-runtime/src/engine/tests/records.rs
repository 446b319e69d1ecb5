//! Runs that are recorded, are ended anywhere, and go on.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use fastrand::Rng;

use super::{foreseen, kit::*, random::Random};
use crate::{
    cancel::CancellationToken,
    context::Context,
    engine::{
        Means, Options,
        records::{Session, Which, outlook},
    },
    error::Error,
    event::{Event, Events},
    map::{Hashed, MapSpec, Wired, given, in_place, map, reduced},
    plan::{Plan, Step, Target},
    policy::ParallelConfig,
    position::Position,
    request,
    state::{Key, Value, View},
    store::{Folder, Kind, Manifest, Recorder, Status},
};

/// A store that goes away with the test.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new() -> Self {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tea-records-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Runs a plan, recorded here.
    pub(super) fn run(&self, plan: &'static Plan, resume: bool) -> Ran {
        self.run_with(plan, Vec::new(), |session| session.resume = resume.then_some(Which::Last))
    }

    /// The same on so many threads.
    pub(super) fn run_on(&self, workers: usize, plan: &'static Plan, resume: bool) -> Ran {
        self.run_in(plan, Vec::new(), workers, |session| session.resume = resume.then_some(Which::Last))
    }

    pub(super) fn run_with(
        &self,
        plan: &'static Plan,
        inputs: Vec<(u32, Value)>,
        with: impl FnOnce(&mut Session),
    ) -> Ran {
        self.run_in(plan, inputs, 1, with)
    }

    fn run_in(
        &self,
        plan: &'static Plan,
        inputs: Vec<(u32, Value)>,
        workers: usize,
        with: impl FnOnce(&mut Session),
    ) -> Ran {
        let mut session = Session { state_dir: self.0.clone(), ..Session::default() };
        with(&mut session);
        let log = Arc::new(std::sync::Mutex::new((Vec::new(), Vec::new())));
        let listener = {
            let log = Arc::clone(&log);
            move |event: &Event<'_>| match event {
                Event::NodeStarted { node, .. } => log.lock().unwrap().0.push((*node).to_owned()),
                Event::Warning { message } => log.lock().unwrap().1.push((*message).to_owned()),
                _ => {}
            }
        };
        let events = Events::new(vec![Arc::new(listener)]);
        let options = Options { max_workers: Some(workers), events, ..Options::default() };
        let outcome = request::run_recorded(plan, inputs, options, Some(session), Means::default());
        let (nodes, warnings) = std::mem::take(&mut *log.lock().unwrap());
        Ran { outcome, nodes, warnings }
    }

    /// The one run here.
    fn name(&self) -> String {
        let mut runs = Folder::open(&self.0).unwrap().runs().unwrap();
        assert_eq!(runs.len(), 1);
        runs.remove(0).name
    }

    /// As if the process had been killed.
    pub(super) fn set_status(&self, status: Status) {
        let folder = Folder::open(&self.0).unwrap();
        let run = folder.run(&self.name()).unwrap();
        let (recorder, _) =
            Recorder::go_on(folder, run, crate::store::Options { sync: std::time::Duration::ZERO }).unwrap();
        let manifest = recorder.manifest();
        recorder.set_manifest(Manifest { status, ..manifest }).unwrap();
    }

    fn log(&self) -> PathBuf {
        self.0.join("runs").join(self.name()).join("log.0")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What came of a run.
pub(super) struct Ran {
    pub(super) outcome: Result<View, Error>,
    /// The nodes that started.
    pub(super) nodes: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Ran {
    pub(super) fn view(self) -> View {
        self.outcome.unwrap_or_else(|error| panic!("{error}"))
    }
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

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
