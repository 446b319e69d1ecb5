//! The bootstrap: estimates what a statistic would have been in other samples of the same kind.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::eruptions::Eruption;

/// An interval that contains 95 % of the samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) middle: f64,
    pub(crate) high: f64,
    /// How far the ends may still move (with 95 % probability), as a fraction of the interval's width.
    pub(crate) unsure: f64,
}

/// Samples to draw. The batch has its own seed, so the samples are the same wherever they are drawn.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Batch {
    draws: usize,
    seed: u64,
}

/// A seed for each round and purpose.
pub(crate) fn round_seed(seed: u64, round: u64, purpose: u64) -> u64 {
    Rng::with_seed(seed.wrapping_add(round << 8).wrapping_add(purpose)).u64(..)
}

/// Splits draws into batches.
pub(crate) fn batches(draws: usize, count: usize, seed: u64) -> Vec<Batch> {
    let mut seeds = Rng::with_seed(seed);
    (0..count).map(|at| Batch { draws: (draws + at) / count, seed: seeds.u64(..) }).collect()
}

/// Means of samples drawn from `values` with replacement.
pub(crate) fn means(values: &[f64], draws: usize, seed: u64) -> Vec<f64> {
    let mut rng = Rng::with_seed(seed);
    (0..draws).map(|_| mean((0..values.len()).map(|_| values[rng.usize(..values.len())]))).collect()
}

/// Correlations of samples drawn from `eruptions` with replacement.
pub(crate) fn correlations(eruptions: &[Eruption], batch: &Batch) -> Vec<f64> {
    let mut rng = Rng::with_seed(batch.seed);
    let mut sample = || (0..eruptions.len()).map(|_| eruptions[rng.usize(..eruptions.len())]).collect::<Vec<_>>();
    (0..batch.draws).map(|_| correlation(&sample())).collect()
}

/// The samples of two rounds.
pub(crate) fn concat(mut before: Vec<f64>, more: Vec<f64>) -> Vec<f64> {
    before.extend(more);
    before
}

#[expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^52")]
pub(crate) fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// Pearson's correlation of durations and waits.
pub(crate) fn correlation(eruptions: &[Eruption]) -> f64 {
    let (x, y) =
        (mean(eruptions.iter().map(|eruption| eruption.minutes)), mean(eruptions.iter().map(|eruption| eruption.wait)));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for eruption in eruptions {
        let (dx, dy) = (eruption.minutes - x, eruption.wait - y);
        xx += dx * dx;
        xy += dx * dy;
        yy += dy * dy;
    }
    xy / (xx * yy).sqrt()
}

impl Interval {
    /// The interval of some samples. If there are too few samples, `unsure` is infinite.
    #[expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^52")]
    pub(crate) fn of(samples: &[f64]) -> Self {
        let mut samples = samples.to_vec();
        samples.sort_unstable_by(f64::total_cmp);
        let count = samples.len() as f64;
        let at = |rank: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
            let index = rank.round().max(0.0) as usize;
            samples.get(index.min(samples.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
        };
        let (low, middle, high) = (at(0.025 * count), at(0.5 * count), at(0.975 * count));
        // The number of samples beyond an end may vary by this much: it has a binomial distribution.
        let ranks = 1.96 * (count * 0.025 * 0.975).sqrt();
        let spread = |share: f64| at(share * count + ranks) - at(share * count - ranks);
        let unsure = spread(0.025).max(spread(0.975)) / (high - low);
        Self { low, middle, high, unsure: if unsure.is_nan() { f64::INFINITY } else { unsure } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_hold_what_they_say_and_get_surer() {
        let uniform = |count: u32| (0..count).map(|at| f64::from(at) / f64::from(count)).collect::<Vec<_>>();
        let (few, many) = (Interval::of(&uniform(1_000)), Interval::of(&uniform(100_000)));
        assert_eq!((few.low, few.middle, few.high), (0.025, 0.5, 0.975));
        assert!(few.unsure > 9.0 * many.unsure && few.unsure < 11.0 * many.unsure);
        assert!(Interval::of(&[]).unsure.is_infinite());
    }

    #[test]
    fn batches_are_all_draws() {
        let batches = batches(10, 4, 1);
        assert_eq!(batches.iter().map(|batch| batch.draws).sum::<usize>(), 10);
        assert_ne!(batches[0].seed, batches[1].seed);
    }
}
