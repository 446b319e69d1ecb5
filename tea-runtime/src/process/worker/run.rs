//! Running what the parent sent, and telling its end.

use std::{
    collections::HashMap,
    sync::{Arc, mpsc},
    time::Instant,
};

use super::{
    nodes::Teller,
    order::{Branch, Items, Ready},
    outbox::Outbox,
};
use crate::{
    cancel::CancellationToken,
    context::Context,
    engine::{self, Options, Run, Settings, map::Batch, schedule},
    event::{Detail, Events, Listener, Scope},
    executor::BranchEnd,
    failure::Failure,
    plan::Plan,
    process::{
        frame::KEEP,
        message::{self, FromWorker, Setup},
        payload::{self, Bytes, Encoded, transport},
    },
};

/// Runs tasks, one after the other.
pub(crate) struct Runner {
    outbox: Arc<Outbox>,
    setup: Setup,
    /// There if the parent wants to hear of nodes.
    teller: Option<Arc<Teller>>,
    /// What fan-outs within branches share, by plan.
    runs: HashMap<*const Plan, Arc<Run>>,
    /// Results of items are written here: to the system, each page of a fresh buffer costs more than the bytes in it.
    result: Vec<u8>,
}

impl Runner {
    pub(crate) fn new(outbox: Arc<Outbox>, setup: Setup) -> Self {
        let teller = (setup.tells != Detail::NONE).then(|| Arc::new(Teller::new(Arc::clone(&outbox), setup.tells)));
        Self { outbox, setup, teller, runs: HashMap::new(), result: Vec::new() }
    }

    /// Runs a branch. Gives its end, and the values that it announces.
    pub(crate) fn branch(
        &mut self,
        branch: Branch<'_>,
        token: CancellationToken,
    ) -> (Result<message::BranchEnd, Box<Failure>>, Bytes) {
        let Branch { head, ready } = branch;
        self.turn(true);
        let end = ready.and_then(|Ready { plan, site: region, view }| {
            let task = head.index as usize;
            let name = region.tasks[task].name;
            let context = Context::new(self.run(plan), name, Scope::ROOT, head.attempt, token);
            let (tell, told) = mpsc::sync_channel(1);
            // The end comes on another thread if the branch has fan-outs of its own.
            let ended = Box::new(move |end| tell.send(end).expect("the branch is waited for"));
            schedule::enter(schedule::Place::Caller, || engine::run_branch(context, region, task, view, ended));
            let BranchEnd { view, goes_to } = told.recv().expect("every branch ends")?;
            Ok((goes_to, payload::encode(plan, view.written(), head.max_payload)?))
        });
        self.turn(false);
        match end {
            Ok((goes_to, Encoded { heads, bytes })) => (Ok(message::BranchEnd { goes_to, values: heads }), bytes),
            Err(failure) => (Err(failure), Bytes::default()),
        }
    }

    /// Runs items in order. The end of each is told before the next begins, so that the parent finds out which one ran
    /// should this process end. Only the last needs to be known at once.
    pub(crate) fn items(&mut self, items: Items<'_>, token: &CancellationToken) {
        let Items { head, ready } = items;
        let task = head.task;
        let outbox = Arc::clone(&self.outbox);
        let count = head.lengths.len() as u64;
        let tell = |at: u64, outcome: Result<&[u8], Box<Failure>>| {
            let (failure, bytes) = outcome.map_or_else(|failure| (Some(failure), &[][..]), |bytes| (None, bytes));
            let end = FromWorker::ItemEnd { task, at: head.first + at, failure };
            if at + 1 == count { outbox.send(&end, bytes, &[]) } else { outbox.leave(&end, bytes) }
        };
        let (Ready { plan, site: map, view }, mut batch) = match ready {
            Ok(ready) => ready,
            Err(failure) => {
                return (0..count).for_each(|at| tell(at, Err(failure.clone())));
            }
        };
        let context = Context::new(self.run(plan), map.name, Scope::ROOT, head.attempt, token.clone());
        let mut bytes = std::mem::take(&mut self.result);
        for at in 0..count {
            let outcome = match token.reason() {
                Some(reason) => Err(engine::cancelled(reason)),
                None => engine::run_item(map, &mut *batch, &view, &context),
            };
            let position = usize::try_from(at).expect("it was in memory");
            let outcome = outcome.and_then(|()| {
                bytes.clear();
                encode(&*batch, position, &mut bytes, head.max_payload).map_err(|error| {
                    transport(format!("the result of item {} of `{}` {error}", head.start + at, map.name))
                })
            });
            tell(at, outcome.map(|()| &bytes[..]));
        }
        if bytes.capacity() <= self.keep() {
            self.result = bytes;
        }
    }

    /// How large a buffer is kept from one task to the next. What a limit allows is the user's.
    fn keep(&self) -> usize {
        let limit = self.setup.memory_limit.and_then(|limit| usize::try_from(limit).ok());
        limit.map_or(KEEP, |limit| KEEP.min(limit / 16))
    }

    /// A branch begins, or has ended.
    fn turn(&self, begins: bool) {
        if let Some(teller) = &self.teller {
            teller.turn(begins.then(Instant::now));
        }
    }

    fn run(&mut self, plan: &'static Plan) -> Arc<Run> {
        let setup = &self.setup;
        let run = self.runs.entry(std::ptr::from_ref(plan)).or_insert_with(|| {
            let max_workers = setup.max_workers.and_then(|most| usize::try_from(most).ok());
            let teller = self.teller.iter().map(|teller| Arc::clone(teller) as Arc<dyn Listener>);
            let events = Events::new(teller.collect());
            let settings = Settings::received(&setup.settings, plan);
            Run::new(plan, Options { max_workers, settings, events, ..Options::default() })
        });
        Arc::clone(run)
    }
}

fn encode(batch: &dyn Batch, at: usize, bytes: &mut Vec<u8>, limit: u64) -> Result<(), String> {
    payload::guarded(|| batch.encode_result(at, bytes)).map_err(|error| format!("cannot be encoded: {error}"))?;
    let length = bytes.len() as u64;
    if length <= limit { Ok(()) } else { Err(format!("cannot be sent: {}", payload::over_limit(length, limit))) }
}
