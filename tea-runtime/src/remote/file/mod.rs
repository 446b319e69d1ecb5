//! The pool file: where branches with `parallel_strategy: remote` run.

mod engines;
mod entries;
#[cfg(test)]
mod tests;

use std::{
    fmt, fs, io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use toml::de::DeTable;

use self::entries::{Entries, Wrong, nearest, number, slots};
use super::{launch::Told, lease::Terms, transport::Listen};

/// A pool of hosts, as a pool file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolFile {
    pub(crate) engine: Engine,
    /// The number of units that a host runs at once; as many as it has processors if it is not given.
    pub(crate) slots: Option<NonZeroU32>,
    /// How many hosts are kept when they have nothing to do.
    pub(crate) least: u32,
    /// After which time with nothing to do the others are given back; with the pool if it is not given.
    pub(crate) idle: Option<Duration>,
    pub(crate) host: Setting,
    /// Where the program listens for agents that dial back.
    pub(crate) listen: Listen,
    /// How long a host may be silent.
    pub(crate) terms: Terms,
}

/// What starts agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Engine {
    /// A command line.
    Command {
        /// The most agents.
        hosts: NonZeroU32,
        /// The command.
        template: Template,
    },
    /// ssh.
    Ssh(Vec<SshHost>),
    /// Slurm: inside an allocation its nodes, and otherwise jobs of one node.
    Slurm {
        /// The most agents.
        hosts: Option<NonZeroU32>,
        /// What is asked for.
        job: Job,
    },
}

impl Engine {
    /// Whether agents dial back.
    fn dials_back(&self) -> bool {
        match self {
            Self::Command { template, .. } => template.told.is_some(),
            Self::Ssh(_) => false,
            Self::Slurm { .. } => true,
        }
    }
}

/// A command line that starts an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// The command, in which `{agent}` stands for the command line of an agent, `{lease}` for a name, and `{host}` for a number.
    pub(crate) launch: Vec<String>,
    /// The command that ends an agent that `launch` has only asked for.
    pub(crate) cancel: Option<Vec<String>>,
    /// How an agent learns how to dial back, if it does.
    pub(crate) told: Option<Told>,
}

/// A host that ssh leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshHost {
    /// Whatever `ssh NAME` understands.
    pub(crate) name: String,
    /// The number of units that it runs at once, if that is not what holds for all.
    pub(crate) slots: Option<NonZeroU32>,
}

/// What Slurm is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Job {
    /// Options of `srun`.
    pub(crate) options: Vec<String>,
    /// How long a job may last.
    pub(crate) walltime: Option<Duration>,
}

/// What an agent finds on its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) binary: Binary,
    /// A line of a shell that comes before the agent.
    pub(crate) before: Option<String>,
    /// The variables of the program's environment that workers get.
    pub(crate) env: Vec<String>,
    /// Whether hosts see the program's files.
    pub(crate) shared: bool,
}

/// The program on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Binary {
    /// It is copied there.
    Stage,
    /// It is there, under the path that it has here.
    Shared,
    /// A build for those hosts; copied there, or there under this path, as the engine does it.
    Other(PathBuf),
}

/// What is wrong with a pool file.
#[derive(Debug)]
pub enum PoolError {
    /// It cannot be read.
    Read(PathBuf, io::Error),
    /// Its contents: the place in the file, and what is wrong there.
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong, and what to do about it.
        message: String,
    },
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "the pool file `{}` cannot be read: {error}", path.display()),
            Self::Wrong { path, line, column, message } => write!(f, "{}:{line}:{column}: {message}", path.display()),
        }
    }
}

impl std::error::Error for PoolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(_, error) => Some(error),
            Self::Wrong { .. } => None,
        }
    }
}

impl PoolFile {
    /// Reads a pool file.
    ///
    /// # Errors
    /// If it cannot be read, or something in it is unknown, missing or not supported.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, PoolError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|error| PoolError::Read(path.to_owned(), error))?;
        Self::parse(&text).map_err(|Wrong(at, message)| {
            let before = &text[..text.floor_char_boundary(at)];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            PoolError::Wrong { path: path.to_owned(), line, column, message }
        })
    }

    /// Reads a text of a fuzz target.
    #[cfg(any(fuzzing, test))]
    pub(crate) fn check(text: &str) {
        if let Err(Wrong(at, _)) = Self::parse(text) {
            assert!(at <= text.len());
        }
    }

    fn parse(text: &str) -> Result<Self, Wrong> {
        let table = DeTable::parse(text)
            .map_err(|error| Wrong(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        let top = Entries::of(table.get_ref(), table.span().start, "");
        let (name, at) = top.text("engine")?.ok_or_else(|| top.missing("engine", "`engine = \"command\"`"))?;
        let engines = ["ssh", "slurm", "command"];
        let Some(name) = engines.into_iter().find(|engine| *engine == name) else {
            return Err(Wrong(at, format!("there is no engine `{name}`{}", nearest(&name, &engines))));
        };
        let (least, most) = hosts(&top)?;
        let engine = engines::engine(name, &top, most)?;
        let stages = matches!(engine, Engine::Ssh(_));
        let known: &[&str] = if stages {
            &["engine", "slots", "idle", name, "host", "network"]
        } else {
            &["engine", "hosts", "slots", "idle", name, "host", "network"]
        };
        top.only(known)?;
        let (idle, slots) = (top.time("idle")?, slots(&top)?);
        let (listen, terms) = network(&top, &engine)?;
        Ok(Self { engine, slots, least, idle, host: setting(&top, stages)?, listen, terms })
    }
}

/// How many hosts are kept and how many there are at most, if that is given.
fn hosts(top: &Entries<'_>) -> Result<(u32, Option<NonZeroU32>), Wrong> {
    let Some(value) = top.get("hosts") else { return Ok((0, None)) };
    if !value.get_ref().is_table() {
        let hosts = number(value, "hosts", "a number from 1, or `{ min = 0, max = 8 }`")?;
        return Ok((0, Some(hosts)));
    }
    let Some(entries) = top.table("hosts", "hosts")? else { return Ok((0, None)) };
    let most = entries.get("max").ok_or_else(|| entries.missing("max", "`{ min = 0, max = 8 }`"))?;
    let most_hosts = number(most, "max", "a number from 1")?;
    let least = match entries.get("min") {
        Some(value) if value.get_ref().as_integer().is_some_and(|number| number.as_str() == "0") => 0,
        Some(value) => number(value, "min", "a number from 0")?.get(),
        None => 0,
    };
    if least > most_hosts.get() {
        return Err(Wrong(most.span().start, "`max` is less than `min`".to_owned()));
    }
    entries.only(&["min", "max"])?;
    Ok((least, Some(most_hosts)))
}

/// `[host]`. With `stages`, the program can be copied to hosts.
fn setting(top: &Entries<'_>, stages: bool) -> Result<Setting, Wrong> {
    let usual = if stages { Binary::Stage } else { Binary::Shared };
    let Some(entries) = top.table("host", "[host]")? else {
        return Ok(Setting { binary: usual, before: None, env: Vec::new(), shared: false });
    };
    let binary = match entries.text("binary")? {
        None => usual,
        Some((binary, at)) if binary == "stage" && !stages => {
            let message = "only `ssh` copies the program to hosts; with this engine they see it under the same path \
                           (\"shared\"), or under the one that is given";
            return Err(Wrong(at, message.to_owned()));
        }
        Some((binary, _)) if binary == "stage" => Binary::Stage,
        Some((binary, _)) if binary == "shared" => Binary::Shared,
        Some((binary, _)) if binary.contains('/') => Binary::Other(PathBuf::from(binary)),
        Some((_, at)) => {
            let message = "`binary` is \"stage\", to copy the program to the hosts, \"shared\", if they see it under the same \
                           path, or the path of a build for the hosts, with a `/` in it";
            return Err(Wrong(at, message.to_owned()));
        }
    };
    let before = entries.text("before")?.map(|(line, _)| line);
    let (env, at) = entries.texts("env", "`env = [\"RUST_LOG\"]`")?.unwrap_or_default();
    if let Some(name) = env.iter().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
        return Err(Wrong(at, format!("`{name}` is no name of a variable: the values are those that the program has")));
    }
    let shared = entries.word("files", &[("shared", true)])?.unwrap_or(false);
    entries.only(&["binary", "before", "env", "files"])?;
    Ok(Setting { binary, before, env, shared })
}

/// `[network]`.
fn network(top: &Entries<'_>, engine: &Engine) -> Result<(Listen, Terms), Wrong> {
    let Some(entries) = top.table("network", "[network]")? else { return Ok((Listen::AUTO, Terms::default())) };
    let listen = match entries.text("listen")? {
        None => Listen::AUTO,
        Some((text, at)) => {
            let listen = text.parse().map_err(|error| Wrong(at, format!("{error}")))?;
            if listen != Listen::AUTO && !engine.dials_back() {
                let message = "`listen` is for agents that dial back; of the other engines, `command` does with `transport = \"dial\"`";
                return Err(Wrong(at, message.to_owned()));
            }
            listen
        }
    };
    let Terms { heartbeat, lease } = Terms::default();
    let time = |name, otherwise| entries.time(name).map(|time| time.unwrap_or(otherwise));
    let terms = Terms { heartbeat: time("heartbeat", heartbeat)?, lease: time("lease", lease)? };
    entries.only(&["listen", "heartbeat", "lease"])?;
    terms.check().map_err(|wrong| entries.wrong(wrong))?;
    Ok((listen, terms))
}
