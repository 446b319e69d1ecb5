//! AC5: nothing changes for those who say nothing.

use crate::log::edges;

/// Where nothing is said, branches run on threads: no process is ever started.
#[test]
fn story_e2e_002_default_is_thread() {
    let output = edges("no_settings").run().json();
    assert_eq!((&output["first"], &output["second"]), (&output["here"], &output["here"]));
}

/// Four branches on threads cost less than 10 % more than the same work on rayon, written by hand. It is processor time
/// that is compared, so that other programs on the machine do not count, and the best of some runs.
#[test]
fn story_e2e_001_and_design_e2e_001_cost() {
    const ROUNDS: &str = "3000000";
    let cost = |flow: &str| {
        let output = edges(flow).args("--rounds").arg(ROUNDS).run().json();
        (output["sum"].as_u64().unwrap(), output["cpu"].as_f64().unwrap())
    };
    let runs: Vec<_> = (0..5).map(|_| [cost("burn"), cost("burn_by_hand")]).collect();
    assert!(runs.iter().all(|[tea, hand]| tea.0 == hand.0), "the same sum: {runs:?}");
    let best = |which: usize| runs.iter().map(|run| run[which].1).fold(f64::INFINITY, f64::min);
    let (tea, hand) = (best(0), best(1));
    assert!(tea < 1.10 * hand, "{tea} s of processor time against {hand} s by hand");
}
