//! AC5: nothing changes for those who say nothing.

use crate::log::edges;

/// Where nothing is said, branches run on threads: no process is ever started.
#[test]
fn story_e2e_002_default_is_thread() {
    let output = edges("no_settings").run().json();
    assert_eq!((&output["first"], &output["second"]), (&output["here"], &output["here"]));
}

/// Four branches on threads cost less than 10 % more than the same work on rayon, written by hand. It is processor time
/// that is compared, so that other programs on the machine do not count, in pairs that run side by side, and their median:
/// single runs differ by more than 10 %, and the best of a few is a lucky one.
#[test]
fn story_e2e_001_and_design_e2e_001_cost() {
    const ROUNDS: &str = "3000000";
    const PAIRS: usize = 21;
    let cost = |flow: &str| {
        let output = edges(flow).args("--rounds").arg(ROUNDS).run().json();
        (output["sum"].as_u64().unwrap(), output["cpu"].as_f64().unwrap())
    };
    let runs: Vec<_> = (0..PAIRS).map(|_| [cost("burn"), cost("burn_by_hand")]).collect();
    assert!(runs.iter().all(|[tea, hand]| tea.0 == hand.0), "the same sum: {runs:?}");
    let mut ratios: Vec<f64> = runs.iter().map(|[tea, hand]| tea.1 / hand.1).collect();
    ratios.sort_by(f64::total_cmp);
    assert!(ratios[PAIRS / 2] < 1.10, "processor time as a multiple of that by hand: {ratios:?}");
}
