//! Events as `tracing` spans and events, for the subscriber of the program.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytesize::ByteSize;
use tracing::{Span, debug, debug_span, info, info_span, span::EnteredSpan, trace, warn};

use super::{Detail, Event, Listener, Scope};
use crate::{
    result::ParallelFlowResult,
    words::{counted, on_host},
};

/// Passes every event to `tracing`, with the target `tea`. Runs, branches and maps are spans. So are nodes that run on
/// a thread of this process, and what they log is inside their span. The output of workers has the target
/// `tea::output`.
#[derive(Debug, Default)]
pub struct Tracing {
    /// The spans of running branches and maps.
    spans: Mutex<HashMap<Scope, Running>>,
    retries: Mutex<Flood>,
}

/// Limits events that may repeat endlessly: the first few are passed on, and then one per second, with a count of the
/// others.
#[derive(Debug, Default)]
struct Flood {
    told: u32,
    /// The number since the last one that was passed on.
    last: Option<Instant>,
    hidden: u64,
}

impl Flood {
    const FIRST: u32 = 10;
    const PERIOD: Duration = Duration::from_secs(1);

    /// Whether to pass on an event that comes `now`, and how many before it were not.
    fn next(&mut self, now: Instant) -> Option<u64> {
        let quiet = self.last.is_none_or(|last| now.duration_since(last) >= Self::PERIOD);
        if self.told >= Self::FIRST && !quiet {
            self.hidden += 1;
            return None;
        }
        self.told += 1;
        self.last = Some(now);
        Some(std::mem::take(&mut self.hidden))
    }
}

#[derive(Debug)]
struct Running {
    name: String,
    span: Span,
}

thread_local! {
    /// The nodes that are running on this thread, innermost last.
    static ENTERED: RefCell<Vec<(Scope, EnteredSpan)>> = const { RefCell::new(Vec::new()) };
}

impl Tracing {
    /// A listener that passes events to `tracing`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Scope, Running>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn span(&self, scope: Scope) -> Option<tracing::Id> {
        self.lock().get(&scope).and_then(|running| running.span.id())
    }

    fn open(&self, scope: Scope, name: &str, span: Span) {
        self.lock().insert(scope, Running { name: name.to_owned(), span });
    }

    fn close(&self, scope: Scope) -> (String, Span) {
        self.lock().remove(&scope).map_or_else(|| (String::new(), Span::none()), |running| (running.name, running.span))
    }
}

impl Listener for Tracing {
    fn on_event(&self, event: &Event<'_>) {
        match *event {
            Event::NodeStarted { scope, .. } | Event::NodeFinished { scope, .. } => self.node(scope, event),
            Event::RunEnding { outcome } => debug!(target: "tea", "the nodes of `finally` start ({outcome})"),
            Event::RunStarted { .. }
            | Event::RunFinished { .. }
            | Event::BranchStarted { .. }
            | Event::BranchFinished { .. }
            | Event::MapStarted { .. }
            | Event::MapProgress { .. }
            | Event::ItemFailed { .. }
            | Event::MapFinished { .. } => self.scope(event),
            Event::AttemptStarted { .. } | Event::AttemptFinished { .. } | Event::RetryScheduled { .. } => {
                self.attempt(event);
            }
            _ => other(event),
        }
    }

    fn wants(&self) -> Detail {
        Detail {
            nodes: tracing::enabled!(target: "tea", tracing::Level::DEBUG),
            progress: tracing::enabled!(target: "tea", tracing::Level::TRACE),
        }
    }
}

impl Tracing {
    fn scope(&self, event: &Event<'_>) {
        match *event {
            Event::RunStarted { workflow } => {
                let span = info_span!(target: "tea", parent: None, "run", workflow);
                debug!(target: "tea", parent: &span, "`{workflow}` starts");
                self.open(Scope::ROOT, workflow, span);
            }
            Event::RunFinished { elapsed, success } => {
                let hidden = std::mem::take(&mut *self.retries.lock().unwrap_or_else(PoisonError::into_inner)).hidden;
                if hidden > 0 {
                    let attempts = counted(hidden, "more attempt failed and was", "more attempts failed and were");
                    warn!(target: "tea", hidden, "{attempts} tried again");
                }
                let (name, span) = self.close(Scope::ROOT);
                debug!(
                    target: "tea", parent: &span, elapsed_seconds = elapsed.as_secs_f64(), success,
                    "`{name}` ended after {elapsed:.1?}"
                );
            }
            Event::BranchStarted { scope, parent, name, strategy, .. } => {
                let span = info_span!(target: "tea", parent: self.span(parent), "branch", branch = name);
                debug!(target: "tea", parent: &span, ?strategy, "branch `{name}` starts");
                self.open(scope, name, span);
            }
            Event::BranchFinished { scope, result } => {
                let (name, span) = self.close(scope);
                // A branch that is skipped has not started.
                let branch = if name.is_empty() { &*result.branch } else { &*name };
                let (attempts, elapsed) = (result.attempts, result.elapsed);
                if let Some(failure) = result.error.as_ref().filter(|_| !result.is_failure()) {
                    let (kind, message) = (failure.kind, failure.with_causes());
                    info!(target: "tea", parent: &span, branch, attempts, ?kind, "branch `{branch}` is not done: {message}");
                } else if let Some(failure) = &result.error {
                    let (kind, message) = (failure.kind, failure.with_causes());
                    warn!(
                        target: "tea", parent: &span, branch, attempts, elapsed_seconds = elapsed.as_secs_f64(), ?kind,
                        "branch `{branch}` failed: {message}"
                    );
                } else if result.skipped {
                    info!(target: "tea", parent: &span, branch, "branch `{branch}` is skipped");
                } else {
                    let &ParallelFlowResult { pid, cpu, peak_memory, .. } = result;
                    let (cpu_seconds, used) = (cpu.map(|cpu| cpu.as_secs_f64()), used(cpu, peak_memory));
                    let host = result.host.as_deref();
                    info!(
                        target: "tea", parent: &span, branch, attempts, elapsed_seconds = elapsed.as_secs_f64(), pid, host,
                        cpu_seconds, peak_memory, "branch `{branch}` is done after {elapsed:.1?}{}{used}", on_host(host)
                    );
                }
            }
            Event::MapStarted { scope, parent, name, total, strategy, .. } => {
                let span = info_span!(target: "tea", parent: self.span(parent), "map", node = name);
                debug!(target: "tea", parent: &span, total, ?strategy, "map `{name}` starts");
                self.open(scope, name, span);
            }
            Event::MapProgress { scope, done, failed, total } => {
                let items = counted(done, "item", "items");
                trace!(target: "tea", parent: self.span(scope), done, failed, total, "{items} ended");
            }
            Event::ItemFailed { scope, index, result } => {
                let map = self.lock().get(&scope).map_or_else(String::new, |map| map.name.clone());
                let (item, attempts) = (format!("{map}[{index}]"), result.attempts);
                let Some(failure) = &result.error else { return };
                let (kind, message) = (failure.kind, failure.with_causes());
                let label = result.label.as_deref();
                info!(
                    target: "tea", parent: self.span(scope), item, index, label, attempts,
                    elapsed_seconds = result.elapsed.as_secs_f64(), ?kind, "item `{item}`{} failed: {message}", shown(label)
                );
            }
            Event::MapFinished { scope, elapsed, done, failed, unfinished, restored, cached } => {
                let (name, span) = self.close(scope);
                let items = counted(done, "item", "items");
                let (is_done, others) = match unfinished {
                    0 => ("is done", String::new()),
                    _ => ("has ended", format!(", {unfinished} not done")),
                };
                info!(
                    target: "tea", parent: &span, elapsed_seconds = elapsed.as_secs_f64(), done, failed, unfinished, restored, cached,
                    "map `{name}` {is_done}: {items}, {failed} failed{others}{}", from_cache(cached)
                );
            }
            _ => {}
        }
    }

    fn attempt(&self, event: &Event<'_>) {
        match *event {
            Event::AttemptStarted { scope, name, attempt, worker, host, pid, sent, .. } => {
                let on = on_host(host);
                debug!(target: "tea", parent: self.span(scope), attempt, worker, host, pid, sent, "`{name}` runs{on}");
            }
            Event::AttemptFinished {
                scope,
                name,
                label,
                attempt,
                worker,
                host,
                pid,
                elapsed,
                received,
                cpu,
                peak_memory,
                failure,
            } => {
                let kind = failure.map(|failure| tracing::field::debug(failure.kind));
                let (cpu_seconds, used) = (cpu.map(|cpu| cpu.as_secs_f64()), used(cpu, peak_memory));
                debug!(
                    target: "tea", parent: self.span(scope), label, attempt, worker, host, pid,
                    elapsed_seconds = elapsed.as_secs_f64(), received, cpu_seconds, peak_memory, kind,
                    "`{name}`{} ended after {elapsed:.1?}{used}", shown(label)
                );
            }
            Event::RetryScheduled { scope, name, label, attempt, delay, failure } => {
                let mut retries = self.retries.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(hidden) = retries.next(Instant::now()) else { return };
                drop(retries);
                let more = match hidden {
                    0 => String::new(),
                    _ => format!(" (and {} since the last line)", counted(hidden, "other", "others")),
                };
                warn!(
                    target: "tea", parent: self.span(scope), label, attempt, delay_seconds = delay.as_secs_f64(),
                    kind = ?failure.kind, hidden,
                    "`{name}`{} failed and is tried again in {delay:.1?}: {}{more}", shown(label), failure.message
                );
            }
            _ => {}
        }
    }

    fn node(&self, scope: Scope, event: &Event<'_>) {
        // There are many nodes, and they are rarely of interest, unless they did not have to run.
        let is_cached = matches!(event, Event::NodeFinished { cached: true, .. });
        if !is_cached && !tracing::enabled!(target: "tea", tracing::Level::DEBUG) {
            return;
        }
        let parent = self.span(scope);
        match *event {
            Event::NodeStarted { node, place, worker: None, .. } => {
                let span = debug_span!(target: "tea", parent: parent, "node", node, line = place.line);
                trace!(target: "tea", parent: &span, "node `{node}` starts");
                ENTERED.with_borrow_mut(|entered| entered.push((scope, span.entered())));
            }
            // This may be the only information about it.
            Event::NodeStarted { node, place, worker, pid, .. } => {
                let line = place.line;
                debug!(target: "tea", parent: parent, node, line, worker, pid, "node `{node}` starts");
            }
            Event::NodeFinished { node, worker, pid, elapsed, failure, cached, .. } => {
                let span = if worker.is_some() { None } else { leave(scope) };
                // Where nodes have no spans, their events belong to what is around them.
                let parent = span.as_ref().and_then(Span::id).or(parent);
                if cached {
                    info!(target: "tea", parent: parent, node, worker, pid, "the result of `{node}` is from the cache");
                    return;
                }
                let kind = failure.map(|failure| tracing::field::debug(failure.kind));
                debug!(
                    target: "tea", parent: parent, node, worker, pid, elapsed_seconds = elapsed.as_secs_f64(), kind,
                    "node `{node}` ended after {elapsed:.1?}"
                );
            }
            _ => {}
        }
    }
}

/// A label, to follow the name.
fn shown(label: Option<&str>) -> String {
    label.map(|label| format!(" ({label})")).unwrap_or_default()
}

/// What an attempt has used, as far as it is known.
fn used(cpu: Option<Duration>, peak_memory: Option<u64>) -> String {
    let cpu = cpu.map(|cpu| format!("{cpu:.1?} of processor time"));
    let memory = peak_memory.map(|bytes| format!("up to {} of memory", ByteSize::b(bytes)));
    match (cpu, memory) {
        (None, None) => String::new(),
        (cpu, memory) => format!(" ({})", cpu.into_iter().chain(memory).collect::<Vec<_>>().join(", ")),
    }
}

/// How many items are from the cache, if there are any.
fn from_cache(cached: u64) -> String {
    if cached > 0 { format!(", {cached} from the cache") } else { String::new() }
}

/// Leaves the span of the scope's node on this thread.
fn leave(scope: Scope) -> Option<Span> {
    ENTERED.with_borrow_mut(|entered| {
        let index = entered.iter().rposition(|(other, _)| *other == scope)?;
        Some(entered.remove(index).1.exit())
    })
}

fn other(event: &Event<'_>) {
    match *event {
        Event::CircuitChanged { name, state, .. } => {
            let state = state.name();
            warn!(target: "tea", name, state, "the circuit breaker of `{name}` is {state}");
        }
        Event::Progress { node, done, total, .. } => trace!(target: "tea", node, done, total, "progress"),
        Event::WorkerStarted { worker, host, pid, elapsed } => {
            let (elapsed_seconds, on) = (elapsed.as_secs_f64(), on_host(host));
            debug!(target: "tea", worker, host, pid, elapsed_seconds, "worker {worker}{on} is ready");
        }
        Event::WorkerEnded { worker, host, pid } => {
            debug!(target: "tea", worker, host, pid, "worker {worker}{} ended", on_host(host));
        }
        Event::WorkerLost { worker, host, pid, exit, running } => {
            let on = on_host(host);
            info!(target: "tea", worker, host, pid, ?exit, running, "worker {worker} (process {pid}){on} is lost");
        }
        Event::WorkerOutput { worker, host, pid, label, line } => {
            info!(target: "tea::output", worker, host, pid, label, "{line}");
        }
        Event::Warning { message } => warn!(target: "tea", "{message}"),
        _ => {}
    }
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::{event::Events, place::Place};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_first_few_of_a_flood_are_told_then_one_a_second_with_a_count() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut flood = Flood::default();
        let told: Vec<u64> = (0..3000).filter_map(|millis| flood.next(at(millis))).collect();
        // The first ten within 10 ms, and one more at 1009 ms and 2009 ms.
        assert_eq!(told, [[0; 10].as_slice(), &[999, 999]].concat());
        assert_eq!(flood.hidden, 990);
        // Infrequent events are all passed on.
        assert_eq!(flood.next(at(10_000)), Some(990));
        assert_eq!((flood.next(at(12_000)), flood.next(at(12_500))), (Some(0), None));
    }

    #[test]
    fn what_a_node_logs_stands_within_its_span() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .without_time()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let events = Events::new(vec![Arc::new(Tracing::new())]);
            let (scope, node, place) = (Scope::ROOT, "count", Place { line: 12, column: 5 });
            let (worker, pid, started) = (None, 1, Instant::now());
            events.emit(|| Event::NodeStarted { scope, node, place, worker, pid, started });
            info!("in the node");
            let elapsed = Duration::from_millis(5);
            let failure = None;
            let cached = false;
            events.emit(|| Event::NodeFinished { scope, node, place, worker, pid, started, elapsed, failure, cached });
            info!("after it");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line = |of: &str| text.lines().find(|line| line.ends_with(of)).unwrap_or_else(|| panic!("{text}"));
        assert!(line("in the node").contains("node{node=\"count\" line=12}"), "{text}");
        assert!(!line("after it").contains("count"), "{text}");
    }
}
