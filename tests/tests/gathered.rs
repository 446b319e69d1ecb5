//! `failures` on an edge: the branches of a fan-out that failed, for the nodes after it and for the output.

use std::sync::atomic::{AtomicUsize, Ordering};

use tea_runtime::ItemFailure;

tea_runtime::include_workflow!("gathered.yaml", main = false);

static WORKED: AtomicUsize = AtomicUsize::new(0);

fn work(name: &str, bad: &[String]) -> Result<u32, String> {
    WORKED.fetch_add(1, Ordering::SeqCst);
    if bad.iter().any(|bad| bad == name) { Err(format!("{name} is bad")) } else { Ok(1) }
}

fn shown(_: Option<u32>) {}

fn input(bad: &[&str]) -> gathered::Input {
    gathered::Input { bad: bad.iter().map(|&bad| bad.to_owned()).collect() }
}

fn told(broken: &[ItemFailure]) -> Vec<(usize, &str, &str)> {
    broken.iter().map(|failed| (failed.index, failed.label.as_deref().unwrap(), failed.message.as_str())).collect()
}

/// One test, since both count what runs.
#[test]
fn a_key_gets_the_branches_that_failed_also_when_the_run_is_resumed() {
    for (bad, expected) in [
        (&[][..], vec![]),
        (&["right"], vec![(1, "right", "right is bad")]),
        (&["left", "right"], vec![(0, "left", "left is bad"), (1, "right", "right is bad")]),
    ] {
        let output = gathered::run(input(bad)).unwrap();
        assert_eq!(told(&output.broken), expected);
        assert_eq!((output.seen, output.right), (expected.len(), if bad.contains(&"right") { 7 } else { 1 }));
        assert_eq!(output.left, (!bad.contains(&"left")).then_some(1));
    }
    let state = tempfile::tempdir().unwrap();
    let builder = || gathered::builder().state_dir(state.path());
    let error = builder().until_node("count").run(input(&["left"])).unwrap_err();
    assert!(error.is_stopped(), "{error}");
    let before = WORKED.load(Ordering::SeqCst);
    let output = builder().resume(None).run(input(&["left"])).unwrap();
    assert_eq!((told(&output.broken), output.seen), (vec![(0, "left", "left is bad")], 1));
    assert_eq!(WORKED.load(Ordering::SeqCst), before, "what is recorded as failed does not run again");
}
