//! A map that is killed when half of its items are done, and resumed, beside workflow engines in Python.

use anyhow::Result;

use crate::{
    Effort,
    harness::median,
    peers::resumed,
    report::{Report, time},
    tea::records,
};

/// How many items the map has that is killed.
const ITEMS: u64 = 1_000_000;

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let mut report = Report::default();
    let mut found = Vec::new();
    for _ in 0..=effort.rounds() {
        let folder = tempfile::tempdir()?;
        found.push(records::killed_at_half(ITEMS, folder.path())?);
    }
    // The first round does not count.
    let of = |what: fn(&records::Resumed) -> f64| median(found[1..].iter().map(what).collect());
    let (first, outlook) = (of(|found| found.first), of(|found| found.outlook));
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let (twice, bytes) = (of(|found| found.twice as f64), of(|found| found.bytes as f64));
    let row = |name: &str, items: u64, first: f64, twice: f64, bytes: f64| {
        #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let each = bytes / (items / 2) as f64;
        vec![name.to_owned(), items.to_string(), time(first), format!("{twice:.0}"), format!("{each:.0} B")]
    };
    let mut rows = vec![row("Tea", ITEMS, first, twice, bytes)];
    for (peer, items) in resumed::PEERS {
        match resumed::measure(peer, if effort.is_quick() { items / 10 } else { items }) {
            Ok(found) => rows.push(row(&found.name, found.items, found.first, found.twice, found.bytes)),
            Err(why) => report.note(format!("{peer}: {why}.")),
        }
    }
    let columns = ["", "items", "to the first new item", "done twice", "on the disk, a done item"];
    report.table("A map of cheap items, killed with SIGKILL at half, and resumed", &columns, rows);
    report.at_most("resume of 1,000,000 items, half of them done, to the first new item", first, 0.3, time);
    report.at_most("what would run of 1,000,000 items, half of them done", outlook, 1.0, time);
    Ok(report)
}
