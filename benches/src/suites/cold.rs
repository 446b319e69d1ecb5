//! From nothing to the first result of a process, from a small parent and from one that holds 4 GiB.

use anyhow::Result;

use crate::{
    Effort,
    harness::{Contender, race, seconds_per_call},
    helper::{Helper, Role, Wire},
    report::Report,
};

const BALLAST: usize = 4 << 30;

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let mut report = Report::default();
    report.race("Cold, from a small parent", &race(effort.rounds(), &mut contenders(effort))?);
    let ballast = vec![1_u8; BALLAST];
    report.race("Cold, from a parent that holds 4 GiB", &race(effort.rounds(), &mut contenders(effort))?);
    drop(std::hint::black_box(ballast));
    Ok(report)
}

fn contenders(effort: Effort) -> Vec<Contender<'static>> {
    let calls = effort.calls(20);
    let bare = move || seconds_per_call(calls, || Helper::start(Role::FirstByte, Wire::Socketpair)?.wait_for_byte());
    vec![Contender::new("bare re-exec to its first byte", bare)]
}
