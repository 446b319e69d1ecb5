//! No-op work in worker processes: one at a time (round trip) and as much as goes through (throughput).

use std::{cell::RefCell, rc::Rc};

use anyhow::{Context as _, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::{
    Effort,
    harness::{Contender, Lap, race, seconds_per_call},
    helper::{Helper, Role, Wire},
    machine,
    peers::{
        procspawn::Procspawn,
        python::{POOLS, Python},
    },
    report::{Report, times},
    tea::{self, MANY},
};

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let mut report = Report::default();
    let (mut round_trips, mut throughputs) = (pings(effort)?, tea_throughputs(effort));
    round_trips.insert(1, Contender::new("Tea, a branch", move || tea::round_trip(effort.calls(2_000))));

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

    let round_trips = race(effort.rounds(), &mut round_trips)?;
    report.race("One no-op, waited for", &round_trips);
    let what = "a branch to a process and back, against a raw pipe";
    report.at_most(format!("{what}, wherever the system puts them"), round_trips[1].ratio, 2.0, times);
    let one_core = on_one_core(effort)?;
    report.race("One no-op, waited for, all on one core", &one_core);
    report.at_most(format!("{what}, on one core"), one_core[1].ratio, 2.0, times);
    let throughputs = race(effort.rounds(), &mut throughputs)?;
    report.race("Many no-ops, a task", &throughputs);
    for lap in &throughputs {
        // A pool of Python's takes its tasks one by one here, as Tea's map does; chunks are a figure beside it.
        let limit = match lap.name.as_str() {
            name if name.contains("chunks") => continue,
            name if name.starts_with("procspawn") => 20.0,
            name if name.starts_with("Python") => 50.0,
            _ => continue,
        };
        report.at_least(format!("no-op items in processes, against {}", lap.name), lap.ratio, limit, times);
    }
    Ok(report)
}

/// Round trips where no wake-up crosses cores. Processes inherit it.
fn on_one_core(effort: Effort) -> Result<Vec<Lap>> {
    let all = sched_getaffinity(None)?;
    let mut one = CpuSet::new();
    one.set((0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)).context("no core")?);
    sched_setaffinity(None, &one)?;
    let laps = pings(effort).and_then(|mut round_trips| {
        round_trips.insert(1, Contender::new("Tea, a branch", move || tea::round_trip(effort.calls(2_000))));
        let pool = Procspawn::start(machine::workers())?;
        round_trips
            .push(Contender::new("procspawn pool", move || seconds_per_call(effort.calls(500), || pool.round_trip())));
        race(effort.rounds(), &mut round_trips)
    });
    sched_setaffinity(None, &all)?;
    laps
}

fn tea_throughputs(effort: Effort) -> Vec<Contender<'static>> {
    const ITEMS: u32 = 100_000;
    let items = effort.calls(ITEMS);
    #[allow(clippy::cast_precision_loss, reason = "a small number")]
    let branches = move || Ok(tea::process_fan_outs(MANY, 0, effort.calls(20))? / MANY as f64);
    vec![
        Contender::new("Tea, items of a map", move || Ok(tea::process_items(items as usize, 0)? / f64::from(items))),
        Contender::new("Tea, branches", branches),
    ]
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
