//! What a host is asked to give back, as its agent sees it.

use std::{
    collections::BTreeSet,
    io::Write as _,
    os::unix::net::UnixStream,
    sync::{
        Mutex,
        mpsc::{self, Receiver, Sender},
    },
};

use super::*;
use crate::{
    event::Events,
    executor::{
        breakers::Breakers,
        fan_out::FanOut,
        kit,
        message::{Completion, Message},
        tokens::Tokens,
        wire::{Bytes, Encoded, EncodedView, UnitHead},
    },
    plan::{self, Plan},
    policy::ParallelConfig,
    remote::{agent::relayed::Relayed, frames::Incoming, transport},
};

/// How long an agent waits for what must come.
const PATIENCE: Duration = Duration::from_mins(1);

/// Gives agents that the test plays, in the order in which they are started.
struct Played(Mutex<Sender<Agent>>);

impl Launcher for Played {
    fn name(&self, at: usize) -> String {
        format!("host {at}")
    }

    fn start(&self, at: usize) -> io::Result<Connection> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_read_timeout(Some(PATIENCE))?;
        let sender = transport::Sender::Plain(ours.try_clone()?.into());
        let receiver = transport::Receiver::Plain(ours.into());
        self.0.lock().unwrap().send(Agent { at, stream: theirs, incoming: Incoming::new(), number: 0 }).unwrap();
        let mut command = Command::new("sleep");
        command.arg("600");
        Ok(Connection { sender, receiver, ..spawn(command)? })
    }
}

/// An agent that does what the test says.
struct Agent {
    at: usize,
    stream: UnixStream,
    incoming: Incoming,
    number: u64,
}

impl Agent {
    /// One with a slot.
    fn come(agents: &Receiver<Self>) -> Self {
        let mut agent = agents.recv_timeout(PATIENCE).unwrap();
        let hello = Hello { protocol: PROTOCOL, fingerprint: identity::fingerprint(), pid: 1, stderr: None };
        agent.say(&FromAgent::Hello(hello));
        agent.say(&FromAgent::Ready { slots: 1, memory: None });
        agent
    }

    fn say(&mut self, said: &FromAgent) {
        let (kind, payload) = message(said);
        let mut frame = [vec![0; HEADER], payload].concat();
        Header::seal(kind, self.number, &mut frame, []);
        self.number += 1;
        self.stream.write_all(&frame).unwrap();
    }

    /// The next message of which `of` makes something.
    fn hear<T>(&mut self, what: &str, of: impl Fn(ToAgent<'_>) -> Option<T>) -> T {
        loop {
            while let Some(frame) = self.incoming.next().unwrap() {
                if let Some(heard) = of(wire::read(&frame.payload).unwrap().0) {
                    return heard;
                }
            }
            let read = self.incoming.frames().fill(&self.stream);
            assert!(read.is_ok_and(|read| read > 0), "{what} does not come to host {}", self.at);
        }
    }

    fn unit(&mut self) -> u64 {
        self.hear("a unit", |message| if let ToAgent::Unit(unit) = message { Some(unit.unit) } else { None })
    }

    fn recall(&mut self) -> u64 {
        self.hear("a recall", |message| if let ToAgent::Recall { unit } = message { Some(unit) } else { None })
    }

    /// Waits until what it said was heard.
    fn was_heard(&mut self) {
        self.say(&FromAgent::Lease { asked: Duration::ZERO });
        self.hear("an answer", |message| matches!(message, ToAgent::Lease { .. }).then_some(()));
    }

    fn begins(&mut self, unit: u64) {
        let news = News::AttemptStarted { name: String::new(), attempt: 1, worker: 0, pid: 1, ago: 0, sent: 0 };
        self.say(&FromAgent::News { run: 0, unit: Some(unit), news });
    }

    /// The unit has ended, or does not run here.
    fn ends(&mut self, unit: u64, refused: bool) {
        let failures = if refused { vec![(0, cancelled(CancelReason::Requested))] } else { Vec::new() };
        let (pid, worker, elapsed, received_bytes) = (1, Some(0), 1, 0);
        let (received, usage) = (Vec::new(), Usage::default());
        self.say(&FromAgent::Done(Done {
            unit,
            received,
            failures,
            refused,
            pid,
            worker,
            elapsed,
            received_bytes,
            usage,
        }));
    }
}

/// A short unit of a fan-out.
fn unit(fan_out: &Arc<FanOut>) -> Unit {
    static CONFIG: ParallelConfig = ParallelConfig::DEFAULT;
    let head = UnitHead {
        module: "".into(),
        workflow: "".into(),
        site: 0,
        first: 0,
        attempt: 1,
        max_payload: 0,
        items: Vec::new(),
        position: [][..].into(),
        reads: None,
        records: [][..].into(),
    };
    let encoded = Encoded { head, view: EncodedView::new(Vec::new(), Bytes::default()), items: Vec::new() };
    let work = Box::new(Relayed { name: "short", start: None, parts: 1, kind: 0 });
    Unit { encoded: Some(Box::new(encoded)), ..kit::unit(fan_out, &CONFIG, work) }
}

fn fan_out() -> Arc<FanOut> {
    static PLAN: Plan = Plan { module: module_path!(), ..plan::kit::PLAN };
    let breakers = Arc::new(Breakers::new([]));
    kit::fan_out(&RunInfo::new(0, &PLAN, Events::default(), Tokens::new(1, None), breakers, Vec::new()))
}

#[test]
fn what_waits_behind_a_long_unit_is_asked_back_and_runs_elsewhere() {
    let (send, agents) = mpsc::channel();
    let terms = Terms { heartbeat: PATIENCE, lease: 60 * PATIENCE };
    let settings = Settings { terms, ..Settings::default() };
    let pool = Pool::new(&[Some(1), Some(1)], Box::new(Played(Mutex::new(send))), None, &settings).unwrap();
    let fan_out = fan_out();
    pool.submit(vec![unit(&fan_out)]);
    let mut first = Agent::come(&agents);
    let short = first.unit();
    first.begins(short);
    first.ends(short, false);
    // One that is known to be short is no reason to start another host.
    wait_for(&fan_out, 1);
    pool.submit(vec![unit(&fan_out)]);
    let long = first.unit();
    first.begins(long);
    first.was_heard();
    pool.submit(vec![unit(&fan_out), unit(&fan_out)]);
    let waits = BTreeSet::from([first.unit(), first.unit()]);
    let back = BTreeSet::from([first.recall(), first.recall()]);
    assert_eq!(back, waits, "what has begun stays");
    for unit in &back {
        first.ends(*unit, true);
    }
    let mut second = Agent::come(&agents);
    for _ in 0..2 {
        let unit = second.unit();
        assert!(back.contains(&unit));
        second.begins(unit);
        second.ends(unit, false);
    }
    first.ends(long, false);
    wait_for(&fan_out, 3);
    drop((first, second));
    pool.close();
}

/// Waits until so many units have ended, and ended well.
fn wait_for(fan_out: &FanOut, count: usize) {
    let (mut ended, mut messages) = (0, Vec::new());
    while ended < count {
        fan_out.queue.wait(1, Some(Instant::now() + PATIENCE), &mut messages);
        assert!(!messages.is_empty(), "units end");
        for message in messages.drain(..) {
            if let Message::Done(Completion { outcome, .. }) = message {
                assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
                ended += 1;
            }
        }
    }
}
