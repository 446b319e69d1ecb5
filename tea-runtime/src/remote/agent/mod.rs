//! An agent: an instance of the program on a host, which relays units to a local pool of workers.
//!
//! It serves one program, over its standard input and output, and ends with it: the end of its input means that the program is
//! gone. It runs none of the user's Rust and decodes no value.

mod breakers;
mod kept;
mod lease;
mod outbox;
pub(super) mod relayed;
mod runs;
mod watchdog;

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    process::exit,
    sync::{Arc, OnceLock},
};

use self::{breakers::Asks, kept::Kept, lease::Lease, outbox::Outbox, runs::Relay};
use super::{
    build,
    frames::{Incoming, Payload},
    message::{FromAgent, Hello, KEPT, PROTOCOL, Probe, Setup, ToAgent},
    transport,
};
use crate::{
    cancel::{CancelReason, CancellationToken},
    executor::{UnitId, parallelism, tokens::Tokens, wire},
    pacing::remote::HANDSHAKE,
    process::{
        identity,
        pool::{Options, Pool},
        remains,
    },
    stderr, user_code,
};

/// The exit status of an agent that cannot go on: `EX_PROTOCOL` of sysexits.
const PROTOCOL_BROKEN: i32 = 76;

/// The exit status of an agent whose `main` does not serve: `EX_UNAVAILABLE`.
const NO_ENTRY: i32 = 69;

/// The pool of this process, if it is an agent.
static POOL: OnceLock<Arc<Pool>> = OnceLock::new();

/// What it sends, if it is an agent.
static OUTBOX: OnceLock<Arc<Outbox>> = OnceLock::new();

/// Serves the program that started this process, if it is an agent. Does not return then.
pub(crate) fn serve_if_agent() {
    if identity::is_agent() {
        serve();
    }
}

/// Ends this process if it was started as an agent but is about to run a workflow of its own, because its `main` does not call
/// `tea_runtime::init`, or not first.
pub(crate) fn refuse_unserved_agent() {
    if identity::is_agent() {
        stderr::line(format_args!(
            "tea: this process is an agent, but its `main` does not call `tea_runtime::init()` first thing"
        ));
        exit(NO_ENTRY);
    }
}

fn serve() -> ! {
    user_code::forbid();
    // Before it waits for anything: an agent that is never told how to work ends, too.
    let lease = Lease::start();
    let mut lease = lease.unwrap_or_else(|error| give_up(&format!("it cannot end itself at a given time: {error}")));
    let (output, mut input) = transport::agent_streams(|| end(0)).unwrap_or_else(|why| give_up(&why));
    let outbox = Outbox::start(output, || end(0));
    let _ = OUTBOX.set(Arc::clone(&outbox));
    let (fingerprint, stderr) = (identity::fingerprint(), remains::offer());
    let hello = Hello { protocol: PROTOCOL, fingerprint, pid: std::process::id(), stderr };
    outbox.send(&FromAgent::Hello(hello), Vec::new());
    let mut incoming = Incoming::new();
    let mut agent: Option<Agent> = None;
    loop {
        match input.fill(incoming.frames()) {
            Ok(0) | Err(_) => end(0),
            Ok(_) => {}
        }
        loop {
            let mut frame = match incoming.next() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => give_up(&error.to_string()),
            };
            let payload = Payload::of(&mut frame.payload);
            if frame.kind == KEPT {
                let kept = agent.as_mut().map(|agent| &mut agent.kept);
                let kept = kept.unwrap_or_else(|| give_up("something to keep came before it was told how to work"));
                let (number, bytes) = wire::read(&payload).unwrap_or_else(|error| give_up(&error));
                kept.keep(number, payload.piece(bytes, true));
                continue;
            }
            let (message, values) = wire::read::<ToAgent<'_>>(&payload).unwrap_or_else(|error| give_up(&error));
            match (message, &mut agent) {
                (ToAgent::Setup(setup), None) => agent = Some(Agent::new(&setup, &outbox, &mut lease)),
                (ToAgent::Lease { asked }, _) => {
                    lease.granted(asked).unwrap_or_else(|error| give_up(&format!("its lease cannot go on: {error}")));
                }
                (ToAgent::Identify, _) => {
                    let file = build::id();
                    let file = file.unwrap_or_else(|error| give_up(&format!("its own file cannot be read: {error}")));
                    outbox.send(&FromAgent::Build { file, workflows: build::workflows() }, Vec::new());
                }
                (ToAgent::Ping, _) => outbox.send(&FromAgent::Pong, Vec::new()),
                (ToAgent::Goodbye, _) => {
                    close();
                    outbox.close();
                    exit(0);
                }
                (message, Some(agent)) => {
                    if let Err(wrong) = agent.take(message, &payload, values) {
                        give_up(&wrong);
                    }
                }
                (_, None) => give_up("its program does not tell it how to work"),
            }
        }
        agent.iter_mut().for_each(Agent::submit);
    }
}

/// What an agent has once it knows how to work.
struct Agent {
    pool: Arc<Pool>,
    tokens: Arc<Tokens>,
    outbox: Arc<Outbox>,
    asks: Arc<Asks>,
    runs: BTreeMap<u64, Relay>,
    kept: Kept,
    /// Units that came together.
    units: Vec<crate::executor::Unit>,
}

impl Agent {
    fn new(setup: &Setup, outbox: &Arc<Outbox>, lease: &mut Lease) -> Self {
        // Slurm may give a part of a machine without hiding the rest.
        let given = std::env::var("SLURM_CPUS_ON_NODE").ok().and_then(|given| given.parse().ok());
        let slots = setup.slots.map_or_else(|| given.unwrap_or_else(parallelism), |slots| slots as usize);
        let slots = slots.min(setup.most.map_or(usize::MAX, |most| most as usize)).max(1);
        let unable = |why: String| -> ! {
            outbox.send(&FromAgent::Unable { why }, Vec::new());
            outbox.close();
            exit(1)
        };
        if let Err(wrong) = enter(&setup.folder).and_then(|()| setup.probe.as_ref().map_or(Ok(()), sees)) {
            unable(wrong);
        }
        if let Err(failure) = identity::can_have_workers(false) {
            unable(failure.message);
        }
        let text = |bytes: &Vec<u8>| OsStr::from_bytes(bytes).to_owned();
        let env = setup.env.iter().map(|(name, value)| (text(name), text(value))).collect();
        let pool = Pool::new(Options { max_workers: slots, program: None, handshake: HANDSHAKE, env })
            .unwrap_or_else(|error| unable(error.to_string()));
        let _ = POOL.set(Arc::clone(&pool));
        // This comes first: from then on, the program counts.
        lease.begin(setup.terms, outbox).unwrap_or_else(|error| unable(format!("it cannot keep a lease: {error}")));
        let slots_told = u32::try_from(slots).unwrap_or(u32::MAX);
        outbox.send(&FromAgent::Ready { slots: slots_told, memory: memory() }, Vec::new());
        Self {
            pool,
            tokens: Tokens::new(slots, None),
            outbox: Arc::clone(outbox),
            asks: Asks::new(Arc::clone(outbox)),
            runs: BTreeMap::new(),
            kept: Kept::default(),
            units: Vec::new(),
        }
    }

    fn take(&mut self, message: ToAgent<'_>, payload: &Payload<'_>, values: &[u8]) -> Result<(), String> {
        match message {
            ToAgent::Setup(_) => return Err("its program tells it twice how to work".to_owned()),
            ToAgent::Run(run) => {
                let relay = Relay::begin(run, Arc::clone(&self.tokens), &self.outbox, &self.asks);
                let relay = relay.map_err(|failure| failure.message)?;
                self.runs.insert(relay.number(), relay);
            }
            ToAgent::RunEnded { run } => {
                self.kept.run_ended(run);
                self.runs.remove(&run);
            }
            ToAgent::Forget { kept } => self.kept.forget(&kept),
            ToAgent::Unit(unit) => {
                if let Some(folder) = &unit.folder {
                    self.submit();
                    enter(folder)?;
                }
                let relay = self.runs.get_mut(&unit.run).ok_or("a unit came of a run that was not announced")?;
                self.units.push(relay.unit(unit, payload, values, &mut self.kept).map_err(|failure| failure.message)?);
            }
            ToAgent::Cancel { unit, sibling } => {
                self.submit();
                let reason = if sibling { CancelReason::Sibling } else { CancelReason::Requested };
                self.find(unit).into_iter().for_each(|(_, token)| token.cancel_for(reason));
            }
            ToAgent::Recall { unit } => {
                self.submit();
                self.find(unit).into_iter().for_each(|(id, _)| self.pool.give_back(id));
            }
            ToAgent::Breaker { ask, answer } => self.asks.answered(ask, answer),
            ToAgent::Goodbye | ToAgent::Identify | ToAgent::Ping | ToAgent::Lease { .. } => {}
        }
        Ok(())
    }

    /// The unit with this number in the program, and what cancels it, unless it has ended.
    fn find(&self, unit: u64) -> Option<(UnitId, CancellationToken)> {
        self.runs.values().find_map(|relay| relay.find(unit))
    }

    /// Hands over the units that came.
    fn submit(&mut self) {
        if !self.units.is_empty() {
            self.pool.submit(std::mem::take(&mut self.units));
        }
    }
}

/// Changes to the directory in which units run.
fn enter(folder: &[u8]) -> Result<(), String> {
    let folder = OsStr::from_bytes(folder);
    std::env::set_current_dir(folder).map_err(|error| {
        format!(
            "it does not see the directory `{}` in which the program runs ({error}): hosts must share the files that \
             branches read and write, under the same paths",
            folder.display()
        )
    })
}

/// Looks for a file in the current directory that the program has written there.
fn sees(probe: &Probe) -> Result<(), String> {
    let why = match fs::read_to_string(&probe.name) {
        Ok(text) if text == probe.text => return Ok(()),
        Ok(_) => "there is another in its place".to_owned(),
        Err(error) => error.to_string(),
    };
    let folder = std::env::current_dir().unwrap_or_default();
    Err(format!(
        "it does not see the files of the program: not `{}` in `{}` ({why}); put them where all hosts see them under the same path, or \
         take `files = \"shared\"` out of the pool file if branches need none",
        probe.name,
        folder.display()
    ))
}

/// The memory that is there for workers: what the machine has left, and no more than Slurm gives.
fn memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let left = line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10;
    let given = std::env::var("SLURM_MEM_PER_NODE").ok().and_then(|megabytes| megabytes.parse::<u64>().ok());
    Some(given.filter(|given| *given > 0).map_or(left, |given| left.min(given << 20)))
}

/// Ends the workers.
fn close() {
    if let Some(pool) = POOL.get() {
        pool.close();
    }
}

/// Ends this process with its workers.
fn end(status: i32) -> ! {
    // What is killed now has not failed: its program, if that can still be told anything, must not take that for its outcome.
    if let Some(outbox) = OUTBOX.get() {
        outbox.silence();
    }
    close();
    exit(status)
}

/// Ends an agent that cannot go on. The program shows the reason, as it shows everything that an agent writes.
fn give_up(reason: &str) -> ! {
    stderr::line(format_args!("tea: this agent ends: {reason}"));
    end(PROTOCOL_BROKEN)
}
