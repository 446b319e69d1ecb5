//! Units, for tests of executors.

use std::{any::Any, sync::Arc};

use super::{
    fan_out::FanOut,
    queue::CompletionQueue,
    run_info::RunInfo,
    ticket::Ticket,
    unit::Unit,
    wire::{Bytes, Encoded, ResultHead},
    work::{Unencodable, Work},
};
use crate::{
    cancel::CancellationToken,
    context::{CallPath, Context},
    event::Scope,
    failure::Failure,
    policy::ParallelConfig,
    position::Position,
};

/// Work of one part, which succeeds. A test says what it needs of it; the rest must not be called.
pub(crate) trait OnePart: Send + 'static {
    fn name(&self) -> &'static str;

    fn run(&mut self) {
        unreachable!("it runs in a worker")
    }

    fn encode(&self, _attempt: u32, _max_payload: u64) -> Result<Encoded, Unencodable> {
        unreachable!("it stays in this process")
    }

    fn accept(&mut self, _head: &ResultHead, _bytes: &[u8]) -> Result<(), Box<Failure>> {
        unreachable!("it stays in this process")
    }
}

impl<W: OnePart> Work for W {
    fn parts(&self) -> usize {
        1
    }

    fn name(&self) -> &'static str {
        OnePart::name(self)
    }

    fn label(&self, _: usize, _: usize) -> String {
        OnePart::name(self).to_owned()
    }

    fn kind(&self) -> usize {
        0
    }

    fn run(&mut self, _: usize, _: usize, _: &mut Context) -> (usize, Option<Box<Failure>>) {
        OnePart::run(self);
        (1, None)
    }

    fn encode(&self, attempt: u32, max_payload: u64) -> Result<Encoded, Unencodable> {
        OnePart::encode(self, attempt, max_payload)
    }

    fn part(&self, _: usize) -> Box<dyn Work> {
        unreachable!("nothing is tried again")
    }

    fn split_off(&mut self, _: usize) -> Box<dyn Work> {
        unreachable!("it is one part")
    }

    fn encode_result(&self, _: usize, _: u64, _: &mut Bytes) -> Result<ResultHead, Box<Failure>> {
        unreachable!("its results are not sent")
    }

    fn accept(&mut self, _: usize, head: &ResultHead, bytes: &[u8]) -> Result<(), Box<Failure>> {
        OnePart::accept(self, head, bytes)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// A fan-out of a run, without a driver.
pub(crate) fn fan_out(run: &Arc<RunInfo>) -> Arc<FanOut> {
    Arc::new(FanOut {
        run: Arc::clone(run),
        queue: CompletionQueue::default(),
        cancel: CancellationToken::new(),
        position: Position::ROOT,
        path: CallPath::default(),
    })
}

/// A first attempt.
pub(crate) fn unit(fan_out: &Arc<FanOut>, config: &'static ParallelConfig, work: Box<dyn Work>) -> Unit {
    Unit {
        ticket: Ticket::new(Arc::clone(fan_out)),
        scope: Scope::ROOT,
        attempt: 1,
        config,
        deadline: None,
        cancel: None,
        index: 0,
        work,
        encoded: None,
    }
}
