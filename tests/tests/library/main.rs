//! Workflows in a program of one's own: two in one crate, run from tests, also at the same time.

use std::{
    error::Error,
    fmt,
    num::{NonZero, TryFromIntError},
    sync::{Arc, Mutex},
    thread,
};

use tea_runtime::{
    CancellationToken, FailureKind,
    event::{Detail, Event, Listener},
    include_workflow,
};
use tests::process::{children, wait_for};

include_workflow!("squares.yaml", main = false);

mod depth;
mod nested;

use within::steps;

/// Gives a workflow to the module around it.
mod within {
    tea_runtime::include_workflow!("steps.yaml", main = false, visibility = pub(super));
}

#[derive(Debug)]
struct TooLarge(TryFromIntError);

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its square is too large")
    }
}

impl Error for TooLarge {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn square(number: u64) -> Result<u64, TooLarge> {
    u64::try_from(u128::from(number).pow(2)).map_err(TooLarge)
}

/// What events say of attempts: name, attempt, bytes sent and received.
type Attempts = Arc<Mutex<Vec<(String, u64, u64)>>>;

fn squares_of(numbers: Vec<u64>) -> Result<squares::Output, tea_runtime::Error> {
    squares::run(squares::Input::new(numbers))
}

#[test]
fn two_runs_at_once_know_nothing_of_each_other() {
    let attempts = |numbers: Vec<u64>| {
        let heard = Attempts::default();
        let (listener, sent) = (Arc::clone(&heard), Mutex::new(0));
        let output = squares::builder()
            .max_workers(NonZero::<usize>::MIN)
            .on_event(move |event| match *event {
                Event::AttemptStarted { sent: bytes, .. } => *sent.lock().unwrap() = bytes,
                Event::AttemptFinished { name, received, .. } => {
                    listener.lock().unwrap().push((name.to_owned(), *sent.lock().unwrap(), received));
                }
                _ => {}
            })
            .run(squares::Input::new(numbers));
        (output.unwrap(), heard.lock().unwrap().clone())
    };
    let (few, many) = thread::scope(|scope| {
        let few = scope.spawn(|| attempts(vec![3]));
        let many = attempts((0..100).collect());
        (few.join().unwrap(), many)
    });
    assert_eq!(few.0.squares, [9]);
    assert_eq!(many.0.squares, (0..100).map(|n| n * n).collect::<Vec<_>>());
    // Each heard of its own items only, by their names and with their bytes.
    assert_eq!(few.1.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(), ["square[0]"]);
    assert!(
        few.1
            .iter()
            .chain(&many.1)
            .all(|(name, sent, received)| { name.starts_with("square[") && *sent > 0 && *received > 0 })
    );
}

#[test]
fn an_error_names_the_item_and_has_its_cause_as_source() {
    let error = squares_of(vec![1, u64::MAX, 2]).unwrap_err();
    let failures = error.failures();
    let [failure] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!(failure.branch, ["square[1]"]);
    assert_eq!((failure.failure.kind, failure.failure.node.as_deref()), (FailureKind::Error, Some("square")));
    assert!(error.source().is_some_and(|cause| cause.to_string().contains("out of range")), "{error:?}");
    assert_eq!(failure.failure.message, "its square is too large");
    assert_eq!(error.finished(), ["numbers"]);
}

/// `ctx.progress` in a worker process arrives as an event of its branch.
#[test]
fn progress_comes_from_workers() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let output = steps::builder()
        .on_event(move |event| match *event {
            Event::BranchStarted { scope, name, .. } => listener.lock().unwrap().push(format!("{name} is {scope:?}")),
            Event::Progress { scope, node, done, total } => {
                listener.lock().unwrap().push(format!("{node} in {scope:?}: {done} of {total}"));
            }
            _ => {}
        })
        .run(steps::Input::new(3))
        .unwrap();
    assert_eq!(output.walked, 3);
    let heard = heard.lock().unwrap();
    let scope = heard.iter().find_map(|line| line.strip_prefix("walk is ")).unwrap();
    let (first, last) = (format!("walk in {scope}: 1 of 3"), format!("walk in {scope}: 3 of 3"));
    assert!(heard.contains(&first) && heard.contains(&last), "{heard:?}");
}

/// Takes events, and wants so much from workers.
struct Hearing {
    wants: Detail,
    heard: Mutex<Vec<String>>,
}

impl Listener for Hearing {
    fn on_event(&self, event: &Event<'_>) {
        let line = match *event {
            Event::BranchStarted { scope, name, .. } => format!("{name} is {scope:?}"),
            Event::NodeStarted { scope, node, worker: Some(_), pid, .. } => {
                format!("{node} in {scope:?} starts in {pid}")
            }
            Event::NodeFinished { scope, node, worker: Some(_), pid, .. } => {
                format!("{node} in {scope:?} ends in {pid}")
            }
            Event::Progress { .. } => "progress".to_owned(),
            _ => return,
        };
        self.heard.lock().unwrap().push(line);
    }

    fn wants(&self) -> Detail {
        self.wants
    }
}

/// Workers tell of their nodes only if somebody wants to hear of them.
#[test]
fn workers_tell_what_is_wanted() {
    for (nodes, progress) in [(false, false), (true, false), (false, true), (true, true)] {
        let hearing = Arc::new(Hearing { wants: Detail { nodes, progress }, heard: Mutex::default() });
        let output = steps::builder().listener(hearing.clone()).run(steps::Input::new(3)).unwrap();
        let heard = hearing.heard.lock().unwrap();
        let scope = heard.iter().find_map(|line| line.strip_prefix("tell is ")).unwrap();
        for told in ["starts", "ends"] {
            let line = format!("tell in {scope} {told} in {}", output.pid);
            assert_eq!(heard.contains(&line), nodes, "{line}: {heard:?}");
            assert_eq!(heard.iter().filter(|line| line.contains(told)).count(), if nodes { 2 } else { 0 });
        }
        assert_eq!(heard.iter().any(|line| line == "progress"), progress, "{heard:?}");
    }
}

#[test]
fn a_run_is_cancelled_from_another_thread() {
    let stop = CancellationToken::new();
    let token = stop.clone();
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let run = thread::spawn(move || {
        let begun = move |event: &Event<'_>| {
            if let Event::Progress { .. } = event {
                let _ = tell.try_send(());
            }
        };
        steps::builder().cancellation(token).on_event(begun).run(steps::Input::new(u64::MAX))
    });
    told.recv_timeout(std::time::Duration::from_mins(1)).expect("the worker begins");
    stop.cancel();
    assert!(run.join().unwrap().unwrap_err().is_cancelled());
}

/// Runs leave no worker behind, though the program that they are part of continues.
#[test]
fn a_run_ends_its_workers() {
    let before = children(std::process::id());
    let output = steps::run(steps::Input::new(1)).unwrap();
    assert_ne!(output.pid, std::process::id());
    wait_for("the worker's end", || (!children(std::process::id()).contains(&output.pid)).then_some(()));
    assert!(!before.contains(&output.pid));
}
