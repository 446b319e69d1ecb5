//! What it costs to record a run.

use std::{fs::File, io::Write as _, path::Path, process::Command};

use anyhow::Result;

use crate::{
    Effort,
    harness::{Contender, race, seconds_per_call},
    report::{Report, time, times},
    suites::kmers,
    tea::{
        MANY,
        records::{self, How, Measured},
    },
};

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let mut report = Report::default();
    units(&mut report, effort)?;
    program(&mut report, effort)?;
    Ok(report)
}

/// A kind of unit.
struct UnitKind {
    name: &'static str,
    seconds: Measured,
    /// The number that a run is given, and how many units that makes.
    count: u64,
    units: u64,
    /// What is promised: seconds and bytes a unit more.
    most: (f64, f64),
    /// Bytes of the value of a unit.
    value: f64,
}

fn units(report: &mut Report, effort: Effort) -> Result<()> {
    let rounds = u64::from(effort.calls(200)).min(200_000 / MANY as u64);
    let kinds = [
        UnitKind {
            name: "a node of the trunk",
            seconds: records::visits,
            count: 2_000,
            units: 20_000,
            most: (1e-6, 64.0),
            value: 3.0,
        },
        UnitKind {
            name: "a branch on threads",
            seconds: records::fan_outs,
            count: rounds,
            units: (rounds + 1) * MANY as u64,
            most: (1.5e-6, 64.0),
            value: 1.0,
        },
        UnitKind {
            name: "an item of an expression",
            seconds: records::items,
            count: 500_000,
            units: 500_000,
            most: (0.2e-6, 24.0),
            value: 3.0,
        },
        UnitKind {
            name: "an item of a key",
            seconds: records::listed_items,
            count: 500_000,
            units: 500_000,
            most: (0.2e-6, 24.0),
            value: 3.0,
        },
    ];
    let mut sizes = Vec::new();
    for UnitKind { name, seconds, count, units, most, value } in kinds {
        let mut bytes = 0;
        let recorded = || {
            let folder = tempfile::tempdir()?;
            let seconds = seconds(How::Recorded(folder.path()), count)?;
            bytes = tests::program::recorded_bytes(folder.path());
            Ok(seconds)
        };
        let mut contenders = [
            Contender::new("no `checkpoint`", || seconds(How::Without, count)),
            Contender::new("`checkpoint`, not recorded", || seconds(How::Unrecorded, count)),
            Contender::new("recorded", recorded),
            Contender::new("64 bytes written to a file, without anything else", || written(units)),
        ];
        let laps = race(effort.rounds(), &mut contenders)?;
        drop(contenders);
        report.race(format!("Time of {name}"), &laps);
        report.at_most(format!("{name}, `checkpoint` in the file but not recorded"), laps[1].ratio, 1.05, times);
        report.at_most(format!("{name}, recorded: more time"), laps[2].median - laps[0].median, most.0, time);
        #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let size = bytes as f64 / units as f64 - value;
        sizes.push(vec![name.to_owned(), bytes_text(size + value), bytes_text(value)]);
        report.at_most(format!("{name}, recorded: bytes beside its value"), size, most.1, bytes_text);
    }
    report.table("Bytes on the disk", &["", "a unit", "of that its value"], sizes);
    Ok(())
}

/// Seconds a `write` of as many bytes as a small record has, which every record costs that survives a kill. Items share
/// theirs.
fn written(count: u64) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let mut file = File::create(folder.path().join("log"))?;
    seconds_per_call(u32::try_from(count)?, || Ok(file.write_all(&[7; 64])?))
}

fn program(report: &mut Report, effort: Effort) -> Result<()> {
    let root = kmers::build()?;
    let run = |state: Option<&Path>| {
        let mut command = Command::new(root.join("target/release/kmers"));
        command.args(["-q", "--genome", kmers::GENOME]).current_dir(&root);
        match state {
            Some(state) => command.arg("--state-dir").arg(state),
            None => command.arg("--no-state"),
        };
        kmers::seconds(&mut command)
    };
    let recorded = || {
        let folder = tempfile::tempdir()?;
        run(Some(folder.path()))
    };
    let mut contenders = [Contender::new("not recorded", || run(None)), Contender::new("recorded", recorded)];
    let laps = race(effort.rounds(), &mut contenders)?;
    report.race("`kmers`, counting in worker processes: the whole program", &laps);
    report.at_most("`kmers` in processes, recorded", laps[1].ratio, 1.05, times);
    Ok(())
}

fn bytes_text(bytes: f64) -> String {
    format!("{bytes:.1} B")
}
