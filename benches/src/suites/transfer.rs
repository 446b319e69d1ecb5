//! State of 1 KB, 1 MB and 64 MB to a process: as bytes, numbers, and rows with strings.

use anyhow::Result;

use crate::{
    Effort,
    harness::{Contender, Lap, race, seconds_per_call},
    helper::{Helper, Role, Wire},
    payload::{self, Shape},
    report::{Report, rate, time, times},
    tea,
};

const SIZES: [(&str, usize); 3] = [("1 KB", 1 << 10), ("1 MB", 1 << 20), ("64 MB", LARGE)];

const LARGE: usize = 64 << 20;

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let mut report = Report::default();
    for (label, size) in SIZES {
        for shape in Shape::ALL {
            let calls = if size > 1 << 20 { 1 } else { effort.calls(100) };
            let laps = race(effort.rounds(), &mut contenders(shape, size, calls)?)?;
            let row = |lap: &Lap| {
                #[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
                let rate = rate(size as f64 / lap.median);
                vec![lap.name.clone(), time(lap.median), rate, times(lap.ratio)]
            };
            let title = format!("{label} of {} to a process", shape.name());
            if let (LARGE, Shape::Bytes | Shape::Numbers, [raw, .., tea]) = (size, shape, &laps[..]) {
                let what = format!("{label} of {} to a process, against a raw socketpair", shape.name());
                report.at_most(what, tea.ratio / raw.ratio, 2.0, times);
            }
            report.table(title, &["", "median", "rate", "ratio"], laps.iter().map(row).collect());
        }
    }
    Ok(report)
}

fn contenders(shape: Shape, size: usize, calls: u32) -> Result<Vec<Contender<'static>>> {
    let encode = payload::encode(shape, size);
    let mut contenders = Vec::new();
    for (name, wire) in [("socketpair", Wire::Socketpair), ("pipe", Wire::Pipes)] {
        let bytes = encode()?;
        let mut helper = Helper::start(Role::Sink(None), wire)?;
        let send = move || seconds_per_call(calls, || helper.send(&bytes));
        contenders.push(Contender::new(format!("raw {name}, into a fresh buffer"), send));
    }
    let mut helper = Helper::start(Role::Sink(Some(shape)), Wire::Socketpair)?;
    contenders.push(Contender::new("postcard, raw socketpair, postcard", move || {
        seconds_per_call(calls, || helper.send(&encode()?))
    }));
    contenders.push(Contender::new("Tea, a branch that reads it", move || tea::send(shape, size, calls.max(5))));
    Ok(contenders)
}
