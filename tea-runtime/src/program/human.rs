//! Formats times and signals for people.

use std::time::Duration;

/// A time as people write it: `0.4 ms`, `350 ms`, `2.4 s`, `3 min 12 s`, `2 h 05 min`.
pub(super) fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match duration.as_millis() {
        0..10 => format!("{}.{} ms", duration.as_millis(), duration.as_micros() / 100 % 10),
        10..1000 => format!("{} ms", duration.as_millis()),
        1000..60_000 => format!("{seconds}.{} s", duration.subsec_millis() / 100),
        60_000..3_600_000 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// The name of a signal, such as `SIGINT`.
pub(super) fn signal_name(signal: i32) -> Option<&'static str> {
    signal_hook::low_level::signal_name(signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let words = [7, 999, 1000, 2_450, 59_999, 60_000, 192_000, 3_600_000, 7_500_000];
        assert_eq!(
            words.map(|millis| time(Duration::from_millis(millis))),
            ["7.0 ms", "999 ms", "1.0 s", "2.4 s", "59.9 s", "1 min 00 s", "3 min 12 s", "1 h 00 min", "2 h 05 min"]
        );
    }
}
