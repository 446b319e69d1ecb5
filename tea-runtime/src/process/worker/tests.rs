use std::{
    borrow::Cow,
    io::{PipeReader, Write as _},
    os::unix::net::UnixStream,
    sync::Arc,
};

use proptest::{collection::vec, prelude::*};

use super::{
    inbox::{Inbox, Order, Queued},
    outbox::Outbox,
    parent::Parent,
    runner::Runner,
    upstream::BreakersUpstream,
};
use crate::{
    cancel::CancelReason,
    context::Context,
    event::Detail,
    executor::{
        breakers::{BreakerAnswer, BreakerAt, BreakerCall, BreakerUpstream},
        wire::{self, PartEnd, UnitHead, ValueHead},
    },
    failure::{FailureKind, NodeError},
    map::{Wired, given, map},
    plan::{
        Block, Map, Next, Plan, Region, Registered, Run as Node, Site, Target, Task, TaskRead, TaskWrite, Work,
        kit::{self, PLAN, REGION, step, task},
    },
    process::{
        frame::{FrameReader, HEADER, Header},
        message::{FromWorker, MESSAGE, PART_END, Run, ToWorker, Unit},
        tests::kit::key,
    },
    result::CircuitState,
    state::KeySpec,
    state::{Key, View},
};

const WORD: Key<String> = Key::new(0);
const SHOUT: Key<String> = Key::new(1);

static KEYS: [KeySpec; 2] = [key("word"), key("shout")];

static SHOUTS: Plan = Plan {
    name: "shouts",
    module: module_path!(),
    keys: &KEYS,
    sites: &[Site::Region(&FAN_OUT), Site::Map(&DOUBLE)],
    ..PLAN
};

inventory::submit!(Registered(&SHOUTS));

static FAN_OUT: Region = Region {
    keys: &KEYS,
    tasks: &[Task {
        reads: &[TaskRead { key: 0, after: 0 }],
        writes: &[TaskWrite { key: 1, combine: false }],
        ..task(
            "shout",
            &Block {
                entry: Next::Go(Target::Step(0)),
                steps: &[step("shout", Work::Run(&Node(shout, SHOUT)))],
                keys: &[0, 1],
            },
        )
    }],
    ..REGION
};

#[expect(clippy::unnecessary_wraps, reason = "the signature of nodes")]
fn shout(view: &View, _: &Context) -> Result<String, NodeError> {
    Ok(view.get(WORD).to_uppercase())
}

static DOUBLE: Map = Map {
    id: 1,
    keys: &KEYS,
    ..kit::map(
        "double",
        &map(given(|_, _| Ok(0..usize::MAX)), |_, _, n, _| double(*n).map(drop), (), None, Wired, Wired),
    )
};

fn double(n: usize) -> Result<usize, NodeError> {
    if n == 57 { Err("no luck".into()) } else { Ok(2 * n) }
}

/// A worker without a process: its parts, and the parent's ends of its streams.
struct Worker {
    runner: Runner,
    inbox: Arc<Inbox>,
    upstream: BreakersUpstream,
    sends: UnixStream,
    parent: PipeReader,
}

impl Worker {
    fn new() -> Self {
        let ((sends, socket), (parent, pipe)) = (UnixStream::pair().unwrap(), std::io::pipe().unwrap());
        let link = Arc::new(Parent::new((socket.into(), pipe.into())));
        let outbox = Arc::new(Outbox::new(Arc::clone(&link)));
        let inbox = Inbox::new(link, Arc::clone(&outbox));
        let tokens = Arc::clone(inbox.tokens());
        let upstream = BreakersUpstream { outbox: Arc::clone(&outbox), inbox: Arc::clone(&inbox) };
        let mut runner = Runner::new(outbox, tokens, upstream.clone(), inbox.spare(), None);
        let (module, workflow) = (SHOUTS.module.to_owned(), SHOUTS.name.to_owned());
        // No settings were changed.
        let settings = vec![0, 0];
        runner.begin_run(&Run { run: 5, id: 0, module, workflow, tells: Detail::NONE, settings });
        Self { runner, inbox, upstream, sends, parent }
    }

    fn take(&self, message: &ToWorker<'_>) {
        self.inbox.take(to_bytes(message)).unwrap();
    }

    /// Takes a unit and runs it. Gives its parts with what became of them.
    fn run(mut self, message: Vec<u8>) -> Vec<(u64, Result<Vec<u8>, FailureKind>)> {
        self.inbox.take(message).unwrap();
        let Order::Unit(unit) = self.inbox.next() else { panic!("it was a unit") };
        self.runner.unit(unit);
        self.ends()
    }

    /// What the parent is told, when nothing else comes.
    fn ends(self) -> Vec<(u64, Result<Vec<u8>, FailureKind>)> {
        let Self { runner, inbox, upstream, sends: _sends, parent } = self;
        drop((runner, inbox, upstream));
        let (mut frames, mut ends) = (FrameReader::new(1 << 20), Vec::new());
        while frames.fill(&parent).unwrap() > 0 {
            while let Some(frame) = frames.next().unwrap() {
                assert_eq!(frame.kind, PART_END);
                let (end, result) = wire::read::<PartEnd>(&frame.payload).unwrap();
                assert_eq!((end.unit, end.length), (7, result.len() as u64));
                ends.push((end.at, end.outcome.map(|_| result.to_vec()).map_err(|failure| failure.kind)));
            }
        }
        ends
    }
}

fn to_bytes(message: &ToWorker<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::write(message, &mut bytes);
    bytes
}

fn unit(site: u32, first: u64, view: Option<Vec<ValueHead>>, items: Vec<u64>) -> ToWorker<'static> {
    let (module, workflow) = (SHOUTS.module.into(), SHOUTS.name.into());
    let head = UnitHead {
        module,
        workflow,
        site,
        first,
        attempt: 1,
        max_payload: 1 << 20,
        items,
        position: Cow::default(),
        reads: None,
        records: Cow::default(),
    };
    ToWorker::Unit(Unit { unit: 7, run: 5, head, view, folder: None })
}

fn branch() -> Vec<u8> {
    let message = unit(FAN_OUT.id, 0, Some(vec![ValueHead { key: 0, length: 2 }]), Vec::new());
    [to_bytes(&message), b"hi".to_vec()].concat()
}

/// Items that are doubled: 3, 57, which fails, and 133.
fn items() -> Vec<u8> {
    let numbers = [3_usize, 57, 133].map(|number| {
        let mut bytes = Vec::new();
        crate::state::wire::encode(&number, &mut bytes).unwrap();
        bytes
    });
    let lengths = numbers.iter().map(|bytes| bytes.len() as u64).collect();
    [to_bytes(&unit(DOUBLE.id, 3, Some(Vec::new()), lengths)), numbers.concat()].concat()
}

#[test]
fn the_end_of_each_part_is_told_once_and_in_order() {
    let ends = Worker::new().run(branch());
    let [(0, Ok(result))] = &ends[..] else { panic!("{ends:?}") };
    assert!(result.ends_with(b"HI"), "{result:?}");
    let ends = Worker::new().run(items());
    assert_eq!(ends.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(ends.iter().map(|(_, end)| end.is_ok()).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn row_28_what_cannot_be_decoded_fails_in_all_of_its_parts() {
    let damaged = [to_bytes(&unit(DOUBLE.id, 3, Some(Vec::new()), vec![1, 1])), b"\xff\xff".to_vec()].concat();
    let ends = Worker::new().run(damaged);
    assert_eq!(ends, [(0, Err(FailureKind::Transport)), (1, Err(FailureKind::Transport))]);
    let unknown = to_bytes(&unit(99, 0, None, vec![0, 0]));
    assert_eq!(Worker::new().run(unknown).len(), 2);
}

#[test]
fn a_unit_that_is_cancelled_before_it_begins_fails_as_cancelled() {
    let mut worker = Worker::new();
    worker.inbox.take(items()).unwrap();
    worker.take(&ToWorker::Cancel { unit: 7, why: CancelReason::Sibling });
    let Order::Unit(unit) = worker.inbox.next() else { panic!("it was a unit") };
    worker.runner.unit(unit);
    let cancelled = |at| (at, Err(FailureKind::Cancelled));
    assert_eq!(worker.ends(), [cancelled(0), cancelled(1), cancelled(2)]);
}

#[test]
fn a_cancellation_finds_the_unit_that_runs_and_no_other() {
    let worker = Worker::new();
    worker.inbox.take(items()).unwrap();
    let Order::Unit(Queued { token, .. }) = worker.inbox.next() else { panic!("it was a unit") };
    worker.take(&ToWorker::Cancel { unit: 6, why: CancelReason::Requested });
    assert_eq!(token.reason(), None);
    worker.take(&ToWorker::Cancel { unit: 7, why: CancelReason::Requested });
    assert_eq!(token.reason(), Some(CancelReason::Requested));
    worker.inbox.finish();
    // It is over: nothing is left that could be cancelled.
    worker.take(&ToWorker::Cancel { unit: 7, why: CancelReason::Requested });
}

/// A frame with a message to a worker.
fn frame(number: u64, message: &ToWorker<'_>) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    wire::write(message, &mut bytes);
    Header::seal(MESSAGE, number, &mut bytes, []);
    bytes
}

fn numbered(number: u64) -> ToWorker<'static> {
    match unit(FAN_OUT.id, 0, None, Vec::new()) {
        ToWorker::Unit(unit) => ToWorker::Unit(Unit { unit: number, ..unit }),
        other => other,
    }
}

/// Each turn goes through another way: from a worker that has nothing to do, to one whose unit takes long, and back.
#[test]
fn a_worker_hears_its_parent_while_it_runs_something_and_while_it_does_not() {
    let Worker { inbox, mut sends, .. } = Worker::new();
    inbox.start();
    let mut number = 0;
    let mut send = |message: &ToWorker<'_>| {
        sends.write_all(&frame(number, message)).unwrap();
        number += 1;
    };
    for turn in (0..300).step_by(3) {
        send(&numbered(turn));
        let Order::Unit(Queued { token, .. }) = inbox.next() else { panic!("it was a unit") };
        if turn % 2 == 0 {
            // It would wait for ever if nobody read.
            send(&ToWorker::Cancel { unit: turn, why: CancelReason::Sibling });
            let (tell, told) = std::sync::mpsc::channel();
            token.on_cancel(move |reason| tell.send(reason).unwrap());
            assert_eq!(told.recv().unwrap(), CancelReason::Sibling);
        }
        inbox.finish();
        // The first of them is there before the second is asked for.
        send(&numbered(turn + 1));
        send(&numbered(turn + 2));
        for next in [turn + 1, turn + 2] {
            let Order::Unit(unit) = inbox.next() else { panic!("it was a unit") };
            assert_eq!(unit.number(), next);
            inbox.finish();
        }
    }
    // The end of the stream would end this process.
    std::mem::forget(sends);
}

#[test]
fn a_unit_that_waits_for_its_parent_is_answered_though_it_has_just_begun() {
    let Worker { inbox, upstream, mut sends, parent, .. } = Worker::new();
    inbox.start();
    let mut frames = FrameReader::new(1 << 20);
    for turn in 0..50 {
        sends.write_all(&frame(2 * turn, &numbered(turn))).unwrap();
        let Order::Unit(_) = inbox.next() else { panic!("it was a unit") };
        let (tell, told) = std::sync::mpsc::channel();
        let at = BreakerAt { site: 0, index: 0 };
        upstream.ask(5, at, BreakerCall::Allows, Box::new(move |answer| tell.send(answer.allowed).unwrap()));
        frames.fill(&parent).unwrap();
        let question = frames.next().unwrap().unwrap();
        let Ok((FromWorker::Breaker { ask, .. }, _)) = wire::read(&question.payload) else { panic!("a question") };
        let answer = BreakerAnswer { allowed: true, state: CircuitState::Closed, changed: false };
        sends.write_all(&frame(2 * turn + 1, &ToWorker::Breaker { ask, answer })).unwrap();
        assert!(told.recv().unwrap());
        inbox.finish();
    }
    // The end of the stream would end this process.
    std::mem::forget(sends);
}

#[test]
fn answers_of_breakers_go_to_who_asked() {
    let worker = Worker::new();
    let (tell, told) = std::sync::mpsc::channel();
    let at = BreakerAt { site: 0, index: 0 };
    worker.upstream.ask(5, at, BreakerCall::Allows, Box::new(move |answer| tell.send(answer).unwrap()));
    let mut frames = FrameReader::new(1 << 20);
    frames.fill(&worker.parent).unwrap();
    let frame = frames.next().unwrap().unwrap();
    let Ok((FromWorker::Breaker { ask, run: 5, .. }, _)) = wire::read(&frame.payload) else { panic!("a question") };
    let answer = BreakerAnswer { allowed: false, state: CircuitState::Open, changed: true };
    worker.take(&ToWorker::Breaker { ask, answer });
    assert_eq!(told.recv(), Ok(answer));
    assert!(worker.inbox.take(to_bytes(&ToWorker::Breaker { ask, answer })).is_err(), "it was answered");
}

#[test]
#[cfg(target_os = "linux")]
fn the_name_in_ps_has_whole_characters() {
    let names = ["words", "thumbnails", "grüße-an", "größere", "日本語のプログラム"].map(super::name_in_ps);
    assert_eq!(names, ["words:worker", "thumbnai:worker", "grüße-:worker", "größer:worker", "日本:worker"]);
}

proptest! {
    #[test]
    fn row_24_a_message_of_soup_is_no_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Worker::new().inbox.take(bytes);
    }

    #[test]
    fn row_24_a_damaged_unit_is_no_panic(
        which in 0..2_usize, at in any::<prop::sample::Index>(), bytes in vec(any::<u8>(), 1..12), cut in 0..20_usize,
    ) {
        let mut message = [branch(), items()][which].clone();
        let at = at.index(message.len());
        let end = (at + bytes.len()).min(message.len());
        message.splice(at..end, bytes);
        message.truncate(message.len() - cut.min(message.len()));
        let mut worker = Worker::new();
        let _ = worker.inbox.take(message.clone());
        let _ = worker.runner.read(&message, std::time::Instant::now());
    }
}
