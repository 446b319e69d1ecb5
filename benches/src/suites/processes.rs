//! No-op work in worker processes: one at a time (round trip) and as much as goes through (throughput).

use std::{cell::RefCell, rc::Rc};

use anyhow::Result;

use crate::{
    Effort,
    harness::{Contender, race, seconds_per_call},
    helper::{Helper, Role, Wire},
    machine,
    peers::{
        procspawn::Procspawn,
        python::{POOLS, Python},
    },
    report::Report,
};

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let mut report = Report::default();
    let (mut round_trips, mut throughputs) = (pings(effort)?, Vec::new());

    let pool = Rc::new(Procspawn::start(machine::workers())?);
    let calls = effort.calls(500);
    let single = Rc::clone(&pool);
    round_trips.push(Contender::new("procspawn pool", move || seconds_per_call(calls, || single.round_trip())));
    throughputs.push(Contender::new("procspawn pool", move || {
        let seconds = seconds_per_call(1, || pool.throughput(u64::from(calls)))?;
        Ok(seconds / f64::from(calls))
    }));

    for name in POOLS {
        match Python::start(name, machine::workers()) {
            Ok(python) => {
                let python = Rc::new(RefCell::new(python));
                for (what, label) in [("round_trip", ""), ("throughput", ""), ("chunked", ", chunks of 100")] {
                    let python = Rc::clone(&python);
                    let tasks = if what == "chunked" { calls * 100 } else { calls };
                    let contender = Contender::new(format!("Python {name}{label}"), move || {
                        python.borrow_mut().measure(what, tasks)
                    });
                    if what == "round_trip" { round_trips.push(contender) } else { throughputs.push(contender) }
                }
            }
            Err(reason) => report.note(format!("Python {name}: {reason}.")),
        }
    }

    report.race("One no-op, waited for", &race(effort.rounds(), &mut round_trips)?);
    report.race("Many no-ops, a task", &race(effort.rounds(), &mut throughputs)?);
    Ok(report)
}

fn pings(effort: Effort) -> Result<Vec<Contender<'static>>> {
    let calls = effort.calls(2_000);
    let ping = |(name, wire)| {
        let mut helper = Helper::start(Role::Echo, wire)?;
        Ok(Contender::new(name, move || seconds_per_call(calls, || helper.ping())))
    };
    [("raw pipe, 16 bytes", Wire::Pipes), ("raw socketpair, 16 bytes", Wire::Socketpair)]
        .into_iter()
        .map(ping)
        .collect()
}
