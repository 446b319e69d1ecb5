//! Numbers of things in messages.

/// So many of them, in words: `1 item`, `2 items`.
pub(crate) fn counted(count: impl Into<u64>, one: &str, many: &str) -> String {
    let count = count.into();
    format!("{count} {}", if count == 1 { one } else { many })
}

/// So many bytes, in words.
pub(crate) fn bytes(count: u64) -> String {
    counted(count, "byte", "bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        let counts = [0_u64, 1, 2].map(|count| counted(count, "retry", "retries"));
        assert_eq!(counts, ["0 retries", "1 retry", "2 retries"]);
        assert_eq!([bytes(1), bytes(21)], ["1 byte", "21 bytes"]);
    }
}
