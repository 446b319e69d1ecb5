//! The pool against real workers: this test program, re-executed. A branch does what its input says.

mod guarded;

use std::{
    any::Any,
    borrow::Cow,
    cell::RefCell,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, mpsc},
    time::{Duration, Instant},
};

use super::{ProcessExecutor, TestEntry};
use crate::{
    cancel::CancellationToken,
    context::{CallPath, Context},
    engine,
    event::{Event, Events, Scope},
    executor::{
        ParallelExecutor, Ticket, Unit,
        breakers::Breakers,
        fan_out::FanOut,
        message::{Message, Note},
        outcome::Outcome,
        payload,
        queue::CompletionQueue,
        run_info::RunInfo,
        tokens::Tokens,
        wire::{self, Bytes, Encoded, EncodedView, ResultHead, UnitHead},
        work::{Unencodable, Work},
    },
    failure::{ExitStatus, Failure, FailureKind, NodeError},
    map::{Wired, given, map},
    plan::{
        self, Block, CodeId, Map, Next, Place, Plan, Region, Registered, Run as Node, Site, Step, Target, Task,
        TaskRead, TaskWrite,
    },
    policy::{ParallelConfig, Strategy},
    position::Position,
    request,
    state::{Key, KeySpec, Kind, View, Wire},
};

#[test]
fn tea_worker() {
    super::test_entry();
}

inventory::submit!(TestEntry(concat!(module_path!(), "::tea_worker"), || std::any::type_name_of_val(&tea_worker)));
inventory::submit!(Registered(&ACTS));
inventory::submit!(Registered(&DOUBLES));

const DO: Key<String> = Key::new(0);
const DONE: Key<String> = Key::new(1);

static TEXT: Kind = Kind { wire: Some(const { &Wire::new::<String>() }), ..Kind::of::<String>("String") };

pub(super) const fn key(name: &'static str) -> KeySpec {
    KeySpec { optional: true, ..KeySpec::new(name, &TEXT) }
}

pub(super) const HERE: Place = Place { line: 1, column: 1 };
const CONFIG: ParallelConfig = ParallelConfig { strategy: Strategy::Process, ..ParallelConfig::DEFAULT };

static KEYS: [KeySpec; 2] = [key("act"), key("done")];

static ACTS: Plan = Plan {
    name: "acts",
    description: "",
    file: "acts.yaml",
    module: module_path!(),
    package: None,
    version: None,
    panics_abort: false,
    keys: &KEYS,
    root: &Block { entry: Next::Go(Target::End), steps: &[], keys: &[] },
    finally: &[],
    sites: &[Site::Region(&REGION)],
    workflows: &[],
    max_workers: None,
    checkpoint: None,
    identities: None,
};

static REGION: Region = Region {
    id: 0,
    place: HERE,
    keys: &KEYS,
    tasks: &[Task {
        name: "act",
        place: HERE,
        when: None,
        when_text: "",
        when_reads: &[],
        when_code: CodeId::UNKNOWN,
        fallback: &[],
        code: CodeId::UNKNOWN,
        needs: &[],
        block: &Block {
            entry: Next::Go(Target::Step(0)),
            steps: &[Step {
                name: "act",
                place: HERE,
                work: plan::Work::Run(&Node(act, DONE)),
                next: Next::Go(Target::End),
                max_visits: 10_000,
                reads: &[],
                writes: &[],
                rerun: false,
                code: CodeId::UNKNOWN,
                cached: false,
                pinned: false,
            }],
            keys: &[0, 1],
        },
        reads: &[TaskRead { key: 0, after: 0 }],
        writes: &[TaskWrite { key: 1, combine: false }],
        config: &CONFIG,
        written: Some(&[]),
    }],
    dataflow: false,
    join: None,
    max_workers: None,
    fail_fast: false,
    written: &[],
};

fn act(view: &View, context: &Context) -> Result<String, NodeError> {
    let text = view.get(DO);
    let (act, rest) = text.split_once(' ').unwrap_or((text, ""));
    match act {
        "echo" => Ok(rest.to_owned()),
        "pid" => Ok(std::process::id().to_string()),
        "grow" => Ok("x".repeat(rest.parse()?)),
        "print" => {
            eprint!("{rest}");
            Ok(String::new())
        }
        "error" => Err(rest.into()),
        "panic" => panic!("{rest}"),
        "exit" => std::process::exit(rest.parse()?),
        "abort" => std::process::abort(),
        "signal" => loop {
            let signal = rustix::process::Signal::from_named_raw(rest.parse()?).ok_or("no such signal")?;
            // Again: the standard library takes the first SIGSEGV for itself, and gives up its place.
            rustix::process::kill_process(rustix::process::getpid(), signal)?;
        },
        "spin" => {
            eprintln!("ready");
            loop {
                std::hint::black_box(());
            }
        }
        "wait" => {
            eprintln!("ready");
            while !context.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok("was told".to_owned())
        }
        _ => Err(format!("unknown act {act}").into()),
    }
}

static DOUBLES: Plan = Plan {
    name: "doubles",
    root: &Block {
        entry: Next::Go(Target::Step(0)),
        steps: &[Step {
            name: "double",
            place: HERE,
            work: plan::Work::Map(&MAP),
            next: Next::Go(Target::End),
            max_visits: 10_000,
            reads: &[],
            writes: &[],
            rerun: false,
            code: CodeId::UNKNOWN,
            cached: false,
            pinned: false,
        }],
        keys: &[],
    },
    finally: &[],
    sites: &[Site::Map(&MAP)],
    workflows: &[],
    keys: &[],
    description: "",
    file: "doubles.yaml",
    module: module_path!(),
    package: None,
    version: None,
    panics_abort: false,
    max_workers: None,
    checkpoint: None,
    identities: None,
};

static MAP: Map = Map {
    id: 0,
    name: "double",
    place: HERE,
    keys: &[],
    workflow: None,
    passed: &[],
    spec: &map(given(|_, _| Ok(0..2000_usize)), |_, _, n, _| double(*n).map(drop), (), None, Wired, Wired),
    reads: &[],
    writes: &[],
    indexed: false,
    max_workers: None,
    fail_fast: false,
    config: &CONFIG,
    written: &[],
};

/// Some items are the end of their worker, or an error.
fn double(n: usize) -> Result<usize, NodeError> {
    match n {
        13 | 1013 => std::process::abort(),
        57 | 1057 => Err("no luck".into()),
        _ => Ok(2 * n),
    }
}

/// A branch of [`ACTS`], as the engine would send it.
struct Act(View);

impl Act {
    fn new(text: &str) -> Self {
        let mut view = View::new(ACTS.keys, REGION.tasks[0].block.keys);
        view.set(0, Arc::new(text.to_owned()));
        Self(view)
    }
}

impl Work for Act {
    fn parts(&self) -> usize {
        1
    }

    fn name(&self) -> &'static str {
        "act"
    }

    fn label(&self, _: usize, _: usize) -> String {
        "act".to_owned()
    }

    fn kind(&self) -> usize {
        0
    }

    fn run(&mut self, _: usize, _: usize, _: &mut Context) -> (usize, Option<Box<Failure>>) {
        unreachable!("it runs in a worker")
    }

    fn encode(&self, attempt: u32, max_payload: u64) -> Result<Encoded, Unencodable> {
        let values = payload::encode(ACTS.keys, self.0.value(0).map(|value| (0, value)), max_payload);
        let values = values.map_err(Unencodable::Part)?;
        let (module, workflow) = (Cow::Borrowed(ACTS.module), Cow::Borrowed(ACTS.name));
        let head = UnitHead {
            module,
            workflow,
            site: 0,
            first: 0,
            attempt,
            max_payload,
            items: Vec::new(),
            position: Cow::default(),
            reads: None,
            records: Cow::default(),
        };
        Ok(Encoded { head, view: EncodedView::new(values.heads, values.bytes), items: Vec::new() })
    }

    fn part(&self, _: usize) -> Box<dyn Work> {
        unreachable!("nothing is tried again")
    }

    fn split_off(&mut self, _: usize) -> Box<dyn Work> {
        unreachable!("it is one part")
    }

    fn encode_result(&self, _: usize, _: u64, _: &mut Bytes) -> Result<ResultHead, Box<Failure>> {
        unreachable!("it runs in a worker")
    }

    fn accept(&mut self, _: usize, head: &ResultHead, bytes: &[u8]) -> Result<(), Box<Failure>> {
        for (key, value) in payload::decode(ACTS.keys, self.0.keys(), &head.values, bytes)? {
            self.0.replace(key, value);
        }
        Ok(())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

fn new_run() -> Arc<RunInfo> {
    new_run_with(Events::default())
}

fn new_run_with(events: Events) -> Arc<RunInfo> {
    let mut settings = Vec::new();
    wire::write(&(Vec::<(u32, u32, ParallelConfig)>::new(), None::<bool>), &mut settings);
    RunInfo::new(0, &ACTS, events, Tokens::new(64, None), Arc::new(Breakers::new([])), settings)
}

/// A unit that was sent, and what a driver would hear of it.
struct Sent {
    cancel: CancellationToken,
    fan_out: Arc<FanOut>,
    heard: RefCell<Vec<Message>>,
}

impl Sent {
    /// Waits until something that was heard is what is looked for.
    fn wait_for<T>(&self, what: &str, mut find: impl FnMut(&mut Vec<Message>) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = find(&mut self.heard.borrow_mut()) {
                return found;
            }
            assert!(start.elapsed() < Duration::from_mins(1), "{what}");
            let mut more = Vec::new();
            self.fan_out.queue.wait(1, Some(Instant::now() + Duration::from_secs(1)), &mut more);
            self.heard.borrow_mut().append(&mut more);
        }
    }

    fn outcome(&self) -> Outcome {
        let mut outcome = self.wait_for("every unit ends", |heard| {
            let at = heard.iter().position(|message| matches!(message, Message::Done(_)))?;
            match heard.remove(at) {
                Message::Done(completion) => Some(completion.outcome),
                _ => None,
            }
        });
        outcome.decode();
        outcome
    }

    fn wait_until_it_runs(&self) {
        self.wait_for("it begins", |heard| {
            heard
                .iter()
                .any(|message| matches!(message, Message::Note(Note::Output { line, .. }) if line == "ready"))
                .then_some(())
        });
    }

    /// The lines that it wrote, with what they are labelled.
    fn lines(&self) -> Vec<(String, String)> {
        let heard = self.heard.borrow();
        let line = |message: &Message| match message {
            Message::Note(Note::Output { label, line, .. }) => Some((label.clone(), line.clone())),
            _ => None,
        };
        heard.iter().filter_map(line).collect()
    }

    fn end(&self) -> Result<String, Box<Failure>> {
        let Outcome { work, mut failures, .. } = self.outcome();
        match failures.pop() {
            Some((_, failure)) => Err(failure),
            None => Ok(work.unwrap().into_any().downcast::<Act>().unwrap().0.get(DONE).clone()),
        }
    }

    fn text(&self) -> String {
        self.end().expect("it ends well")
    }

    fn failure(&self) -> Box<Failure> {
        self.end().expect_err("it fails")
    }
}

/// Sends a branch.
fn send(executor: &ProcessExecutor, config: &'static ParallelConfig, text: &str) -> Sent {
    static RUN: LazyLock<Arc<RunInfo>> = LazyLock::new(new_run);
    send_of(&RUN, executor, config, text)
}

/// Sends a branch of this run.
fn send_of(run: &Arc<RunInfo>, executor: &ProcessExecutor, config: &'static ParallelConfig, text: &str) -> Sent {
    let cancel = CancellationToken::new();
    let fan_out = Arc::new(FanOut {
        run: Arc::clone(run),
        queue: CompletionQueue::default(),
        cancel: CancellationToken::new(),
        position: Position::ROOT,
        path: CallPath::default(),
    });
    let work = Box::new(Act::new(text));
    let encoded = work.encode(1, config.max_payload);
    let unit = Unit {
        ticket: Ticket::new(Arc::clone(&fan_out)),
        scope: Scope::ROOT,
        attempt: 1,
        config,
        deadline: None,
        cancel: Some(cancel.clone()),
        index: 0,
        work,
        encoded: None,
    };
    match encoded {
        Ok(encoded) => executor.submit(Unit { encoded: Some(Box::new(encoded)), ..unit }),
        Err(Unencodable::Part(failure) | Unencodable::All(failure)) => unit.fail(&failure),
    }
    Sent { cancel, fan_out, heard: RefCell::default() }
}

#[test]
fn a_branch_runs_in_a_worker_and_comes_back() {
    let executor = ProcessExecutor::new(2);
    let pid = send(&executor, &CONFIG, "pid").text();
    assert_ne!(pid, std::process::id().to_string());
    assert_eq!(send(&executor, &CONFIG, "pid").text(), pid, "the worker is kept");
    assert_eq!(send(&executor, &CONFIG, "echo there and back").text(), "there and back");
}

#[test]
fn a_killed_worker_is_a_crash_of_what_it_ran() {
    let executor = ProcessExecutor::new(2);
    let all: Vec<_> = (0..40)
        .map(|n| send(&executor, &CONFIG, &if n == 5 { "signal 9".into() } else { format!("echo {n}") }))
        .collect();
    for (n, sent) in all.into_iter().enumerate() {
        if n == 5 {
            let outcome = sent.outcome();
            let failure = &outcome.failures[0].1;
            assert_eq!((failure.kind, failure.exit), (FailureKind::Crash, Some(ExitStatus::Signal(9))));
            assert_eq!(failure.message, "the worker process was ended by signal 9 (SIGKILL)");
        } else {
            assert_eq!(sent.text(), n.to_string());
        }
    }
}

#[test]
fn what_waits_behind_a_long_one_goes_to_another_worker() {
    let executor = ProcessExecutor::new(2);
    // They are short, so that many are sent to a worker at once.
    (0..20).for_each(|n| assert_eq!(send(&executor, &CONFIG, &format!("echo {n}")).text(), n.to_string()));
    let long = send(&executor, &CONFIG, "wait");
    let short: Vec<_> = (0..9).map(|n| send(&executor, &CONFIG, &format!("echo {n}"))).collect();
    for (n, sent) in short.into_iter().enumerate() {
        assert_eq!(sent.text(), n.to_string());
    }
    long.cancel.cancel();
    assert_eq!(long.text(), "was told");
}

#[test]
fn every_way_to_end_is_named() {
    let executor = ProcessExecutor::new(1);
    for (act, exit) in [
        ("exit 0", ExitStatus::Code(0)),
        ("exit 7", ExitStatus::Code(7)),
        ("abort", ExitStatus::Signal(6)),
        ("signal 11", ExitStatus::Signal(11)),
    ] {
        let failure = send(&executor, &CONFIG, act).failure();
        assert_eq!((failure.kind, failure.exit), (FailureKind::Crash, Some(exit)), "{act}");
    }
    assert_eq!(send(&executor, &CONFIG, "echo on").text(), "on");
}

#[test]
fn errors_and_panics_leave_the_worker_alive() {
    let executor = ProcessExecutor::new(1);
    let pid = send(&executor, &CONFIG, "pid").text();
    let failure = send(&executor, &CONFIG, "error no luck").failure();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Error, "no luck"));
    let failure = send(&executor, &CONFIG, "panic oh no").failure();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Panic, "oh no"));
    assert!(failure.panicked_at.unwrap().contains("process/tests.rs"));
    assert_eq!(send(&executor, &CONFIG, "pid").text(), pid);
}

#[test]
fn a_deadline_ends_the_worker() {
    static LIMITED: ParallelConfig = ParallelConfig { timeout: Some(Duration::from_millis(200)), ..CONFIG };
    let executor = ProcessExecutor::new(1);
    assert_eq!(send(&executor, &CONFIG, "echo warm").text(), "warm");
    let start = Instant::now();
    let failure = send(&executor, &LIMITED, "spin").failure();
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert_eq!(failure.exit, Some(ExitStatus::Signal(15)));
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(send(&executor, &CONFIG, "echo next").text(), "next");
}

#[test]
fn the_longest_of_times_are_no_overflow() {
    static FOR_EVER: ParallelConfig = ParallelConfig { timeout: Some(Duration::MAX), grace: Duration::MAX, ..CONFIG };
    let executor = ProcessExecutor::with(1, None, Duration::MAX);
    assert_eq!(send(&executor, &FOR_EVER, "echo on").text(), "on");
    let waiting = send(&executor, &FOR_EVER, "wait");
    waiting.wait_until_it_runs();
    waiting.cancel.cancel();
    assert_eq!(waiting.text(), "was told");
}

#[test]
fn a_cancelled_branch_is_told_and_then_ended() {
    static SHORT: ParallelConfig = ParallelConfig { grace: Duration::from_millis(100), ..CONFIG };
    let executor = ProcessExecutor::new(2);
    let told = send(&executor, &CONFIG, "wait");
    let deaf = send(&executor, &SHORT, "spin");
    told.wait_until_it_runs();
    deaf.wait_until_it_runs();
    let queued = send(&executor, &CONFIG, "echo queued");
    queued.cancel.cancel();
    assert_eq!(queued.failure().kind, FailureKind::Cancelled);
    told.cancel.cancel();
    deaf.cancel.cancel();
    assert_eq!(told.text(), "was told");
    assert_eq!(deaf.failure().kind, FailureKind::Cancelled);
}

#[test]
fn what_is_cancelled_behind_another_costs_neither_the_worker_nor_what_comes_after() {
    let executor = ProcessExecutor::new(1);
    let pid = send(&executor, &CONFIG, "pid").text();
    // Short ones, so that several travel together from now on.
    (0..100).for_each(|_| _ = send(&executor, &CONFIG, "echo").text());
    let running = send(&executor, &CONFIG, "wait");
    running.wait_until_it_runs();
    let all: Vec<_> = (0..3).map(|n| send(&executor, &CONFIG, &format!("echo {n}"))).collect();
    all[1].cancel.cancel();
    assert_eq!(all[1].failure().kind, FailureKind::Cancelled, "at once, though another runs");
    running.cancel.cancel();
    assert_eq!(running.text(), "was told");
    assert_eq!((all[0].text(), all[2].text()), ("0".to_owned(), "2".to_owned()));
    assert_eq!(send(&executor, &CONFIG, "pid").text(), pid);
}

#[test]
fn large_values_go_both_ways_at_once() {
    let executor = ProcessExecutor::new(2);
    let large = format!("echo {}", "y".repeat(64 << 20));
    let all: Vec<_> = (0..3).map(|_| send(&executor, &CONFIG, &large)).collect();
    for sent in all {
        assert_eq!(sent.text().len(), 64 << 20);
    }
}

#[test]
fn what_is_over_the_limit_is_not_sent() {
    static SMALL: ParallelConfig = ParallelConfig { max_payload: 1 << 20, ..CONFIG };
    let executor = ProcessExecutor::new(1);
    let failure = send(&executor, &SMALL, &format!("echo {}", "y".repeat(1 << 20))).failure();
    assert_eq!(failure.kind, FailureKind::Transport);
    assert_eq!(
        failure.message,
        "state key `act` cannot cross to or from a worker: it takes 1048581 bytes, and `max_payload` is 1 MiB"
    );
    let failure = send(&executor, &SMALL, "grow 2000000").failure();
    assert!(failure.message.contains("`done`") && failure.message.contains("2000000 bytes"), "{failure:?}");
    assert_eq!(send(&executor, &SMALL, "echo on").text(), "on");
}

#[test]
fn what_a_branch_writes_is_told_before_its_end_also_without_a_line_end() {
    let executor = ProcessExecutor::new(1);
    let sent = send(&executor, &CONFIG, "print one\ntwo");
    sent.text();
    let lines = ["one", "two"].map(|line| ("act".to_owned(), line.to_owned()));
    assert_eq!(sent.lines().iter().filter(|(label, _)| label == "act").cloned().collect::<Vec<_>>(), lines);
}

#[test]
fn a_pool_serves_one_run_after_the_other() {
    let executor = ProcessExecutor::new(1);
    let mut pids: Vec<_> = (0..20).map(|_| send_of(&new_run(), &executor, &CONFIG, "pid").text()).collect();
    pids.dedup();
    assert_eq!(pids.len(), 1, "the worker is kept");
}

#[test]
fn row_36_dropping_the_pool_ends_what_runs() {
    let executor = ProcessExecutor::new(2);
    let pid = send(&executor, &CONFIG, "pid").text();
    let (running, waiting) = (send(&executor, &CONFIG, "spin"), send(&executor, &CONFIG, "echo late"));
    drop(executor);
    for sent in [running, waiting] {
        if let Err(failure) = sent.end() {
            assert!(matches!(failure.kind, FailureKind::Cancelled | FailureKind::Crash), "{failure:?}");
        }
    }
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    assert!(rustix::process::test_kill_process(pid).is_err(), "the worker is reaped");
}

/// A script in the place of the worker's program.
fn script(name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let directory = std::env::temp_dir().join(format!("tea-script-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("script");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// What a script runs to become a worker: this test program.
fn worker() -> String {
    let this = std::env::current_exe().unwrap();
    format!("exec '{}' process::tests::tea_worker --exact --nocapture --test-threads=1", this.display())
}

fn remove(script: &Path) {
    std::fs::remove_dir_all(script.parent().unwrap()).unwrap();
}

fn failure_of(name: &str, text: &str, handshake: Duration) -> Box<Failure> {
    let path = script(name, text);
    let executor = ProcessExecutor::with(2, Some(path.clone()), handshake);
    let outcome = send(&executor, &CONFIG, "echo").outcome();
    assert!(outcome.refused);
    let failure = outcome.failures.into_iter().next().unwrap().1;
    assert_eq!(send(&executor, &CONFIG, "echo").failure().message, failure.message, "it stays so");
    remove(&path);
    failure
}

const LONG: Duration = Duration::from_mins(1);

#[test]
fn row_19_noise_before_the_hello() {
    // This test program, whose harness prints before the worker's hello, after more noise.
    let path = script("noise", &format!("echo some noise; {}", worker()));
    let executor = ProcessExecutor::with(1, Some(path.clone()), LONG);
    let echo = send(&executor, &CONFIG, "echo through the noise").text();
    assert_eq!(echo, "through the noise");
    remove(&path);

    let failure = failure_of("noisy", "yes 'no worker'", LONG);
    assert_eq!(failure.kind, FailureKind::Transport);
    assert!(failure.message.contains("it wrote \"no worker\\nno worker"), "{}", failure.message);
}

#[test]
fn row_21_a_worker_that_says_nothing() {
    let failure = failure_of("silent", "sleep 1000", Duration::from_millis(20));
    assert!(failure.message.contains("it did not say hello within 20ms"), "{}", failure.message);
}

#[test]
fn row_22_another_build_answers() {
    use super::{
        frame::Header,
        message::{FromWorker, Hello, MESSAGE},
    };
    let mut hello = Vec::new();
    wire::write(&FromWorker::Hello(Hello { protocol: 1, fingerprint: 0xbad, pid: 1 }), &mut hello);
    let frame = [&Header::of(MESSAGE, 0, [&hello[..]]).to_bytes()[..], &hello].concat();
    let octal: Vec<String> = frame.iter().map(|byte| format!("\\{byte:03o}")).collect();
    let octal = octal.concat();
    let failure = failure_of("other", &format!("printf '{octal}'; sleep 1000"), LONG);
    let ours = format!("{:016x}", super::identity::fingerprint());
    assert!(failure.message.contains("its fingerprint 0000000000000bad"), "{}", failure.message);
    assert!(failure.message.contains(&ours), "{}", failure.message);
}

#[test]
fn row_29_starts_that_fail_take_no_work_from_workers_that_run() {
    let path = script("once", &format!("mkdir \"$(dirname \"$0\")/started\" 2>/dev/null || exit 3; {}", worker()));
    let executor = ProcessExecutor::with(2, Some(path.clone()), LONG);
    let (tell, warned) = mpsc::channel();
    let listener = move |event: &Event<'_>| {
        if let Event::Warning { .. } = event {
            let _ = tell.send(());
        }
    };
    let run = new_run_with(Events::new(vec![Arc::new(listener)]));
    let running = send_of(&run, &executor, &CONFIG, "wait");
    running.wait_until_it_runs();
    let waiting: Vec<_> = (0..5).map(|n| send_of(&run, &executor, &CONFIG, &format!("echo {n}"))).collect();
    // Ten starts have failed then.
    while warned.recv_timeout(Duration::from_millis(1)).is_err() {
        run.tell_notes();
    }
    running.cancel.cancel();
    assert_eq!(running.text(), "was told");
    for (n, waiting) in waiting.into_iter().enumerate() {
        assert_eq!(waiting.text(), n.to_string());
    }
    drop(executor);
    remove(&path);
}

#[test]
fn row_30_every_worker_dies_at_once() {
    let failure = failure_of("dead", "echo last words >&2; exit 3", LONG);
    assert!(failure.message.starts_with("10 worker processes in a row ended before they were ready"), "{failure:?}");
    assert!(failure.message.contains("--parallel-strategy thread"), "{failure:?}");
    assert_eq!((failure.exit, failure.output), (Some(ExitStatus::Code(3)), vec!["last words".to_owned()]));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let executor = ProcessExecutor::with(2, Some("/no/such/program".into()), LONG);
    let outcome = send(&executor, &CONFIG, "echo").outcome();
    let message = &outcome.failures[0].1.message;
    assert!(outcome.refused && message.contains("/no/such/program"), "{message}");
}

#[test]
fn row_37_a_worker_survives_the_thread_that_needed_it() {
    let executor = Arc::new(ProcessExecutor::new(1));
    let first = Arc::clone(&executor);
    let pid = std::thread::spawn(move || send(&first, &CONFIG, "pid").text()).join().unwrap();
    assert_eq!(send(&executor, &CONFIG, "pid").text(), pid);
}

#[test]
fn a_soak_accounts_for_every_branch_once() {
    let executor = ProcessExecutor::new(2);
    let mut sent = Vec::new();
    for n in 0..400 {
        let act = match n % 50 {
            10 => "signal 9".to_owned(),
            20 => "panic".to_owned(),
            30 => "exit 0".to_owned(),
            _ => format!("echo {n}"),
        };
        sent.push(send(&executor, &CONFIG, &act));
    }
    for (n, sent) in sent.into_iter().enumerate() {
        match n % 50 {
            10 | 30 => assert_eq!(sent.failure().kind, FailureKind::Crash),
            20 => assert_eq!(sent.failure().kind, FailureKind::Panic),
            _ => assert_eq!(sent.text(), n.to_string()),
        }
    }
}

#[test]
fn items_fail_one_by_one() {
    let executor: Arc<dyn ParallelExecutor> = Arc::new(ProcessExecutor::new(2));
    let options = engine::Options { executor: Some(executor), ..engine::Options::default() };
    let error = request::run(&DOUBLES, Vec::new(), options).map(drop).expect_err("some fail");
    let failed: Vec<_> = error.failures().iter().map(|failed| (failed.branch.join("/"), failed.failure.kind)).collect();
    let (crash, error) = (FailureKind::Crash, FailureKind::Error);
    let expected = [("double[13]", crash), ("double[57]", error), ("double[1013]", crash), ("double[1057]", error)];
    assert_eq!(failed, expected.map(|(name, kind)| (name.to_owned(), kind)));
}

/// `cargo test --release -p tea-runtime --lib speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn speed() {
    let executor = ProcessExecutor::new(1);
    let start = Instant::now();
    send(&executor, &CONFIG, "echo").text();
    println!("cold {:?}", start.elapsed());
    for _ in 0..3 {
        let start = Instant::now();
        for _ in 0..2000 {
            send(&executor, &CONFIG, "echo").text();
        }
        println!("round trip {:?}", start.elapsed() / 2000);
        let start = Instant::now();
        let all: Vec<_> = (0..20_000).map(|_| send(&executor, &CONFIG, "echo")).collect();
        for sent in all {
            sent.outcome();
        }
        println!("a branch {:?}", start.elapsed() / 20_000);
        let large = format!("echo {}", "y".repeat(64 << 20));
        let start = Instant::now();
        send(&executor, &CONFIG, &large).text();
        println!("64 MiB there and back {:?}", start.elapsed());
    }
}
