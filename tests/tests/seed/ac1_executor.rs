//! AC1: one interface for all strategies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tea_runtime::{
    ParallelConfig, ParallelExecutor, ProcessExecutor, RetryPolicy, ThreadExecutor,
    executor::Unit,
    get_executor,
    policy::{RetryOn, Strategy},
};

/// An executor of a user's own: it compiles only if these methods are all that the trait asks for.
struct Counting {
    inner: ThreadExecutor,
    submitted: AtomicUsize,
}

impl ParallelExecutor for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn max_workers(&self) -> usize {
        self.inner.max_workers()
    }

    fn submit(&self, unit: Unit) {
        self.submitted.fetch_add(1, Ordering::Relaxed);
        self.inner.submit(unit);
    }
}

impl Counting {
    fn new() -> Self {
        Self { inner: ThreadExecutor::new(3), submitted: AtomicUsize::new(0) }
    }
}

tea_runtime::include_workflow!("own_executor.yaml", main = false);

/// A run uses nothing of an executor but the trait: one that it does not know runs all branches and items.
#[test]
fn story_unit_001_protocol_is_enough() {
    let counting = Arc::new(Counting::new());
    let output = own_executor::builder().executor(Arc::clone(&counting) as _).run(own_executor::Input {}).unwrap();
    assert_eq!((output.one, output.two, output.items), (1, 2, vec![0, 2, 4, 6]));
    assert_eq!(counting.submitted.load(Ordering::Relaxed), 2 + 4);
}

/// The trait asks for a name, a number of workers and a way to submit, and is used through one type for all.
#[test]
fn story_unit_001_protocol() {
    let counting = Counting::new();
    let executors: [Box<dyn ParallelExecutor>; 3] =
        [Box::new(counting), Box::new(ThreadExecutor::new(2)), Box::new(ProcessExecutor::new(1))];
    let facts = executors.map(|executor| (executor.name(), executor.max_workers()));
    assert_eq!(facts, [("counting", 3), ("thread", 2), ("process", 1)]);
}

fn implements<T: ParallelExecutor + Send + Sync + 'static>(executor: &T) -> (&'static str, usize) {
    (executor.name(), executor.max_workers())
}

#[test]
fn story_unit_002_thread_executor() {
    assert_eq!(implements(&ThreadExecutor::new(4)), ("thread", 4));
}

#[test]
fn story_unit_003_process_executor() {
    assert_eq!(implements(&ProcessExecutor::new(4)), ("process", 4));
}

/// What an executor is told about an attempt: every setting of the workflow file, with the defaults of the language.
#[test]
fn design_unit_004_parameters() {
    // Without `..`: a setting that is added must be added here.
    let ParallelConfig {
        strategy,
        timeout,
        timeout_total,
        grace,
        allow_failure,
        memory_limit,
        max_payload,
        max_tasks_per_worker,
        idempotent,
        retry,
        circuit_breaker,
    } = ParallelConfig::default();
    assert_eq!((strategy, timeout, timeout_total, allow_failure), (Strategy::Thread, None, None, false));
    assert_eq!((grace, memory_limit, max_payload, max_tasks_per_worker), (Duration::from_secs(1), None, 1 << 30, None));
    assert_eq!((circuit_breaker, idempotent), (None, true));
    let RetryPolicy { max_retries, base_delay, max_delay, backoff_multiplier, jitter, retry_on } = retry;
    assert_eq!((max_retries, base_delay, max_delay), (0, Duration::from_secs(1), Duration::from_mins(1)));
    assert!((backoff_multiplier - 2.0).abs() < f64::EPSILON && jitter);
    assert_eq!(retry_on, [RetryOn::Error, RetryOn::Panic, RetryOn::Timeout, RetryOn::Crash]);
}

/// An unknown strategy is an error that names the known ones.
#[test]
fn design_unit_005_unknown_strategy() {
    for unknown in ["ssh", "", "Thread"] {
        let error = get_executor(unknown).err().expect("there is no such strategy").to_string();
        assert!(error.contains(&format!("`{unknown}`")), "{error}");
        assert!(error.contains("`thread`") && error.contains("`process`"), "{error}");
    }
}

#[test]
fn story_int_001_factory() {
    assert_eq!(get_executor("thread").expect("a strategy").name(), "thread");
}

#[test]
fn design_int_002_factory() {
    assert_eq!(get_executor("process").expect("a strategy").name(), "process");
}
