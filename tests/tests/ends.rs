//! How fan-outs and runs end, and what is left then.

use serde_json::json;
use tests::{logged::Logged, program::Finished};

const POLICIES: &str = env!("CARGO_BIN_EXE_policies");
const STRATEGIES: [&str; 2] = ["", "--parallel-strategy thread"];

fn fallback(flow: &Logged, args: &str, order: &str) -> Finished {
    flow.program().args("--order").arg(order).arg("--state-dir").arg(flow.path("runs")).args(args).run()
}

/// What branches and nodes leave that fail: the values that the file gives for that case, and nothing of their own.
#[test]
fn a_branch_that_fails_leaves_what_the_file_says() {
    for strategy in STRATEGIES {
        let flow = Logged::new(POLICIES, "fallback");
        let output = fallback(&flow, strategy, "fine").json();
        assert_eq!((&output["joined"], &output["seen"]), (&json!("one, two and lonely"), &json!([0, 1, 2])));
        for order in ["error no", "panic no", "hang"] {
            let output = fallback(&Logged::new(POLICIES, "fallback"), strategy, order).json();
            let expected = (&json!("none, two and nobody"), &json!([0, 9, 2]));
            assert_eq!((&output["joined"], &output["seen"]), expected, "{order} {strategy}");
        }
    }
    let output = fallback(&Logged::new(POLICIES, "fallback"), "", "signal 9").json();
    assert_eq!(output["joined"], "none, two and nobody");
    // A failure is a failure all the same.
    let failing = fallback(&Logged::new(POLICIES, "fallback"), "--fail-if-any", "error no");
    assert_eq!(failing.code, Some(1), "{}", failing.stderr);
}
