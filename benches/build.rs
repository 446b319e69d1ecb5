//! Writes the workflows that are too long to be written by hand: chains and fan-outs of so many nodes.

use std::{env, fmt::Write as _, fs, io, path::Path};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let many = if env::var_os("CARGO_FEATURE_FULL").is_some() { 1_000 } else { 50 };
    let folder = env::var("OUT_DIR").expect("cargo sets it");
    let mut modules = format!("/// How many nodes the long workflows have.\npub(crate) const MANY: usize = {many};\n");
    for (name, text) in [
        ("chain", chain(many)),
        ("few", fan_out("few", 3)),
        ("many", fan_out("many", many)),
        ("few_processes", fan_outs("few_processes", 3)),
        ("many_processes", fan_outs("many_processes", many)),
    ] {
        let file = format!("{folder}/{name}.yaml");
        fs::write(&file, text)?;
        let _ =
            writeln!(modules, "include_workflow!({file:?}, main = false, visibility = pub(crate), warnings = false);");
    }
    fs::write(Path::new(&folder).join("generated.rs"), modules)
}

/// `nodes`, one after the other.
fn chain(nodes: usize) -> String {
    let mut text =
        String::from("name: chain\nstate_schema:\n  turns: { type: u64, input: true }\n  last: u64\nnodes:\n");
    for node in 0..nodes {
        let _ = writeln!(text, "  - {{ name: n{node}, run: spin(turns), output: last }}");
    }
    text
}

/// A fan-out of `tasks` branches on threads.
fn fan_out(name: &str, tasks: usize) -> String {
    let (keys, nodes, heads) = branches(tasks);
    format!(
        "name: {name}\nstate_schema:\n  turns: {{ type: u64, input: true }}\n{keys}\
         nodes:\n{nodes}  - {{ name: join, run: () }}\n\
         edges:\n  - {{ from: __start__, to: [{heads}], parallel: true, fan_in: join }}\n"
    )
}

/// `rounds` fan-outs of `tasks` branches each in processes, one after the other, and how long they took: without the
/// first one, which starts workers.
fn fan_outs(name: &str, tasks: usize) -> String {
    let (keys, nodes, heads) = branches(tasks);
    format!(
        "name: {name}\nstate_schema:\n  turns: {{ type: u64, input: true }}\n  rounds: {{ type: u64, input: true }}\n  \
         round: u64\n  begin: {{ type: Instant, transient: true }}\n  seconds: f64\n{keys}nodes:\n  \
         - {{ name: first, run: 0, output: round }}\n  \
         - {{ name: clock, run: 'Instant::now()', output: begin }}\n  \
         - {{ name: fan_out, max_visits: 1000000, run: () }}\n{nodes}  \
         - {{ name: join, run: round + 1, output: round, max_visits: 1000000, goto: [\n    \
         {{ if: round == 1, to: clock }}, {{ if: round <= rounds, to: fan_out }}, {{ to: end }}] }}\n  \
         - {{ name: end, run: begin.elapsed().as_secs_f64(), output: seconds }}\n\
         edges:\n  - {{ from: fan_out, to: [{heads}], parallel: true, fan_in: join, parallel_strategy: process }}\n"
    )
}

/// Keys and nodes of so many branches, and their names.
fn branches(tasks: usize) -> (String, String, String) {
    let lines = |line: fn(usize) -> String| (0..tasks).map(line).collect::<String>();
    let keys = lines(|task| format!("  k{task}: u64\n"));
    let nodes = lines(|task| format!("  - {{ name: b{task}, run: spin(turns), output: k{task} }}\n"));
    (keys, nodes, (0..tasks).map(|task| format!("b{task}")).collect::<Vec<_>>().join(", "))
}
