//! Words of messages.

/// So many of them, in words: `1 item`, `2 items`.
pub(crate) fn counted(count: impl Into<u64>, one: &str, many: &str) -> String {
    let count = count.into();
    format!("{count} {}", if count == 1 { one } else { many })
}

/// So many bytes, in words.
pub(crate) fn bytes(count: u64) -> String {
    counted(count, "byte", "bytes")
}

/// A name that is kept for the rest of the program's life, once.
#[cfg(feature = "remote")]
pub(crate) fn kept(name: &str) -> &'static str {
    use std::{
        collections::BTreeSet,
        sync::{Mutex, PoisonError},
    };
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.get(name).copied().unwrap_or_else(|| {
        let name = &*Box::leak(name.to_owned().into_boxed_str());
        kept.insert(name);
        name
    })
}

/// Where something ran, to follow what it was: ` on host ...`; nothing without a host.
pub(crate) fn on_host(host: Option<&str>) -> String {
    host.map(|host| format!(" on host `{host}`")).unwrap_or_default()
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
