//! The start of a connection: what an agent says first, and what it is told.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    sync::{Arc, PoisonError},
    time::Instant,
};

use super::Link;
use crate::{
    executor::wire,
    process::{folder::Folder, identity, remains::PipeId},
    remote::{
        build,
        message::{FromAgent, Hello, PROTOCOL, Setup, ToAgent},
        pool::{Side, kept::Kept, probe::ProbeFile, state::Ends},
    },
};

/// The maximum number of bytes before the hello, which a shell or a test harness may print.
const NOISE: usize = 64 << 10;

/// What is expected of an agent next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greeting {
    Hello,
    /// The hash of its file.
    Build,
    /// It has been told how to work.
    Done,
}

impl Link<'_> {
    pub(super) fn greeted(&self) -> bool {
        self.stage == Greeting::Done
    }

    /// Handles what comes before and with the hello. Returns whether it was there.
    pub(super) fn greet(&mut self) -> Result<bool, String> {
        if self.stage == Greeting::Hello {
            self.noise.extend(self.incoming.frames().skip_noise());
        }
        if self.noise.len() > NOISE {
            return Err(format!("what was started is no agent of this program: it wrote {}", quoted(&self.noise)));
        }
        let Some(frame) = self.incoming.next().map_err(|error| format!("what was started is no agent: {error}"))?
        else {
            return Ok(false);
        };
        let another = || "another build of this program runs there: put this one in its place".to_owned();
        match (wire::read(&frame.payload).map(|(message, _)| message), self.stage) {
            (Ok(FromAgent::Hello(Hello { protocol, fingerprint, stderr, .. })), Greeting::Hello) => {
                self.provable = stderr.is_some() && stderr == self.lines.pipe().and_then(PipeId::of);
                if protocol != PROTOCOL {
                    return Err(another());
                }
                if fingerprint != identity::fingerprint() {
                    // It may be a copy of the same file.
                    self.stage = Greeting::Build;
                    self.outbox.add(&ToAgent::Identify);
                    return self.greet();
                }
            }
            (Ok(FromAgent::Build { file, workflows }), Greeting::Build) => {
                let ours = self
                    .pool
                    .launcher
                    .build()
                    .map_err(|error| format!("the program for hosts cannot be read: {error}"))?;
                if file != ours {
                    return Err(another());
                }
                if workflows != build::workflows() {
                    return Err("the build for hosts has other workflows: build it from the same sources".to_owned());
                }
            }
            _ => return Err("what was started speaks another protocol: its first message is not a hello".to_owned()),
        }
        self.stage = Greeting::Done;
        self.dial = None;
        let ends = self.allocation.lasts().and_then(|left| Ends::after(left, Instant::now()));
        let mut inner = self.pool.lock();
        let folder = inner.folder.clone();
        let path = folder.as_ref().map_or(&[][..], Folder::path);
        let probe = match &self.pool.probe {
            None => None,
            Some(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                Some(ProbeFile::shown(&mut file, Path::new(OsStr::from_bytes(path)))?)
            }
        };
        let host = &mut inner.hosts[self.at];
        let terms = self.pool.terms;
        host.load.ends = ends;
        let env = self.pool.env.clone();
        let setup = Setup { slots: host.slots, most: host.share, folder: path.to_vec(), terms, probe, env };
        self.outbox.add(&ToAgent::Setup(setup));
        let outbox = Arc::clone(&self.outbox);
        host.side = Some(Side { outbox, known: Vec::new(), kept: Kept::default(), folder });
        Ok(true)
    }
}

/// The start of what arrived instead of a hello.
pub(super) fn quoted(noise: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(&noise[..noise.len().min(200)]))
}
