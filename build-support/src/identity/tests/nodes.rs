//! What counts for which nodes, branches and keys.

use super::{ALL, NONE, Project, affected, call, nodes};
use crate::{
    identity::built::Call,
    plan::{Outside, Work},
};

#[test]
fn an_edit_changes_the_identities_of_the_nodes_that_it_can_reach_and_of_no_others() {
    type Edit = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);
    let (main, counting, shares) = ("src/main.rs", "src/counting.rs", "src/shares.rs");
    let edits: &[Edit] = &[
        ("a comment", main, "// Places.", "// Places, and more.\n\n", NONE),
        ("documentation", main, "/// Never more.", "/// Never more than this.", NONE),
        ("a lint", main, "fn unrelated", "#[allow(dead_code)]\nfn unrelated", NONE),
        (
            "layout",
            counting,
            "{ helped(n.measure(), limit) }",
            "{\n    helped(\n        n.measure(),\n        limit,\n    )\n}",
            NONE,
        ),
        ("a test", shares, "fn works() {}", "fn works() { panic!() }", NONE),
        ("an unrelated function", main, "fn unrelated() {}", "fn unrelated() { println!() }", NONE),
        ("an unrelated method", main, "{ 0.0 }", "{ 1.0 }", NONE),
        ("a node's own function", main, "let base", "let _ = 1; let base", &["place"]),
        ("a helper", counting, "sum!(deeper(n)", "sum!(1 + deeper(n)", &["count"]),
        ("a helper of a helper", counting, "{ MOST }", "{ n }", &["count"]),
        ("a const", counting, "MOST: u64 = 3", "MOST: u64 = 4", &["count"]),
        ("a const that the workflow names", main, "= 10", "= 11", &["count"]),
        ("a static", main, "STEP: f64 = 2.0", "STEP: f64 = 3.0", &["place"]),
        ("a method", main, "{} {}", "{}, {}", &["last"]),
        ("an operator", main, "self.x + other.x", "self.x - other.x", &["place", "last"]),
        ("an impl of a trait for a foreign type", counting, "{ *self }", "{ *self + 1 }", &["count"]),
        ("an impl for a type that is not used", counting, "{ 1 }", "{ 2 }", NONE),
        (
            "the trait itself",
            counting,
            "fn measure(&self) -> u64; }",
            "fn measure(&self) -> u64; fn more(&self) {} }",
            &["count"],
        ),
        ("a macro", counting, "{ $a + $b }", "{ $a * $b }", &["count"]),
        (
            "what `use … as` means",
            counting,
            "crate::shares::twice as double",
            "crate::shares::of as double",
            &["count"],
        ),
        ("a function that is known by another name", shares, "n * 2", "n * 3", &["count"]),
        ("an alias of a type", shares, "std::num::ParseFloatError", "std::fmt::Error", &["share"]),
        ("the layout of a type", main, "x: f64, y: f64 }", "y: f64, x: f64 }", &["place", "last"]),
        ("a derive", main, "#[derive(Clone, ", "#[derive(Clone, Default, ", &["place", "last"]),
        ("a dependency by path", "helper/src/lib.rs", "x.round()", "x.trunc()", &["place"]),
        ("an unrelated function of a dependency", "helper/src/lib.rs", "x.floor()", "x.ceil()", NONE),
        ("another function of a dependency", main, "use helper::round", "use helper::floor as round", &["place"]),
        ("an included file", "src/weights.txt", "abc", "abcd", &["share"]),
        ("a renamed node", "src/flow.yaml", "name: last", "name: finish", NONE),
        ("a policy", "src/flow.yaml", "name: last,", "name: last, max_visits: 3,", NONE),
        ("a node's Rust", "src/flow.yaml", "place(n)", "place(n + 1)", &["place"]),
        ("layout of a node's Rust", "src/flow.yaml", "\"place(n)\"", "\"place( n ) /* there */\"", NONE),
        ("an item macro", main, "fn unrelated", "other::register!(1);\nfn unrelated", ALL),
    ];
    let before = Project::new().nodes();
    let wrong: Vec<String> = edits
        .iter()
        .filter_map(|(what, file, from, to, expected)| {
            let after = Project::new().edit(file, from, to).nodes();
            let found = affected(&before, &after);
            (found != *expected).then(|| format!("{what}: {found:?} instead of {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_version_counts_in_place_of_the_code_and_the_layout_of_types_as_before() {
    let main = "src/main.rs";
    let pinned = Project::new().edit("src/flow.yaml", "name: place,", "name: place, version: \"1\",").edit(
        "src/flow.yaml",
        "name: last,",
        "name: last, version: \"1\",",
    );
    let before = pinned.nodes();
    let after = |file: &str, from: &str, to: &str| affected(&before, &pinned.clone().edit(file, from, to).nodes());
    assert_eq!(after("src/flow.yaml", "version: \"1\"", "version: \"2\""), ["place"]);
    assert_eq!(after("src/flow.yaml", "place(n)", "place(n + 1)"), NONE, "its Rust");
    assert_eq!(after(main, "let base", "let _ = 1; let base"), NONE, "its function");
    assert_eq!(after(main, "{} {}", "{}, {}"), NONE, "a method of a type");
    assert_eq!(after(main, "x: f64, y: f64 }", "y: f64, x: f64 }"), ["place", "last"], "the layout of a type");
    assert_eq!(after(main, "x: f64,", "#[serde(skip)] x: f64,"), ["place", "last"], "an attribute of it");
    assert_eq!(after("src/flow.yaml", "point: { type: Point }", "point: { type: Vec<Point> }"), ["place", "last"]);
    let other = nodes(&pinned.plan(&call(&["--cfg", "fast"])));
    assert_eq!(affected(&before, &other), ["count", "share"], "the features");

    // What writes a type by hand counts with all that it can reach.
    let by_hand = pinned.clone().edit(main, "serde::Serialize, serde::Deserialize)", "serde::Deserialize)").edit(
        main,
        "fn unrelated() {}",
        "impl serde::Serialize for Point { fn serialize(&self) { write_it(self) } }\nfn write_it(_: &Point) { () }\n\
         fn unrelated() {}",
    );
    let before = by_hand.nodes();
    assert_eq!(affected(&before, &by_hand.clone().edit(main, "{ () }", "{ ((), ()); }").nodes()), ["place", "last"]);
    assert_eq!(affected(&before, &by_hand.edit(main, "fn unrelated() {}", "fn unrelated() { () }").nodes()), NONE);
    let with = pinned.edit(main, "x: f64,", "#[serde(with = \"rounded\")] x: f64,").edit(
        main,
        "fn unrelated",
        "mod rounded { pub fn serialize() {} }\nfn unrelated",
    );
    let changed = with.clone().edit(main, "serialize() {}", "serialize() { () }");
    assert_eq!(affected(&with.nodes(), &changed.nodes()), ["place", "last"]);
    let without = |project: Project| {
        project.edit("src/flow.yaml", " version: \"1\",", "").edit("src/flow.yaml", " version: \"1\",", "")
    };
    assert_eq!(affected(&without(with).nodes(), &without(changed).nodes()), ["place", "last"]);

    // A type of another crate may have any layout in another build.
    let foreign = Project::new().edit("src/flow.yaml", "name: share,", "name: share, version: \"1\",").edit(
        "src/flow.yaml",
        "share: { type: f64 }",
        "share: { type: other::Share }",
    );
    let other = nodes(&foreign.plan(&call(&["--cfg", "fast"])));
    assert_eq!(affected(&foreign.nodes(), &other), ALL);
}

#[test]
fn what_is_only_known_when_the_program_runs_belongs_to_nodes_and_their_branches() {
    let flow = "name: sample\nsettings: { checkpoint: true }\nnodes:\n  - { name: a, run: a(), sources: [model, model], env: [LANG] }\n  \
                - { name: b, run: b(), env: [HOME] }\n  - { name: c, run: c() }\nedges:\n  - { from: __start__, to: [a, b], parallel: \
                true, fan_in: c }\n";
    let plan = Project::empty().with("src/main.rs", "fn a() {} fn b() {} fn c() {}").with("src/flow.yaml", flow);
    let plan = plan.plan(&call(&[]));
    let Work::FanOut(region) = &plan.root.steps[0].work else { panic!("{plan:?}") };
    let (model, lang) = (Outside::File("model".to_owned()), Outside::Variable("LANG".to_owned()));
    assert_eq!(region.tasks[0].code.outside, [model.clone(), lang.clone()]);
    assert_eq!(region.tasks[0].block.steps[0].code.outside, [model, lang]);
    assert_eq!(region.tasks[1].code.outside, [Outside::Variable("HOME".to_owned())]);
    // A version counts for the branch, too, and nothing else does if all of its nodes have one.
    let project = Project::empty().with("src/main.rs", "fn a() {} fn b() {} fn c() {}").with("src/flow.yaml", flow);
    let pinned = project.edit("src/flow.yaml", "run: a(),", "run: a(), version: 1,");
    let other = pinned.clone().edit("src/flow.yaml", "version: 1", "version: 2");
    assert_eq!(affected(&pinned.nodes(), &other.nodes()), ["branch a", "a"]);
    let built = nodes(&pinned.plan(&call(&["--cfg", "fast"])));
    assert_eq!(affected(&pinned.nodes(), &built), ["branch b", "b", "c"]);
    assert_eq!(plan.root.steps[1].code.outside, []);
}

#[test]
fn an_edit_of_what_a_called_workflow_reaches_affects_its_nodes_and_those_that_call_it() {
    let inner = "with: { m: n }\n    workflow:\n      state_schema: { m: { type: u64, input: true }, a: u64, b: f64 }\n      nodes:\n        \
                 - { name: first, run: \"counting::count(m, LIMIT)\", output: a }\n        \
                 - { name: second, run: \"shares::of(&format!(\\\"{a}\\\"))?\", output: b }\n    output: { b: share }";
    let project = Project::new().edit(
        "src/flow.yaml",
        "  - { name: share, run: \"shares::of(&format!(\\\"{n}\\\"))?\", output: share }",
        &format!("  - name: share\n    {inner}"),
    );
    let before = project.nodes();
    let after = |file, from, to| affected(&before, &project.clone().edit(file, from, to).nodes());
    assert_eq!(after("src/shares.rs", "WEIGHTS.len()", "2 * WEIGHTS.len()"), ["second", "share"]);
    assert_eq!(after("src/counting.rs", "MOST: u64 = 3", "MOST: u64 = 4"), ["first", "count", "share"]);
    assert_eq!(after("src/flow.yaml", "with: { m: n }", "with: { m: n + 1 }"), ["share"]);
    assert_eq!(after("src/main.rs", "fn unrelated() {}", "fn unrelated() { place(1); }"), NONE);
    let shape = |project: &Project| project.plan(&call(&[])).identities.unwrap().shape;
    let moved = project.clone().edit("src/flow.yaml", "a: u64, b: f64", "b: f64, a: u64");
    assert_ne!(shape(&project), shape(&moved));
}

#[test]
fn a_workflow_that_the_rust_of_a_node_runs_counts_for_this_node() {
    const TOTALS: &str = "name: totals\nstate_schema:\n  m: { type: u64, input: true }\n  a: u64\nnodes:\n  \
                          - { name: first, run: \"m + 1\", output: a }\n  - { name: second, use: more.yaml }\n";
    const MORE: &str = "name: more\nnodes:\n  - { name: only, run: \"println!(\\\"{}\\\", counting::count(1, 2))\" }\n";
    for (import, run) in [
        ("", "ctx.run(totals::builder(), totals::Input::new(n))?.a"),
        ("use totals::builder as totals_of;\n", "ctx.run(totals_of(), totals::Input::new(n))?.a"),
        ("use totals::*;\n", "ctx.run(builder(), Input::new(n))?.a"),
    ] {
        let project = Project::new()
            .with("src/totals.yaml", TOTALS)
            .with("src/more.yaml", MORE)
            .edit(
                "src/main.rs",
                "tea_runtime",
                &format!("{import}tea_runtime::include_workflow!(\"totals.yaml\");\ntea_runtime"),
            )
            .edit("src/flow.yaml", "run: \"counting::count(n, LIMIT)\"", &format!("run: \"{run}\""));
        let before = project.nodes();
        let after = |file, from, to| affected(&before, &project.clone().edit(file, from, to).nodes());
        assert_eq!(after("src/totals.yaml", "m + 1", "m + 2"), ["count"], "{run}");
        assert_eq!(after("src/more.yaml", "(1, 2)", "(2, 2)"), ["count"], "{run}");
        assert_eq!(after("src/counting.rs", "MOST: u64 = 3", "MOST: u64 = 4"), ["count"], "{run}");
        assert_eq!(after("src/main.rs", "fn unrelated() {}", "fn unrelated() { println!() }"), NONE, "{run}");
        assert_eq!(after("src/flow.yaml", "point.shown()", "point.shown().len()"), ["last"], "{run}");
    }
}

#[test]
fn the_parts_of_an_identity_have_places() {
    let plan = Project::new().plan(&call(&[]));
    let parts = &plan.identities.as_ref().unwrap().parts;
    let count = &plan.root.steps[1].code.parts;
    let shown: Vec<String> = count
        .iter()
        .map(|part| &parts[*part as usize])
        .map(|part| format!("{} {}:{}", part.name, part.file, part.line))
        .collect();
    for expected in ["fn deeper src/counting.rs:9", "const LIMIT src/main.rs:7", "node `count` flow.yaml:10"] {
        assert!(shown.iter().any(|part| part == expected), "{expected} is not in {shown:#?}");
    }
    assert!(!shown.iter().any(|part| part.contains("fn place")), "{shown:#?}");
}

#[test]
fn an_edit_of_the_structure_changes_the_shape() {
    let shape = |project: Project| project.plan(&call(&[])).identities.unwrap().shape;
    let before = shape(Project::new());
    let renamed = Project::new().edit("src/flow.yaml", "name: last", "name: finish");
    assert_eq!(before, shape(renamed));
    let more = Project::new().edit(
        "src/flow.yaml",
        "  - { name: last",
        "  - { name: more, run: \"drop(place(n))\" }\n  - { name: last",
    );
    assert_ne!(before, shape(more));
    let other = Project::new().edit("src/flow.yaml", "  count: { type: u64 }\n", "").edit(
        "src/flow.yaml",
        "  share: { type: f64 }\n",
        "  share: { type: f64 }\n  count: { type: u64 }\n",
    );
    assert_ne!(before, shape(other));
}

#[test]
fn the_type_of_a_key_has_an_identity_of_its_own() {
    let keys = |project: &Project, call: &Call| project.plan(call).identities.unwrap().keys;
    let project = Project::new();
    let before = keys(&project, &call(&[]));
    // Of `n`, `point`, `count` and `share`: types of the standard library are the same in every build.
    let differs = |after: Vec<u128>| before.iter().zip(&after).map(|(one, other)| one != other).collect::<Vec<_>>();
    assert_eq!(differs(keys(&project, &call(&["--cfg", "other"]))), [false, true, false, false]);
    let layout = project.clone().edit("src/main.rs", "x: f64, y: f64 }", "y: f64, x: f64 }");
    assert_eq!(differs(keys(&layout, &call(&[]))), [false, true, false, false]);
    let other = project.edit("src/flow.yaml", "count: { type: u64 }", "count: { type: u32 }");
    assert_eq!(differs(keys(&other, &call(&[]))), [false, false, true, false]);
}
