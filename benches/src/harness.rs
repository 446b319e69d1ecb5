//! Races: several ways to do the same thing, measured side by side.
//!
//! The machine is never quite idle, so contenders take turns round by round, in an order that rotates, and what counts
//! is the median over the rounds of the ratio within a round: a disturbance that lasts longer than a round hits all alike.

use std::time::{Duration, Instant};

use anyhow::Result;

/// A way to do the thing.
pub(crate) struct Contender<'a> {
    name: String,
    sample: Box<dyn FnMut() -> Result<f64> + 'a>,
}

impl<'a> Contender<'a> {
    /// `sample` does it once or many times, and gives seconds an operation.
    pub(crate) fn new(name: impl Into<String>, sample: impl FnMut() -> Result<f64> + 'a) -> Self {
        Self { name: name.into(), sample: Box::new(sample) }
    }
}

/// What a contender achieved.
#[derive(Debug, Clone)]
pub(crate) struct Lap {
    /// Its name.
    pub(crate) name: String,
    /// Median seconds an operation.
    pub(crate) median: f64,
    /// The best round.
    pub(crate) best: f64,
    /// Median of its time over that of the first contender in the same round.
    pub(crate) ratio: f64,
}

/// Races `contenders` for `rounds` rounds, after one that does not count. The first is the reference of the ratios.
pub(crate) fn race(rounds: usize, contenders: &mut [Contender<'_>]) -> Result<Vec<Lap>> {
    let count = contenders.len();
    let mut times = vec![Vec::with_capacity(rounds); count];
    for contender in &mut *contenders {
        (contender.sample)()?;
    }
    for round in 0..rounds {
        for turn in 0..count {
            let index = (round + turn) % count;
            times[index].push((contenders[index].sample)()?);
        }
    }
    let reference = times[0].clone();
    let lap = |(contender, times): (&Contender<'_>, Vec<f64>)| Lap {
        name: contender.name.clone(),
        ratio: median(times.iter().zip(&reference).map(|(time, reference)| time / reference).collect()),
        best: times.iter().copied().fold(f64::INFINITY, f64::min),
        median: median(times),
    };
    Ok(contenders.iter().zip(times).map(lap).collect())
}

/// The median; the mean of the middle two where there is no middle.
///
/// # Panics
/// If there are no values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// Seconds a call of `body`, over `calls` calls.
pub(crate) fn seconds_per_call<E>(calls: u32, mut body: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let start = Instant::now();
    for _ in 0..calls {
        body()?;
    }
    Ok(start.elapsed().as_secs_f64() / f64::from(calls))
}

/// Seconds a call of `body`, over as many calls as take 20 ms, after one that does not count: of something that is warm.
pub(crate) fn seconds_per_warm_call<E>(mut body: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    body()?;
    let (start, mut calls) = (Instant::now(), 0.0);
    while start.elapsed() < Duration::from_millis(20) {
        body()?;
        calls += 1.0;
    }
    Ok(start.elapsed().as_secs_f64() / calls)
}
