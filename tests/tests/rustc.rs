//! Mistakes that only rustc can find: one error each, and what it says. `TRYBUILD=overwrite` takes over what it says now.

#[test]
fn each_mistake_gives_one_error() {
    trybuild::TestCases::new().compile_fail("tests/rustc/*.rs");
}
