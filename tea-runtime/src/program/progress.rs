//! `--progress`: shows what is running.
//!
//! The listener only maintains a table. A thread draws it ten times per second, so additional branches cost the run
//! next to nothing. On a terminal each row is a bar; otherwise (`--progress always`) there is a line from time to time.
//!
//! What ends soon gets no row, because it would only flicker. If everything does, as in a loop, there is one row for the
//! whole run.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    console::{self, Console},
    human,
};
use crate::{
    event::{Detail, Event, Listener, Scope},
    words::{counted, on_host},
};

const REDRAW: Duration = Duration::from_millis(100);
/// Whatever ends sooner than this gets no row.
const SHOWN_AFTER: Duration = Duration::from_millis(150);
const LINE_EVERY: Duration = Duration::from_secs(2);
const MOST_BARS: usize = 16;

/// Shows progress until it is dropped.
pub(super) struct Progress {
    table: Arc<Shared>,
    painter: Option<JoinHandle<()>>,
}

struct Shared {
    table: Mutex<Table>,
    wake: Condvar,
}

#[derive(Default)]
struct Table {
    /// The run itself, once it has started.
    run: Option<Row>,
    /// How many nodes and fan-outs have started outside of any branch.
    steps: u64,
    /// Names of branches that have been handed out, including those that wait for a worker.
    branches: BTreeMap<Scope, String>,
    rows: BTreeMap<Scope, Row>,
    done: u64,
    failed: usize,
    over: bool,
}

#[derive(Clone)]
struct Row {
    name: String,
    started: Instant,
    note: String,
    done: u64,
    failed: u64,
    /// `Some(0)` while it is unknown.
    total: Option<u64>,
    /// Counts the items, not the progress that one of them reports.
    is_map: bool,
}

impl Row {
    fn new(name: &str) -> Self {
        let (name, started, note) = (name.to_owned(), Instant::now(), String::new());
        Self { name, started, note, done: 0, failed: 0, total: None, is_map: false }
    }
}

impl Row {
    /// `3 of 10`, failures, speed, and estimated time left. Nothing for a row without a count.
    fn counts(&self) -> Vec<String> {
        let Some(total) = self.total else { return Vec::new() };
        let mut parts =
            vec![if total > 0 { format!("{} of {total}", self.done) } else { format!("{} done", self.done) }];
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        let seconds = self.started.elapsed().as_secs_f64();
        if self.done > 0 && seconds > 0.0 {
            #[expect(clippy::cast_precision_loss, reason = "an estimate, shown with one digit")]
            let (done, total) = (self.done as f64, total as f64);
            parts.push(format!("{:.1}/s", done / seconds));
            if total > done {
                let left = Duration::try_from_secs_f64((total - done) * seconds / done).unwrap_or(Duration::MAX);
                parts.push(format!("{} left", human::time(left)));
            }
        }
        parts
    }
}

/// The listener that maintains the table.
pub(super) struct Watcher(Arc<Shared>);

impl Progress {
    /// Starts to show progress on a console: bars, or a line from time to time.
    pub(super) fn start(console: Console, bars: bool) -> (Self, Watcher) {
        let table = Arc::new(Shared { table: Mutex::default(), wake: Condvar::new() });
        let shared = Arc::clone(&table);
        let paint = move || if bars { paint_bars(&shared, &console) } else { paint_lines(&shared, &console) };
        // If no thread can be started, the run continues without progress.
        let painter = thread::Builder::new().name("tea-progress".to_owned()).spawn(paint).ok();
        (Self { table: Arc::clone(&table), painter }, Watcher(table))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.table.lock().over = true;
        self.table.wake.notify_all();
        if let Some(painter) = self.painter.take() {
            let _ = painter.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `period`, or the end of the run.
    fn wait(&self, period: Duration) -> MutexGuard<'_, Table> {
        let waited = self.wake.wait_timeout_while(self.lock(), period, |table| !table.over);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Table {
    /// Notes that a node or map outside of any branch starts.
    fn step(&mut self, name: &str) {
        self.steps += 1;
        if let Some(run) = &mut self.run {
            run.note = format!("step {}: `{name}`", self.steps);
        }
    }
}

impl Listener for Watcher {
    fn on_event(&self, event: &Event<'_>) {
        let mut table = self.0.lock();
        match *event {
            Event::RunStarted { workflow } => table.run = Some(Row::new(workflow)),
            Event::NodeStarted { scope: Scope::ROOT, node, .. } => {
                table.step(node);
                table.rows.insert(Scope::ROOT, Row::new(node));
            }
            Event::NodeFinished { scope: Scope::ROOT, .. } => {
                table.rows.remove(&Scope::ROOT);
            }
            Event::BranchStarted { scope, name, .. } => {
                table.branches.insert(scope, name.to_owned());
            }
            Event::AttemptStarted { scope, attempt, worker, host, .. } => {
                let Some(name) = table.branches.get(&scope) else { return };
                let mut row = Row::new(name);
                if let Some(worker) = worker {
                    row.note = format!("worker {worker}{}", on_host(host));
                }
                if attempt > 1 {
                    write!(row.note, "{}attempt {attempt}", if row.note.is_empty() { "" } else { ", " })
                        .expect("a string takes everything");
                }
                table.rows.insert(scope, row);
            }
            Event::AttemptFinished { scope, .. } if table.branches.contains_key(&scope) => {
                table.rows.remove(&scope);
            }
            Event::BranchFinished { scope, result } => {
                table.rows.remove(&scope);
                if table.branches.remove(&scope).is_some() {
                    table.done += 1;
                    table.failed += usize::from(result.is_failure());
                }
            }
            Event::MapStarted { scope, parent, name, total, .. } => {
                if parent == Scope::ROOT {
                    table.step(name);
                }
                table.rows.insert(scope, Row { total: total.or(Some(0)), is_map: true, ..Row::new(name) });
            }
            Event::MapProgress { scope, done, failed, total } => {
                if let Some(row) = table.rows.get_mut(&scope) {
                    (row.done, row.failed, row.total) = (done, failed, total.or(row.total));
                }
            }
            Event::MapFinished { scope, .. } => {
                table.rows.remove(&scope);
            }
            Event::Progress { scope, done, total, .. } => {
                if let Some(row) = table.rows.get_mut(&scope).filter(|row| !row.is_map) {
                    (row.done, row.total) = (done, Some(total));
                }
            }
            _ => {}
        }
    }

    fn wants(&self) -> Detail {
        Detail { progress: true, ..Detail::NONE }
    }
}

/// What a bar shows. The run itself comes first.
type Shown = Option<Scope>;

fn paint_bars(shared: &Shared, console: &Console) {
    let mut bars: BTreeMap<Shown, (Instant, ProgressBar)> = BTreeMap::new();
    loop {
        let table = shared.wait(REDRAW);
        let over = table.over;
        let rows = if over { BTreeMap::new() } else { shown(&table, Instant::now()) };
        drop(table);
        bars.retain(|which, (started, bar)| {
            let stays = rows.get(which).is_some_and(|row| row.started == *started);
            if !stays {
                bar.finish_and_clear();
                console.bars().remove(bar);
            }
            stays
        });
        if over {
            return;
        }
        for (which, row) in rows {
            let (_, bar) = bars.entry(which).or_insert_with(|| {
                let elapsed = row.started.elapsed();
                let bar = ProgressBar::new_spinner().with_elapsed(elapsed).with_prefix(row.name.clone());
                (row.started, console.bars().add(bar))
            });
            show(bar, &row);
        }
    }
}

/// The rows that are worth a bar: those that have run for a while, or else the run.
fn shown(table: &Table, now: Instant) -> BTreeMap<Shown, Row> {
    let long = |row: &Row| now.saturating_duration_since(row.started) >= SHOWN_AFTER;
    let rows = table.rows.iter().filter(|(_, row)| long(row)).take(MOST_BARS);
    let mut rows: BTreeMap<_, _> = rows.map(|(scope, row)| (Some(*scope), row.clone())).collect();
    if let (true, Some(run)) = (rows.is_empty(), table.run.as_ref().filter(|run| long(run))) {
        rows.insert(None, run.clone());
    }
    rows
}

fn show(bar: &ProgressBar, row: &Row) {
    // What does not fit is cut off: `wide_msg` takes the space that is left. If the terminal is narrower than the rest
    // of the line, the whole line is the message. The console drops colors that cannot be displayed.
    const SPINNER: &str = "\x1b[36m{spinner}\x1b[0m {prefix:20!} {elapsed:>4}  {wide_msg}";
    const BAR: &str = "\x1b[36m{spinner}\x1b[0m {prefix:20!} {elapsed:>4}  \x1b[36m{bar:24}\x1b[0m {wide_msg}";
    let length = row.total.filter(|total| *total > 0);
    let width = console::width();
    let template = match length {
        Some(_) if width >= 64 => BAR,
        _ if width >= 40 => SPINNER,
        _ => "{wide_msg}",
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the templates are right").progress_chars("=> "));
    if let Some(length) = length {
        bar.set_length(length);
    }
    bar.set_position(row.done);
    let name = (width < 40).then(|| row.name.clone());
    let parts = name.into_iter().chain(row.counts()).chain((!row.note.is_empty()).then(|| row.note.clone()));
    bar.set_message(parts.collect::<Vec<_>>().join(", "));
    bar.tick();
}

fn paint_lines(shared: &Shared, console: &Console) {
    let mut last = String::new();
    loop {
        let table = shared.wait(LINE_EVERY);
        if table.over {
            return;
        }
        let line = line(&table);
        drop(table);
        if line != last {
            console.print(&format!("progress: {line}\n"));
            last = line;
        }
    }
}

/// All rows on one line.
fn line(table: &Table) -> String {
    const MOST_ROWS: usize = 8;
    let mut parts = Vec::new();
    if table.done > 0 {
        parts.push(format!("{} done", counted(table.done, "branch", "branches")));
    }
    if table.failed > 0 {
        parts.push(format!("{} failed", table.failed));
    }
    let text = |row: &Row| match row.counts() {
        counts if counts.is_empty() => row.name.clone(),
        counts => format!("{} {}", row.name, counts.join(", ")),
    };
    parts.extend(table.rows.values().take(MOST_ROWS).map(text));
    if table.rows.len() > MOST_ROWS {
        parts.push(format!("{} more running", table.rows.len() - MOST_ROWS));
    }
    let waiting = table.branches.keys().filter(|scope| !table.rows.contains_key(scope)).count();
    if waiting > 0 {
        parts.push(format!("{waiting} waiting"));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::Events, place::Place, policy::Strategy, result::ParallelFlowResult};

    #[test]
    fn rows_are_what_runs_and_the_rest_is_counted() {
        let shared = Arc::new(Shared { table: Mutex::default(), wake: Condvar::new() });
        let events = Events::new(vec![Arc::new(Watcher(Arc::clone(&shared)))]);
        let (count, gc, each) = (events.scope(), events.scope(), events.scope());
        let (parent, place) = (Scope::ROOT, Place { line: 1, column: 1 });
        for (scope, name) in [(count, "count"), (gc, "gc")] {
            let strategy = Strategy::Process;
            events.emit(|| Event::BranchStarted { scope, parent, name, place, strategy });
        }
        let start = |attempt| {
            let (scope, name, worker, host, pid, started, sent) =
                (count, "count", Some(3), None, 4242, Instant::now(), 0);
            events.emit(|| Event::AttemptStarted { scope, name, attempt, worker, host, pid, started, sent });
        };
        start(1);
        assert_eq!(line(&shared.lock()), "count; 1 waiting");
        start(2);
        assert_eq!(shared.lock().rows[&count].note, "worker 3, attempt 2");
        let strategy = Strategy::Thread;
        events.emit(|| Event::MapStarted { scope: each, parent, name: "each", place, total: Some(400), strategy });
        events.emit(|| Event::MapProgress { scope: each, done: 100, failed: 2, total: None });
        // The progress of an item is not that of the map.
        events.emit(|| Event::Progress { scope: each, node: "each", done: 1, total: 2 });
        let counts = shared.lock().rows[&each].counts();
        assert_eq!(counts[..2], ["100 of 400", "2 failed"]);
        assert!(counts[2].ends_with("/s") && counts[3].ends_with(" left"), "{counts:?}");
        let result = ParallelFlowResult { success: true, ..ParallelFlowResult::new("count") };
        events.emit(|| Event::BranchFinished { scope: count, result: &result });
        assert!(line(&shared.lock()).starts_with("1 branch done; each 100 of 400, 2 failed, "));
    }

    #[test]
    fn a_loop_of_nodes_that_end_soon_draws_the_run() {
        let shared = Arc::new(Shared { table: Mutex::default(), wake: Condvar::new() });
        let events = Events::new(vec![Arc::new(Watcher(Arc::clone(&shared)))]);
        let (worker, pid, place) = (None, 1, Place { line: 1, column: 1 });
        events.emit(|| Event::RunStarted { workflow: "read-qc" });
        let start = |node| {
            let started = Instant::now();
            events.emit(|| Event::NodeStarted { scope: Scope::ROOT, node, place, worker, pid, started });
        };
        for node in ["load", "load", "merge"] {
            thread::sleep(Duration::from_millis(2));
            start(node);
        }
        let table = shared.lock();
        let (run, node) = (table.run.clone().unwrap(), table.rows[&Scope::ROOT].clone());
        drop(table);
        assert!(shown(&shared.lock(), run.started).is_empty(), "it would only flicker");
        // The node is younger than the run.
        let rows = shown(&shared.lock(), run.started + SHOWN_AFTER);
        assert_eq!(rows.keys().collect::<Vec<_>>(), [&None]);
        assert_eq!((&*rows[&None].name, &*rows[&None].note), ("read-qc", "step 3: `merge`"));
        let rows = shown(&shared.lock(), node.started + SHOWN_AFTER);
        assert_eq!(rows.keys().collect::<Vec<_>>(), [&Some(Scope::ROOT)]);
    }
}
