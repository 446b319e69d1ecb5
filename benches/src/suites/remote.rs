//! No-op work and large values over two agents on this machine, beside `process`, beside clusters that Python knows and Slurm, and
//! beside TCP through the same cipher.

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::{
    Effort, cipher,
    harness::{Contender, Lap, race, seconds_per_call},
    machine,
    peers::python::{CLUSTERS, Python},
    report::{Report, rate, time, times},
    tea::remote as tea,
};

/// What goes there and back.
const LARGE: usize = 64 << 20;

/// What 64 items read.
const SHARED: usize = 256 << 20;

const DIAL: &str = "transport = \"dial\"\n[network]\nlisten = \"127.0.0.1\"\n";

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let (mut report, folder) = (Report::default(), tempfile::tempdir()?);
    let stdio = pool(&folder, "stdio", 2, "{agent}", "")?;
    let dial = pool(&folder, "dial", 2, "{agent}", DIAL)?;
    branches(effort, &mut report, &stdio, &dial)?;

    let count = effort.calls(200_000);
    let laps = race(effort.rounds(), &mut three(&stdio, &dial, |pool| tea::items(pool, count)))?;
    report.race("Many no-op items, an item", &laps);
    report.at_most("an item of a map, over two agents", laps[1].median, 1e-6, time);

    let one = [pool(&folder, "one", 1, "{agent}", "")?, pool(&folder, "one-dial", 1, "{agent}", DIAL)?];
    let mut sealed = cipher::echo(LARGE)?;
    let mut contenders = vec![Contender::new("raw TCP through the same cipher", move || {
        let bytes = crate::payload::bytes(LARGE);
        seconds_per_call(1, || sealed.send(&bytes).and_then(|()| sealed.receive(LARGE)).map(drop))
    })];
    contenders.extend(three(&one[0], &one[1], |pool| tea::echo(pool, LARGE, 2)));
    let laps = race(effort.rounds().min(7), &mut contenders)?;
    #[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    let row = |lap: &Lap| {
        let rate = rate(2.0 * LARGE as f64 / lap.median);
        vec![lap.name.clone(), time(lap.median), rate, times(lap.ratio)]
    };
    report.table("64 MiB to a branch and back", &["", "median", "rate", "ratio"], laps.iter().map(row).collect());
    report.at_most("64 MiB there and back, against TCP through the same cipher", laps[3].ratio, 2.0, times);

    let crossed = crossed(&folder)?;
    report.at_most("256 MiB that 64 items on two hosts read: what crosses", crossed, 2.05, times);
    Ok(report)
}

fn branches(effort: Effort, report: &mut Report, stdio: &Path, dial: &Path) -> Result<()> {
    let rounds = effort.calls(50);
    let mut contenders = three(stdio, dial, |pool| tea::branches(pool, rounds));
    for (name, tasks) in CLUSTERS.into_iter().zip([500, 1_000, 500, 300]) {
        match Python::start(name, machine::workers()) {
            Ok(python) => {
                let python = RefCell::new(python);
                contenders.push(Contender::new(name, move || python.borrow_mut().measure("throughput", tasks)));
            }
            Err(reason) => report.note(format!("{name}: {reason}.")),
        }
    }
    match srun() {
        Ok(_) => contenders.push(Contender::new("`srun` a task", srun)),
        Err(reason) => report.note(format!("`srun` a task: {reason}.")),
    }
    let laps = race(effort.rounds().min(7), &mut contenders)?;
    report.race("Many no-op branches, a branch", &laps);
    report.at_most("a no-op branch, over two agents", laps[1].median, 25e-6, time);
    report.at_most("a no-op branch, over two agents, against `process`", laps[1].ratio, 3.0, times);
    for lap in &laps[3..] {
        let least = match lap.name.as_str() {
            "Dask distributed" => 20.0,
            "Ray" => 10.0,
            "Parsl" => 50.0,
            "HyperQueue" => 100.0,
            _ => 1_000.0,
        };
        report.at_least(
            format!("no-op branches over two agents, against {}", lap.name),
            lap.ratio / laps[1].ratio,
            least,
            times,
        );
    }
    Ok(())
}

/// Without a pool, over two agents on pipes, and over two that dialled.
fn three<'a>(
    stdio: &'a Path,
    dial: &'a Path,
    run: impl Fn(Option<&Path>) -> Result<f64> + Copy + 'a,
) -> Vec<Contender<'a>> {
    let contender = |name: &str, pool: Option<&'a Path>| Contender::new(name, move || run(pool));
    vec![
        contender("Tea, `process`", None),
        contender("Tea, agents on pipes", Some(stdio)),
        contender("Tea, agents that dial back, encrypted", Some(dial)),
    ]
}

/// A pool of agents on this machine.
fn pool(folder: &TempDir, name: &str, hosts: usize, script: &str, rest: &str) -> Result<PathBuf> {
    let path = folder.path().join(name);
    let slots = machine::workers().div_ceil(hosts);
    let text = format!(
        "engine = \"command\"\nhosts = {hosts}\nslots = {slots}\n[command]\nlaunch = [\"sh\", \"-c\", {script:?}]\n{rest}"
    );
    fs::write(&path, text)?;
    Ok(path)
}

/// How often a value that items on two hosts read goes to them.
fn crossed(folder: &TempDir) -> Result<f64> {
    let (counts, script) = (folder.path().join("count"), "tee $COUNT{host} | { {agent}; }");
    let script = script.replace("$COUNT", &counts.display().to_string());
    tea::shared(&pool(folder, "counted", 2, &script, "")?, SHARED)?;
    let mut bytes = 0;
    for host in 1..=2 {
        bytes += fs::metadata(format!("{}{host}", counts.display()))?.len();
    }
    #[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    Ok(bytes as f64 / SHARED as f64)
}

/// Seconds of a task of its own in Slurm.
fn srun() -> Result<f64> {
    seconds_per_call(1, || {
        let mut command = Command::new("srun");
        command
            .args(["--nodes=1", "--ntasks=1", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        ensure!(
            command.status().context("no srun")?.success(),
            "there is no Slurm (`tests/slurm-local.sh`, and `SLURM_CONF`)"
        );
        Ok(())
    })
}
