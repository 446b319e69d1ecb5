//! Starts agents through Slurm: `srun` asks for a host and starts the agent at once. Inside an allocation its nodes are the hosts, and
//! otherwise each host is a job of its own.
//!
//! `srun` passes on what is written there and back, but slowly: standard input tells the agent how to dial back, and its end is
//! the agent's end.

use std::{
    env,
    ffi::OsString,
    fs, io,
    num::NonZeroU32,
    ops::RangeInclusive,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use super::{Agent, Connection, Lasts, Launcher, Told, dialled};
use crate::{
    failure::{Failure, FailureKind},
    remote::{
        file::{Job, Setting},
        transport::Listen,
    },
};

/// What agents get of this program's environment, so that a shell works as its user expects.
const EXPORTED: &str = "PATH,HOME,USER,LOGNAME,SHELL";

/// The most agents outside an allocation if the pool file does not say.
const HOSTS: usize = 1;

/// Starts agents through Slurm.
pub(crate) struct Slurm {
    job: Job,
    listen: Listen,
    agent: Agent,
    place: Place,
}

/// Where agents run.
enum Place {
    /// In so many jobs of their own.
    Jobs(usize),
    /// On the nodes of the job of this number, in which this program runs.
    Nodes { job: String, names: Vec<String> },
}

impl Slurm {
    /// A launcher for so many hosts at most.
    ///
    /// # Errors
    /// If this program cannot be an agent, or the nodes of its job are not known.
    pub(crate) fn new(
        hosts: Option<NonZeroU32>,
        job: &Job,
        setting: &Setting,
        listen: &Listen,
    ) -> Result<Self, Box<Failure>> {
        let agent = Agent::new(setting)?;
        let most = hosts.map(|hosts| hosts.get() as usize);
        let place = match env::var("SLURM_JOB_ID") {
            Ok(job) => {
                let mut names = nodes().map_err(|why| Box::new(Failure::new(FailureKind::Error, why)))?;
                names.truncate(most.unwrap_or(usize::MAX));
                Place::Nodes { job, names }
            }
            Err(_) => Place::Jobs(most.unwrap_or(HOSTS)),
        };
        let listen = match (&listen.ports, port_range()) {
            (None, Some(ports)) => Listen { ports: Some(ports), ..listen.clone() },
            _ => listen.clone(),
        };
        Ok(Self { job: job.clone(), listen, agent, place })
    }

    /// The most agents.
    pub(crate) fn hosts(&self) -> usize {
        match &self.place {
            Place::Jobs(most) => *most,
            Place::Nodes { names, .. } => names.len(),
        }
    }
}

/// The nodes of the job in which this program runs.
fn nodes() -> Result<Vec<String>, String> {
    let list = env::var("SLURM_JOB_NODELIST")
        .map_err(|_| "this is a job of Slurm, but `SLURM_JOB_NODELIST` is not set".to_owned())?;
    // It unfolds `n[1-3,7]`, and asks nobody.
    let said = command("scontrol").args(["show", "hostnames", &list]).stderr(Stdio::inherit()).output();
    let said = said.map_err(|error| format!("`scontrol` cannot be started: {error}"))?;
    let names: Vec<_> = String::from_utf8_lossy(&said.stdout).lines().map(str::to_owned).collect();
    if names.is_empty() { Err(format!("`scontrol show hostnames {list}` names no node")) } else { Ok(names) }
}

/// A command of Slurm, without what the one that started this program says about itself: `SLURM_CPU_BIND` and many others would
/// hold for agents, too.
fn command(name: &str) -> Command {
    let mut command = Command::new(name);
    for (variable, _) in env::vars_os() {
        if is_inherited(&variable) {
            command.env_remove(variable);
        }
    }
    command
}

fn is_inherited(variable: &OsString) -> bool {
    let name = variable.as_bytes();
    let starts = [&b"SLURM_"[..], b"SBATCH_", b"SALLOC_", b"PMI"].iter().any(|start| name.starts_with(start));
    starts && name != b"SLURM_CONF"
}

/// The ports on which `srun` may listen, in the configuration that this machine has, since others may be closed.
fn port_range() -> Option<RangeInclusive<u16>> {
    let named = env::var_os("SLURM_CONF").map(Into::into);
    let usual = ["/etc/slurm/slurm.conf", "/run/slurm/conf/slurm.conf", "/etc/slurm-llnl/slurm.conf"];
    let text = named.into_iter().chain(usual.map(Into::into)).find_map(|path: std::path::PathBuf| read(&path))?;
    parse_range(&text)
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (_, value) = text
        .lines()
        .find_map(|line| line.split_once('=').filter(|(key, _)| key.trim().eq_ignore_ascii_case("SrunPortRange")))?;
    let (first, last) = value.split_once('#').map_or(value, |(value, _)| value).trim().split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first > 0 && first <= last).then_some(first..=last)
}

/// A time as Slurm writes it: `days-hours:minutes:seconds`, of which the first may be left out. `None` if it says that there is no
/// limit, or nothing.
fn time_left(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (days, rest) = text.split_once('-').unwrap_or(("0", text));
    let parts: Option<Vec<u64>> = rest.split(':').map(|part| part.parse().ok()).collect();
    let seconds = match parts?[..] {
        [minutes, seconds] => minutes.checked_mul(60)?.checked_add(seconds)?,
        [hours, minutes, seconds] => {
            hours.checked_mul(60)?.checked_add(minutes)?.checked_mul(60)?.checked_add(seconds)?
        }
        _ => return None,
    };
    Some(Duration::from_secs(days.parse::<u64>().ok()?.checked_mul(86_400)?.checked_add(seconds)?))
}

/// A time as Slurm reads it: hours, minutes and seconds.
fn hours(time: Duration) -> String {
    let seconds = time.as_secs().max(1);
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

impl Launcher for Slurm {
    fn name(&self, at: usize) -> String {
        match &self.place {
            Place::Jobs(_) => format!("slurm {}", at + 1),
            Place::Nodes { names, .. } => names[at].clone(),
        }
    }

    fn build(&self) -> io::Result<[u8; 32]> {
        self.agent.build()
    }

    fn differ(&self) -> usize {
        match &self.place {
            // Each is whichever node Slurm gives.
            Place::Jobs(_) => 1,
            Place::Nodes { names, .. } => names.len(),
        }
    }

    fn start(&self, at: usize) -> io::Result<Connection> {
        let name = format!("tea-{:016x}", fastrand::u64(..));
        let srun = |mark: &str| {
            let mut srun = command("srun");
            srun.args(["--nodes=1", "--ntasks=1", "--cpu-bind=none"]).arg(format!("--export={EXPORTED}"));
            match &self.place {
                Place::Jobs(_) => {
                    srun.arg(format!("--job-name={name}"));
                    srun.args(self.job.walltime.map(|time| format!("--time={}", hours(time))));
                }
                Place::Nodes { job, names } => {
                    srun.args(["--overlap", "--mem=0"])
                        .arg(format!("--jobid={job}"))
                        .arg(format!("--nodelist={}", names[at]));
                }
            }
            srun.args(&self.job.options).args(["/bin/sh", "-c"]).arg(self.agent.line(&self.agent.file(), mark));
            srun
        };
        let mut connection = dialled(&self.listen, Told::Input, srun)?;
        let mut lasts = command("squeue");
        lasts.args(["--noheader", "--format=%L"]);
        match &self.place {
            Place::Jobs(_) => {
                let mut cancel = command("scancel");
                cancel.arg(format!("--name={name}"));
                connection.allocation.cancel = Some(cancel);
                lasts.arg(format!("--name={name}"));
            }
            Place::Nodes { job, .. } => _ = lasts.arg(format!("--jobs={job}")),
        }
        connection.allocation.lasts = Some(Lasts { command: lasts, read: time_left });
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_range_is_read() {
        let text = "ClusterName=x\n#SrunPortRange=1-2\n srunportrange = 60001-63000 # for srun\n";
        assert_eq!(parse_range(text), Some(60001..=63000));
        for none in ["", "SrunPortRange=\n", "SrunPortRange=9-3", "SrunPortRange=0-0", "SrunPortRange=a-b"] {
            assert_eq!(parse_range(none), None, "{none}");
        }
    }

    #[test]
    fn times_are_written_as_slurm_reads_them() {
        assert_eq!(hours(Duration::from_hours(30)), "30:00:00");
        assert_eq!(hours(Duration::from_secs(3723)), "1:02:03");
    }

    #[test]
    fn the_time_that_is_left_is_read() {
        let seconds = |text| time_left(text).map(|time| time.as_secs());
        assert_eq!(seconds("4:05\n"), Some(245));
        assert_eq!(seconds("1:00:00\n"), Some(3600));
        assert_eq!(seconds("2-00:00:01\n"), Some(172_801));
        for none in ["UNLIMITED\n", "NOT_SET", "INVALID", "", "1:2:3:4", "99999999999999999-0:0:0", "4:05\n4:06\n"] {
            assert_eq!(seconds(none), None, "{none}");
        }
    }

    #[test]
    fn what_the_own_job_says_of_itself_is_not_passed_on() {
        for gone in ["SLURM_CPU_BIND", "SLURM_JOB_ID", "SBATCH_PARTITION", "PMI_RANK", "PMIX_RANK"] {
            assert!(is_inherited(&gone.into()), "{gone}");
        }
        for stays in ["SLURM_CONF", "PATH", "HOME"] {
            assert!(!is_inherited(&stays.into()), "{stays}");
        }
    }
}
