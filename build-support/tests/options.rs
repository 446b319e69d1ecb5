//! The options of `include_workflow!`.

use std::path::Path;

use tea_build::Caller;

/// What the macro gives for a workflow with one warning.
fn expand(options: &str) -> String {
    let caller = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/main.rs");
    tea_build::expand(&format!("\"0901-unused.yaml\"{options}"), &Caller::at(caller))
}

#[test]
fn a_warning_is_switched_off_by_its_code() {
    assert!(expand("").contains("[TEA0901]"));
    assert!(expand(", allow = [TEA0905]").contains("[TEA0901]"));
    for off in [", allow = [TEA0901]", ", allow = [TEA0905, TEA0901,]", ", warnings = false"] {
        let text = expand(off);
        assert!(!text.contains("TEA0901") && !text.contains("compile_error"), "{text}");
    }
}

#[test]
fn what_is_not_a_warning_is_not_allowed() {
    for (code, why) in
        [("TEA0301", "is an error, and only warnings can be allowed"), ("TEA0999", "there is no warning")]
    {
        let text = expand(&format!(", allow = [{code}]"));
        assert!(text.contains("compile_error") && text.contains(why), "{text}");
    }
}
