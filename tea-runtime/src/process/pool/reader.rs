//! Reading what a worker says, until it says no more.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::Signal,
};

use super::{
    Pool, Settled,
    errand::Ending,
    flight::Flight,
    frames::Frames,
    lend::{Ears, lend},
    link::Link,
    nodes,
    output::Output,
};
use crate::{
    engine,
    event::Event,
    executor::Job,
    failure::Failure,
    process::{
        awake,
        frame::{Frame, FrameError},
        group::Status,
        loss::{self, Loss},
        message::{self, FromWorker},
    },
};

/// How often a worker that runs something, and says nothing, is looked at.
const PULSE: Duration = Duration::from_millis(250);

/// How long a worker that has more to do may keep the end of a short task from being told, at the most about twice.
const LEFT: Duration = Duration::from_millis(1);

/// How often in a row it may be found stopped.
const MISSED: u32 = 8;

/// How long a process may take from closing its connection to its end.
const ENDING: Duration = Duration::from_millis(200);

/// How the reading ended.
enum End {
    /// It said goodbye.
    Goodbye,
    /// The stream ended, or the process did.
    Closed,
    /// What it said made no sense.
    Broken(String),
    /// It was stopped by this signal, and was not continued.
    Stopped(i32),
}

/// Reads until the worker is gone, then takes it out of the pool; or until another thread reads.
pub(super) fn read(pool: &Arc<Pool>, link: &Arc<Link>, mut ears: Ears) {
    loop {
        // Whatever happens, what it ran must come to an end.
        let end = engine::guard(|| listen(pool, link, &mut ears))
            .unwrap_or_else(|panic| Err(End::Broken(format!("what it said caused a panic: {}", panic.message))));
        match end {
            Ok(ending) => match lend(pool, link, ears, ending) {
                Some(back) => ears = back,
                None => return,
            },
            Err(end) => return finish(pool, link, end, &mut ears),
        }
    }
}

/// Reads up to an end that this thread may go on from.
fn listen(pool: &Arc<Pool>, link: &Arc<Link>, ears: &mut Ears) -> Result<Ending, End> {
    let Ears { frames, output } = ears;
    let mut missed = 0;
    let mut unsent = None;
    let mut heard = true;
    loop {
        // Some may have come behind the hello, or behind the last end.
        if let Some(ending) = take(pool, link, frames, output, Frames::next)? {
            return Ok(ending);
        }
        // Of several short tasks the worker leaves ends in the pipe, but none for longer than this.
        let (branch, alone) = link.flights().first();
        let soon = heard && branch && !alone;
        let brisk = branch && alone && link.is_brisk();
        let wait = Timespec::try_from(if soon { LEFT } else { PULSE }).expect("a short time");
        // The frames stand first: when one is readable, so is all that the worker wrote to stderr before.
        let mut sources = Vec::with_capacity(4);
        sources.push(PollFd::from_borrowed_fd(frames.source(), PollFlags::IN));
        sources.push(PollFd::new(link.outbox.woken(), PollFlags::IN));
        sources.extend(output.pipe().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        sources.extend(unsent.map(|way| PollFd::from_borrowed_fd(way, PollFlags::OUT)));
        let silent = !(brisk && awake::wait(&mut sources)) && poll(&mut sources, Some(&wait)) == Ok(0);
        let said = !sources[0].revents().is_empty();
        let woken = !sources[1].revents().is_empty();
        let wrote = output.pipe().is_some() && !sources[2].revents().is_empty();
        drop(sources);
        // Whose lines they are is known by the ends that lie in the pipe. What a silent worker left there is told as well.
        if (wrote || silent)
            && let Some(ending) = take(pool, link, frames, output, Frames::left)?
        {
            return Ok(ending);
        }
        if wrote {
            output.read(|line| tell(pool, link, line));
        }
        if woken {
            link.outbox.clear_wake();
        }
        if woken || unsent.is_some() {
            unsent = link.outbox.go_on();
        }
        heard = said;
        if said {
            missed = 0;
            match frames.receive() {
                Ok(0) => return Err(End::Closed),
                Ok(_) => {}
                Err(error) if Errno::from_io_error(&error) == Some(Errno::AGAIN) => {}
                Err(_) => return Err(End::Closed),
            }
        } else if silent && !soon {
            match link.group.status() {
                // Somebody else, or the system, may hold its end of the connection.
                Status::Ended | Status::Killed => return Err(End::Closed),
                Status::Running => missed = 0,
                Status::Stopped(_) if missed < MISSED => missed += 1,
                Status::Stopped(signal) => return Err(End::Stopped(signal)),
            }
        }
    }
}

/// Takes the frames that are there, up to an end that this thread may go on from. What they make room for is given out
/// at once.
fn take(
    pool: &Arc<Pool>,
    link: &Arc<Link>,
    frames: &mut Frames,
    output: &mut Output,
    next: fn(&mut Frames) -> Result<Option<Frame<'_>>, FrameError>,
) -> Result<Option<Ending>, End> {
    let _gather = pool.gather();
    while let Some(Frame { payload, .. }) = next(frames).map_err(|error| End::Broken(error.to_string()))? {
        let (message, values) = message::decode(payload).map_err(End::Broken)?;
        match message {
            FromWorker::BranchEnd { task, nanos, outcome } => {
                let flight = land(pool, link, task, output)?;
                let outcome = outcome.map(|end| (end, values));
                let ending = branch_end(pool, link, flight, nanos, outcome, payload.len() as u64);
                if ending.is_some() {
                    return Ok(ending);
                }
            }
            FromWorker::ItemEnd { task, at, failure } => {
                let outcome = failure.map_or(Ok(values), Err);
                let ending = item_end(pool, link, (task, at), outcome, payload.len() as u64, output)?;
                if ending.is_some() {
                    return Ok(ending);
                }
            }
            FromWorker::Node(node) => nodes::tell(link, &node),
            FromWorker::Progress { node, done, total } => nodes::progress(link, &node, done, total),
            FromWorker::Goodbye => return Err(End::Goodbye),
            FromWorker::Hello(_) => return Err(End::Broken("it said hello twice".to_owned())),
        }
    }
    Ok(None)
}

/// The first flight has ended; the next runs.
fn land(pool: &Arc<Pool>, link: &Arc<Link>, task: u64, output: &mut Output) -> Result<Flight, End> {
    output.turn(|line| tell(pool, link, line));
    let mut flights = link.flights();
    match flights.queue.front() {
        Some(flight) if flight.id == task => {}
        _ => return Err(End::Broken(format!("the end of task {task} came out of turn"))),
    }
    let flight = flights.queue.pop_front().expect("it was just there");
    let begun = flights.begin();
    drop(flights);
    link.tell_begin(pool, begun);
    if flight.was_signalled() {
        // The signal may still end it, or what it has started.
        link.kill();
    }
    Ok(flight)
}

/// A branch ended. Its end is told, or given back to go on from.
fn branch_end(
    pool: &Arc<Pool>,
    link: &Arc<Link>,
    flight: Flight,
    nanos: u64,
    outcome: Result<(message::BranchEnd, &[u8]), Box<Failure>>,
    received: u64,
) -> Option<Ending> {
    let mut ran = flight.ran(link.pid(), link.number());
    ran.elapsed = Duration::from_nanos(nanos);
    link.set_brisk(ran.elapsed < awake::AWAKE);
    let settled = Settled { kind: flight.kind, elapsed: ran.elapsed, bytes: flight.sent.max(received) };
    let lent = pool.settled(link, Some(&settled), flight.errand.is_some());
    // One that was cancelled may still give its result in its grace; one that is over its time may not.
    let late = if flight.was_signalled() { flight.ended(None) } else { None };
    let outcome = late.map_or(outcome, Err);
    let errand = flight.errand?;
    attempt_finished(pool, link, &errand.job, ran.elapsed, received, outcome.as_ref().err().map(|failure| &**failure));
    tell_unless(lent, errand.end_branch(outcome, ran))
}

/// Tells an end, unless this thread is lent to go on from it.
fn tell_unless(lent: bool, ending: Ending) -> Option<Ending> {
    if lent {
        return Some(ending);
    }
    ending.tell();
    None
}

fn item_end(
    pool: &Arc<Pool>,
    link: &Arc<Link>,
    (task, at): (u64, u64),
    outcome: Result<&[u8], Box<Failure>>,
    received: u64,
    output: &mut Output,
) -> Result<Option<Ending>, End> {
    let mut flights = link.flights();
    let Some(flight) = flights.queue.front_mut().filter(|flight| flight.id == task) else {
        return Err(End::Broken(format!("item {at} of task {task} came out of turn")));
    };
    let Some(mut errand) = flight.errand.take() else {
        return Err(End::Broken(format!("item {at} came for task {task}, which was not running")));
    };
    // The user's `Deserialize` may take its time, and nobody else is to wait for it.
    drop(flights);
    let taken = errand.item(at, outcome, received).map_err(End::Broken);
    let more = !errand.is_sent();
    let mut flights = link.flights();
    let flight = flights.queue.front_mut().expect("only this thread takes what runs");
    flight.errand = Some(errand);
    taken?;
    if more {
        let deadline = flight.next_turn();
        drop(flights);
        link.look_at(deadline);
        return Ok(None);
    }
    drop(flights);
    let flight = land(pool, link, task, output)?;
    let ran = flight.ran(link.pid(), link.number());
    let Some(mut errand) = flight.errand else { return Ok(None) };
    let received = errand.take_received();
    let settled = Settled { kind: flight.kind, elapsed: ran.elapsed, bytes: flight.sent.max(received) };
    attempt_finished(pool, link, &errand.job, ran.elapsed, received, errand.first_failure());
    if errand.is_done() {
        let lent = pool.settled(link, Some(&settled), true);
        return Ok(tell_unless(lent, errand.end_items(ran)));
    }
    // What did not fit into one message.
    pool.again(errand);
    pool.settled(link, Some(&settled), false);
    Ok(None)
}

/// The worker is gone, or must go: ends its process, tells the end of what it ran, and gives back what it did not.
fn finish(pool: &Arc<Pool>, link: &Arc<Link>, end: End, Ears { frames, output }: &mut Ears) {
    let limit = if matches!(end, End::Goodbye) { super::link::GOODBYE } else { ENDING };
    let in_time = match end {
        End::Stopped(_) | End::Broken(_) => false,
        End::Goodbye | End::Closed => link.group.wait(limit),
    };
    let killed = link.group.kill();
    if !killed {
        let (number, pid) = (link.number(), link.pid());
        pool.warn(&format!("worker {number} (process {pid}) was killed, but the system does not let it end"));
    }
    let exit = link.group.reap();
    // What had ended before it did counts.
    if let Ok(Some(ending)) = take(pool, link, frames, output, Frames::left) {
        ending.tell();
    }
    output.read(|line| tell(pool, link, line));
    if output.pipe().is_some() {
        escaped(pool, link, output);
    }
    let lines = output.last_lines(|line| tell(pool, link, line));
    let mut flights = link.flights();
    flights.gone = true;
    let mut queue = std::mem::take(&mut flights.queue);
    drop(flights);
    link.forget_alarm();
    // What did not arrive as a whole was not begun.
    let read = link.outbox.tasks_read();
    let running = queue.pop_front_if(|first| first.turn < read || !first.is_excused());
    let rest = queue.into_iter().filter_map(|flight| flight.errand);
    let (worker, pid) = (link.number(), link.pid());
    let label = running.as_ref().map(Flight::running).unwrap_or_default();
    pool.emit(|| match (&end, &running) {
        (End::Goodbye, None) => Event::WorkerEnded { worker, pid },
        _ => Event::WorkerLost { worker, pid, exit, running: &label },
    });
    pool.put_back(link, rest);
    pool.remove(link);
    let Some(running) = running else { return };
    let ran = running.ran(pid, worker);
    let failure = running.ended(exit).unwrap_or_else(|| {
        let reason = match end {
            End::Broken(reason) => Some(reason),
            _ if !killed => Some("it was killed, and the system does not let it end".to_owned()),
            End::Stopped(signal) => Some(stopped(signal)),
            End::Closed if !in_time => Some("it closed its connection".to_owned()),
            End::Goodbye => Some("it said goodbye in the middle of its task".to_owned()),
            End::Closed => None,
        };
        let memory_limit = link.memory_limit();
        let killed_for_memory = exit == Some(KILLED) && loss::memory_kills() > pool.memory_kills;
        Loss { pid, exit, output: lines, memory_limit, killed_for_memory, reason }.failure()
    });
    let Some(mut errand) = running.errand else { return };
    let received = errand.take_received();
    attempt_finished(pool, link, &errand.job, ran.elapsed, received, Some(&failure));
    if let Some(rest) = errand.fail_current(failure, ran) {
        pool.again(rest);
        pool.pump();
    }
}

fn stopped(signal: i32) -> String {
    let why = if [Signal::TTIN, Signal::TTOU].map(Signal::as_raw).contains(&signal) {
        ": workers cannot use the terminal"
    } else {
        ""
    };
    format!("it was stopped by {} and not continued, and was killed{why}", loss::signal_name(signal))
}

const KILLED: crate::failure::ExitStatus = crate::failure::ExitStatus::Signal(Signal::KILL.as_raw());

/// Its group is killed, and still somebody holds its stderr: a process that left the group.
fn escaped(pool: &Arc<Pool>, link: &Arc<Link>, output: &mut Output) {
    let wait = Timespec::try_from(ENDING).expect("a short time");
    let deadline = Instant::now() + ENDING;
    while let Some(pipe) = output.pipe() {
        let _ = poll(&mut [PollFd::new(pipe, PollFlags::IN)], Some(&wait));
        output.read(|line| tell(pool, link, line));
        if Instant::now() > deadline {
            break;
        }
    }
    if output.pipe().is_some() {
        let message = format!(
            "a process that worker {} (process {}) started has left its process group and is still running",
            link.number(),
            link.pid(),
        );
        pool.warn(&message);
    }
}

fn attempt_finished(pool: &Pool, link: &Link, job: &Job, elapsed: Duration, received: u64, failure: Option<&Failure>) {
    let name = if pool.is_heard() { job.label() } else { String::new() };
    pool.emit(|| Event::AttemptFinished {
        scope: job.scope,
        name: &name,
        attempt: job.attempt,
        worker: Some(link.number()),
        pid: link.pid(),
        elapsed,
        received,
        failure,
    });
}

/// Passes on a line that the worker wrote.
fn tell(pool: &Pool, link: &Link, text: &str) {
    let flights = link.flights();
    let label = flights.queue.front().map(Flight::running).unwrap_or_default();
    drop(flights);
    pool.tell_line(link.number(), link.pid(), &label, text);
}
