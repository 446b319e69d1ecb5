//! How much runs at once.

use tests::trace;

use super::*;

/// What one nested fan-out has no use for any more serves the other, and never do more run than may.
#[test]
fn nested_fan_outs_use_all_that_may_run_and_no_more() {
    let flow = Logged::new(POOL, "tokens");
    let finished = flow.program().args("--max-workers 4 -q").run();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(trace::most_at_once(&flow.lines()), 4, "{:?}", flow.lines());
}

/// A node that waits in rayon may be given other work of rayon's meanwhile, but nothing of the run.
#[test]
fn no_item_or_branch_begins_on_top_of_another() {
    let sums: Vec<u64> = (0..64).map(|item| 16 * item + 120).collect();
    for _ in 0..5 {
        let output = pool("lock", &["-q"]).env("RAYON_NUM_THREADS", "4").run().json();
        assert_eq!(output["sums"], serde_json::json!(sums));
        assert_eq!(output["f"], 216);
    }
}

/// Before a fan-out and after it; and a branch may recurse as deep as they do.
#[test]
fn nodes_outside_of_fan_outs_run_on_one_thread_and_all_have_its_stack() {
    for finished in everywhere("threads", &["-q"]) {
        let output = finished.json();
        assert_eq!(output["first"], output["middle"]);
        assert_eq!(output["first"], output["last"]);
        assert_eq!((&output["branch"], &output["nested"]), (&output["each"][0], &output["each"][1]));
    }
}

/// Results that wait for the first item must not pile up, nor where that is tried again.
#[test]
fn what_ends_behind_a_slow_item_stops_before_it_fills_the_memory() {
    for retry in ["false", "true"] {
        let finished = pool("piles", &["-q", "--retry", retry]).run();
        // The first item ends the program, which is no success.
        let told = finished.failure(1).lines().next().unwrap_or_default();
        assert!(told.parse::<u64>().unwrap() > 0, "{}", finished.stderr);
    }
}
