//! Counts canonical k-mers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sequence::Part;

/// The length of the longest k-mer: it has two bits per base in a `u64`.
const MAX_K: usize = 31;

/// How often each canonical k-mer occurs. A k-mer and its reverse complement are the same molecule, read from one
/// strand or the other; both are represented by the smaller of the two codes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// The k-mers in ascending order, two bits per base.
    #[serde(with = "tea_runtime::packed")]
    pub(crate) kmers: Vec<u64>,
    /// How often each occurs.
    #[serde(with = "tea_runtime::packed")]
    pub(crate) times: Vec<u32>,
}

/// How many distinct k-mers occur once, twice, and so on.
pub(crate) type Spectrum = BTreeMap<u32, u64>;

impl Counts {
    /// Counts the k-mers of a part, except those that contain anything other than A, C, G and T.
    pub(crate) fn of(part: &Part, k: usize) -> Result<Self, String> {
        if !(1..=MAX_K).contains(&k) {
            return Err(format!("k is {k}, but must be from 1 to {MAX_K}"));
        }
        let mut kmers = canonical_kmers(&part.bases, k);
        kmers.sort_unstable();
        let mut times = Vec::with_capacity(kmers.len());
        for run in kmers.chunk_by(u64::eq) {
            times.push(u32::try_from(run.len()).map_err(|_| "a part holds too many k-mers")?);
        }
        kmers.dedup();
        Ok(Self { kmers, times })
    }

    /// Adds up the counts of many parts.
    pub(crate) fn sum(parts: &[Self]) -> Self {
        match parts {
            [] => Self::default(),
            [part] => part.clone(),
            [left, right] => left.merge(right),
            _ => {
                let (left, right) = parts.split_at(parts.len() / 2);
                Self::sum(left).merge(&Self::sum(right))
            }
        }
    }

    fn merge(&self, other: &Self) -> Self {
        let most = self.kmers.len() + other.kmers.len();
        let mut merged = Self { kmers: Vec::with_capacity(most), times: Vec::with_capacity(most) };
        let (mut left, mut right) = (self.iter().peekable(), other.iter().peekable());
        loop {
            let (kmer, times) = match (left.peek(), right.peek()) {
                (Some(l), Some(r)) if l.0 == r.0 => (l.0, l.1 + r.1),
                (Some(l), Some(r)) => *l.min(r),
                (Some(one), None) | (None, Some(one)) => *one,
                (None, None) => return merged,
            };
            left.next_if(|(next, _)| *next == kmer);
            right.next_if(|(next, _)| *next == kmer);
            merged.kmers.push(kmer);
            merged.times.push(times);
        }
    }

    /// The number of distinct k-mers for each number of occurrences.
    pub(crate) fn spectrum(&self) -> Spectrum {
        let mut spectrum = Spectrum::new();
        for times in &self.times {
            *spectrum.entry(*times).or_default() += 1;
        }
        spectrum
    }

    fn iter(&self) -> impl Iterator<Item = (u64, u32)> {
        self.kmers.iter().copied().zip(self.times.iter().copied())
    }
}

/// The canonical k-mers of `bases` in order, including repetitions.
fn canonical_kmers(bases: &[u8], k: usize) -> Vec<u64> {
    let mask = (1 << (2 * k)) - 1;
    let (mut forward, mut backward, mut known) = (0, 0, 0);
    let mut kmers = Vec::with_capacity(bases.len());
    for base in bases {
        let code = match base {
            b'A' => 0,
            b'C' => 1,
            b'G' => 2,
            b'T' => 3,
            _ => {
                known = 0;
                continue;
            }
        };
        forward = (forward << 2 | code) & mask;
        backward = backward >> 2 | (3 - code) << (2 * (k - 1));
        known += 1;
        if known >= k {
            kmers.push(forward.min(backward));
        }
    }
    kmers
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::sequence::Sequence;

    /// Counts k-mers as text, without codes: slow but obviously correct.
    fn naive(bases: &[u8], k: usize) -> HashMap<String, u32> {
        let mut counts = HashMap::new();
        for kmer in bases.windows(k).filter(|kmer| kmer.iter().all(|base| b"ACGT".contains(base))) {
            let kmer = String::from_utf8(kmer.to_vec()).unwrap();
            let turned = kmer.chars().rev().map(|base| match base {
                'A' => 'T',
                'C' => 'G',
                'G' => 'C',
                _ => 'A',
            });
            *counts.entry(turned.collect::<String>().min(kmer)).or_default() += 1;
        }
        counts
    }

    fn text(kmer: u64, k: usize) -> String {
        (0..k).rev().map(|place| char::from(b"ACGT"[(kmer >> (2 * place) & 3) as usize])).collect()
    }

    proptest! {
        #[test]
        fn merged_parts_equal_a_naive_count(
            bases in prop::collection::vec(prop::sample::select(b"ACGTACGTACGTN".to_vec()), 0..400),
            k in 1..=MAX_K,
            parts in 1..9_usize,
        ) {
            let sequence = Sequence { title: String::new(), bases };
            let counts: Vec<_> = sequence.parts(parts, k).iter().map(|part| Counts::of(part, k).unwrap()).collect();
            let found: HashMap<_, _> = Counts::sum(&counts).iter().map(|(kmer, times)| (text(kmer, k), times)).collect();
            prop_assert_eq!(found, naive(&sequence.bases, k));
        }
    }

    #[test]
    fn a_kmer_and_its_reverse_complement_are_one() {
        let counts = |bases: &[u8]| Counts::of(&Part { bases: bases.to_vec() }, 5).unwrap();
        assert_eq!(counts(b"AACGT"), counts(b"ACGTT"));
        assert_eq!(counts(b"AAAAANTTTTT").spectrum(), Spectrum::from([(2, 1)]));
    }

    #[test]
    fn k_has_bounds() {
        let part = Part { bases: b"ACGT".to_vec() };
        assert!(Counts::of(&part, 0).is_err());
        assert!(Counts::of(&part, MAX_K + 1).is_err());
        assert!(Counts::of(&part, MAX_K).is_ok());
    }
}
