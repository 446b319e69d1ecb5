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

use self::entries::{Entries, Wrong, Wrongs, meant};
use super::{launch::Told, lease::Terms, transport::Listen};
use crate::words::nearest;

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
    /// Its contents: all that is wrong with them, in the order of the file.
    Wrong(PathBuf, Vec<PoolMistake>),
}

/// A mistake in a pool file.
#[derive(Debug)]
pub struct PoolMistake {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what to do about it.
    pub message: String,
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "the pool file `{}` cannot be read: {error}", path.display()),
            Self::Wrong(path, mistakes) => mistakes.iter().enumerate().try_for_each(|(at, mistake)| {
                let PoolMistake { line, column, message } = mistake;
                let next = if at == 0 { "" } else { "\n" };
                write!(f, "{next}{}:{line}:{column}: {message}", path.display())
            }),
        }
    }
}

impl std::error::Error for PoolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(_, error) => Some(error),
            Self::Wrong(..) => None,
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
        let place = |Wrong(at, message)| {
            let before = &text[..text.floor_char_boundary(at)];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            PoolMistake { line, column, message }
        };
        Self::parse(&text).map_err(|wrongs| PoolError::Wrong(path.to_owned(), wrongs.into_iter().map(place).collect()))
    }

    /// Reads a text of a fuzz target.
    #[cfg(any(fuzzing, test))]
    pub(crate) fn check(text: &str) {
        if let Err(wrongs) = Self::parse(text) {
            assert!(!wrongs.is_empty() && wrongs.iter().all(|Wrong(at, _)| *at <= text.len()));
        }
    }

    fn parse(text: &str) -> Result<Self, Vec<Wrong>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let wrongs = Wrongs::default();
        for error in &errors {
            wrongs.push(error.span().map_or(0, |span| span.start), error.message());
        }
        // What is left of a file that breaks the rules of TOML may say something else than was meant.
        let file = if errors.is_empty() {
            read(&Entries::of_file(table.get_ref(), table.span().start, &wrongs))
        } else {
            None
        };
        let wrongs = wrongs.sorted();
        if wrongs.is_empty() { file.ok_or(wrongs) } else { Err(wrongs) }
    }
}

/// The whole file, unless what must be there is missing.
fn read(top: &Entries<'_>) -> Option<PoolFile> {
    const ENGINES: [&str; 3] = ["ssh", "slurm", "command"];
    top.only(&["engine", "hosts", "slots", "idle", "ssh", "slurm", "command", "host", "network"]);
    top.need("engine", "`engine = \"command\"`");
    let name = top.word("engine", &ENGINES.map(|engine| (engine, engine)));
    if let Some(name) = name {
        for other in ENGINES.into_iter().filter(|other| *other != name) {
            top.refuse(other, &format!("is for `engine = \"{other}\"`, and the engine of this file is \"{name}\""));
        }
    }
    let stages = name.is_none_or(|name| name == "ssh");
    if name == Some("ssh") {
        top.refuse("hosts", "is for the other engines: with ssh there is a `[[ssh.host]]` for each host");
    }
    let (least, most) = hosts(top);
    let engine = name.and_then(|name| engines::engine(name, top, most));
    let (slots, idle, host) = (top.slots(), top.time("idle"), setting(top, stages));
    let (listen, terms) = network(top, engine.as_ref().is_none_or(Engine::dials_back));
    Some(PoolFile { engine: engine?, slots, least, idle, host, listen, terms })
}

/// How many hosts are kept and how many there are at most, if that is given.
fn hosts(top: &Entries<'_>) -> (u32, Option<NonZeroU32>) {
    let Some(value) = top.get("hosts") else { return (0, None) };
    if !value.get_ref().is_table() {
        return (0, top.number("hosts", "a number from 1, or `{ min = 0, max = 8 }`"));
    }
    let Some(entries) = top.table("hosts", "hosts") else { return (0, None) };
    entries.only(&["min", "max"]);
    entries.need("max", "`{ min = 0, max = 8 }`");
    let most = entries.number("max", "a number from 1");
    let is_none =
        entries.get("min").is_none_or(|min| min.get_ref().as_integer().is_some_and(|min| min.as_str() == "0"));
    let least = if is_none { 0 } else { entries.number("min", "a number from 0").map_or(0, NonZeroU32::get) };
    if most.is_some_and(|most| least > most.get()) {
        entries.refuse("max", "is less than `min`");
    }
    (least, most)
}

/// `[host]`. With `stages`, the program can be copied to hosts.
fn setting(top: &Entries<'_>, stages: bool) -> Setting {
    let usual = if stages { Binary::Stage } else { Binary::Shared };
    let Some(entries) = top.table("host", "[host]") else {
        return Setting { binary: usual, before: None, env: Vec::new(), shared: false };
    };
    entries.only(&["binary", "before", "env", "files"]);
    let binary = match entries.text("binary") {
        None => usual,
        Some((binary, at)) if binary == "stage" => {
            if !stages {
                let message = "only `ssh` copies the program to hosts; with this engine they see it under the same path \
                               (\"shared\"), or under the one that is given";
                entries.wrongs.push(at, message);
            }
            Binary::Stage
        }
        Some((binary, _)) if binary == "shared" => Binary::Shared,
        Some((binary, at)) => {
            if !binary.contains('/') {
                let message = "`binary` is \"stage\", to copy the program to the hosts, \"shared\", if they see it under the same \
                               path, or the path of a build for the hosts, with a `/` in it";
                let near = nearest(&binary, ["stage", "shared"].into_iter());
                entries.wrongs.push(at, format!("{message}{}", meant(near)));
            }
            Binary::Other(PathBuf::from(binary))
        }
    };
    let before = entries.text("before").map(|(line, _)| line);
    let (env, at) = entries.texts("env", "`env = [\"RUST_LOG\"]`").unwrap_or_default();
    for name in env.iter().filter(|name| name.is_empty() || name.contains(['=', '\0'])) {
        let message = format!("`{name}` is no name of a variable: the values are those that the program has");
        entries.wrongs.push(at, message);
    }
    let shared = entries.word("files", &[("shared", true)]).unwrap_or(false);
    Setting { binary, before, env, shared }
}

/// `[network]`. Where agents do not dial back, nothing listens for them.
fn network(top: &Entries<'_>, dials_back: bool) -> (Listen, Terms) {
    let Some(entries) = top.table("network", "[network]") else { return (Listen::AUTO, Terms::default()) };
    entries.only(&["listen", "heartbeat", "lease"]);
    let listen = entries.text("listen").map_or(Listen::AUTO, |(text, at)| {
        let listen = text.parse().unwrap_or_else(|error| {
            let near = nearest(&text, ["auto"].into_iter());
            entries.wrongs.push(at, format!("{error}{}", meant(near)));
            Listen::AUTO
        });
        if listen != Listen::AUTO && !dials_back {
            let message = "`listen` is for agents that dial back; of the other engines, `command` does with `transport = \"dial\"`";
            entries.wrongs.push(at, message);
        }
        listen
    });
    let usual = Terms::default();
    let [heartbeat, lease] = ["heartbeat", "lease"].map(|name| entries.time(name));
    let is_read = |name: &str, time: Option<Duration>| time.is_some() == entries.get(name).is_some();
    let terms = Terms { heartbeat: heartbeat.unwrap_or(usual.heartbeat), lease: lease.unwrap_or(usual.lease) };
    if is_read("heartbeat", heartbeat)
        && is_read("lease", lease)
        && let Err(wrong) = terms.check()
    {
        entries.wrongs.push(entries.at, wrong);
    }
    (listen, terms)
}
