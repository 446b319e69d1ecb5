//! Schedules in simulated time: how long a workflow graph takes does not depend on the machine then.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tea_runtime::{
    ParallelConfig, ParallelExecutor,
    engine::{self, Options},
    executor::Unit,
    plan::{Block, CodeId, Next, Place, Plan, Region, Site, Step, Target, Task, Work},
};

use crate::wfformat::Graph;

/// Microseconds.
type Time = u64;

/// A graph by numbers: what a task needs has lower numbers. Task 0 takes no time, and all that need nothing need it.
struct Numbered {
    times: Vec<Time>,
    needs: Vec<Vec<usize>>,
}

impl Numbered {
    fn new(graph: &Graph) -> Self {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let (mut times, mut needs) = (vec![0], vec![Vec::new()]);
        while numbers.len() < graph.tasks.len() {
            for task in &graph.tasks {
                let known = || task.needs.iter().map(|need| numbers.get(need.as_str()).copied());
                if numbers.contains_key(task.name.as_str()) || known().any(|need| need.is_none()) {
                    continue;
                }
                let mut before: Vec<usize> = if task.needs.is_empty() { vec![0] } else { known().flatten().collect() };
                before.sort_unstable();
                before.dedup();
                numbers.insert(&task.name, times.len());
                times.push(Time::try_from(Duration::from_secs_f64(task.seconds).as_micros()).expect("a short time"));
                needs.push(before);
            }
        }
        Self { times, needs }
    }

    /// From the start of each task to the end of the last one that follows from it.
    fn tails(&self) -> Vec<Time> {
        let mut tails = self.times.clone();
        for task in (0..tails.len()).rev() {
            for &need in &self.needs[task] {
                tails[need] = tails[need].max(self.times[need] + tails[task]);
            }
        }
        tails
    }
}

/// The time that the engine takes with so many workers, which are simulated.
///
/// # Panics
/// If the run fails.
#[must_use]
pub fn engine(graph: &Graph, workers: u32) -> Time {
    let graph = Numbered::new(graph);
    let simulated = Arc::new(Simulated { workers: workers as usize, ..Simulated::default() });
    let options = Options { executor: Some(Arc::clone(&simulated) as _), ..Options::default() };
    thread::scope(|scope| {
        let clock = scope.spawn(|| simulated.tick(&graph));
        engine::run(plan(&graph, workers), Vec::new(), options).expect("nothing fails");
        clock.join().expect("every task is submitted once")
    })
}

/// The graph as a dataflow file's plan. Its tasks have nothing to do.
fn plan(graph: &Numbered, workers: u32) -> &'static Plan {
    const PLACE: Place = Place { line: 1, column: 1 };
    const END: Next = Next::Go(Target::End);
    static NOTHING: Block = Block { entry: END, steps: &[], keys: &[] };
    static CONFIG: ParallelConfig = ParallelConfig::DEFAULT;
    let task = |needs: &Vec<usize>| Task {
        name: "task",
        place: PLACE,
        when: None,
        when_text: "",
        when_reads: &[],
        when_code: CodeId::UNKNOWN,
        fallback: &[],
        code: CodeId::UNKNOWN,
        needs: needs.iter().map(|&need| u32::try_from(need).expect("a small graph")).collect::<Vec<_>>().leak(),
        block: &NOTHING,
        reads: &[],
        writes: &[],
        config: &CONFIG,
        written: Some(&[]),
    };
    let region: &Region = Box::leak(Box::new(Region {
        id: 0,
        place: PLACE,
        keys: &[],
        tasks: graph.needs.iter().map(task).collect::<Vec<_>>().leak(),
        dataflow: true,
        join: None,
        max_workers: Some(workers),
        fail_fast: false,
        written: &[],
    }));
    let step = Step {
        name: "all",
        place: PLACE,
        work: Work::FanOut(region),
        next: END,
        max_visits: 1,
        reads: &[],
        writes: &[],
        rerun: false,
        code: CodeId::UNKNOWN,
        cached: false,
        pinned: false,
    };
    let root = Block { entry: Next::Go(Target::Step(0)), steps: vec![step].leak(), keys: &[] };
    Box::leak(Box::new(Plan {
        name: "simulated",
        description: "",
        file: "",
        module: "",
        package: None,
        version: None,
        panics_abort: false,
        keys: &[],
        root: Box::leak(Box::new(root)),
        finally: &[],
        sites: vec![Site::Region(region)].leak(),
        workflows: &[],
        max_workers: None,
        checkpoint: None,
        identities: None,
    }))
}

/// What is submitted ends when its time has passed on a clock of its own.
#[derive(Default)]
struct Simulated {
    workers: usize,
    submitted: Mutex<Vec<(usize, Unit)>>,
    more: Condvar,
}

impl ParallelExecutor for Simulated {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn max_workers(&self) -> usize {
        self.workers
    }

    fn submit(&self, unit: Unit) {
        let task = unit.position().part().and_then(|task| usize::try_from(task).ok()).expect("a branch has a number");
        self.submitted.lock().unwrap_or_else(PoisonError::into_inner).push((task, unit));
        self.more.notify_one();
    }
}

impl Simulated {
    /// Runs the clock until all tasks have ended. It stands still until the engine has submitted what it may.
    fn tick(&self, graph: &Numbered) -> Time {
        let mut waiting: Vec<usize> = graph.needs.iter().map(Vec::len).collect();
        let mut ready = waiting.iter().filter(|needs| **needs == 0).count();
        let mut running: BinaryHeap<Reverse<(Time, usize)>> = BinaryHeap::new();
        let mut units: HashMap<usize, Unit> = HashMap::new();
        let mut now = 0;
        for _ in 0..graph.times.len() {
            let new = ready.min(self.workers - running.len());
            let mut submitted = self.submitted.lock().unwrap_or_else(PoisonError::into_inner);
            while submitted.len() < new {
                submitted = self.more.wait(submitted).unwrap_or_else(PoisonError::into_inner);
            }
            assert_eq!(submitted.len(), new, "no more at once than there are workers");
            for (task, unit) in submitted.drain(..) {
                running.push(Reverse((now + graph.times[task], task)));
                assert!(units.insert(task, unit).is_none(), "every task runs once");
            }
            drop(submitted);
            ready -= new;
            let Some(Reverse((end, ended))) = running.pop() else { unreachable!("something runs") };
            now = end;
            for (task, needs) in graph.needs.iter().enumerate() {
                if needs.contains(&ended) {
                    waiting[task] -= 1;
                    ready += usize::from(waiting[task] == 0);
                }
            }
            units.remove(&ended).expect("what runs was submitted").run();
        }
        now
    }
}

/// The time that a plain list schedule takes: whenever a worker is free it takes, of the tasks whose needs are done, the
/// first in the list.
#[must_use]
pub fn list(graph: &Graph, workers: u32) -> Time {
    schedule(&Numbered::new(graph), workers, |_| 0)
}

/// The same by a list that is sorted by the longest way to the end, in recorded time, which nobody knows beforehand.
#[must_use]
pub fn sorted_list(graph: &Graph, workers: u32) -> Time {
    let graph = Numbered::new(graph);
    let tails = graph.tails();
    schedule(&graph, workers, |task| tails[task])
}

/// The same with a barrier after each level, which the engine must not have.
#[must_use]
pub fn levels(graph: &Graph, workers: u32) -> Time {
    let graph = Numbered::new(graph);
    let mut levels = vec![0; graph.times.len()];
    for task in 0..levels.len() {
        levels[task] = graph.needs[task].iter().map(|&need| levels[need] + 1).max().unwrap_or(0);
    }
    let last = levels.iter().max().copied().unwrap_or(0);
    let level = |level: usize| {
        let tasks = || levels.iter().zip(&graph.times).filter(move |(at, _)| **at == level);
        let times: Vec<Time> = tasks().map(|(_, time)| *time).collect();
        let needs = vec![Vec::new(); times.len()];
        let one = Numbered { times, needs };
        schedule(&one, workers, |task| one.times[task])
    };
    (0..=last).map(level).sum()
}

fn schedule(graph: &Numbered, workers: u32, priority: impl Fn(usize) -> Time) -> Time {
    let mut waiting: Vec<usize> = graph.needs.iter().map(Vec::len).collect();
    let mut free: BinaryHeap<(Time, Reverse<usize>)> =
        (0..waiting.len()).filter(|&task| waiting[task] == 0).map(|task| (priority(task), Reverse(task))).collect();
    let mut running: BinaryHeap<Reverse<(Time, usize)>> = BinaryHeap::new();
    let mut now = 0;
    loop {
        while running.len() < workers as usize
            && let Some((_, Reverse(task))) = free.pop()
        {
            running.push(Reverse((now + graph.times[task], task)));
        }
        let Some(Reverse((end, ended))) = running.pop() else { return now };
        now = end;
        for (task, needs) in graph.needs.iter().enumerate() {
            if needs.contains(&ended) {
                waiting[task] -= 1;
                if waiting[task] == 0 {
                    free.push((priority(task), Reverse(task)));
                }
            }
        }
    }
}
