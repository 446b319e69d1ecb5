//! The end of a recorded run: how it went, when its output has been delivered, and which old runs go.

use std::sync::{Arc, Mutex};

use super::{Records, session::workflow};
use crate::{
    error::questions,
    failure::{Failure, FailureKind},
    plan::{Checkpoint, Plan},
    store::{Status, StoreError},
    sync::lock,
};

impl Records {
    /// The run has ended so.
    pub(in crate::engine) fn end(&self, failure: Option<&Failure>, stopped: bool) {
        let Some(recorder) = &self.recorder else { return };
        if failure.is_none() && !stopped && self.session.delivery.is_some() {
            return;
        }
        let status = match failure {
            None if stopped => Status::Stopped,
            None => Status::Done,
            Some(failure) if failure.kind == FailureKind::Cancelled => Status::Cancelled,
            Some(failure) if failure.kind == FailureKind::Waiting => {
                Status::Waiting(questions(failure).into_iter().cloned().collect())
            }
            Some(failure) => Status::Failed(failure.message.clone()),
        };
        // There is nothing to resume in a run that succeeded.
        let waits = status != Status::Done || self.session.require_state;
        recorder.end(status, waits);
    }
}

/// Between the end of a run that succeeded and the delivery of its output. Until then it is recorded as running, so that it can
/// be resumed, which delivers the output again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delivery(Arc<Mutex<Option<Arc<Records>>>>);

impl Delivery {
    /// The run has an output, which is to be delivered.
    pub(crate) fn begin(&self, records: Arc<Records>) {
        *lock(&self.0) = Some(records);
    }

    /// The output has been delivered or could not be. Returns the run, if it can be resumed because of that.
    ///
    /// # Errors
    /// If old runs cannot be removed.
    #[cfg(feature = "cli")]
    pub(crate) fn end(&self, plan: &Plan, delivered: bool) -> Result<Option<String>, StoreError> {
        let Some(records) = lock(&self.0).take() else { return Ok(None) };
        let Some(recorder) = &records.recorder else { return Ok(None) };
        if delivered {
            recorder.end(Status::Done, records.session.require_state);
        } else {
            recorder.end(Status::Failed("its output could not be written".to_owned()), true);
        }
        let run = (!delivered).then(|| records.run_name().to_owned());
        clean_up(plan, records).map_or(Ok(run), Err)
    }
}

/// Removes old runs, as the workflow says, once this one has ended.
pub(crate) fn clean_up(plan: &Plan, records: Arc<Records>) -> Option<StoreError> {
    let (Checkpoint { keep, max_size, .. }, store) = (plan.checkpoint?, records.recorder.as_ref()?.store().clone());
    // It holds the store.
    drop(records);
    store.prune(&workflow(plan), keep as usize, max_size).err()
}
