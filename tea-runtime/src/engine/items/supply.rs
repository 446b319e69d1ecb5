//! Supplies the items of a running map. Those of a key, a list or a range of numbers are taken as they are needed. Any other
//! iterator is user code, which may take any amount of time, so it runs on its own thread, and its items are kept here until they
//! are handed out.

use std::sync::Arc;

use crate::{
    engine::fan_out::Driver,
    executor::{
        cache,
        fan_out::FanOut,
        message::{Message, Pulled},
    },
    failure::Failure,
    map::{Batch, Source},
    panic::guard,
};

/// Supplies the items of a running map.
pub(super) struct Supply {
    state: State,
    /// Items that have been taken from the iterator, from this position on.
    pulled: Option<(Box<dyn Batch>, usize)>,
    fan_out: Arc<FanOut>,
}

enum State {
    /// Nothing has been requested.
    Idle(Box<dyn Source>),
    /// Items have been requested on another thread.
    Pulling,
    /// There are no more.
    Exhausted,
}

/// What is available now.
pub(super) enum Taken {
    Batch(Box<dyn Batch>),
    /// Items are on their way.
    Later,
    /// There are no more.
    Nothing,
}

impl Supply {
    pub(super) fn new(source: Box<dyn Source>, driver: &Driver<'_>) -> Self {
        Self { state: State::Idle(source), pulled: None, fan_out: Arc::clone(driver.fan_out()) }
    }

    /// The next items, at most `count`. If this requires another thread, `ahead` items are requested.
    pub(super) fn take(&mut self, count: usize, ahead: usize) -> Taken {
        if let State::Idle(source) = &mut self.state
            && source.is_plain()
        {
            return source.next(count).map_or(Taken::Nothing, Taken::Batch);
        }
        // More items are requested only when those that were taken have been handed out.
        if self.pulled.is_none() {
            self.pull(ahead.max(count));
        }
        let Some((batch, at)) = &mut self.pulled else {
            return if matches!(self.state, State::Exhausted) { Taken::Nothing } else { Taken::Later };
        };
        let len = count.min(batch.len() - *at);
        let taken = batch.slice(*at, len);
        *at += len;
        if *at == batch.len() {
            self.pulled = None;
        }
        Taken::Batch(taken)
    }

    /// Requests items, unless they have been requested already.
    fn pull(&mut self, count: usize) {
        if !matches!(self.state, State::Idle(_)) {
            return;
        }
        let State::Idle(source) = std::mem::replace(&mut self.state, State::Pulling) else { return };
        let asking = Asking { fan_out: Arc::clone(&self.fan_out), source: Some(source), answered: false };
        if let Err((job, _)) = cache::run(Box::new(move || asking.pull(count))) {
            // If no thread can be started, this one does the work.
            job();
        }
    }

    /// Receives items. Returns why there are no more, if the reason is a failure.
    pub(super) fn pulled(&mut self, pulled: Pulled) -> Option<Box<Failure>> {
        let Pulled { source, batch, failure } = pulled;
        if matches!(self.state, State::Pulling) {
            self.state = source.map_or(State::Exhausted, State::Idle);
            self.pulled = batch.map(|batch| (batch, 0));
        } else {
            drop(guard(|| drop((source, batch))));
        }
        failure
    }

    /// Stops requesting items. Returns whether some were on their way.
    pub(super) fn stop(&mut self) -> bool {
        let pulling = matches!(self.state, State::Pulling);
        let state = std::mem::replace(&mut self.state, State::Exhausted);
        let pulled = self.pulled.take();
        drop(guard(|| drop((state, pulled))));
        pulling
    }
}

/// Requests items on another thread. Whatever happens there, the driver gets an answer.
struct Asking {
    fan_out: Arc<FanOut>,
    source: Option<Box<dyn Source>>,
    answered: bool,
}

impl Asking {
    fn pull(mut self, count: usize) {
        let Some(mut source) = self.source.take() else { return };
        match guard(|| source.next(count)) {
            Ok(Some(batch)) => self.answer(Some(source), Some(batch), None),
            Ok(None) => {
                let failure = guard(|| drop(source)).err();
                self.answer(None, None, failure);
            }
            Err(failure) => {
                drop(guard(|| drop(source)));
                self.answer(None, None, Some(failure));
            }
        }
    }

    fn answer(
        &mut self,
        source: Option<Box<dyn Source>>,
        batch: Option<Box<dyn Batch>>,
        failure: Option<Box<Failure>>,
    ) {
        self.answered = true;
        self.fan_out.queue.push(Message::Pulled(Pulled { source, batch, failure }), true);
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.answered {
            self.answer(None, None, None);
        }
    }
}
