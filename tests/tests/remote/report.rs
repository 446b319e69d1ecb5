//! What attempts on hosts use, and the lines of hosts in a report.

use tests::report::{read, row};

use super::*;

#[test]
fn a_report_shows_both_hosts_and_what_their_workers_used() {
    let stage = Stage::new(2, 1);
    // Both have something to do.
    stage.hold(0);
    stage.hold(1);
    let running = stage.items(40).arg("--report").arg(stage.path("run.html")).start();
    stage.begun(&running, &[0, 1]);
    stage.release(0);
    stage.release(1);
    assert_eq!(running.finish().json()["out"], serde_json::json!(squares(40)));
    let (data, _) = read(&stage.path("run.html"));
    let lanes = data["lanes"].as_array().unwrap().iter().filter(|lane| lane["kind"] == "worker");
    let hosts: BTreeSet<_> = lanes.map(|lane| lane["host"].as_str().unwrap().to_owned()).collect();
    assert!(hosts.len() == 2 && !hosts.contains(""), "{hosts:?}");
    let each = row(&data, "map", "each");
    assert_eq!((&each["done"], &each["cpu"]["count"]), (&serde_json::json!(40), &serde_json::json!(40)), "{each}");
    let bars = data["bars"].as_array().unwrap().iter();
    let items: u64 = bars
        .filter(|bar| data["rows"][usize::try_from(bar[1].as_u64().unwrap()).unwrap()] == *each)
        .map(|bar| bar[5].as_u64().unwrap())
        .sum();
    assert_eq!(items, 40);
}
