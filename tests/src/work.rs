//! Work for workflows: plain functions of plain data, so that a test can evaluate them by hand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Nested data of every kind that serde knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    /// Nothing.
    Empty,
    /// A radius.
    Circle(f64),
    /// Two sides.
    Rectangle {
        /// One.
        width: f64,
        /// The other.
        height: f64,
    },
    /// Others, by name.
    Group(BTreeMap<String, Vec<Option<Shape>>>),
}

impl Shape {
    /// The area of all of it; π is 3.
    #[must_use]
    pub fn area(&self) -> f64 {
        match self {
            Self::Empty => 0.0,
            Self::Circle(radius) => 3.0 * radius * radius,
            Self::Rectangle { width, height } => width * height,
            Self::Group(shapes) => shapes.values().flatten().flatten().map(Self::area).sum(),
        }
    }

    /// A shape with this one in it, `levels` deep.
    #[must_use]
    pub fn grow(&self, levels: u64) -> Self {
        (0..levels).fold(self.clone(), |inner, level| {
            let beside = Self::Rectangle { width: 0.5, height: 3.0 };
            Self::Group(BTreeMap::from([
                (format!("level {level}"), vec![Some(inner), None, Some(Self::Circle(1.0))]),
                ("beside".to_owned(), vec![Some(beside)]),
                (String::new(), Vec::new()),
            ]))
        })
    }
}

/// Some numbers that look random; how many depends on the seed too.
#[must_use]
pub fn numbers(seed: u64) -> Vec<u64> {
    let next =
        |n: &u64| Some(n.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f).rotate_left(23));
    std::iter::successors(Some(seed), next).take(usize::try_from(seed % 500).unwrap_or(0)).collect()
}

/// The sum of numbers, modulo 2^64.
#[must_use]
pub fn sum(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |sum, number| sum.wrapping_add(*number))
}

/// How often each word occurs.
#[must_use]
pub fn counts(words: &[String]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word.clone()).or_default() += 1;
    }
    counts
}

/// The longest word, the first of several.
#[must_use]
pub fn longest(words: &[String]) -> Option<&String> {
    words.iter().rev().max_by_key(|word| word.len())
}

/// Fills so much memory and gives the number of bytes.
#[must_use]
pub fn fill(mebibytes: usize) -> usize {
    std::hint::black_box(vec![1_u8; mebibytes << 20]).len()
}

/// One list after the other.
#[must_use]
pub fn chain(mut first: Vec<String>, second: Vec<String>) -> Vec<String> {
    first.extend(second);
    first
}

/// Computes for so many rounds.
#[must_use]
pub fn burn(seed: u64, rounds: u64) -> u64 {
    (0..rounds).fold(seed, |n, round| n.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(round).rotate_left(17))
}
