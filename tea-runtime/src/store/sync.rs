//! The thread that syncs what was written to the disk: not after each record, but soon. The log is synced after the blobs
//! that it names.

use std::{
    fs::File,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::blobs::Unsettled;

/// Syncs a log.
#[derive(Debug)]
pub(super) struct Syncer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// Whether something was written since the last sync.
    dirty: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    file: Arc<File>,
    /// Blobs that the log names.
    unsettled: Vec<Unsettled>,
    ended: bool,
}

impl Syncer {
    /// Syncs `file` at most once every `interval`. `failed` is called for the first sync that fails, which is the last one.
    pub(super) fn start(
        file: Arc<File>,
        interval: Duration,
        failed: impl Fn(&std::io::Error) + Send + 'static,
    ) -> std::io::Result<Self> {
        let state = Mutex::new(State { file, unsettled: Vec::new(), ended: false });
        let shared = Arc::new(Shared { dirty: AtomicBool::new(false), state, changed: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("tea-sync".to_owned()).spawn(move || of_thread.run(interval, &failed))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Records that something was written that names these blobs.
    pub(super) fn written(&self, unsettled: &mut Vec<Unsettled>) {
        if !unsettled.is_empty() {
            self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).unsettled.append(unsettled);
        }
        if !self.shared.dirty.swap(true, Ordering::AcqRel) {
            // Under the lock, because the thread must not fall asleep after it has looked at `dirty`.
            drop(self.shared.state.lock().unwrap_or_else(PoisonError::into_inner));
            self.shared.changed.notify_one();
        }
    }

    /// Syncs this file from now on.
    pub(super) fn goes_on_with(&self, file: Arc<File>) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).file = file;
    }

    /// Ends without a last sync, and without waiting for one that is in progress.
    pub(super) fn abandon(mut self) {
        self.thread = None;
        self.shared.dirty.store(false, Ordering::Release);
    }
}

impl Drop for Syncer {
    /// Syncs what was written last, unless it was abandoned.
    fn drop(&mut self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It runs nothing that panics.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self, interval: Duration, failed: &dyn Fn(&std::io::Error)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            while !state.ended && !self.dirty.load(Ordering::Acquire) {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if self.dirty.swap(false, Ordering::AcqRel) {
                let (file, unsettled) = (Arc::clone(&state.file), std::mem::take(&mut state.unsettled));
                drop(state);
                let settled = unsettled.iter().try_for_each(Unsettled::settle);
                if let Err(error) = settled.and_then(|()| file.sync_data()) {
                    return failed(&error);
                }
                state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            } else if state.ended {
                return;
            }
            if !state.ended {
                let waited = self.changed.wait_timeout_while(state, interval, |state| !state.ended);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}
