//! What large state costs: 1 GB that eight branches on threads only read, and one of fifty keys that a branch in a
//! process reads.

use std::process;

use anyhow::Result;

use crate::{
    Effort,
    harness::{Contender, race},
    machine,
    report::{Report, times},
    tea,
};

const GIGABYTE: usize = 1_000_000_000;

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let mut report = Report::default();
    let rounds = effort.rounds().min(5);
    // The data are handed over: what a run adds to the peak is what it copies.
    let data = vec![7_u8; GIGABYTE];
    let before = machine::peak_memory(process::id())?;
    tea::read_only(data)?;
    report.at_most(
        "1 GB that 8 branches read: peak memory beside it",
        (machine::peak_memory(process::id())? - before) / 1e9,
        0.01,
        gigabytes,
    );
    let mut contenders = [
        Contender::new("eight branches read 1 KB", || tea::read_only(vec![7; 1_000])),
        Contender::new("eight branches read 1 GB", || tea::read_only(vec![7; GIGABYTE])),
    ];
    report.race("A fan-out over state that is only read, on threads", &race(rounds, &mut contenders)?);
    let calls = effort.calls(50);
    let mut contenders = [
        Contender::new("a key of 1 MB, which is all there is", || {
            tea::send(crate::payload::Shape::Bytes, 1 << 20, calls)
        }),
        Contender::new("one of 50 keys of 1 MB each", || tea::one_of_fifty(1 << 20, calls)),
    ];
    let laps = race(rounds, &mut contenders)?;
    report.race("A branch in a process that reads 1 MB", &laps);
    report.at_most("1 of 50 keys read, against a state of that key alone", laps[1].ratio, 1.25, times);
    Ok(report)
}

fn gigabytes(gigabytes: f64) -> String {
    format!("{gigabytes:.3} GB")
}
