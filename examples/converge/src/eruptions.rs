//! The observations.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// One eruption.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Eruption {
    /// Its duration in minutes.
    #[serde(rename = "eruptions")]
    pub(crate) minutes: f64,
    /// The time until the next one, in minutes.
    #[serde(rename = "waiting")]
    pub(crate) wait: f64,
}

/// Reads a CSV file.
pub(crate) fn read(path: &Path) -> csv::Result<Vec<Eruption>> {
    csv::Reader::from_path(path)?.deserialize().collect()
}

/// The waits after eruptions whose duration satisfies a condition.
pub(crate) fn waits(eruptions: &[Eruption], is_wanted: impl Fn(f64) -> bool) -> Result<Vec<f64>, &'static str> {
    let wanted = eruptions.iter().filter(|eruption| is_wanted(eruption.minutes));
    let waits: Vec<_> = wanted.map(|eruption| eruption.wait).collect();
    if waits.is_empty() {
        Err("all eruptions are on the same side of `long`: there is nothing to compare")
    } else {
        Ok(waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::{correlation, mean};

    #[test]
    fn the_data_are_those_that_everybody_knows() {
        let eruptions = read(Path::new("data/faithful.csv")).unwrap();
        assert_eq!(eruptions.len(), 272);
        let near = |value: f64, known: f64, digits: f64| (value - known).abs() < 0.5 * digits;
        assert!(near(mean(eruptions.iter().map(|eruption| eruption.minutes)), 3.487_783, 1e-6));
        assert!(near(mean(waits(&eruptions, |_| true).unwrap().into_iter()), 70.897_06, 1e-5));
        assert!(near(correlation(&eruptions), 0.900_811_2, 1e-7));
    }
}
