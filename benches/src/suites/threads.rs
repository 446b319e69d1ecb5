//! Tasks on threads: fan-outs of 3 and 1,000 and chains of 1,000, with tasks of no, 1, 10 and 100 µs.

use anyhow::Result;

use crate::{
    Effort,
    harness::{Contender, race, seconds_per_call},
    peers,
    report::{Report, time, times},
    tea::{self, MANY},
    work,
};

const GRAINS: [u64; 4] = [0, 1_000, 10_000, 100_000];

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let mut report = Report::default();
    for nanoseconds in GRAINS {
        for tasks in [3, MANY] {
            let laps = race(effort.rounds(), &mut fan_outs(effort, tasks, nanoseconds)?)?;
            report.race(format!("Fan-out of {tasks}, tasks of {}", grain(nanoseconds)), &laps);
            if nanoseconds == 10_000 {
                let what = format!("{tasks} branches of 10 µs on threads, against `rayon::scope`");
                report.at_most(what, laps[1].ratio, 1.05, times);
            }
        }
        let laps = race(effort.rounds(), &mut chains(effort, MANY, nanoseconds)?)?;
        report.race(format!("Chain of {MANY}, tasks of {}", grain(nanoseconds)), &laps);
        if nanoseconds == 0 {
            #[allow(clippy::cast_precision_loss, reason = "a small number")]
            let node = (laps[1].median - laps[0].median) / MANY as f64;
            report.at_most("a sequential node, the whole run divided by its nodes", node, 100e-9, time);
        }
    }
    Ok(report)
}

fn grain(nanoseconds: u64) -> String {
    if nanoseconds == 0 { "no length".into() } else { format!("{} µs", nanoseconds / 1_000) }
}

/// How often a round repeats it: about 20 ms of work, at most 1,000 times.
fn repeats(effort: Effort, tasks: usize, nanoseconds: u64) -> u32 {
    let each = u64::try_from(tasks).unwrap_or(u64::MAX) * (nanoseconds + 200);
    effort.calls(u32::try_from(20_000_000 / each).unwrap_or(u32::MAX).clamp(1, 1_000))
}

/// One run: the part that takes time, apart from what is built beforehand.
fn repeated<'a>(name: &str, calls: u32, mut run: impl FnMut() + 'a) -> Contender<'a> {
    tried(name, calls, move || {
        run();
        Ok(())
    })
}

/// The same for what may fail.
fn tried<'a>(name: &str, calls: u32, mut run: impl FnMut() -> Result<()> + 'a) -> Contender<'a> {
    Contender::new(name, move || seconds_per_call(calls, &mut run))
}

fn fan_outs(effort: Effort, tasks: usize, nanoseconds: u64) -> Result<Vec<Contender<'static>>> {
    let (turns, calls) = (work::turns(nanoseconds), repeats(effort, tasks, nanoseconds));
    let mut contenders = vec![
        repeated("rayon `scope`", calls, move || peers::rayon::scope(tasks, turns)),
        tried("Tea", calls, move || tea::fan_out(tasks, turns)),
        repeated("rayon `par_iter`", calls, move || peers::rayon::par_iter(tasks, turns)),
        tried("Tea, items of a map", calls, move || tea::thread_items(tasks, turns)),
    ];
    contenders.extend(engines::fan_outs(tasks, turns, calls)?);
    Ok(contenders)
}

fn chains(effort: Effort, steps: usize, nanoseconds: u64) -> Result<Vec<Contender<'static>>> {
    let (turns, calls) = (work::turns(nanoseconds), repeats(effort, steps, nanoseconds));
    let mut contenders = vec![
        repeated("a loop", calls, move || peers::rayon::chain(steps, turns)),
        tried("Tea", calls, move || tea::chain(turns)),
    ];
    contenders.extend(engines::chains(steps, turns, calls)?);
    Ok(contenders)
}

/// The engines that only a full run builds.
#[cfg(feature = "full")]
mod engines {
    use std::{rc::Rc, time::Instant};

    use anyhow::Result;
    use tokio::runtime::Runtime;

    use crate::{
        harness::{Contender, seconds_per_call},
        machine,
        peers::{dagrs, graph_flow},
    };

    pub(super) fn fan_outs(tasks: usize, turns: u64, calls: u32) -> Result<Vec<Contender<'static>>> {
        let graph = graph_flow::Ready::fan_out(tasks, turns)?;
        both(move || dagrs::Ready::fan_out(tasks, turns), graph, calls)
    }

    pub(super) fn chains(steps: usize, turns: u64, calls: u32) -> Result<Vec<Contender<'static>>> {
        let graph = graph_flow::Ready::chain(steps, turns)?;
        both(move || dagrs::Ready::chain(steps, turns), graph, calls)
    }

    fn both(
        build: impl Fn() -> Result<dagrs::Ready> + 'static,
        graph: graph_flow::Ready,
        calls: u32,
    ) -> Result<Vec<Contender<'static>>> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime: Rc<Runtime> = Rc::new(builder.worker_threads(machine::workers()).enable_time().build()?);
        // A dagrs graph runs once; building it is not counted. A few runs are enough: they are long.
        let few = calls.clamp(1, 5);
        let for_dagrs = Rc::clone(&runtime);
        let dagrs = Contender::new("dagrs", move || {
            let mut seconds = 0.0;
            for _ in 0..few {
                let graph = build()?;
                let start = Instant::now();
                graph.run(&for_dagrs)?;
                seconds += start.elapsed().as_secs_f64();
            }
            Ok(seconds / f64::from(few))
        });
        let graph_flow = Contender::new("graph-flow", move || seconds_per_call(few, || graph.run(&runtime)));
        Ok(vec![dagrs, graph_flow])
    }
}

#[cfg(not(feature = "full"))]
mod engines {
    use anyhow::Result;

    use crate::harness::Contender;

    #[allow(clippy::unnecessary_wraps, reason = "the same shape as in a full build")]
    pub(super) fn fan_outs(_: usize, _: u64, _: u32) -> Result<Vec<Contender<'static>>> {
        Ok(Vec::new())
    }

    #[allow(clippy::unnecessary_wraps, reason = "the same shape as in a full build")]
    pub(super) fn chains(_: usize, _: u64, _: u32) -> Result<Vec<Contender<'static>>> {
        Ok(Vec::new())
    }
}
