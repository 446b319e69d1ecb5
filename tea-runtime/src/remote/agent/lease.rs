//! The lease of this agent. When it is over, the system ends the agent, even if it is stopped, and its workers end with it.

use std::{io, sync::Arc, thread, time::Duration};

use super::{
    outbox::Outbox,
    watchdog::{self, Watchdog},
};
use crate::{
    remote::{
        lease::{Held, Terms},
        message::FromAgent,
    },
    user_code,
};

/// How long an agent waits until its program tells it how to work.
const UNTOLD: Terms = Terms { heartbeat: Duration::from_secs(10), lease: Duration::from_mins(2) };

/// The lease of this agent.
pub(super) struct Lease {
    held: Held,
    watchdog: Watchdog,
}

impl Lease {
    /// A lease that lasts until the program has told this agent how to work.
    ///
    /// # Errors
    /// If the system cannot end this process at a given time.
    pub(super) fn start() -> io::Result<Self> {
        let held = Held::start(&UNTOLD, watchdog::now()?);
        let mut watchdog = Watchdog::new()?;
        watchdog.set(held.until())?;
        Ok(Self { held, watchdog })
    }

    /// Starts the lease on these terms, and asks for it from now on. Nothing runs yet.
    ///
    /// # Errors
    /// If there is no clock, timer or thread.
    pub(super) fn begin(&mut self, terms: Terms, outbox: &Arc<Outbox>) -> io::Result<()> {
        self.held = Held::start(&terms, watchdog::now()?);
        self.watchdog.set(self.held.until())?;
        let outbox = Arc::clone(outbox);
        let ask = move || {
            user_code::forbid();
            // Without a clock it cannot ask, and its lease ends.
            while let Ok(asked) = watchdog::now() {
                outbox.send_first(&FromAgent::Lease { asked });
                thread::sleep(terms.heartbeat);
            }
        };
        thread::Builder::new().name("tea-lease".into()).stack_size(256 << 10).spawn(ask)?;
        Ok(())
    }

    /// The program has granted what was asked for at this moment.
    ///
    /// # Errors
    /// If there is no clock or timer.
    pub(super) fn granted(&mut self, asked: Duration) -> io::Result<()> {
        self.held.granted(asked, watchdog::now()?);
        self.watchdog.set(self.held.until())
    }
}
