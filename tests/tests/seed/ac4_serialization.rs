//! AC4: what crosses to a worker can cross. "Picklable" is `Serialize + DeserializeOwned` here, and rustc proves it before
//! there is a program: the tests build projects of users and read what the compiler says.

use std::collections::BTreeMap;

use serde_json::json;
use tests::{
    program::Program,
    project::Project,
    work::{self, Shape},
};

use crate::log::edges;

/// A project whose key `held`, of type `ty`, is written before a fan-out and read by one of its branches.
fn project(name: &str, ty: &str, value: &str, strategy: &str) -> Project {
    let flow = format!(
        "name: held\nstate_schema:\n  held: {{ type: {ty:?}, transient: false }}\n  one: u32\n  two: u32\nnodes:\n  \
         - {{ name: open, run: {value:?}, output: held }}\n  - {{ name: one, run: 'touch(held)', output: one }}\n  \
         - {{ name: two, run: '2', output: two }}\n  - {{ name: join, run: 'assert_eq!(one + two, 3)' }}\n\
         edges:\n  - {{ from: open, to: one, parallel: true, fan_in: join, parallel_strategy: {strategy} }}\n  \
         - {{ from: open, to: two, parallel: true, fan_in: join, parallel_strategy: process }}\n"
    );
    let main = format!("fn touch(_: &{ty}) -> u32 {{ 1 }}\n\ntea_runtime::include_workflow!(\"flow.yaml\");\n");
    Project::new(name, &[("main.rs", &main), ("flow.yaml", &flow)])
}

/// Builds a project that must be refused, and gives what the compiler said.
fn refused(name: &str, ty: &str, value: &str) -> String {
    let built = project(name, ty, value, "process").build();
    assert!(!built.success, "`{ty}` cannot cross");
    built.output
}

/// What the message must name: the key, that it cannot cross, and the line of the edge.
fn assert_names_key_and_edge(output: &str) {
    for words in ["`held`", "cannot cross to a worker process", "flow.yaml:12"] {
        assert!(output.contains(words), "`{words}` is missing:\n{output}");
    }
}

/// The lambda: a closure in the state.
#[test]
fn story_unit_005_and_design_unit_007_closure() {
    let output = refused("user-closure", "Box<dyn Fn() -> u32 + Send + Sync>", "Box::new(|| 1)");
    assert_names_key_and_edge(&output);
}

/// The file handle.
#[test]
fn story_unit_005_and_design_unit_008_file() {
    let output = refused("user-file", "std::fs::File", "std::fs::File::open(\"/dev/null\")?");
    assert_names_key_and_edge(&output);
}

/// The connection.
#[test]
fn story_unit_005_connection() {
    let output = refused("user-socket", "std::net::UdpSocket", "std::net::UdpSocket::bind(\"127.0.0.1:0\")?");
    assert_names_key_and_edge(&output);
}

/// The message is clear: key, edge, line and a way out, once, and no word of generated code.
#[test]
fn story_unit_006_and_design_unit_009_message() {
    let output = refused("user-message", "std::fs::File", "std::fs::File::open(\"/dev/null\")?");
    assert_names_key_and_edge(&output);
    assert!(output.contains("Serialize"), "{output}");
    assert!(output.contains("parallel_strategy: thread"), "a way out:\n{output}");
    assert_eq!(output.matches("cannot cross to a worker process").count(), 1, "{output}");
}

/// What no process branch reads is asked for nothing.
#[test]
fn keys_that_stay_need_no_serde() {
    let built = project("user-stays", "std::fs::File", "std::fs::File::open(\"/dev/null\")?", "thread").build();
    assert!(built.success, "{}", built.output);
}

/// Simple state makes the trip and back.
#[test]
fn story_int_010_simple_state() {
    let words = ["to", "be", "or", "not", "to", "be"];
    let output = edges("mixed").args("--seed 5 --words").arg(json!(words).to_string()).run().json();
    let counts = BTreeMap::from([("be", 2), ("not", 1), ("or", 1), ("to", 2)]);
    assert_eq!(output["counts"], json!(counts));
    assert_eq!((&output["longest"], &output["numbers"]), (&json!("not"), &json!(work::numbers(5))));
}

/// Nested maps, lists, options and enums make the trip and back.
#[test]
fn story_int_011_nested_state() {
    let shape = Shape::Circle(2.0).grow(3);
    let output = edges("mixed").args("--seed 7 --shape").arg(json!(shape).to_string()).run().json();
    assert_eq!(output["grown"], json!(shape.grow(3)));
    assert_eq!(output["area"], json!(shape.grow(3).area()));
}

const EVEN: &str = r#"
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Travels as half of itself, and only if it is even.
struct Even(u64);

impl Serialize for Even {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == 13 { Err(serde::ser::Error::custom("bad luck")) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Even {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        if number % 2 == 0 { Ok(Self(number)) } else { Err(D::Error::custom("an odd number")) }
    }
}

tea_runtime::include_workflow!("flow.yaml");
"#;

const EVENS: &str = "
name: evens
state_schema:
  sent:     { type: u64, input: true }
  returned: { type: u64, input: true }
  there:    Even
  back:     Even
  sum:      u64
nodes:
  - { name: make, run: Even(sent), output: there }
  - { name: far, run: 'Even(returned.max(there.0))', output: back }
  - { name: join, run: there.0 + back.0, output: sum }
edges:
  - { from: make, to: far, parallel: true, fan_in: join, parallel_strategy: process }
";

/// A type with its own way to be sent goes that way; where it cannot be, the failure names key and branch.
#[test]
fn design_own_serialization() {
    let project = Project::new("user-evens", &[("main.rs", EVEN), ("flow.yaml", EVENS)]);
    let built = project.build();
    assert!(built.success, "{}", built.output);
    let run = |sent: u64, returned: u64| {
        Program::new(project.program()).args(&format!("--sent {sent} --returned {returned}")).run()
    };
    assert_eq!(run(4, 6).json()["sum"], 10);
    for (sent, returned, key, problem) in [
        (3, 4, "`there`", "decoded"),
        (13, 4, "`there`", "encoded"),
        (2, 5, "`back`", "decoded"),
        (2, 13, "`back`", "encoded"),
    ] {
        let finished = run(sent, returned);
        let stderr = finished.failure(1);
        for words in ["`far`", key, problem] {
            assert!(stderr.contains(words), "`{words}` is missing:\n{stderr}");
        }
    }
}
