//! METG(50%), after Task Bench (Slaughter et al., SC20): the smallest granularity of a task at which still half of the
//! peak rate of work is reached.
//!
//! Granularity is time × workers / tasks: at 50 % efficiency as much of it is overhead as work.

use anyhow::Result;

use crate::{
    Effort,
    harness::{median, seconds_per_warm_call},
    machine, peers,
    report::{Report, time},
    tea::{self, MANY},
    work,
};

/// A way to run so many tasks of so many turns each.
struct System {
    name: &'static str,
    tasks: usize,
    /// Seconds of a run.
    run: Box<dyn Fn(usize, u64) -> Result<f64>>,
    /// What is promised.
    budget: Option<f64>,
}

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let mut report = Report::default();
    let systems = systems();
    let figures = measure(effort, &systems)?;
    let row = |(system, figure): (&System, &Option<f64>)| {
        let figure = figure.map_or_else(|| "none".into(), time);
        vec![system.name.to_owned(), system.tasks.to_string(), figure]
    };
    let rows = systems.iter().zip(&figures).map(row).collect();
    report.table("METG(50%), on all cores", &["", "tasks", "METG(50%)"], rows);
    for (system, figure) in systems.iter().zip(&figures) {
        if let (Some(budget), Some(figure)) = (system.budget, figure) {
            report.at_most(format!("METG(50%): {}", system.name), *figure, budget, time);
        }
    }
    Ok(report)
}

fn systems() -> Vec<System> {
    let timed = |name, tasks, budget, run: fn(usize, u64) -> Result<()>| {
        let run = Box::new(move |tasks, turns| seconds_per_warm_call(|| run(tasks, turns)));
        System { name, tasks, run, budget }
    };
    let timing = |name, tasks, budget, run: fn(usize, u64) -> Result<f64>| System {
        name,
        tasks,
        run: Box::new(run),
        budget: Some(budget),
    };
    vec![
        timed("rayon `scope`", 1_000, None, |tasks, turns| {
            peers::rayon::scope(tasks, turns);
            Ok(())
        }),
        timed("rayon `par_iter`", 10_000, None, |tasks, turns| {
            peers::rayon::par_iter(tasks, turns);
            Ok(())
        }),
        timed("Tea, branches on threads", MANY, Some(1e-6), tea::fan_out),
        timed("Tea, map items on threads", 10_000, None, tea::thread_items),
        timing("Tea, branches in processes", MANY, 10e-6, |tasks, turns| tea::process_fan_outs(tasks, turns, 3)),
        timing("Tea, map items in processes", 20_000, 2e-6, tea::process_items),
    ]
}

/// The figure of each system. The machine is not always equally fast, so that each round goes through all systems and sizes.
fn measure(effort: Effort, systems: &[System]) -> Result<Vec<Option<f64>>> {
    let sizes = std::iter::successors(Some(work::turns(50_000)), |turns| (*turns > 4).then_some(turns / 2));
    let sizes: Vec<u64> = sizes.collect();
    let mut seconds = vec![vec![Vec::new(); sizes.len()]; systems.len()];
    // The first round does not count.
    for round in 0..=effort.rounds() {
        for (system, seconds) in systems.iter().zip(&mut seconds) {
            for (&turns, seconds) in sizes.iter().zip(seconds) {
                let sample = (system.run)(system.tasks, turns)?;
                seconds.extend((round > 0).then_some(sample));
            }
        }
    }
    let figure = |(system, seconds): (&System, Vec<Vec<f64>>)| {
        let points =
            sizes.iter().zip(seconds).map(|(&turns, seconds)| Point::new(system.tasks, turns, median(seconds)));
        metg(&points.collect::<Vec<_>>())
    };
    Ok(systems.iter().zip(seconds).map(figure).collect())
}

/// What one size of task gave.
#[derive(Debug, Clone, Copy)]
struct Point {
    /// Seconds of a core a task.
    granularity: f64,
    /// Turns a second.
    rate: f64,
}

impl Point {
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn new(tasks: usize, turns: u64, seconds: f64) -> Self {
        let (tasks, turns, workers) = (tasks as f64, turns as f64, machine::workers() as f64);
        Self { granularity: seconds * workers / tasks, rate: tasks * turns / seconds }
    }
}

/// Where the curve, from large tasks to small ones, falls through half of its peak; `None` if it is below from the start.
fn metg(curve: &[Point]) -> Option<f64> {
    let half = curve.iter().map(|point| point.rate).fold(0.0, f64::max) / 2.0;
    let first_below = curve.iter().position(|point| point.rate < half)?;
    let (above, below) = (curve.get(first_below.checked_sub(1)?)?, curve[first_below]);
    // Straight between the two, in rate against granularity.
    let share = (half - below.rate) / (above.rate - below.rate);
    Some(below.granularity + share * (above.granularity - below.granularity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_overhead_is_its_own_metg() {
        // One worker, 2 µs of overhead a task: at 50 % a task takes 4 µs.
        let point = |microseconds: f64| {
            let seconds = (microseconds + 2.0) * 1e-6;
            Point { granularity: seconds, rate: microseconds / seconds }
        };
        let curve = [1536.0, 768.0, 48.0, 24.0, 12.0, 6.0, 3.0, 1.5, 0.75].map(point);
        let figure = metg(&curve).unwrap();
        assert!((3.9e-6..4.2e-6).contains(&figure), "{figure}");
    }

    #[test]
    fn no_figure_where_nothing_falls_below_half() {
        assert_eq!(metg(&[Point { granularity: 1.0, rate: 1.0 }]), None);
    }
}
