//! The answer as text.

use crate::{bootstrap::Interval, eruptions::Eruption};

/// Describes the results and their precision.
pub(crate) fn render(
    eruptions: &[Eruption],
    long: f64,
    rounds: u64,
    samples: usize,
    difference: &Interval,
    correlation: &Interval,
) -> String {
    let count = eruptions.iter().filter(|eruption| eruption.minutes >= long).count();
    format!(
        "{} eruptions, {count} of {long} minutes or longer\n\
         minutes that one waits longer after those: {}\n\
         correlation of length and wait:            {}\n\
         from {samples} samples in {rounds} rounds\n",
        eruptions.len(),
        interval(difference),
        interval(correlation),
    )
}

fn interval(Interval { low, middle, high, unsure }: &Interval) -> String {
    format!("{middle:6.3} (95 %: {low:.3} to {high:.3}, ends sure to {:.1} % of that)", 100.0 * unsure)
}
