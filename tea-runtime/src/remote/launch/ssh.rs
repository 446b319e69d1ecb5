//! Starts agents through ssh. Users, keys, ports and jumps are a matter of `~/.ssh/config`.

use std::{
    fs::File,
    io,
    process::{Command, Stdio},
};

use super::{Agent, Connection, Launcher, NOT_THERE, failed, quoted, spawn};
use crate::{
    failure::Failure,
    remote::{build, file::SshHost},
};

/// No questions, no escapes, and a connection that is gone is noticed.
const OPTIONS: [&str; 6] = [
    "-T",
    "-oBatchMode=yes",
    "-oEscapeChar=none",
    "-oConnectTimeout=15",
    "-oServerAliveInterval=5",
    "-oServerAliveCountMax=3",
];

/// A server accepts ten connections that have not logged in, and then refuses some (`MaxStartups`). All hosts may be behind the
/// same one.
const DIALS: usize = 8;

/// Starts agents through ssh.
pub(crate) struct Ssh {
    hosts: Vec<String>,
    agent: Agent,
    /// The file on the hosts to which the program is copied, for a shell; `None` if they have it under the path of this machine.
    staged: Option<String>,
}

impl Ssh {
    /// A launcher for these hosts, to which the program is copied, if so.
    ///
    /// # Errors
    /// If this program cannot be an agent.
    pub(crate) fn new(hosts: &[SshHost], stage: bool) -> Result<Self, Box<Failure>> {
        let agent = Agent::new()?;
        let staged = if stage { Some(place(&agent).map_err(|error| failed(&error))?) } else { None };
        Ok(Self { hosts: hosts.iter().map(|host| host.name.clone()).collect(), agent, staged })
    }

    fn command(&self, at: usize, script: &str) -> Command {
        let mut command = Command::new("ssh");
        // Whatever the user's shell is there.
        command.args(OPTIONS).arg("--").arg(&self.hosts[at]).arg(format!("exec sh -c {}", quoted(script)));
        command
    }
}

/// The file on hosts, named by the contents of the program.
fn place(agent: &Agent) -> io::Result<String> {
    let id = build::id()?;
    let hash = u128::from_be_bytes(*id.first_chunk().expect("a hash has 32 bytes"));
    let name = agent.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(format!("\"${{XDG_CACHE_HOME:-$HOME/.cache}}\"/tea/{hash:032x}/{}", quoted(&name)))
}

impl Launcher for Ssh {
    fn name(&self, at: usize) -> String {
        self.hosts[at].clone()
    }

    fn start(&self, at: usize) -> io::Result<Connection> {
        let script = match &self.staged {
            Some(file) => format!("f={file}; [ -x \"$f\" ] || exit {NOT_THERE}; {}", self.agent.line("\"$f\"")),
            None => self.agent.line(&self.agent.file()),
        };
        spawn(self.command(at, &script), None)
    }

    fn dials(&self) -> usize {
        DIALS
    }

    fn stage(&self, at: usize) -> Option<io::Result<Connection>> {
        let file = self.staged.as_ref()?;
        // Written aside, so that nobody ever sees a part of it, and others may do the same at the same time.
        let script = format!(
            "f={file}; umask 077; mkdir -p \"${{f%/*}}\" && cat > \"$f.$$\" && chmod 700 \"$f.$$\" && mv \"$f.$$\" \"$f\" || \
             {{ rm -f \"$f.$$\"; exit 1; }}"
        );
        let program = File::open(&self.agent.path);
        Some(program.and_then(|program| spawn(self.command(at, &script), Some(Stdio::from(program)))))
    }
}
