//! Generated workflow files.

use std::fmt::Write as _;

/// A piece of the first node's Rust, and what an edit makes of it.
pub(crate) const CHANGING: &str = "seed ^ 0x5bd1";
/// What an edit makes of [`CHANGING`].
pub(crate) const CHANGED: &str = "seed ^ 0x1b87";

/// So many nodes, one after the other.
pub(crate) fn chain(nodes: u32) -> String {
    let mut text = head("chain");
    let _ = writeln!(text, "  n0: u64\nnodes:\n  - name: n0\n    run: {CHANGING}\n    output: n0");
    for node in 1..nodes {
        let _ = writeln!(text, "  - name: n{node}\n    run: n0.wrapping_add({node})\n    output: n0");
    }
    text
}

/// So many nodes (a multiple of ten) with a key each: texts, numbers and vectors, one after the other and in fan-outs of
/// four, half of them in processes.
pub(crate) fn mixed(nodes: u32) -> String {
    let mut keys = String::new();
    let (mut text, mut edges) = (String::from("nodes:\n"), String::from("edges:\n"));
    let mut before = format!("({CHANGING})");
    for group in 0..nodes / 10 {
        let mut node = |name: &str, ty: &str, run: &str| {
            let name = format!("{name}_{group}");
            let _ = writeln!(keys, "  {name}: {ty}");
            let _ = writeln!(text, "  - name: {name}\n    run: |\n      {run}\n    output: {name}");
        };
        let g = group;
        node("count", "u64", &format!("{before}.wrapping_mul(31).rotate_left(7)"));
        node("label", "String", &format!("format!(\"run {{count_{g}}} of {{}}\", seed)"));
        node("series", "Vec<f64>", &format!("label_{g}.bytes().map(f64::from).collect()"));
        node("low", "f64", &format!("series_{g}.iter().copied().fold(f64::MAX, f64::min)"));
        node("high", "f64", &format!("series_{g}.iter().copied().fold(f64::MIN, f64::max)"));
        node("sum", "f64", &format!("series_{g}.iter().sum()"));
        node("text", "String", &format!("label_{g}.to_uppercase()"));
        node("spread", "f64", &format!("high_{g} - low_{g} + sum_{g}"));
        node("note", "String", &format!("format!(\"{{text_{g}}}: {{spread_{g}:.3}}\")"));
        node("next", "u64", &format!("count_{g} + note_{g}.len() as u64"));
        let strategy = if group % 2 == 0 { "thread" } else { "process" };
        let _ = writeln!(
            edges,
            "  - {{ from: series_{g}, to: [low_{g}, high_{g}, sum_{g}, text_{g}], parallel: true, fan_in: spread_{g}, \
             parallel_strategy: {strategy} }}"
        );
        before = format!("next_{g}");
    }
    head("mixed") + &keys + &text + &edges
}

/// A workflow that calls `mixed.yaml` so many times, one after the other.
pub(crate) fn calls(times: u32) -> String {
    let mut keys = String::new();
    let mut nodes = String::from("nodes:\n");
    for call in 0..times {
        let _ = writeln!(keys, "  called_{call}: u64");
        let _ = writeln!(
            nodes,
            "  - {{ name: call_{call}, use: mixed.yaml, with: {{ seed: \"seed + {call}\" }}, output: {{ next_1: called_{call} }} }}"
        );
    }
    head("calls") + &keys + &nodes
}

fn head(name: &str) -> String {
    format!("name: {name}\nstate_schema:\n  seed: {{ type: u64, input: true, default: \"7\" }}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_nodes_as_asked_for() {
        let nodes = |text: &str| text.matches("- name: ").count();
        assert_eq!(nodes(&chain(7)), 7);
        assert_eq!(nodes(&mixed(40)), 40);
        assert_eq!(mixed(20).matches(CHANGING).count(), 1);
    }
}
