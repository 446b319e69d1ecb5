//! Runs units, and reports the ends of their parts.

use std::{collections::HashMap, sync::Arc, time::Instant};

use super::{
    inbox::Queued, nodes::NodeListener, outbox::Outbox, surroundings::Surroundings, upstream::BreakersUpstream,
};
use crate::{
    context::{Context, Place},
    engine::{self, Server},
    event::{Detail, Events, Listener, Scope},
    executor::{
        attempt::run_parts,
        breakers::Breakers,
        payload::transport,
        tokens::Tokens,
        wire::{self, Bytes, PartEnd},
        work::Work,
    },
    failure::Failure,
    panic::guard,
    process::{
        executor,
        frame::{LARGE, Spare},
        message::{FromWorker, Run, ToWorker, Unit},
        pause,
    },
    store::SendRecord,
    timer::nanos,
    usage::Meter,
};

/// Runs units one after the other, on one thread.
pub(crate) struct Runner {
    outbox: Arc<Outbox>,
    tokens: Arc<Tokens>,
    breakers: BreakersUpstream,
    server: Server,
    runs: HashMap<u64, Known>,
    surroundings: Surroundings,
    /// Whether a unit has changed the process for good, so that no other may run here.
    spoilt: bool,
    meter: Meter,
    /// The buffer for results. It is reused because each page of a new buffer costs more than the bytes in it.
    buffer: Vec<u8>,
    /// The same for messages.
    spare: Spare,
    /// The size up to which each of these is kept.
    keep: usize,
}

/// A run whose units are sent here.
struct Known {
    /// Why none of them can be run.
    refused: Option<Box<Failure>>,
    events: Events,
    /// `Some` if the parent wants to know about nodes.
    nodes: Option<Arc<NodeListener>>,
}

/// A unit that is ready to be run.
pub(super) struct Ready {
    number: u64,
    parts: usize,
    attempt: u32,
    max_payload: u64,
    place: (Place, u64),
    reads: Option<[u8; 16]>,
    /// Or why all of its parts fail.
    work: Result<Box<dyn Work>, Box<Failure>>,
}

impl Runner {
    pub(crate) fn new(
        outbox: Arc<Outbox>,
        tokens: Arc<Tokens>,
        breakers: BreakersUpstream,
        spare: Spare,
        memory_limit: Option<u64>,
    ) -> Self {
        const KEEP: usize = 128 << 20;
        // The memory that a limit allows is meant for user code.
        let limit = memory_limit.and_then(|limit| usize::try_from(limit).ok());
        let keep = limit.map_or(KEEP, |limit| KEEP.min(limit / 16));
        let (server, surroundings) = (Server::new(), Surroundings::new());
        let (runs, buffer) = (HashMap::new(), Vec::new());
        let (spoilt, meter) = (false, Meter::new());
        Self { outbox, tokens, breakers, server, runs, surroundings, spoilt, meter, buffer, spare, keep }
    }

    /// Adds a run whose units will be sent here.
    pub(crate) fn begin_run(&mut self, run: &Run) {
        let Run { run: number, id, module, workflow, tells, settings } = run;
        let nodes = (*tells != Detail::NONE).then(|| Arc::new(NodeListener::new(Arc::clone(&self.outbox), *tells)));
        let listener = nodes.iter().map(|nodes| Arc::clone(nodes) as Arc<dyn Listener>);
        let events = Events::new(listener.collect());
        let breakers = Breakers::Upstream(*number, Box::new(self.breakers.clone()));
        let tokens = Arc::clone(&self.tokens);
        let processes = executor::for_run;
        let begun = self.server.begin_run(
            (*number, *id),
            module,
            workflow,
            settings,
            events.clone(),
            tokens,
            breakers,
            processes,
        );
        self.runs.insert(*number, Known { refused: begun.err(), events, nodes });
    }

    /// Removes a run of which no more units will come.
    pub(crate) fn end_run(&mut self, run: u64) {
        self.server.end_run(run);
        self.runs.remove(&run);
    }

    /// Runs a unit, and reports the end of each of its parts.
    ///
    /// The end of a part is reported before the next one starts, so that the parent knows which one was running if this
    /// process ends. The last end is reported when the unit has left nothing in this process. If it has changed
    /// something for good, this is reported first, and no other unit runs here: the parent gives those that have
    /// already arrived to other workers.
    pub(crate) fn unit(&mut self, unit: Queued) {
        if self.spoilt {
            return;
        }
        let Queued { message, token, .. } = unit;
        let began = Instant::now();
        let (run, ready) = self.read(&message, began).unwrap_or_else(|error| super::give_up(&error));
        if (LARGE..=self.keep).contains(&message.capacity()) {
            self.spare.keep(message);
        }
        let Ready { number, parts, attempt, max_payload, place: (place, part), reads, work } = ready;
        let outbox = Arc::clone(&self.outbox);
        let elapsed = || nanos(began.elapsed());
        let end = |at: usize, result: &Bytes, outcome| {
            let length = result.len() as u64;
            PartEnd { unit: number, at: at as u64, nanos: elapsed(), usage: None, length, outcome }
        };
        let mut result = Bytes { start: std::mem::take(&mut self.buffer), rest: Vec::new() };
        let mut last = None;
        match work {
            Ok(mut work) => {
                let events = self.runs.get(&run).map(|known| known.events.clone()).unwrap_or_default();
                let context = Context::new(events, work.name(), Scope::ROOT, attempt, token, Arc::new(place));
                let mut context = context.part(part, reads);
                run_parts(&mut *work, &mut context, 1, &mut |work, range, failure| {
                    let at = range.start;
                    result.clear();
                    let encoded = failure
                        .map_or_else(|| guard(|| work.encode_result(at, max_payload, &mut result)).flatten(), Err);
                    if encoded.is_err() {
                        result.clear();
                    }
                    let end = end(at, &result, encoded);
                    if at + 1 < parts {
                        outbox.send_end(&end, &result);
                        if let Err(error) = self.surroundings.go_back() {
                            super::give_up(&format!("there is no way back to the program's folder: {error}"));
                        }
                    } else {
                        last = Some(end);
                    }
                });
                if let (Err(failure), Some(last)) = (guard(|| drop(work)), &mut last)
                    && last.outcome.is_ok()
                {
                    result.clear();
                    *last = end(parts - 1, &result, Err(failure));
                }
            }
            Err(failure) => {
                let mut ends = (0..parts).map(|at| end(at, &Bytes::default(), Err(failure.clone())));
                last = ends.next_back();
                ends.for_each(|end| outbox.send_end(&end, &Bytes::default()));
            }
        }
        self.end_unit(run, began);
        if let Some(mut end) = last {
            end.usage = Some(self.meter.take(began.elapsed(), pause::has_pools()));
            outbox.send_end(&end, &result);
        }
        result.clear();
        if result.start.capacity() <= self.keep {
            self.buffer = result.start;
        }
    }

    /// Decodes a unit. Returns it with the number of its run.
    pub(super) fn read(&mut self, message: &[u8], began: Instant) -> Result<(u64, Ready), String> {
        let (ToWorker::Unit(unit), values) = wire::read(message)? else {
            return Err("a message came as a unit that is none".into());
        };
        let Unit { unit: number, run, head, view, folder } = unit;
        let parts = head.parts();
        let known = self.runs.get(&run);
        if let Some(nodes) = known.and_then(|known| known.nodes.as_ref()) {
            nodes.set_unit(Some(began));
        }
        let outbox = Arc::clone(&self.outbox);
        let send: SendRecord = Arc::new(move |raw| outbox.send_record(number, raw));
        let refused = known.and_then(|known| known.refused.clone());
        let there = folder.map_or(Ok(()), |folder| self.surroundings.go_to(&folder));
        let there = there.map_err(|error| transport(format!("the worker cannot go to the program's folder: {error}")));
        let work = refused
            .map_or(Ok(()), Err)
            .and(there)
            .and_then(|()| guard(|| self.server.decode(run, &head, view.as_deref(), values, Some(send))).flatten());
        let place = engine::place(self.server.id(run).unwrap_or_default(), &head);
        let (attempt, max_payload, reads) = (head.attempt, head.max_payload, head.reads);
        Ok((run, Ready { number, parts, attempt, max_payload, place, reads, work }))
    }

    /// Removes what a unit has left in the process.
    fn end_unit(&mut self, run: u64, began: Instant) {
        if let Some(nodes) = self.runs.get(&run).and_then(|known| known.nodes.as_ref()) {
            nodes.set_unit(None);
        }
        // Otherwise, as in a test, there may be pools that do not belong to this unit.
        if super::is_serving() {
            pause::end_idle();
        }
        if let Some(why) = self.surroundings.restore(began.elapsed()) {
            self.spoilt = true;
            self.outbox.send(&FromWorker::Retire { why });
        }
    }
}
