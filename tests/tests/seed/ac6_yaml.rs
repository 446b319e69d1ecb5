//! AC6: where branches run, as the workflow file says it.

use serde_json::Value;

use crate::log::edges;

/// The process ids of the branches that go by the settings and by their edge, and the program's own.
fn pids(flow: &str) -> [u64; 3] {
    let output = edges(flow).run().json();
    ["from_settings", "from_edge", "here"].map(|key| output.get(key).and_then(Value::as_u64).expect("a process id"))
}

/// `settings.parallel.strategy` counts, both ways.
#[test]
fn story_unit_008_settings() {
    let [settings, _, here] = pids("settings_thread");
    assert_eq!(settings, here);
    let [settings, _, here] = pids("settings_process");
    assert_ne!(settings, here);
}

/// `parallel_strategy` of an edge counts, both ways.
#[test]
fn story_unit_009_edges() {
    let [_, edge, here] = pids("settings_thread");
    assert_ne!(edge, here);
    let [_, edge, here] = pids("settings_process");
    assert_eq!(edge, here);
}

/// The edge wins over the settings, both ways, within one fan-out.
#[test]
fn story_unit_010_and_design_int_013_edges_win() {
    let [settings, edge, here] = pids("settings_thread");
    assert!(settings == here && edge != here);
    let [settings, edge, here] = pids("settings_process");
    assert!(settings != here && edge == here);
}
