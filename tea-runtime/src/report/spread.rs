//! How many values there were of which size, in little memory however many there are.

use std::collections::BTreeMap;

use serde::Serialize;

/// Values by size, in classes of which each is at most an eighth wider than the one before: what is told of a spread is
/// right to about 6 %.
#[derive(Debug, Default)]
pub(super) struct Spread {
    classes: BTreeMap<u32, u64>,
    count: u64,
    sum: u64,
    least: u64,
    most: u64,
}

/// What is told of a spread.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    count: u64,
    sum: u64,
    least: u64,
    /// The values below which a quarter, half, three quarters and 95 % of all are.
    quartiles: [u64; 4],
    most: u64,
    /// The lower bound and the number of values of each class.
    classes: Vec<(u64, u64)>,
}

impl Spread {
    /// Adds a value so many times.
    pub(super) fn add(&mut self, value: u64, times: u64) {
        self.least = if self.count == 0 { value } else { self.least.min(value) };
        self.most = self.most.max(value);
        self.count += times;
        self.sum = self.sum.saturating_add(value.saturating_mul(times));
        *self.classes.entry(class(value)).or_default() += times;
    }

    /// What is told of it, if there is anything.
    pub(super) fn told(&self) -> Option<Told> {
        let &Self { count, sum, least, most, ref classes } = self;
        let quartiles = [25, 50, 75, 95].map(|percent| self.below(percent));
        let classes = classes.iter().map(|(class, count)| (bound(*class), *count)).collect();
        (count > 0).then_some(Told { count, sum, least, quartiles, most, classes })
    }

    /// The value below which so many percent of all are.
    fn below(&self, percent: u64) -> u64 {
        let wanted = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (&class, count) in &self.classes {
            seen += count;
            if seen >= wanted {
                return u64::midpoint(bound(class), bound(class + 1) - 1).clamp(self.least, self.most);
            }
        }
        self.most
    }
}

/// Eight classes for each power of two; small values have classes of their own.
fn class(value: u64) -> u32 {
    let high = value.max(1).ilog2();
    if high < 3 {
        return u32::try_from(value).expect("it is below 8");
    }
    let eighth = u32::try_from(value >> (high - 3) & 7).expect("three bits fit");
    (high - 2) * 8 + eighth
}

/// The least value of a class.
fn bound(class: u32) -> u64 {
    if class < 8 {
        return u64::from(class);
    }
    let (high, eighth) = (class / 8 + 2, u64::from(class % 8));
    (8 + eighth).checked_shl(high - 3).filter(|bound| bound >> (high - 3) == 8 + eighth).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_in_its_class() {
        let values =
            (0..2000).chain((0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1])).chain([u64::MAX]);
        for value in values {
            let class = class(value);
            let (from, to) = (bound(class), bound(class + 1));
            assert!(from <= value && (value < to || to == u64::MAX), "{value} in {from}..{to}");
            assert!(value < 16 || to - from <= value / 8 + 1, "{from}..{to}");
        }
    }

    #[test]
    fn quartiles_are_right_to_a_few_percent() {
        let mut spread = Spread::default();
        (1..=100_000).for_each(|value| spread.add(value * 1000, 1));
        let told = spread.told().unwrap();
        for (told, right) in told.quartiles.into_iter().zip([25_000_000, 50_000_000, 75_000_000, 95_000_000]) {
            assert!(told.abs_diff(right) < right / 12, "{told} for {right}");
        }
        assert_eq!((told.least, told.most, told.count), (1000, 100_000_000, 100_000));
        assert!(told.classes.len() < 200);
        let mut one = Spread::default();
        one.add(37, 5);
        assert_eq!(one.told().unwrap().quartiles, [37; 4]);
        assert!(Spread::default().told().is_none());
    }
}
