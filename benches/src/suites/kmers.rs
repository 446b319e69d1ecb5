//! End to end: the example `kmers` beside a program that does the same, written by hand with rayon, which counts on
//! threads or in worker processes.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    Effort,
    harness::{Contender, race},
    report::{Report, times},
};

pub(super) const GENOME: &str = "examples/kmers/data/NC_008253.fna.gz";

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let mut report = Report::default();
    let root = build()?;
    let program = |name: &str, arguments: &[&str]| {
        let mut command = Command::new(root.join("target/release").join(name));
        command.args(arguments).current_dir(&root);
        command
    };
    let kmers = |arguments: &[&str]| program("kmers", &[&["-q", "--genome", GENOME], arguments].concat());
    let contenders = [
        ("by hand, with rayon", program("examples/by_hand", &[GENOME])),
        ("by hand, counting in worker processes", program("examples/by_hand", &[GENOME, "processes"])),
        ("`kmers`, all on threads", kmers(&["--no-state", "--parallel-strategy", "thread"])),
        ("`kmers`, counting in worker processes", kmers(&["--no-state"])),
    ];
    let mut expected = None;
    let mut racing = Vec::new();
    for (name, mut command) in contenders {
        let state = state(&mut command)?;
        ensure!(*expected.get_or_insert(state.clone()) == state, "{name} gives another state");
        racing.push(Contender::new(name, move || seconds(&mut command)));
    }
    let laps = race(effort.rounds(), &mut racing)?;
    report.race("The whole program, from its start to its end", &laps);
    let [_, by_hand, threads, processes] = &laps[..] else { unreachable!("four contenders") };
    for lap in [threads, processes] {
        report.at_most(format!("{}, against the same by hand", lap.name), lap.ratio, 1.05, times);
    }
    let what = format!("{}, against those by hand", processes.name);
    report.at_most(what, processes.ratio / by_hand.ratio, 1.05, times);
    Ok(report)
}

/// Builds the example. Gives the folder of the workspace.
pub(super) fn build() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "-p", "kmers", "--bins", "--examples"])
        .current_dir(&root)
        .status()?;
    ensure!(built.success(), "`kmers` does not build");
    Ok(root)
}

/// The state that it prints.
fn state(command: &mut Command) -> Result<Value> {
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("its output is no JSON")
}

/// How long a program runs that succeeds.
pub(super) fn seconds(command: &mut Command) -> Result<f64> {
    let start = Instant::now();
    let output = command.output()?;
    let seconds = start.elapsed().as_secs_f64();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(seconds)
}
