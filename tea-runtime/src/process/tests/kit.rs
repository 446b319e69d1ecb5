//! What workers do in these tests, and how it is sent to them.

use std::{
    borrow::Cow,
    cell::RefCell,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use crate::{
    cancel::CancellationToken,
    context::Context,
    event::Events,
    executor::{
        ParallelExecutor, Unit,
        breakers::Breakers,
        fan_out::FanOut,
        kit::{OnePart, fan_out, unit},
        message::{Message, Note},
        outcome::Outcome,
        payload,
        run_info::RunInfo,
        tokens::Tokens,
        wire::{self, Encoded, EncodedView, ResultHead, UnitHead},
        work::Unencodable,
    },
    failure::{Failure, NodeError},
    map::{Wired, given, map},
    plan::{
        self, Block, Map, Next, Plan, Region, Run as Node, Site, Target, Task, TaskRead, TaskWrite,
        kit::{self, PLAN, REGION, step, task},
    },
    policy::{ParallelConfig, Strategy},
    process::ProcessExecutor,
    state::{Key, KeySpec, Kind, View, Wire},
};

const DO: Key<String> = Key::new(0);
const DONE: Key<String> = Key::new(1);

static TEXT: Kind = Kind { wire: Some(const { &Wire::new::<String>() }), ..Kind::of::<String>("String") };

pub(in crate::process) const fn key(name: &'static str) -> KeySpec {
    KeySpec { optional: true, ..KeySpec::new(name, &TEXT) }
}

pub(super) const CONFIG: ParallelConfig = ParallelConfig { strategy: Strategy::Process, ..ParallelConfig::DEFAULT };

static KEYS: [KeySpec; 2] = [key("act"), key("done")];

pub(super) static ACTS: Plan =
    Plan { name: "acts", module: module_path!(), keys: &KEYS, sites: &[Site::Region(&ACT)], ..PLAN };

static ACT: Region = Region {
    keys: &KEYS,
    tasks: &[Task {
        reads: &[TaskRead { key: 0, after: 0 }],
        writes: &[TaskWrite { key: 1, combine: false }],
        config: &CONFIG,
        ..task("act", &BRANCH)
    }],
    ..REGION
};

static BRANCH: Block =
    Block { entry: Next::Go(Target::Step(0)), steps: &[step("act", plan::Work::Run(&Node(act, DONE)))], keys: &[0, 1] };

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

/// A map, some of whose items fail.
pub(super) static DOUBLES: Plan = Plan {
    name: "doubles",
    module: module_path!(),
    root: &Block { entry: Next::Go(Target::Step(0)), steps: &[step("double", plan::Work::Map(&DOUBLE))], keys: &[] },
    sites: &[Site::Map(&DOUBLE)],
    ..PLAN
};

static DOUBLE: Map = Map {
    config: &CONFIG,
    ..kit::map(
        "double",
        &map(given(|_, _| Ok(0..2000_usize)), |_, _, n, _| double(*n).map(drop), (), None, Wired, Wired),
    )
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
        let mut view = View::new(ACTS.keys, BRANCH.keys);
        view.set(0, Arc::new(text.to_owned()));
        Self(view)
    }
}

impl OnePart for Act {
    fn name(&self) -> &'static str {
        "act"
    }

    fn encode(&self, attempt: u32, max_payload: u64) -> Result<Encoded, Unencodable> {
        let values = payload::encode(ACTS.keys, self.0.value(0).map(|value| (0, value)), max_payload, None);
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

    fn accept(&mut self, head: &ResultHead, bytes: &[u8]) -> Result<(), Box<Failure>> {
        for (key, value) in payload::decode(ACTS.keys, self.0.keys(), &head.values, bytes)? {
            self.0.replace(key, value);
        }
        Ok(())
    }
}

pub(in crate::process) fn new_run() -> Arc<RunInfo> {
    new_run_with(Events::default())
}

pub(super) fn new_run_with(events: Events) -> Arc<RunInfo> {
    let mut settings = Vec::new();
    wire::write(&(Vec::<(u32, u32, ParallelConfig)>::new(), None::<bool>), &mut settings);
    RunInfo::new(0, &ACTS, events, Tokens::new(64, None), Arc::new(Breakers::new([])), settings)
}

/// A unit that was sent, and what a driver would hear of it.
pub(super) struct Sent {
    pub(super) cancel: CancellationToken,
    pub(super) fan_out: Arc<FanOut>,
    pub(super) heard: RefCell<Vec<Message>>,
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

    pub(super) fn outcome(&self) -> Outcome {
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

    pub(super) fn wait_until_it_runs(&self) {
        self.wait_for("it begins", |heard| {
            heard
                .iter()
                .any(|message| matches!(message, Message::Note(Note::Output { line, .. }) if line == "ready"))
                .then_some(())
        });
    }

    /// The lines that it wrote, with what they are labelled.
    pub(super) fn lines(&self) -> Vec<(String, String)> {
        let heard = self.heard.borrow();
        let line = |message: &Message| match message {
            Message::Note(Note::Output { label, line, .. }) => Some((label.clone(), line.clone())),
            _ => None,
        };
        heard.iter().filter_map(line).collect()
    }

    pub(super) fn end(&self) -> Result<String, Box<Failure>> {
        let Outcome { work, mut failures, .. } = self.outcome();
        match failures.pop() {
            Some((_, failure)) => Err(failure),
            None => Ok(work.unwrap().into_any().downcast::<Act>().unwrap().0.get(DONE).clone()),
        }
    }

    pub(super) fn text(&self) -> String {
        self.end().expect("it ends well")
    }

    pub(super) fn failure(&self) -> Box<Failure> {
        self.end().expect_err("it fails")
    }
}

/// A branch that has been encoded.
pub(in crate::process) fn a_branch(run: &Arc<RunInfo>, text: &str) -> Unit {
    let work = Box::new(Act::new(text));
    let encoded = OnePart::encode(&*work, 1, CONFIG.max_payload).ok().map(Box::new);
    Unit { encoded, ..unit(&fan_out(run), &CONFIG, work) }
}

/// Sends a branch.
pub(super) fn send(executor: &ProcessExecutor, config: &'static ParallelConfig, text: &str) -> Sent {
    static RUN: LazyLock<Arc<RunInfo>> = LazyLock::new(new_run);
    send_of(&RUN, executor, config, text)
}

/// Sends a branch of this run.
pub(super) fn send_of(
    run: &Arc<RunInfo>,
    executor: &ProcessExecutor,
    config: &'static ParallelConfig,
    text: &str,
) -> Sent {
    let cancel = CancellationToken::new();
    let fan_out = fan_out(run);
    let work = Box::new(Act::new(text));
    let encoded = OnePart::encode(&*work, 1, config.max_payload);
    let unit = Unit { cancel: Some(cancel.clone()), ..unit(&fan_out, config, work) };
    match encoded {
        Ok(encoded) => executor.submit(Unit { encoded: Some(Box::new(encoded)), ..unit }),
        Err(Unencodable::Part(failure) | Unencodable::All(failure)) => unit.fail(&failure),
    }
    Sent { cancel, fan_out, heard: RefCell::default() }
}
