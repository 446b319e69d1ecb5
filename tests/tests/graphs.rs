//! Published workflow graphs, converted, compiled and run: every task once, never before its needs, and the same
//! checksums as a plain evaluation.

use std::{fs, path::Path};

use serde_json::Value;
use tests::{program::Program, trace, wfformat::Graph};

struct Published {
    name: &'static str,
    file: &'static str,
    program: &'static str,
}

/// The published graph that `graph_NAME` was made of.
macro_rules! published {
    ($name:literal, $file:literal) => {
        Published { name: $name, file: $file, program: env!(concat!("CARGO_BIN_EXE_graph_", $name)) }
    };
}

const GRAPHS: [Published; 4] = [
    published!("forkjoin", "helloworld-forkjoin-10-chameleon"),
    published!("genomes", "1000genome-chameleon-2ch-100k-001"),
    published!("viralrecon", "viralrecon-dirt02-001"),
    published!("soykb", "soykb-chameleon-50fastq-20ch-001"),
];

impl Published {
    fn graph(&self) -> Graph {
        let file = format!("graphs/{}.json.gz", self.file);
        Graph::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
    }

    fn run_and_check(&self, args: &str) {
        let graph = self.graph();
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let finished = Program::new(self.program).arg("--log").arg(&log).args("--scale 1e-6").args(args).run();
        let output = finished.json();
        for (task, sum) in graph.evaluate() {
            assert_eq!(output[task], Value::from(sum), "{}: {task}", self.name);
        }
        let lines = trace::lines(&log);
        assert_eq!(lines.len(), 2 * graph.tasks.len(), "{}: each task starts and ends once", self.name);
        let order = trace::order(&lines);
        for task in &graph.tasks {
            let start = order[format!("start {}", task.name).as_str()];
            for need in &task.needs {
                let end = order[format!("end {need}").as_str()];
                assert!(end < start, "{}: {} started before the end of {need}", self.name, task.name);
            }
        }
    }
}

#[test]
fn on_threads() {
    for graph in GRAPHS {
        graph.run_and_check("--parallel-strategy thread");
    }
}

#[test]
fn in_processes() {
    for graph in GRAPHS {
        graph.run_and_check("");
    }
}

#[test]
fn with_one_worker() {
    for graph in GRAPHS {
        graph.run_and_check("--max-workers 1");
    }
}

#[test]
fn the_programs_are_what_the_converter_makes() {
    for published in GRAPHS {
        let graph = published.graph();
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/bin/graph_{}", published.name));
        let committed = |file: &str| fs::read_to_string(directory.join(file)).unwrap();
        assert!(committed("flow.yaml") == graph.flow(published.name), "{}", published.name);
        assert!(committed("main.rs") == graph.main(), "{}", published.name);
    }
}
