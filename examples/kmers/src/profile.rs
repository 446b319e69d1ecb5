//! The GC profile: how much of each window is G or C, and on which strand.

use serde::{Deserialize, Serialize};

/// G and C in one window.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// The offset of its first base.
    pub(crate) start: usize,
    /// G and C as a percentage of the known bases.
    pub(crate) gc_percent: f64,
    /// G minus C as a percentage of G plus C. Its sign changes where replication starts and ends.
    pub(crate) skew_percent: f64,
}

/// Where replication starts and ends, estimated from the bases.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replication {
    /// The offset at which the cumulative G minus C is smallest.
    pub(crate) origin: usize,
    /// The offset at which it is largest.
    pub(crate) terminus: usize,
}

/// The profile of one window's bases.
pub(crate) fn window(start: usize, bases: &[u8]) -> Window {
    let [mut a, mut c, mut g, mut t] = [0_u32; 4];
    for base in bases {
        match base {
            b'A' => a += 1,
            b'C' => c += 1,
            b'G' => g += 1,
            b'T' => t += 1,
            _ => {}
        }
    }
    let [a, c, g, t] = [a, c, g, t].map(f64::from);
    Window { start, gc_percent: percent(g + c, a + c + g + t), skew_percent: percent(g - c, g + c) }
}

/// Finds the turning points of the cumulative GC skew.
pub(crate) fn replication(bases: &[u8]) -> Replication {
    let (mut skew, mut least, mut greatest) = (0_i64, (0, 0), (0, 0));
    for (offset, base) in (1..).zip(bases) {
        skew += match base {
            b'G' => 1,
            b'C' => -1,
            _ => 0,
        };
        least = least.min((skew, offset));
        if skew > greatest.0 {
            greatest = (skew, offset);
        }
    }
    Replication { origin: least.1, terminus: greatest.1 }
}

/// `part` as a percentage of `whole`, to two decimal places; 0 if `whole` is 0.
fn percent(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { (part / whole * 10_000.0).round() / 100.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_known_bases_only() {
        assert_eq!(window(7, b"GGCANNNN"), Window { start: 7, gc_percent: 75.0, skew_percent: 33.33 });
        assert_eq!(window(0, b"NN"), Window { start: 0, gc_percent: 0.0, skew_percent: 0.0 });
    }

    #[test]
    fn skew_turns_at_the_origin_and_the_terminus() {
        assert_eq!(replication(b"AGGCCCCGG"), Replication { origin: 7, terminus: 3 });
        assert_eq!(replication(b""), Replication { origin: 0, terminus: 0 });
    }
}
