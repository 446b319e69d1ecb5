//! The pool against real workers: this test program, re-executed. A branch does what its input says.

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use super::TestEntry;
use crate::{
    cancel::CancellationToken,
    context::Context,
    engine::{
        self, Run,
        map::{Wired, given, map},
    },
    event::{Event, Events, Scope},
    executor::{Attempt, BranchEnd, ItemsEnd, Job, JobWork, ParallelExecutor, ProcessExecutor},
    failure::{ExitStatus, Failure, FailureKind, NodeError},
    plan::{
        Block, Map, Next, Place, Plan, Region, Registered, Run as Node, Site, Step, Target, Task, TaskRead, TaskWrite,
        Work,
    },
    policy::{ParallelConfig, Strategy},
    state::{Key, KeySpec, Kind, View, Wire},
};

#[test]
fn tea_worker() {
    super::test_entry();
}

inventory::submit!(TestEntry(concat!(module_path!(), "::tea_worker")));
inventory::submit!(Registered(&PLAN));

const DO: Key<String> = Key::new(0);
const DONE: Key<String> = Key::new(1);

static TEXT: Kind = Kind { name: "String", clone: None, to_json: None, wire: Some(Wire::new::<String>()), parse: None };

const fn key(name: &'static str) -> KeySpec {
    KeySpec {
        name,
        kind: &TEXT,
        input: false,
        default: None,
        reduce: None,
        transient: false,
        optional: true,
        description: "",
        flag: crate::state::FlagSpec::PLAIN,
    }
}

const HERE: Place = Place { line: 1, column: 1 };
const CONFIG: ParallelConfig = ParallelConfig { strategy: Strategy::Process, ..ParallelConfig::DEFAULT };

pub(super) static PLAN: Plan = Plan {
    name: "acts",
    description: "",
    file: "acts.yaml",
    module: module_path!(),
    version: None,
    panics_abort: false,
    keys: &[key("act"), key("done")],
    root: &Block { entry: Next::Go(Target::End), steps: &[], keys: &[] },
    sites: &[Site::Region(&REGION), Site::Map(&MAP)],
    max_workers: None,
};

pub(super) static MAP: Map = Map {
    id: 1,
    name: "double",
    place: HERE,
    spec: &map(given(|_, _| Ok(0..usize::MAX)), |_, _, n, _| double(*n).map(drop), (), None, Wired),
    reads: &[],
    writes: &[],
    max_workers: None,
    fail_fast: false,
    config: &CONFIG,
};

/// Some items are the end of their worker, or an error.
fn double(n: usize) -> Result<usize, NodeError> {
    match n {
        13 | 1013 => std::process::abort(),
        57 | 1057 => Err("no luck".into()),
        _ => Ok(2 * n),
    }
}

pub(super) static REGION: Region = Region {
    id: 0,
    place: HERE,
    tasks: &[Task {
        name: "act",
        place: HERE,
        when: None,
        when_text: "",
        needs: &[],
        block: &Block {
            entry: Next::Go(Target::Step(0)),
            steps: &[Step {
                name: "act",
                place: HERE,
                work: Work::Run(&Node(act, DONE)),
                next: Next::Go(Target::End),
                max_visits: 10_000,
            }],
            keys: &[0, 1],
        },
        reads: &[TaskRead { key: 0, after: 0 }],
        writes: &[TaskWrite { key: 1, combine: false }],
        config: &CONFIG,
    }],
    dataflow: false,
    max_workers: None,
    fail_fast: false,
};

fn act(view: &View, context: &Context) -> Result<String, NodeError> {
    let text = view.get(DO);
    let (act, rest) = text.split_once(' ').unwrap_or((text, ""));
    match act {
        "echo" => Ok(rest.to_owned()),
        "pid" => Ok(std::process::id().to_string()),
        "grow" => Ok("x".repeat(rest.parse()?)),
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

type End = Attempt<Result<BranchEnd, Box<Failure>>>;

fn begins(tell: mpsc::Sender<()>) -> Events {
    let listener = move |event: &Event<'_>| {
        if let Event::WorkerOutput { line: "ready", .. } = event {
            let _ = tell.send(());
        }
    };
    Events::new(vec![Arc::new(listener)])
}

struct Sent {
    cancel: CancellationToken,
    began: mpsc::Receiver<()>,
    end: mpsc::Receiver<End>,
}

impl Sent {
    fn end(self) -> End {
        self.end.recv_timeout(Duration::from_mins(1)).expect("every attempt ends")
    }

    fn wait_until_it_runs(&self) {
        self.began.recv_timeout(Duration::from_mins(1)).expect("it begins");
    }

    fn text(self) -> String {
        self.end().outcome.map(|end| end.view.get(DONE).clone()).expect("it ends well")
    }

    fn failure(self) -> Box<Failure> {
        self.end().outcome.map(|_| ()).expect_err("it fails")
    }
}

/// Sends a branch. Its begin is told only by the executor's first, whose events are the pool's.
fn send(executor: &ProcessExecutor, config: &'static ParallelConfig, text: &str) -> Sent {
    let (tell, end) = mpsc::channel();
    let (tell_begin, began) = mpsc::channel();
    let cancel = CancellationToken::new();
    let mut view = View::new(&PLAN, REGION.tasks[0].block.keys);
    view.set(0, Arc::new(text.to_owned()));
    executor.submit(Job {
        run: Run::new(&PLAN, engine::Options { events: begins(tell_begin), ..engine::Options::default() }),
        scope: Scope::ROOT,
        attempt: 1,
        config,
        deadline: None,
        isolated: false,
        cancel: cancel.clone(),
        work: JobWork::Branch {
            region: &REGION,
            task: 0,
            view,
            done: Box::new(move |attempt| drop(tell.send(attempt))),
        },
    });
    Sent { cancel, began, end }
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
            let end = sent.end();
            let failure = end.outcome.unwrap_err();
            assert_eq!((failure.kind, failure.exit), (FailureKind::Crash, Some(ExitStatus::Signal(9))));
            assert_eq!(failure.message, format!("worker process {} was ended by signal 9 (SIGKILL)", end.pid));
        } else {
            assert_eq!(sent.text(), n.to_string());
        }
    }
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
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(send(&executor, &LIMITED, "echo next").text(), "next");
}

#[test]
fn a_cancelled_branch_is_told_and_then_ended() {
    static SHORT: ParallelConfig = ParallelConfig { grace: Duration::from_millis(100), ..CONFIG };
    let executor = ProcessExecutor::new(2);
    let told = send(&executor, &CONFIG, "wait");
    let deaf = send(&executor, &SHORT, "spin");
    told.wait_until_it_runs();
    told.wait_until_it_runs();
    let queued = send(&executor, &CONFIG, "echo queued");
    queued.cancel.cancel();
    assert_eq!(queued.failure().kind, FailureKind::Cancelled);
    told.cancel.cancel();
    deaf.cancel.cancel();
    assert!(matches!(told.end().outcome.map(|end| end.view.get(DONE).clone()), Ok(text) if text == "was told"));
    assert_eq!(deaf.failure().kind, FailureKind::Cancelled);
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
fn row_36_dropping_the_pool_ends_what_runs() {
    let executor = ProcessExecutor::new(2);
    let pid = send(&executor, &CONFIG, "pid").text();
    let (running, waiting) = (send(&executor, &CONFIG, "spin"), send(&executor, &CONFIG, "echo late"));
    drop(executor);
    for sent in [running, waiting] {
        let end = sent.end();
        if let Err(failure) = end.outcome {
            assert!(matches!(failure.kind, FailureKind::Cancelled | FailureKind::Crash), "{failure:?}");
        }
    }
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    assert!(rustix::process::test_kill_process(pid).is_err(), "the worker is reaped");
}

/// A script in the place of the worker's program.
fn script(name: &str, text: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let directory = std::env::temp_dir().join(format!("tea-script-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("script");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn failure_of(name: &str, text: &str, handshake: Duration) -> Box<Failure> {
    let path = script(name, text);
    let executor = ProcessExecutor::with(2, Some(path.clone()), handshake);
    let failure = send(&executor, &CONFIG, "echo").failure();
    assert_eq!(send(&executor, &CONFIG, "echo").failure().message, failure.message, "it stays so");
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    failure
}

const LONG: Duration = Duration::from_mins(1);

#[test]
fn row_19_noise_before_the_hello() {
    // This test program, whose harness prints before the worker's hello, after more noise.
    let this = std::env::current_exe().unwrap();
    let worker = format!(
        "echo some noise; exec '{}' process::tests::tea_worker --exact --nocapture --test-threads=1",
        this.display()
    );
    let path = script("noise", &worker);
    let executor = ProcessExecutor::with(1, Some(path.clone()), LONG);
    let echo = send(&executor, &CONFIG, "echo through the noise").text();
    assert_eq!(echo, "through the noise");
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();

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
    use super::{frame::Header, message};
    let hello = message::Hello { protocol: 1, fingerprint: 0xbad, pid: 1 };
    let hello = message::encode(&message::FromWorker::Hello(hello));
    let frame = [&Header::of(message::WORK, 0, [&hello[..]]).to_bytes()[..], &hello].concat();
    let octal: Vec<String> = frame.iter().map(|byte| format!("\\{byte:03o}")).collect();
    let octal = octal.concat();
    let failure = failure_of("other", &format!("printf '{octal}'; sleep 1000"), LONG);
    let ours = format!("{:016x}", super::identity::fingerprint());
    assert!(failure.message.contains("its fingerprint 0000000000000bad"), "{}", failure.message);
    assert!(failure.message.contains(&ours), "{}", failure.message);
}

#[test]
fn row_30_every_worker_dies_at_once() {
    let failure = failure_of("dead", "echo last words >&2; exit 3", LONG);
    assert!(failure.message.starts_with("10 worker processes in a row ended before they were ready"), "{failure:?}");
    assert_eq!((failure.exit, failure.output), (Some(ExitStatus::Code(3)), vec!["last words".to_owned()]));
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
        let outcome = sent.end().outcome;
        match n % 50 {
            10 | 30 => assert_eq!(outcome.unwrap_err().kind, FailureKind::Crash),
            20 => assert_eq!(outcome.unwrap_err().kind, FailureKind::Panic),
            _ => assert_eq!(outcome.unwrap().view.get(DONE), &n.to_string()),
        }
    }
}

/// Sends items in batches of these sizes, from item `from` on.
fn send_items(executor: &ProcessExecutor, from: usize, sizes: &[usize]) -> mpsc::Receiver<Attempt<ItemsEnd>> {
    let (tell, end) = mpsc::channel();
    let run = Run::new(&PLAN, engine::Options::default());
    let view = Arc::new(View::new(&PLAN, &[]));
    let context = Context::new(Arc::clone(&run), "double", Scope::ROOT, 1, CancellationToken::new());
    let mut source = MAP.spec.items(&view, &context).unwrap();
    source.next(from);
    for size in sizes {
        let tell = tell.clone();
        executor.submit(Job {
            run: Arc::clone(&run),
            scope: Scope::ROOT,
            attempt: 1,
            config: &CONFIG,
            deadline: None,
            isolated: false,
            cancel: CancellationToken::new(),
            work: JobWork::Items {
                map: &MAP,
                view: Arc::clone(&view),
                batch: source.next(*size).unwrap(),
                done: Box::new(move |attempt| drop(tell.send(attempt))),
            },
        });
    }
    end
}

#[test]
fn items_fail_one_by_one() {
    let executor = ProcessExecutor::new(2);
    let mut failed = Vec::new();
    for attempt in send_items(&executor, 0, &[1000, 300, 700]) {
        let ItemsEnd { batch, failures } = attempt.outcome;
        let start = batch.unwrap().start();
        failed.extend(failures.into_iter().map(|(at, failure)| (start + at, failure.kind)));
    }
    failed.sort_by_key(|(at, _)| *at);
    let (crash, error) = (FailureKind::Crash, FailureKind::Error);
    assert_eq!(failed, [(13, crash), (57, error), (1013, crash), (1057, error)]);
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
            sent.end();
        }
        println!("a branch {:?}", start.elapsed() / 20_000);
        let start = Instant::now();
        send_items(&executor, 2000, &[1000; 100]).iter().for_each(drop);
        println!("an item {:?}", start.elapsed() / 100_000);
        let large = format!("echo {}", "y".repeat(64 << 20));
        let start = Instant::now();
        send(&executor, &CONFIG, &large).text();
        println!("64 MiB there and back {:?}", start.elapsed());
    }
}
