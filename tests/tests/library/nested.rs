//! `ctx.run`: a workflow in a node of another one.

use std::{
    error::Error,
    num::NonZero,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
    time::Duration,
};

use tea_runtime::{CancellationToken, context::Context, event::Event, include_workflow};

include_workflow!("totals.yaml", main = false);
include_workflow!("tables.yaml", main = false);
include_workflow!("tables_apart.yaml", main = false);

/// Held by tests that count.
static ALONE: Mutex<()> = Mutex::new(());
/// How many items of `halve` run at this moment, and at most.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// For even numbers; with the largest one, it only ends when it is cancelled.
fn halved(number: u64, ctx: &Context) -> Result<u64, Box<dyn Error + Send + Sync>> {
    MOST.fetch_max(RUNNING.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    while number == u64::MAX && !ctx.is_cancelled() {
        ctx.progress(1, 2);
        thread::yield_now();
    }
    RUNNING.fetch_sub(1, Ordering::SeqCst);
    ctx.check()?;
    if number % 2 == 1 {
        return Err(format!("{number} is odd").into());
    }
    Ok(number / 2)
}

fn rows() -> Vec<Vec<u64>> {
    (0..20).map(|row| (0..20).map(|n| 2 * (n + row)).collect()).collect()
}

fn sums() -> Vec<u64> {
    (0..20).map(|row| (0..20).map(|n| n + row).sum()).collect()
}

#[test]
fn a_workflow_in_a_node_keeps_to_the_ceiling_of_the_run() {
    let _alone = ALONE.lock();
    for workers in 1..=3 {
        MOST.store(0, Ordering::SeqCst);
        let output = tables::builder().max_workers(NonZero::new(workers).unwrap()).run(tables::Input::new(rows()));
        assert_eq!(output.unwrap().totals, sums());
        let most = MOST.load(Ordering::SeqCst);
        assert!((1..=workers).contains(&most), "{most} items at once, of {workers}");
    }
}

#[test]
fn a_workflow_in_a_node_of_a_worker_gives_the_same() {
    assert_eq!(tables_apart::run(tables_apart::Input::new(rows())).unwrap().totals, sums());
}

#[test]
fn an_error_of_a_workflow_in_a_node_says_what_failed_there() {
    for error in [
        tables::run(tables::Input::new(vec![vec![2], vec![2, 3]])).unwrap_err(),
        tables_apart::run(tables_apart::Input::new(vec![vec![2], vec![2, 3]])).unwrap_err(),
    ] {
        let failures = error.failures();
        let [failure] = failures.as_slice() else { panic!("{failures:?}") };
        assert_eq!(failure.branch, ["each[1]"]);
        let text = failure.to_string();
        assert!(text.contains("halve[1]") && text.contains("3 is odd"), "{text}");
    }
}

#[test]
fn whoever_cancels_the_run_cancels_a_workflow_in_a_node_and_its_listeners_hear_of_it() {
    let stop = CancellationToken::new();
    let (tell, told): (Sender<String>, _) = channel();
    let token = stop.clone();
    let run = thread::spawn(move || {
        let listener = move |event: &Event<'_>| {
            if let Event::Progress { node, .. } = event {
                let _ = tell.send((*node).to_owned());
            }
        };
        let input = tables::Input::new(vec![vec![u64::MAX]]);
        tables::builder().cancellation(token).on_event(listener).run(input)
    });
    assert_eq!(told.recv_timeout(Duration::from_mins(1)).as_deref(), Ok("halve"));
    stop.cancel();
    assert!(run.join().unwrap().unwrap_err().is_cancelled());
}

#[test]
fn a_workflow_in_a_node_can_be_cancelled_alone() {
    include_workflow!("once.yaml", main = false);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let output = once::builder()
        .on_event(move |event| {
            if let Event::NodeStarted { node, .. } = event {
                listener.lock().unwrap().push((*node).to_owned());
            }
        })
        .run(once::Input::new())
        .unwrap();
    assert_eq!(output.message, "workflow `totals` failed: node `halve`: cancelled");
    assert_eq!(*heard.lock().unwrap(), ["alone"]);
}

/// A run of `totals` that is cancelled from outside, and what its error says.
fn cancelled_alone(ctx: &Context) -> String {
    let stop = CancellationToken::new();
    stop.cancel();
    let error = ctx.run(totals::builder().cancellation(stop), totals::Input::new(vec![2])).unwrap_err();
    assert!(error.is_cancelled());
    error.to_string()
}
