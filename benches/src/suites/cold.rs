//! From nothing to the first result of a process, from a small parent and from one that holds 4 GiB.

use std::time::Instant;

use anyhow::Result;

use crate::{
    Effort,
    harness::{Contender, race},
    helper::{Helper, Role, Wire},
    report::{Report, times},
    tea,
};

const BALLAST: usize = 4 << 30;

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let mut report = Report::default();
    cold(&mut report, effort, "a small parent")?;
    let ballast = vec![1_u8; BALLAST];
    cold(&mut report, effort, "a parent that holds 4 GiB")?;
    drop(std::hint::black_box(ballast));
    Ok(report)
}

fn cold(report: &mut Report, effort: Effort, parent: &str) -> Result<()> {
    let laps = race(effort.rounds(), &mut contenders(effort))?;
    report.race(format!("Cold, from {parent}"), &laps);
    report.at_most(format!("cold start to the first result, from {parent}"), laps[1].ratio, 3.0, times);
    Ok(())
}

/// What they end with, the end of the process, is not counted.
fn contenders(effort: Effort) -> Vec<Contender<'static>> {
    let calls = effort.calls(20);
    let mean = move |once: fn() -> Result<f64>| {
        let total = (0..calls).map(|_| once()).sum::<Result<f64>>()?;
        Ok(total / f64::from(calls))
    };
    vec![
        Contender::new("bare re-exec to its first byte", move || mean(bare)),
        Contender::new("Tea, a run to its first branch's result", move || mean(tea::cold)),
    ]
}

fn bare() -> Result<f64> {
    let start = Instant::now();
    let mut helper = Helper::start(Role::FirstByte, Wire::Socketpair)?;
    helper.wait_for_byte()?;
    Ok(start.elapsed().as_secs_f64())
}
