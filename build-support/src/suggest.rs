//! The nearest name to a mistyped one.

/// The candidate nearest to `word`, if one is near enough to be what was meant: at most a third of the letters differ,
/// or `word` is the one half of it (`workers` of `max_workers`) and of no other.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let word = plain(word);
    let letters = word.chars().count();
    let limit = (letters / 3).max(1);
    let near = candidates
        .clone()
        .into_iter()
        .map(|candidate| (candidate, plain(candidate)))
        .filter(|(_, plain)| plain.chars().count().abs_diff(letters) <= limit)
        .map(|(candidate, plain)| (strsim::osa_distance(&word, &plain), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate);
    near.or_else(|| {
        let is_half = |candidate: &str| {
            let after = candidate.strip_prefix(&word).is_some_and(|rest| rest.starts_with('_'));
            let before = candidate.strip_suffix(&word).is_some_and(|rest| rest.ends_with('_'));
            letters > 2 && (after || before)
        };
        let mut halves = candidates.into_iter().filter(|candidate| is_half(candidate));
        halves.next().filter(|_| halves.next().is_none())
    })
}

/// What other tools' words for entries are called here, where that is not near: the one that fits is meant.
pub(crate) fn from_elsewhere(word: &str) -> &'static [&'static str] {
    match plain(word).as_str() {
        "steps" | "jobs" | "tasks" | "stages" | "states" => &["nodes"],
        "id" | "key" | "label" | "title" => &["name"],
        "command" | "cmd" | "script" | "exec" | "code" | "action" | "uses" | "function" => &["run"],
        "depends_on" | "depends" | "dependencies" | "after" | "requires" | "upstream" => &["needs"],
        "next" | "then" | "transitions" => &["goto"],
        "outputs" | "returns" | "result" | "register" => &["output"],
        "state" | "schema" | "inputs" | "params" | "variables" | "vars" => &["state_schema"],
        "for_each" | "foreach" | "matrix" | "loop" | "with_items" => &["items"],
        "if" | "condition" => &["when", "if"],
        "when" => &["if"],
        "source" => &["from"],
        "target" | "destination" => &["to"],
        "join" | "merge" => &["fan_in"],
        "retries" | "attempts" | "times" => &["max_retries", "retry"],
        "delay" => &["base_delay"],
        "backoff" | "factor" | "multiplier" => &["backoff_multiplier"],
        "on" | "kinds" => &["retry_on"],
        "failures" | "max_failures" | "errors" | "max_errors" => &["failure_threshold"],
        "timeout" | "cooldown" | "reset_after" => &["reset_timeout"],
        "required" => &["input"],
        _ => &[],
    }
}

/// Without what is easily mistaken: case, dashes, and underscores around it.
fn plain(word: &str) -> String {
    word.to_lowercase().replace(['-', ' '], "_").trim_matches('_').to_owned()
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
        assert_eq!(nearest("workers", names), Some("max_workers"));
        assert_eq!(nearest("total", names), Some("timeout_total"));
        assert_eq!(nearest("end", ["load", "__end__"]), Some("__end__"));
        assert_eq!(nearest("delay", ["base_delay", "max_delay"]), None);
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest("", names), None);
    }

    #[test]
    fn without_a_near_name_the_help_lists_what_there_is() {
        assert_eq!(help("zzz", "nodes", ["a", "b"]).as_deref(), Some("known nodes: `a`, `b`"));
        assert_eq!(help("zzz", "nodes", []), None);
    }
}
