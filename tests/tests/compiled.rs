//! How much of a workflow rustc has to compile, counted in functions, since a time would depend on the machine.

use std::fmt::Write as _;

use tests::project::Project;

/// Groups of five nodes with a fan-out in worker processes, which have keys of common types; and nodes that write `own` keys,
/// each of a type of its own, which go to workers, too.
fn functions(name: &str, groups: usize, own: usize) -> usize {
    let (mut keys, mut nodes, mut edges) = (String::new(), String::new(), String::new());
    let mut main = String::new();
    for group in 0..groups {
        let before = if group == 0 { "seed".to_owned() } else { format!("end_{}", group - 1) };
        let mut node = |name: &str, ty: &str, run: &str| {
            let _ = writeln!(keys, "  {name}_{group}: {ty}");
            let _ = writeln!(nodes, "  - name: {name}_{group}\n    run: |\n      {run}\n    output: {name}_{group}");
        };
        node("text", "String", &format!("{before}.to_string()"));
        node("series", "Vec<f64>", &format!("text_{group}.bytes().map(f64::from).collect()"));
        node("low", "f64", &format!("series_{group}.iter().copied().fold(f64::MAX, f64::min)"));
        node("sum", "f64", &format!("series_{group}.iter().sum()"));
        node("end", "u64", &format!("{before} + low_{group} as u64 + sum_{group} as u64"));
        let _ = writeln!(
            edges,
            "  - {{ from: series_{group}, to: [low_{group}, sum_{group}], parallel: true, fan_in: end_{group}, \
             parallel_strategy: process }}"
        );
    }
    for own in 0..own {
        let _ = writeln!(keys, "  row_{own}: Row{own}");
        let _ = writeln!(
            nodes,
            "  - name: row_{own}\n    run: |\n      Row{own} {{ id: end_0, name: text_0.clone(), values: series_0.clone() }}\n    \
             output: row_{own}"
        );
        let _ = writeln!(
            main,
            "#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]\n\
             struct Row{own} {{ id: u64, name: String, values: Vec<f64> }}"
        );
    }
    if own > 0 {
        // All rows are read in a worker.
        let rows = |text: &dyn Fn(usize) -> String| (0..own).map(text).collect::<Vec<_>>().join(", ");
        keys += "  rows: usize\n";
        let _ = writeln!(
            nodes,
            "  - name: read\n    run: |\n      [{}].iter().sum()\n    output: rows\n  - {{ name: other, run: \"()\" }}\n  - {{ \
             name: last, run: \"()\" }}",
            rows(&|own| format!("row_{own}.values.len()"))
        );
        let _ = writeln!(
            edges,
            "  - {{ from: row_{}, to: [read, other], parallel: true, fan_in: last, parallel_strategy: process }}",
            own - 1
        );
    }
    let flow = format!(
        "name: many\nstate_schema:\n  seed: {{ type: u64, input: true }}\n{keys}nodes:\n{nodes}edges:\n{edges}"
    );
    main += "tea_runtime::include_workflow!(\"flow.yaml\");\n";
    Project::new(name, &[("main.rs", &main), ("flow.yaml", &flow)]).compiled_functions()
}

/// If this fails, something generic is compiled in users' crates again that was compiled with the runtime, or once.
#[test]
fn rustc_compiles_one_function_a_node_and_what_a_type_needs_once_a_type() {
    let (few, many) = (functions("user-compiles-few", 2, 0), functions("user-compiles-many", 20, 0));
    let (one, three) = (functions("user-compiles-one", 2, 1), functions("user-compiles-three", 2, 3));
    let counts = format!("10 nodes: {few}, 100 nodes: {many}, with one type of its own: {one}, with three: {three}");
    println!("{counts}");
    assert!(many - few <= 90 * 5 / 4, "for each node: {counts}");
    assert!(few <= 300, "for any workflow with common types: {counts}");
    assert!((three - one) / 2 <= 700, "for each further type: {counts}");
}
