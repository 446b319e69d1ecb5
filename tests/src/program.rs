//! Running a program as a user would, under a deadline, and looking for what it leaves behind.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    process::{self, DEADLINE},
    terminal::Terminal,
};

/// The variable that marks a program and all that it starts.
const MARK: &str = "TEA_TESTS_RUN";

/// A program to run, and how.
pub struct Program {
    command: Command,
    stdin: Option<String>,
    mark: String,
    deadline: Duration,
}

impl Program {
    /// The program at `path`, usually `env!("CARGO_BIN_EXE_name")`.
    #[must_use]
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
        // Whoever runs the tests may ignore signals (`nohup`, a shell's background job), and programs inherit that.
        let mut command = Command::new("env");
        command.arg("--default-signal=HUP,INT,QUIT,TERM,TSTP,CONT").arg(path).env(MARK, &mark);
        // Each backtrace of a large program takes a tenth of a second, whoever wants them for the tests themselves.
        command.env("RUST_BACKTRACE", "0");
        Self { command, stdin: None, mark, deadline: DEADLINE }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments, separated by spaces.
    #[must_use]
    pub fn args(mut self, args: &str) -> Self {
        self.command.args(args.split_whitespace());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it in a process group of its own, as a shell runs a job: only such a group can be stopped from a terminal.
    #[must_use]
    pub fn own_group(mut self) -> Self {
        self.command.process_group(0);
        self
    }

    /// Lets it take so long, in place of [`DEADLINE`].
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs it in this directory.
    #[must_use]
    pub fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Gives it this text to read.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Starts it. Its output goes to files, so that nothing that it leaves behind can hold a reader up.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(mut self) -> Running {
        let output = tempfile::tempdir().expect("a temporary directory");
        let to = |name: &str| Stdio::from(File::create(output.path().join(name)).expect("a temporary file"));
        self.command.stdout(to("stdout")).stderr(to("stderr")).stdin(match &self.stdin {
            Some(text) => {
                let path = output.path().join("stdin");
                fs::write(&path, text).expect("a temporary file");
                Stdio::from(File::open(path).expect("a temporary file"))
            }
            None => Stdio::null(),
        });
        let child = self.command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", self.command));
        Running { child, output, mark: self.mark, started: Instant::now(), deadline: self.deadline }
    }

    /// Starts it at a terminal, which is all that it has but for its standard output.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start_at_terminal(mut self) -> (Running, Terminal) {
        let output = tempfile::tempdir().expect("a temporary directory");
        let to = |name: &str| File::create(output.path().join(name)).expect("a temporary file");
        let (terminal, side) = Terminal::new();
        _ = to("stderr");
        // A session of its own, whose signals come from that terminal.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        self.command = command;
        self.command
            .env("TERM", "xterm")
            .stdout(to("stdout"))
            .stdin(side.try_clone().expect("a descriptor"))
            .stderr(side);
        let child = self.command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", self.command));
        let started = Instant::now();
        (Running { child, output, mark: self.mark, started, deadline: self.deadline }, terminal)
    }

    /// Runs it to its end and makes sure that it leaves no process behind.
    ///
    /// # Panics
    /// If it cannot be started, takes longer than [`DEADLINE`], or leaves a process behind.
    #[must_use]
    pub fn run(self) -> Finished {
        self.start().finish()
    }
}

/// A program that runs.
pub struct Running {
    child: Child,
    output: TempDir,
    mark: String,
    started: Instant,
    deadline: Duration,
}

impl Running {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The processes that it started, directly or not, and that still run.
    #[must_use]
    pub fn workers(&self) -> Vec<u32> {
        process::marked(MARK, &self.mark).into_iter().filter(|pid| *pid != self.pid()).collect()
    }

    /// Looks at it again and again until it ends.
    ///
    /// # Panics
    /// If it cannot be waited for, or `look` does.
    pub fn watch(&mut self, mut look: impl FnMut(&Self)) {
        while self.started.elapsed() < DEADLINE && self.child.try_wait().expect("a child to wait for").is_none() {
            look(self);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends it, and only it, a signal.
    ///
    /// # Panics
    /// If it is gone.
    pub fn signal(&self, signal: Signal) {
        process::signal(self.pid(), signal).expect("the program runs");
    }

    /// What it has written to stderr so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.text("stderr")
    }

    fn text(&self, name: &str) -> String {
        let bytes = fs::read(self.output.path().join(name)).expect("a temporary file");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for its end, then until no process that it started is left.
    ///
    /// # Panics
    /// If either takes longer than [`DEADLINE`].
    #[must_use]
    pub fn finish(mut self) -> Finished {
        let mut status = None;
        let deadline = self.deadline;
        while status.is_none() && self.started.elapsed() < deadline {
            status = self.child.try_wait().expect("a child to wait for");
            std::thread::sleep(Duration::from_millis(2));
        }
        let elapsed = self.started.elapsed();
        let (stdout, stderr) = (self.text("stdout"), self.text("stderr"));
        let Some(status) = status else { panic!("no end after {deadline:?}\n{stdout}\n{stderr}") };
        let ended = Instant::now();
        process::wait_for(&format!("the end of what the program left behind\n{stderr}"), || {
            self.workers().is_empty().then_some(())
        });
        let gone_after = ended.elapsed();
        Finished { code: status.code(), signal: status.signal(), stdout, stderr, elapsed, gone_after }
    }
}

impl Drop for Running {
    /// A failed test leaves nothing behind either.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let states = process::states(&process::marked(MARK, &self.mark));
            eprintln!("the program {} and its processes: {states}\n{}", self.pid(), self.stderr());
        }
        // One that was started this moment may not show its mark yet.
        let _ = self.child.kill();
        // Again until there is none: one that is killed may just have started another.
        loop {
            let pids = process::marked(MARK, &self.mark);
            if pids.is_empty() {
                break;
            }
            for pid in pids {
                // It may have ended in the meantime.
                let _ = process::signal(pid, Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

/// A program that ended and left nothing behind.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// From its start to its end.
    pub elapsed: Duration,
    /// From its end to the end of the last process that it had started.
    pub gone_after: Duration,
}

impl Finished {
    /// The JSON on stdout.
    ///
    /// # Panics
    /// If it did not end well, or wrote anything else.
    #[must_use]
    pub fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "signal {:?}\n{}", self.signal, self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{}", self.stdout))
    }

    /// What it wrote to stderr, after it failed with `code` and wrote nothing to stdout.
    ///
    /// # Panics
    /// If it ended otherwise, or wrote to stdout.
    #[must_use]
    pub fn failure(&self, code: i32) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "signal {:?}\n{}", self.signal, self.stderr);
        &self.stderr
    }
}

/// The length of the logs of runs in the folder `state`: of what their units recorded, without large values.
///
/// # Panics
/// If the folder cannot be read.
#[must_use]
pub fn recorded_bytes(state: &Path) -> u64 {
    let Ok(runs) = fs::read_dir(state.join("runs")) else { return 0 };
    let files = runs.flat_map(|run| fs::read_dir(run.expect("a run").path()).expect("its files"));
    let logs =
        files.map(|file| file.expect("a file")).filter(|file| file.file_name().as_encoded_bytes().starts_with(b"log."));
    logs.map(|log| log.metadata().map_or(0, |there| there.len())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::new("/bin/sh").arg("-c").arg(script)
    }

    #[test]
    fn output_and_exit_code_are_kept_apart() {
        let finished = shell("cat; echo bad >&2; exit $CODE").stdin("good").env("CODE", "3").run();
        assert_eq!((finished.code, finished.signal), (Some(3), None));
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("good", "bad\n"));
    }

    #[test]
    fn what_a_program_leaves_behind_is_found() {
        let running = shell("setsid sleep 1000 & kill -9 $$").start();
        let sleeper = process::wait_for("the sleeper", || running.workers().pop());
        process::wait_for("the end of the shell", || process::marked(MARK, &running.mark).eq(&[sleeper]).then_some(()));
        process::signal(sleeper, Signal::KILL).unwrap();
        let finished = running.finish();
        assert_eq!((finished.code, finished.signal), (None, Some(9)));
    }

    #[test]
    fn a_failed_test_leaves_nothing_behind() {
        let running = shell("sleep 1000").start();
        let mark = running.mark.clone();
        drop(running);
        process::wait_for("the end of the sleeper", || process::marked(MARK, &mark).is_empty().then_some(()));
    }
}
