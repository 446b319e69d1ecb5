//! The nearest name to a mistyped one.

/// The candidate nearest to `word`, if one is near enough to be what was meant: at most a third of the letters differ.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = word.chars().count();
    let limit = (letters / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(letters) <= limit)
        .map(|candidate| (strsim::osa_distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A help line for an unknown `word`: the nearest candidate, else what there is, or nothing if there is nothing.
/// `what` names the candidates in the plural ("nodes").
pub fn help<'a>(word: &str, what: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    /// More names than this help nobody.
    const SHOWN: usize = 16;
    if let Some(name) = nearest(word, candidates.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let mut candidates = candidates.into_iter();
    let mut list: Vec<_> = candidates.by_ref().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if candidates.next().is_some() {
        list.push("…".to_owned());
    }
    (!list.is_empty()).then(|| format!("known {what}: {}", list.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::{help, nearest};

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["strategy", "max_workers", "timeout", "timeout_total", "to"];
        assert_eq!(nearest("stratgy", names), Some("strategy"));
        assert_eq!(nearest("max-workers", names), Some("max_workers"));
        assert_eq!(nearest("Timeout", names), Some("timeout"));
        assert_eq!(nearest("tiemout", names), Some("timeout"));
        assert_eq!(nearest("ot", names), Some("to"));
        assert_eq!(nearest("workers", names), None);
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest("", names), None);
    }

    #[test]
    fn without_a_near_name_the_help_lists_what_there_is() {
        assert_eq!(help("zzz", "nodes", ["a", "b"]).as_deref(), Some("known nodes: `a`, `b`"));
        assert_eq!(help("zzz", "nodes", []), None);
    }
}
