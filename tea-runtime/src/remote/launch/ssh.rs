//! Starts agents through ssh. Users, keys, ports and jumps are a matter of `~/.ssh/config`.

use std::{fs::File, io, process::Command};

use super::{Agent, BY_STDIO, Connection, Launcher, NOT_THERE, Process, copy, failed, quoted, spawn};
use crate::{
    failure::Failure,
    remote::file::{Binary, Setting, SshHost},
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
    /// A launcher for these hosts, to which the program is copied, unless it is there.
    ///
    /// # Errors
    /// If this program cannot be an agent.
    pub(crate) fn new(hosts: &[SshHost], setting: &Setting) -> Result<Self, Box<Failure>> {
        let agent = Agent::new(setting)?;
        let staged =
            if setting.binary == Binary::Shared { None } else { Some(place(&agent).map_err(|error| failed(&error))?) };
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
    let id = agent.build()?;
    let hash = u128::from_be_bytes(*id.first_chunk().expect("a hash has 32 bytes"));
    let name = agent.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(format!("\"${{XDG_CACHE_HOME:-$HOME/.cache}}\"/tea/{hash:032x}/{}", quoted(&name)))
}

impl Launcher for Ssh {
    fn name(&self, at: usize) -> String {
        self.hosts[at].clone()
    }

    fn build(&self) -> io::Result<[u8; 32]> {
        self.agent.build()
    }

    fn start(&self, at: usize) -> io::Result<Connection> {
        let script = match &self.staged {
            Some(file) => {
                format!("f={file}; [ -x \"$f\" ] || exit {NOT_THERE}; {}", self.agent.line("\"$f\"", BY_STDIO))
            }
            None => self.agent.line(&self.agent.file(), BY_STDIO),
        };
        spawn(self.command(at, &script))
    }

    fn dials(&self) -> usize {
        DIALS
    }

    fn stage(&self, at: usize) -> Option<io::Result<Process>> {
        let file = self.staged.as_ref()?;
        // Written aside, so that nobody ever sees a part of it, and others may do the same at the same time.
        let script = format!(
            "f={file}; umask 077; mkdir -p \"${{f%/*}}\" && cat > \"$f.$$\" && chmod 700 \"$f.$$\" && mv \"$f.$$\" \"$f\" || \
             {{ rm -f \"$f.$$\"; exit 1; }}"
        );
        let program = File::open(&self.agent.path);
        Some(program.and_then(|program| copy(self.command(at, &script), program)))
    }
}
