//! How far nodes are, on its way to the parent.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::outbox::Outbox;
use crate::{engine::Progress, process::message::FromWorker};

/// Told no more often than this: whoever watches sees no more, and a tight loop must not flood the parent.
const PERIOD: Duration = Duration::from_millis(50);

/// Tells the parent.
pub(crate) fn to(outbox: Arc<Outbox>) -> Arc<Progress> {
    let last = Mutex::new(None);
    Arc::new(move |node, done, total| {
        let now = Instant::now();
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let complete = total > 0 && done == total;
        if complete || last.is_none_or(|last| now - last >= PERIOD) {
            *last = Some(now);
            drop(last);
            outbox.send(&FromWorker::Progress { node: node.to_owned(), done, total }, &[]);
        }
    })
}
