//! Maps whose items run a workflow, beside the same steps in one node: a chain of ten, and documents of which one step
//! runs in a worker process.

use std::{collections::HashMap, process::Command, thread, time::Duration};

use anyhow::{Result, ensure};

use crate::{
    Effort,
    harness::{Contender, race, seconds_per_call},
    machine,
    report::{Report, times},
    tea::calls,
    work,
};

const FLAG: &str = "--documents";

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let mut report = Report::default();
    for nanoseconds in [0, 1_000, 10_000] {
        let turns = work::turns(nanoseconds);
        let count = 20_000_000 / (10 * (nanoseconds + 200));
        let mut contenders = [
            Contender::new("one node", move || seconds_per_call(1, || calls::items_at_once(count, turns))),
            Contender::new("ten nodes", move || seconds_per_call(1, || calls::items_of_ten(count, turns))),
        ];
        let laps = race(effort.rounds(), &mut contenders)?;
        let grain = if nanoseconds == 0 { "no length".into() } else { format!("{} µs", nanoseconds / 1_000) };
        report.race(format!("{count} items through ten steps of {grain}, on threads"), &laps);
        report.at_most(format!("an item through ten nodes of {grain}, against one node"), laps[1].ratio, 1.2, times);
    }
    for (nanoseconds, count) in [(5_000_000, 100), (500_000, 200)] {
        let (turns, count) = (work::turns(nanoseconds), if effort.is_quick() { 20 } else { count });
        ensure!(calls::documents(count, turns)? == calls::documents_at_once(count, turns)?, "other totals");
        let mut contenders = [
            Contender::new("one node, in a worker process", move || {
                seconds_per_call(1, || calls::documents_at_once(count, turns).map(drop))
            }),
            Contender::new("three nodes, one of them in a worker process", move || {
                seconds_per_call(1, || calls::documents(count, turns).map(drop))
            }),
        ];
        let laps = race(effort.rounds(), &mut contenders)?;
        let milliseconds = Duration::from_nanos(nanoseconds).as_secs_f64() * 1e3;
        let grain = format!("parsed in {milliseconds} ms, checked, added up in {} ms", 4.0 * milliseconds);
        report.race(format!("{count} documents: {grain}"), &laps);
        let what = format!("documents ({grain}) through three nodes, against one node: time");
        report.at_most(what, laps[1].ratio, 1.1, times);
    }
    let (turns, count) = (work::turns(500_000), if effort.is_quick() { 20 } else { 200 });
    let (one, three) = (peak("one", count, turns)?, peak("three", count, turns)?);
    let row = |name: &str, bytes: f64| vec![name.to_owned(), format!("{:.1} MB", bytes / 1e6)];
    report.table(
        "Peak memory of that program and its workers",
        &["", "memory"],
        vec![row("one node", one), row("three nodes", three)],
    );
    report.at_most("documents through three nodes, against one node: memory", three / one, 1.1, times);
    Ok(report)
}

/// Runs the documents, if the arguments say so; `false` if they do not.
pub(crate) fn play() -> Result<bool> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [flag, way, count, turns] = &arguments[..] else { return Ok(false) };
    if flag != FLAG {
        return Ok(false);
    }
    let run = if way == "one" { calls::documents_at_once } else { calls::documents };
    run(count.parse()?, turns.parse()?)?;
    Ok(true)
}

/// The most memory, in bytes, of a program that runs the documents in this way, and of each of its workers, in total.
fn peak(way: &str, count: u64, turns: u64) -> Result<f64> {
    let mut program =
        Command::new("/proc/self/exe").args([FLAG, way, &count.to_string(), &turns.to_string()]).spawn()?;
    let mut peaks = HashMap::new();
    let status = loop {
        for process in machine::children(program.id()).chain([program.id()]) {
            // A process that has ended had its last peak a moment ago.
            if let Ok(bytes) = machine::peak_memory(process) {
                peaks.insert(process, bytes);
            }
        }
        if let Some(status) = program.try_wait()? {
            break status;
        }
        thread::sleep(Duration::from_millis(2));
    };
    ensure!(status.success(), "the documents: {status}");
    Ok(peaks.values().sum())
}
