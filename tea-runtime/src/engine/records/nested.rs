//! The records of a branch that runs in a worker. What is known of it goes to the worker with the branch; what is done
//! there comes back one by one and is appended here, so that the next attempt, after a crash of the worker or of the whole
//! run, only does what was not done.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use serde::{Deserialize, Serialize};

use super::{Names, Records, Session, Surroundings, counts, key};
use crate::{
    cancel::CancellationToken,
    event::Events,
    executor::wire,
    failure::Failure,
    position::Position,
    store::{Hash, RawRecord, RecordLog, SendRecord},
};

/// What a worker has to know to record a branch. The known records follow.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    program: Hash,
    surroundings: Surroundings,
    names: Names,
    retries_failures: bool,
    only_output: bool,
    from: Option<String>,
    /// The directory of the store, where large values are.
    store: Option<String>,
    /// The kind and the length of each known record.
    known: Vec<(u8, u64)>,
}

impl Records {
    /// The records of the branch at this position, as bytes for a worker.
    pub(in crate::engine) fn to_send(&self, branch: &Position, names: &Names) -> Vec<u8> {
        // What cannot be read is not known, and runs again.
        let known = self.log.below(&key(branch, None)).unwrap_or_default();
        let store = self.log.store().and_then(|store| std::path::absolute(store).ok());
        let head = Head {
            program: self.program,
            surroundings: self.surroundings.clone(),
            names: names.clone(),
            retries_failures: self.retries_failures,
            only_output: self.session.only_output,
            from: self.session.from.clone(),
            store: store.and_then(|store| store.into_os_string().into_string().ok()),
            known: known.iter().map(|raw| (raw.kind, raw.payload.len() as u64)).collect(),
        };
        let mut bytes = Vec::new();
        wire::write(&head, &mut bytes);
        for raw in &known {
            bytes.extend_from_slice(&raw.payload);
        }
        bytes
    }

    /// The records from the bytes of [`to_send`](Self::to_send), and the names of what the branch reads. What is recorded
    /// from now on is passed to `send`.
    ///
    /// # Errors
    /// If the bytes are invalid.
    pub(in crate::engine) fn received(bytes: &[u8], send: SendRecord) -> Result<(Arc<Self>, Names), String> {
        let (head, mut rest) = wire::read(bytes)?;
        let Head { program, surroundings, names, retries_failures, only_output, from, store, known } = head;
        let mut raw = Vec::with_capacity(known.len());
        for (kind, length) in known {
            let split = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
            let (payload, after) = split.ok_or("the records of a branch did not arrive as a whole")?;
            raw.push(RawRecord { kind, payload: payload.to_vec() });
            rest = after;
        }
        let log = RecordLog::of_unit(raw, store.as_deref().map(Path::new), send).map_err(|error| error.to_string())?;
        let session = Session { only_output, from, ..Session::default() };
        // The parent reports it.
        let told = AtomicBool::new(true);
        let (log, inputs) = (Arc::new(log), Names::default());
        Ok((
            Arc::new(Self {
                log,
                recorder: None,
                session,
                program,
                before: None,
                surroundings,
                surroundings_before: Surroundings::default(),
                inputs,
                retries_failures,
                told,
            }),
            names,
        ))
    }

    /// Records what a worker has sent that runs the branch at this position, if it still counts.
    ///
    /// # Errors
    /// If recording has ended and the run must not continue without it.
    pub(in crate::engine) fn relay(
        &self,
        branch: &Position,
        raw: RawRecord,
        token: &CancellationToken,
        events: &Events,
    ) -> Result<(), Box<Failure>> {
        match self.log.relay(&key(branch, None), raw, || counts(branch, token)) {
            Ok(()) => Ok(()),
            Err(_) => self.ended(events),
        }
    }

    /// Forgets what workers have recorded of the branch at this position in this session: it has ended, or the next
    /// attempt is to run all of it again.
    pub(in crate::engine) fn forget(&self, branch: &Position) {
        self.log.forget(&key(branch, None));
    }
}
