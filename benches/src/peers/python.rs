//! Python's process pools, and clusters that Python knows, through `pools.py` beside this file. `TEA_PEERS_PYTHON` says which Python
//! has them.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// A Python process that holds a warm pool and measures what it is told to.
pub(crate) struct Python {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// What runs tasks on several machines, and would here on this one.
pub(crate) const CLUSTERS: [&str; 4] = ["Dask distributed", "Ray", "Parsl", "HyperQueue"];

/// The pools that `pools.py` knows, as tables name them.
pub(crate) const POOLS: [&str; 3] = ["ProcessPoolExecutor (fork)", "ProcessPoolExecutor (spawn)", "loky"];

impl Python {
    /// Starts a pool; an error says in a word what is missing.
    pub(crate) fn start(pool: &str, workers: usize) -> Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/peers/pools.py");
        let python = std::env::var_os("TEA_PEERS_PYTHON").unwrap_or_else(|| "python3".into());
        let mut command = Command::new(python);
        command.arg(script).arg(pool).arg(workers.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("no Python")?;
        let input = child.stdin.take().context("no stdin")?;
        let output = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut python = Self { child, input, output };
        match python.line()?.as_str() {
            "ready" => Ok(python),
            reason => bail!("{reason}"),
        }
    }

    /// Seconds a task: one at a time (`round_trip`), or handed in together (`throughput`), or in chunks of 100 (`chunked`).
    pub(crate) fn measure(&mut self, what: &str, tasks: u32) -> Result<f64> {
        writeln!(self.input, "{what} {tasks}")?;
        let line = self.line()?;
        line.parse().with_context(|| format!("python said {line:?}"))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = writeln!(self.input, "end 0");
        let _ = self.child.wait();
    }
}
