//! The pool file: where branches with `parallel_strategy: remote` run.

use std::{
    fmt, fs, io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::lease::Terms;

/// A pool of hosts, as a pool file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolFile {
    pub(crate) engine: Engine,
    /// The number of units that a host runs at once; as many as it has processors if it is not given.
    pub(crate) slots: Option<NonZeroU32>,
    /// How long a host may be silent.
    pub(crate) terms: Terms,
}

/// What starts agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Engine {
    /// A command line.
    Command {
        /// The number of agents.
        hosts: NonZeroU32,
        /// The command, in which `{agent}` stands for the command line of an agent.
        launch: Vec<String>,
    },
    /// ssh.
    Ssh {
        /// The hosts.
        hosts: Vec<SshHost>,
        /// Whether the program is copied to them.
        stage: bool,
    },
}

/// A host that ssh leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshHost {
    /// Whatever `ssh NAME` understands.
    pub(crate) name: String,
    /// The number of units that it runs at once, if that is not what holds for all.
    pub(crate) slots: Option<NonZeroU32>,
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

/// What stands at a place of the file is wrong.
struct Wrong(usize, String);

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

    fn parse(text: &str) -> Result<Self, Wrong> {
        let table = DeTable::parse(text)
            .map_err(|error| Wrong(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        let top = Entries::of(table.get_ref(), table.span().start, "");
        let (name, at) = top.text("engine")?.ok_or_else(|| top.missing("engine", "`engine = \"command\"`"))?;
        let engine = match &*name {
            "command" => command(&top)?,
            "ssh" => ssh(&top)?,
            "slurm" => {
                let message = "the engine `slurm` is not supported yet: this version has `ssh` and `command`";
                return Err(Wrong(at, message.to_owned()));
            }
            _ => return Err(Wrong(at, format!("there is no engine `{name}`{}", nearest(&name, &["ssh", "command"])))),
        };
        Ok(Self { engine, slots: slots(&top)?, terms: terms(&top)? })
    }
}

fn command(top: &Entries<'_>) -> Result<Engine, Wrong> {
    let hosts = match top.get("hosts") {
        Some(value) if value.get_ref().is_table() => {
            let message =
                "a number of hosts that changes is not supported yet: write how many there are, as `hosts = 2`";
            return Err(Wrong(value.span().start, message.to_owned()));
        }
        Some(value) => number(value, "hosts", "a number from 1")?,
        None => NonZeroU32::MIN,
    };
    let missing = || top.missing("[command]", "a table `[command]` with `launch = [\"sh\", \"-c\", \"{agent}\"]`");
    let value = top.get("command").ok_or_else(missing)?;
    let table = value.get_ref().as_table();
    let table = table.ok_or_else(|| Wrong(value.span().start, "`command` is a table: `[command]`".to_owned()))?;
    let entries = Entries::of(table, value.span().start, "[command]");
    let example = "`launch = [\"sh\", \"-c\", \"{agent}\"]`";
    let value = entries.get("launch").ok_or_else(|| entries.missing("launch", example))?;
    let not_words = || Wrong(value.span().start, format!("`launch` is a list of words: {example}"));
    let words = value.get_ref().as_array().ok_or_else(not_words)?;
    let launch: Option<Vec<_>> = words.iter().map(|word| word.get_ref().as_str().map(str::to_owned)).collect();
    let launch = launch.filter(|launch| !launch.is_empty()).ok_or_else(not_words)?;
    if !launch.iter().any(|word| word.contains("{agent}")) {
        let message = "no word of `launch` contains `{agent}`, which stands for the command line of an agent, for a shell: \
                       `[\"sh\", \"-c\", \"{agent}\"]`";
        return Err(Wrong(value.span().start, message.to_owned()));
    }
    entries.only(&["launch"])?;
    top.only(&["engine", "hosts", "slots", "network", "command"])?;
    Ok(Engine::Command { hosts, launch })
}

fn ssh(top: &Entries<'_>) -> Result<Engine, Wrong> {
    let example = "`[[ssh.host]]` with `name = \"n1\"`";
    let value = top.get("ssh").ok_or_else(|| top.missing("[[ssh.host]]", example))?;
    let not_hosts = |at: usize| Wrong(at, format!("each host is a table {example}"));
    let table = value.get_ref().as_table().ok_or_else(|| not_hosts(value.span().start))?;
    let entries = Entries::of(table, value.span().start, "[ssh]");
    let list = entries.get("host").ok_or_else(|| entries.missing("host", example))?;
    let array = list.get_ref().as_array().ok_or_else(|| not_hosts(list.span().start))?;
    let mut hosts = Vec::new();
    for host in array {
        let table = host.get_ref().as_table().ok_or_else(|| not_hosts(host.span().start))?;
        let entries = Entries::of(table, host.span().start, "[[ssh.host]]");
        let (name, at) = entries.text("name")?.ok_or_else(|| entries.missing("name", "`name = \"n1\"`"))?;
        if name.is_empty() || name.starts_with('-') {
            return Err(Wrong(at, format!("`{name}` is no name of a host")));
        }
        if hosts.iter().any(|other: &SshHost| other.name == name) {
            return Err(Wrong(at, format!("the host `{name}` is there twice: give it more `slots` instead")));
        }
        entries.only(&["name", "slots"])?;
        hosts.push(SshHost { name, slots: slots(&entries)? });
    }
    if hosts.is_empty() {
        return Err(Wrong(list.span().start, format!("there is no host: add {example}")));
    }
    entries.only(&["host"])?;
    let stage = match top.get("host") {
        Some(value) => binary(value)?,
        None => true,
    };
    top.only(&["engine", "slots", "network", "ssh", "host"])?;
    Ok(Engine::Ssh { hosts, stage })
}

/// Whether the program is copied to the hosts.
fn binary(value: &Spanned<DeValue<'_>>) -> Result<bool, Wrong> {
    let not_table =
        || Wrong(value.span().start, "`host` is a table: `[host]`; hosts of ssh are `[[ssh.host]]`".to_owned());
    let entries = Entries::of(value.get_ref().as_table().ok_or_else(not_table)?, value.span().start, "[host]");
    let stage = match entries.text("binary")? {
        None => true,
        Some((binary, _)) if binary == "stage" => true,
        Some((binary, _)) if binary == "shared" => false,
        Some((_, at)) => {
            let message = "`binary` is \"stage\", to copy the program to the hosts, or \"shared\", if they see it under the \
                           same path; another build for the hosts is not supported yet";
            return Err(Wrong(at, message.to_owned()));
        }
    };
    entries.only(&["binary"])?;
    Ok(stage)
}

/// How long a host may be silent: `heartbeat` and `lease` of `[network]`.
fn terms(top: &Entries<'_>) -> Result<Terms, Wrong> {
    let Some(value) = top.get("network") else { return Ok(Terms::default()) };
    let not_table = || Wrong(value.span().start, "`network` is a table: `[network]`".to_owned());
    let entries = Entries::of(value.get_ref().as_table().ok_or_else(not_table)?, value.span().start, "[network]");
    let time = |name: &str, otherwise: Duration| match entries.text(name)? {
        None => Ok(otherwise),
        Some((text, at)) => humantime::parse_duration(&text)
            .map_err(|_| Wrong(at, format!("`{name}` is a time, as \"5s\" or \"2m\", and not \"{text}\""))),
    };
    let default = Terms::default();
    let terms = Terms { heartbeat: time("heartbeat", default.heartbeat)?, lease: time("lease", default.lease)? };
    entries.only(&["heartbeat", "lease"])?;
    terms.check().map_err(|wrong| Wrong(value.span().start, wrong))?;
    Ok(terms)
}

/// `slots`, if that is a number.
fn slots(entries: &Entries<'_>) -> Result<Option<NonZeroU32>, Wrong> {
    match entries.get("slots") {
        Some(value) if value.get_ref().as_str() == Some("cpus") => Ok(None),
        Some(value) => number(value, "slots", "a number from 1, or \"cpus\"").map(Some),
        None => Ok(None),
    }
}

/// A whole number from 1.
fn number(value: &Spanned<DeValue<'_>>, name: &str, expected: &str) -> Result<NonZeroU32, Wrong> {
    let text = value.get_ref().as_integer().filter(|number| number.radix() == 10);
    let number = text.and_then(|number| number.as_str().parse().ok());
    number.ok_or_else(|| Wrong(value.span().start, format!("`{name}` is {expected}")))
}

/// The entries of a table.
struct Entries<'a> {
    table: &'a DeTable<'a>,
    at: usize,
    /// The table's name, in brackets; empty for the file itself.
    name: &'static str,
}

/// Entries of the design that this version does not have.
const NOT_YET: &[&str] = &["idle", "slurm", "listen", "cancel", "walltime", "binary", "before", "env", "files"];

impl<'a> Entries<'a> {
    fn of(table: &'a DeTable<'a>, at: usize, name: &'static str) -> Self {
        Self { table, at, name }
    }

    fn get(&self, name: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
    }

    /// A text, and its place.
    fn text(&self, name: &str) -> Result<Option<(String, usize)>, Wrong> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.get_ref().as_str() {
            Some(text) => Ok(Some((text.to_owned(), value.span().start))),
            None => Err(Wrong(value.span().start, format!("`{name}` is a text in quotes"))),
        }
    }

    fn missing(&self, name: &str, example: &str) -> Wrong {
        let place = if self.name.is_empty() { "the pool file".to_owned() } else { format!("`{}`", self.name) };
        Wrong(self.at, format!("{place} has no `{name}`: add {example}"))
    }

    /// Refuses all entries but these.
    fn only(&self, known: &[&str]) -> Result<(), Wrong> {
        let Some((key, _)) = self.table.iter().find(|(key, _)| !known.contains(&&**key.get_ref())) else {
            return Ok(());
        };
        let name = key.get_ref();
        let place = if self.name.is_empty() { String::new() } else { format!(" in `{}`", self.name) };
        let message = if NOT_YET.contains(&&**name) {
            format!("`{name}`{place} is not supported yet")
        } else {
            format!("there is no entry `{name}`{place}{}", nearest(name, known))
        };
        Err(Wrong(key.span().start, message))
    }
}

/// What somebody may have meant, and otherwise what there is.
fn nearest(word: &str, known: &[&str]) -> String {
    let near = known.iter().map(|known| (strsim::jaro_winkler(word, known), known));
    let near = near.filter(|(near, _)| *near > 0.8).max_by(|(one, _), (other, _)| one.total_cmp(other));
    if let Some((_, near)) = near {
        return format!(": did you mean `{near}`?");
    }
    let all: Vec<_> = known.iter().map(|known| format!("`{known}`")).collect();
    format!(": there is {}", all.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str =
        "engine = \"command\"\nhosts = 2\nslots = 3\n[command]\nlaunch = [\"sh\", \"-c\", \"{agent}\"]\n";

    #[test]
    fn a_whole_file_is_read() {
        let file = PoolFile::parse(GOOD).ok().unwrap();
        let [hosts, slots] = [2, 3].map(|number| NonZeroU32::new(number).unwrap());
        let launch = ["sh", "-c", "{agent}"].map(str::to_owned).to_vec();
        let terms = Terms::default();
        assert_eq!(file, PoolFile { engine: Engine::Command { hosts, launch }, slots: Some(slots), terms });
        assert_eq!(PoolFile::parse(&GOOD.replace("slots = 3", "slots = \"cpus\"")).ok().unwrap().slots, None);
    }

    #[test]
    fn what_is_wrong_is_said_at_its_place() {
        let cases = [
            ("hosts", "hots", "11: there is no entry `hots`: did you mean `hosts`?"),
            ("launch", "launched", "has no `launch`: add `launch = [\"sh\", \"-c\", \"{agent}\"]`"),
            ("command\"", "comand\"", "there is no engine `comand`: did you mean `command`?"),
            ("command\"", "slurm\"", "the engine `slurm` is not supported yet: this version has `ssh` and `command`"),
            ("slots = 3", "idle = \"2m\"", "`idle` is not supported yet"),
            ("slots = 3", "slots = 0", "`slots` is a number from 1, or \"cpus\""),
            ("hosts = 2", "hosts = { min = 0, max = 2 }", "a number of hosts that changes is not supported yet"),
            ("{agent}", "agent", "no word of `launch` contains `{agent}`"),
            ("\"sh\"", "3", "`launch` is a list of words"),
            ("\n[command]", "\n[command", "unclosed table"),
            ("launch", "cancel = []\nlaunch", "`cancel` in `[command]` is not supported yet"),
        ];
        for (from, to, says) in cases {
            let text = GOOD.replacen(from, to, 1);
            let dir = tempfile_of(&text);
            let wrong = PoolFile::read(&dir).unwrap_err().to_string();
            fs::remove_file(&dir).unwrap();
            assert!(wrong.contains(says.trim_start_matches("11: ")), "{text}\n{wrong}\n{says}");
        }
    }

    #[test]
    fn times_of_the_network_are_read_and_must_fit() {
        let read = |network: &str| PoolFile::parse(&format!("{GOOD}[network]\n{network}\n")).map(|file| file.terms);
        let seconds = |heartbeat, lease| {
            let [heartbeat, lease] = [heartbeat, lease].map(Duration::from_secs);
            Terms { heartbeat, lease }
        };
        assert_eq!(read("heartbeat = \"1s\"\nlease = \"2m\"").ok(), Some(seconds(1, 120)));
        assert_eq!(read("lease = \"1h\"").ok(), Some(seconds(5, 3600)));
        for (network, says) in [
            ("lease = \"9s\"", "`lease` is 9s, which is less than three times the `heartbeat` of 5s"),
            ("heartbeat = 5", "`heartbeat` is a text in quotes"),
            ("lease = \"long\"", "`lease` is a time, as \"5s\" or \"2m\", and not \"long\""),
            ("lease = \"20ms\"\nheartbeat = \"1ms\"", "`heartbeat` is 1ms, which is too short: at least 10ms"),
            ("leese = \"9s\"", "there is no entry `leese` in `[network]`: did you mean `lease`?"),
            ("listen = \"auto\"", "`listen` in `[network]` is not supported yet"),
        ] {
            let Err(Wrong(_, wrong)) = read(network) else { panic!("{network}") };
            assert!(wrong.contains(says), "{network}\n{wrong}\n{says}");
        }
    }

    const SSH: &str =
        "engine = \"ssh\"\nslots = 4\n[[ssh.host]]\nname = \"n1\"\n[[ssh.host]]\nname = \"n2\"\nslots = 8\n";

    #[test]
    fn hosts_of_ssh_are_read() {
        let host = |name: &str, slots| SshHost { name: name.to_owned(), slots: NonZeroU32::new(slots) };
        let engine = |stage| Engine::Ssh { hosts: vec![host("n1", 0), host("n2", 8)], stage };
        let read = |text: &str| PoolFile::parse(text).ok().unwrap();
        let terms = Terms::default();
        assert_eq!(read(SSH), PoolFile { engine: engine(true), slots: NonZeroU32::new(4), terms });
        assert_eq!(read(&format!("{SSH}[host]\nbinary = \"shared\"\n")).engine, engine(false));
    }

    #[test]
    fn what_is_wrong_with_hosts_is_said() {
        let cases = [
            ("n2", "n1", "the host `n1` is there twice: give it more `slots` instead"),
            ("n1", "-oProxyCommand=x", "is no name of a host"),
            ("slots = 8", "slot = 8", "there is no entry `slot` in `[[ssh.host]]`: did you mean `slots`?"),
            ("name = \"n1\"", "", "`[[ssh.host]]` has no `name`: add `name = \"n1\"`"),
            ("slots = 4", "hosts = 4", "there is no entry `hosts`"),
            ("slots = 8", "slots = 8\n[host]\nbinary = \"/x\"", "another build for the hosts is not supported yet"),
            ("slots = 8", "slots = 8\n[host]\nbefore = \"x\"", "`before` in `[host]` is not supported yet"),
        ];
        for (from, to, says) in cases {
            let text = SSH.replacen(from, to, 1);
            let Err(Wrong(_, wrong)) = PoolFile::parse(&text) else { panic!("{text}") };
            assert!(wrong.contains(says), "{text}\n{wrong}\n{says}");
        }
    }

    fn tempfile_of(text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("tea-pool-{}-{}", std::process::id(), fastrand::u64(..)));
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn the_place_counts_lines_and_characters() {
        let path = tempfile_of("engine = \"command\"\n# \u{e4}\nhosts = \"\u{e4}\"\n");
        let wrong = PoolFile::read(&path).unwrap_err().to_string();
        fs::remove_file(&path).unwrap();
        assert!(wrong.ends_with(":3:9: `hosts` is a number from 1"), "{wrong}");
    }

    proptest! {
        #[test]
        fn soup_is_no_panic(text in ".{0,200}") {
            let _ = PoolFile::parse(&text);
        }

        #[test]
        fn a_damaged_file_is_no_panic(at in any::<prop::sample::Index>(), with in ".{0,4}") {
            let mut text = GOOD.to_owned();
            let at = at.index(text.len());
            text.replace_range(at..=at, &with);
            let _ = PoolFile::parse(&text);
        }
    }
}
