//! Published workflow graphs with their recorded runtimes scaled down, on threads: how long they take, against a bound
//! that nothing can beat (the longest way, or all work divided by the workers) and against what a list schedule reaches
//! that knows all runtimes beforehand, as Tea does not.

use std::{collections::HashMap, path::Path, time::Duration};

use anyhow::{Result, anyhow};
use tests::{
    simulate,
    wfformat::{Graph, Task},
};

use crate::{
    Effort,
    harness::{Contender, race, seconds_per_call},
    machine,
    report::{Report, time, times},
    tea::graphs::{self, GRAPHS},
};

/// How long all tasks of a graph take, one after the other.
const WORK: f64 = 0.1;

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let mut report = Report::default();
    let mut rows = Vec::new();
    for (name, file, run) in GRAPHS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/graphs/{file}.json.gz"));
        let graph = Graph::read(&path).map_err(|problem| anyhow!(problem))?;
        let seconds: f64 = graph.tasks.iter().map(|task| task.seconds).sum();
        let scale = WORK / seconds;
        let serial = || -> Result<()> {
            graph.tasks.iter().for_each(|task| _ = graphs::spin_for(task.seconds * scale));
            Ok(())
        };
        let mut contenders = [
            Contender::new("one after the other", || seconds_per_call(1, serial)),
            Contender::new("Tea", || seconds_per_call(1, || run(scale))),
        ];
        let laps = race(effort.rounds(), &mut contenders)?;
        let workers = u32::try_from(machine::workers())?;
        let bound = (longest(&graph) / seconds).max(1.0 / f64::from(workers));
        let scheduled = Duration::from_micros(simulate::sorted_list(&graph, workers)).as_secs_f64() / seconds;
        let ratio = laps[1].ratio / scheduled;
        rows.push(vec![
            (*name).to_owned(),
            graph.tasks.len().to_string(),
            time(laps[0].median),
            time(laps[0].median * bound),
            time(laps[0].median * scheduled),
            time(laps[1].median),
            times(laps[1].ratio / bound),
            times(ratio),
        ]);
        report.at_most(format!("makespan of `{name}`, against the list schedule"), ratio, 1.10, times);
    }
    let columns =
        ["graph", "tasks", "all its work", "bound", "list schedule", "Tea", "to the bound", "to the schedule"];
    report.table("Makespan of published graphs, on threads", &columns, rows);
    Ok(report)
}

/// The length of the longest way, in recorded seconds.
fn longest(graph: &Graph) -> f64 {
    let tasks = graph.tasks.iter().map(|task| (task.name.as_str(), task)).collect();
    let mut known = HashMap::new();
    graph.tasks.iter().map(|task| end(task, &tasks, &mut known)).fold(0.0, f64::max)
}

/// When a task ends at the earliest. It may need others that are listed after it.
fn end<'a>(task: &'a Task, tasks: &HashMap<&str, &'a Task>, known: &mut HashMap<&'a str, f64>) -> f64 {
    if let Some(end) = known.get(task.name.as_str()) {
        return *end;
    }
    let start = task.needs.iter().map(|need| end(tasks[need.as_str()], tasks, known)).fold(0.0, f64::max);
    known.insert(&task.name, start + task.seconds);
    start + task.seconds
}
