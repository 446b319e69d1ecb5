//! Files of 10,000 nodes, of the shapes that would show a pass that recurses or is quadratic. The time is not measured
//! here; a recursion would overflow a test's stack, and a quadratic pass would be noticed.

mod support;

use std::fmt::Write;

const NODES: usize = 10_000;

/// A file whose nodes come from `node`, which gets a node's number, with a key for each.
fn file(head: &str, mut node: impl FnMut(&mut String, usize)) -> String {
    let mut text = format!("name: large\n{head}state_schema:\n  n: {{ type: u64, input: true }}\n");
    for index in 0..NODES {
        _ = writeln!(text, "  k{index}: u64");
    }
    text.push_str("nodes:\n");
    for index in 0..NODES {
        _ = write!(text, "  - name: n{index}\n    output: k{index}\n");
        node(&mut text, index);
    }
    text
}

fn compiles(text: String) {
    let said = support::compile("large.yaml", text.into_bytes());
    assert!(said.findings.is_empty(), "{}", said.text.chars().take(2000).collect::<String>());
}

/// The key that the node before writes; the input for the first one.
fn previous(index: usize) -> String {
    index.checked_sub(1).map_or_else(|| "n".to_owned(), |index| format!("k{index}"))
}

#[test]
fn a_chain() {
    compiles(file("", |text, index| _ = writeln!(text, "    run: {} + 1", previous(index))));
}

#[test]
fn a_chain_of_needs() {
    compiles(file("", |text, index| {
        let need = index.checked_sub(1).map(|index| format!("n{index}"));
        _ = write!(text, "    run: {} + 1\n    needs: [{}]\n", previous(index), need.unwrap_or_default());
    }));
}

#[test]
fn a_branch_that_is_a_chain() {
    let mut text = file("", |text, index| _ = writeln!(text, "    run: {} + 1", previous(index)));
    let nodes: Vec<_> = (0..NODES).map(|index| format!("n{index}")).collect();
    _ = write!(
        text,
        "  - {{ name: join, run: () }}\nedges:\n  - {{ from: __start__, to: [[{}]], parallel: true, fan_in: join }}\n",
        nodes.join(", "),
    );
    compiles(text);
}

#[test]
fn a_wide_fan_out() {
    let mut text = file("settings: { parallel: { strategy: process } }\n", |text, _| text.push_str("    run: n + 1\n"));
    text.push_str("  - { name: join, run: () }\nedges:\n");
    for index in 0..NODES {
        _ = writeln!(text, "  - {{ from: __start__, to: n{index}, parallel: true, fan_in: join }}");
    }
    compiles(text);
}

#[test]
fn loops_in_loops() {
    compiles(file("", |text, index| {
        text.push_str("    run: n + 1\n");
        if let (Some(back), true) = ((NODES - 1).checked_sub(index), index >= NODES / 2) {
            let on = if index + 1 < NODES { format!("n{}", index + 1) } else { "__end__".to_owned() };
            _ = writeln!(text, "    goto: [{{ if: k{index} > n, to: n{back} }}, {{ to: {on} }}]");
        }
    }));
}
