//! What an attempt at a unit gave, and where.

use std::{fmt, time::Duration};

use super::{
    message::Host,
    wire::{self, PartEnd, Piece, ResultHead},
    work::Work,
};
use crate::{
    failure::{Failure, FailureKind},
    panic::guard,
    result::pid,
    usage::Usage,
};

/// What an attempt at a unit gave, and where.
pub(crate) struct Outcome {
    /// What ran, with the results of the parts that did not fail; `None` if it was left behind, and all of it failed.
    pub(crate) work: Option<Box<dyn Work>>,
    /// Results as they came from another process.
    pub(crate) received: Vec<Received>,
    /// The parts that failed, ascending.
    pub(crate) failures: Vec<(usize, Box<Failure>)>,
    pub(crate) ran: Ran,
    /// The executor cannot run anything: no other attempt will fare better, and nobody allowed for this failure.
    pub(crate) refused: bool,
}

/// Messages about the ends of parts, as they came: each [`PartEnd`] with the bytes behind it.
pub(crate) struct Received {
    /// The first part that the messages are about counts as this one.
    pub(crate) first: usize,
    pub(crate) bytes: Piece,
}

/// Where an attempt ran, and what it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) pid: u32,
    /// The worker that ran it; `None` on a thread.
    pub(crate) worker: Option<u32>,
    /// The host of that worker; `None` on this machine.
    pub(crate) host: Host,
    /// From its start on a thread or worker to its end; waiting for one does not count.
    pub(crate) elapsed: Duration,
    /// Bytes received for it.
    pub(crate) received: u64,
    pub(crate) usage: Usage,
}

impl Ran {
    /// In this process.
    pub(crate) fn here(elapsed: Duration) -> Self {
        Self { pid: pid(), worker: None, host: None, elapsed, received: 0, usage: Usage::default() }
    }
}

impl Outcome {
    /// All went well, so far.
    pub(crate) fn of(ran: Ran) -> Self {
        Self { work: None, received: Vec::new(), failures: Vec::new(), ran, refused: false }
    }

    /// All parts failed so.
    pub(crate) fn failed(work: Box<dyn Work>, failure: &Failure, ran: Ran) -> Self {
        let failures = (0..work.parts()).map(|at| (at, Box::new(failure.clone()))).collect();
        Self { work: Some(work), failures, ..Self::of(ran) }
    }

    /// The attempt was left behind where it runs: the engine knows what it was.
    pub(crate) fn left_behind(failure: &Failure, ran: Ran) -> Self {
        Self { failures: vec![(0, Box::new(failure.clone()))], ..Self::of(ran) }
    }

    /// Another process answered so.
    pub(crate) fn answered(work: Option<Box<dyn Work>>, answer: Vec<u8>) -> Self {
        let received = vec![Received { first: 0, bytes: Piece::Written(answer) }];
        Self { work, received, ..Self::of(Ran::here(Duration::ZERO)) }
    }

    /// Puts what was received into the work. This runs the user's `Deserialize`, so it is called where that may run.
    pub(crate) fn decode(&mut self) {
        // They stay, for records.
        let received = std::mem::take(&mut self.received);
        self.decode_from(&received);
        self.received = received;
    }

    fn decode_from(&mut self, received: &[Received]) {
        let Some(work) = &mut self.work else { return };
        let mut ended = vec![false; if received.is_empty() { 0 } else { work.parts() }];
        for (at, _) in &self.failures {
            ended.iter_mut().skip(*at).take(1).for_each(|ended| *ended = true);
        }
        for Received { first, bytes } in received {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let end = next(rest);
                let (end, bytes, after) = match end {
                    Ok(end) => end,
                    Err(error) => {
                        let message = format!("the end of a part cannot be read: {error}");
                        let failure = Box::new(Failure::new(FailureKind::Transport, message));
                        self.failures.extend(open(&ended).map(|at| (at, failure.clone())));
                        self.failures.sort_by_key(|(at, _)| *at);
                        return;
                    }
                };
                rest = after;
                let at = usize::try_from(end.at).unwrap_or(usize::MAX - first) + first;
                self.ran.elapsed = self.ran.elapsed.max(Duration::from_nanos(end.nanos));
                self.ran.usage = end.usage.unwrap_or(self.ran.usage);
                match ended.get_mut(at) {
                    Some(ended) if !*ended => *ended = true,
                    _ => continue,
                }
                let outcome = end.outcome.and_then(|head| guard(|| work.accept(at, &head, bytes)).flatten());
                self.failures.extend(outcome.err().map(|failure| (at, failure)));
            }
        }
        let message = "it did not say how this ended";
        let lost = || Box::new(Failure::new(FailureKind::Transport, message));
        self.failures.extend(open(&ended).map(|at| (at, lost())));
        self.failures.sort_by_key(|(at, _)| *at);
    }
}

/// The next end of a part, with the bytes of its result, and what follows.
fn next(bytes: &[u8]) -> Result<(PartEnd, &[u8], &[u8]), String> {
    let (end, after) = wire::read::<PartEnd>(bytes)?;
    let split = usize::try_from(end.length).ok().and_then(|length| after.split_at_checked(length));
    split.map(|(bytes, after)| (end, bytes, after)).ok_or_else(|| "it is cut short".to_owned())
}

/// The results among what was received, in the order in which they came: the part, what announces it, its bytes.
pub(crate) fn results(received: &[Received]) -> impl Iterator<Item = (usize, ResultHead, &[u8])> {
    received.iter().flat_map(|Received { first, bytes }| {
        let mut rest = &bytes[..];
        let ends = std::iter::from_fn(move || {
            let (end, bytes, after) = next(rest).ok()?;
            rest = after;
            Some((usize::try_from(end.at).ok()?.checked_add(*first)?, end.outcome, bytes))
        });
        ends.filter_map(|(at, outcome, bytes)| Some((at, outcome.ok()?, bytes)))
    })
}

/// The bytes of the results of `parts` parts, by part; nothing at all if nothing was received.
pub(crate) fn by_part(received: &[Received], parts: usize) -> Vec<Option<&[u8]>> {
    let mut came = vec![None; if received.is_empty() { 0 } else { parts }];
    for (at, _, bytes) in results(received) {
        came.iter_mut().skip(at).take(1).for_each(|came| *came = came.or(Some(bytes)));
    }
    came
}

/// The parts whose end has not come.
fn open(ended: &[bool]) -> impl Iterator<Item = usize> {
    ended.iter().enumerate().filter(|(_, ended)| !**ended).map(|(at, _)| at)
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome").field("failures", &self.failures).field("ran", &self.ran).finish_non_exhaustive()
    }
}
