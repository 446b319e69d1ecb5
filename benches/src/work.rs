//! Work of a known length: the same instructions for every contender, so that a preempted round costs all alike.

use std::{hint::black_box, sync::OnceLock, time::Instant};

/// Keeps a core busy for so many turns, without asking the clock.
#[inline]
pub(crate) fn spin(turns: u64) -> u64 {
    let mut value = turns;
    for _ in 0..black_box(turns) {
        // A chain of dependent multiplications: no core does it faster for being wide.
        value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
    value
}

/// How many turns take this long on a core that nothing disturbs.
pub(crate) fn turns(nanoseconds: u64) -> u64 {
    static PER_MICROSECOND: OnceLock<u64> = OnceLock::new();
    nanoseconds * PER_MICROSECOND.get_or_init(calibrate) / 1_000
}

/// The best of several tries.
fn calibrate() -> u64 {
    const TURNS: u64 = 200_000;
    let best = (0..20).map(|_| {
        let start = Instant::now();
        spin(TURNS);
        start.elapsed()
    });
    let nanoseconds = best.min().map_or(1, |best| best.as_nanos().max(1));
    u64::try_from(u128::from(TURNS) * 1_000 / nanoseconds).unwrap_or(u64::MAX).max(1)
}
