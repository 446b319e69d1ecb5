//! What drawings of plans say, in each format.

use tea_graph::Format;

use super::*;
use crate::program::sample::{DIAMOND, READ_QC};

fn end(end: End<'_>) -> &str {
    match end {
        End::Start => "(",
        End::Node(name) => name,
        End::Finish => ")",
    }
}

fn arrows(plan: &'static Plan) -> Vec<String> {
    let arrow = |arrow: &Arrow<'_>| format!("{} -> {} [{}]", end(arrow.from), end(arrow.to), arrow.label);
    drawing(plan).arrows.iter().map(arrow).collect()
}

#[test]
fn arrows_lead_through_fan_outs_to_nodes() {
    assert_eq!(
        arrows(&READ_QC),
        [
            "( -> load []",
            "load -> count [process]",
            "load -> gc [if k > 3, thread]",
            "count -> left []",
            "count -> right []",
            "left -> sum []",
            "right -> sum []",
            "sum -> end []",
            "gc -> end []",
            "end -> load [if report.is_empty() && k < 31]",
            "end -> each [else]",
            "each -> ) []",
        ]
    );
}

#[test]
fn needs_are_arrows() {
    assert_eq!(arrows(&DIAMOND), ["( -> a []", "( -> b []", "a -> c []", "b -> c []", "c -> d []", "d -> ) []"]);
}

#[test]
fn mermaid() {
    assert_eq!(
        drawing(&READ_QC).render(Format::Mermaid),
        r#"flowchart TD
    start([start])
    load["load"]
    subgraph box1["parallel, at most 4, fail fast"]
        count["count"]
        subgraph box2["parallel, thread"]
            left["left"]
            right["right"]
        end
        sum["sum"]
        gc["gc"]
    end
    node_6["end"]
    each[["each<br/>each item, process, at most 8"]]
    finish([end])
    start --> load
    load -->|"process"| count
    load -->|"if k #gt; 3, thread"| gc
    count --> left
    count --> right
    left --> sum
    right --> sum
    sum --> node_6
    gc --> node_6
    node_6 -->|"if report.is_empty() #amp;#amp; k #lt; 31"| load
    node_6 -->|"else"| each
    each --> finish
"#
    );
}

#[test]
fn dot() {
    assert_eq!(
        drawing(&DIAMOND).render(Format::Dot),
        r#"digraph "diamond" {
    node [shape=box, style=rounded, fontname="Helvetica"];
    edge [fontname="Helvetica", fontsize=10];
    start [shape=oval];
    subgraph cluster_1 {
        label="parallel, thread";
        style="rounded,dashed"; fontname="Helvetica"; fontsize=10;
        "n:a" [label="a"];
        "n:b" [label="b"];
        "n:c" [label="c"];
        "n:d" [label="d"];
    }
    end [shape=oval];
    start -> "n:a";
    start -> "n:b";
    "n:a" -> "n:c";
    "n:b" -> "n:c";
    "n:c" -> "n:d";
    "n:d" -> end;
}
"#
    );
}

#[test]
fn json_has_the_settings_too() {
    let json: Value = serde_json::from_str(&drawing(&READ_QC).render(Format::Json)).unwrap();
    assert_eq!(json["fan_outs"][0]["branches"][0]["strategy"], "process");
    assert_eq!(json["fan_outs"][0]["branches"][1]["when"], "k > 3");
    assert_eq!(json["fan_outs"][1]["within"], 0);
    assert_eq!(json["nodes"][2]["fan_out"], 1);
    assert_eq!(json["edges"][1]["label"], "process");
    assert_eq!(json["keys"][0]["type"], "PathBuf");
    let diamond: Value = serde_json::from_str(&drawing(&DIAMOND).render(Format::Json)).unwrap();
    assert_eq!(diamond["fan_outs"][0]["branches"][2]["needs"], serde_json::json!(["a", "b"]));
}
