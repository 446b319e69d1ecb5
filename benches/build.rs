//! Writes the workflows that are too long to be written by hand: chains and fan-outs of so many nodes.

use std::{env, fmt::Write as _, fs, io, path::Path};

/// How many branches go to other hosts.
const REMOTE: usize = 200;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let many = if env::var_os("CARGO_FEATURE_FULL").is_some() { 1_000 } else { 50 };
    let folder = env::var("OUT_DIR").expect("cargo sets it");
    let mut modules = format!(
        "/// How many nodes the long workflows have.\npub(crate) const MANY: usize = {many};\n\
         /// How many branches go to other hosts.\npub(crate) const REMOTE: usize = {REMOTE};\n"
    );
    let mut workflows = vec![
        ("chain", chain(many)),
        ("few", fan_out("few", 3)),
        ("many", fan_out("many", many)),
        ("few_processes", fan_outs("few_processes", 3, "process")),
        ("many_processes", fan_outs("many_processes", many, "process")),
        ("remote_branches", fan_outs("remote_branches", REMOTE, "remote")),
    ];
    // Each of these twice: with `checkpoint`, and without.
    for (name, recorded, text) in [
        ("steps", "recorded_steps", steps()),
        ("branches", "recorded_branches", fan_outs("branches", many, "thread")),
        ("mapped", "recorded_mapped", MAPPED.to_owned()),
        ("listed", "recorded_listed", LISTED.to_owned()),
    ] {
        let head = format!("name: {recorded}\nsettings: {{ checkpoint: true }}\n");
        workflows.push((recorded, text.replacen(&format!("name: {name}\n"), &head, 1)));
        workflows.push((name, text));
    }
    for (name, text) in workflows {
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

/// Rounds of ten nodes, of which the last one decides whether there is another round, and how long they took.
fn steps() -> String {
    let node = |n: u32| format!("  - {{ name: n{n}, run: round + {n}, output: last, max_visits: 1000000 }}\n");
    let nodes: String = (1..9).map(node).collect();
    format!(
        "name: steps
state_schema:
  rounds: {{ type: u64, input: true }}
  round: u64
  last: u64
  begin: {{ type: Instant, transient: true }}
  seconds: f64
nodes:
  - {{ name: zero, run: 0, output: round }}
  - {{ name: clock, run: 'Instant::now()', output: begin }}
  - {{ name: n0, run: round + 1, output: round, max_visits: 1000000 }}
{nodes}  - {{ name: n9, run: round + last, output: last, max_visits: 1000000, goto: [{{ if: round < rounds, to: n0 }}, {{ to: end }}] }}
  - {{ name: end, run: begin.elapsed().as_secs_f64(), output: seconds }}
"
    )
}

/// A map over the items of an expression, and how long it took.
const MAPPED: &str = "name: mapped
state_schema:
  count: { type: u64, input: true }
  begin: { type: Instant, transient: true }
  results: Vec<u64>
  seconds: f64
nodes:
  - { name: clock, run: 'Instant::now()', output: begin }
  - { name: each, type: dynamic_parallel, items: 0..count, item_var: n, run: n ^ 1, output: results }
  - { name: end, run: begin.elapsed().as_secs_f64(), output: seconds }
";

/// The same over the items of a key.
const LISTED: &str = "name: listed
state_schema:
  count: { type: u64, input: true }
  list: Vec<u64>
  begin: { type: Instant, transient: true }
  results: Vec<u64>
  seconds: f64
nodes:
  - { name: list, run: (0..count).collect(), output: list }
  - { name: clock, run: 'Instant::now()', output: begin }
  - { name: each, type: dynamic_parallel, items: list, item_var: n, run: n ^ 1, output: results }
  - { name: end, run: begin.elapsed().as_secs_f64(), output: seconds }
";

/// `rounds` fan-outs of `tasks` branches each, one after the other, and how long they took: without the first one, which
/// starts workers.
fn fan_outs(name: &str, tasks: usize, strategy: &str) -> String {
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
         edges:\n  - {{ from: fan_out, to: [{heads}], parallel: true, fan_in: join, parallel_strategy: {strategy} }}\n"
    )
}

/// Keys and nodes of so many branches, and their names.
fn branches(tasks: usize) -> (String, String, String) {
    let lines = |line: fn(usize) -> String| (0..tasks).map(line).collect::<String>();
    let keys = lines(|task| format!("  k{task}: u64\n"));
    let nodes = lines(|task| format!("  - {{ name: b{task}, run: spin(turns), output: k{task} }}\n"));
    (keys, nodes, (0..tasks).map(|task| format!("b{task}")).collect::<Vec<_>>().join(", "))
}
