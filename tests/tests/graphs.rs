//! Published workflow graphs, converted, compiled and run: every task once, never before its needs, and the same
//! checksums as a plain evaluation.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use tests::{program::Program, simulate, trace, wfformat::Graph};

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
fn on_two_agents() {
    for graph in GRAPHS {
        graph.run_and_check(concat!("--pool ", env!("CARGO_MANIFEST_DIR"), "/pools/two.toml"));
    }
}

#[test]
fn on_two_agents_that_dial_back() {
    for graph in GRAPHS {
        graph.run_and_check(concat!("--pool ", env!("CARGO_MANIFEST_DIR"), "/pools/dial.toml"));
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

/// The engine takes no more than 10 % longer than a list schedule of the recorded times, whatever the number of workers.
/// The times are simulated, so the figures are the same on every machine. `--nocapture` shows them.
#[test]
fn the_makespan_is_that_of_a_list_schedule() {
    println!("graph      workers  engine/list  engine/sorted list  barriers/list");
    let mut barriers = 0;
    for published in GRAPHS {
        let graph = published.graph();
        for workers in [1, 2, 4, 8, 16, 64] {
            let list = simulate::list(&graph, workers);
            let [engine, sorted, levels] =
                [simulate::engine, simulate::sorted_list, simulate::levels].map(|schedule| schedule(&graph, workers));
            let ratio = |a: u64, b: u64| Duration::from_micros(a).div_duration_f64(Duration::from_micros(b));
            let (to_list, to_sorted, of_levels) = (ratio(engine, list), ratio(engine, sorted), ratio(levels, list));
            println!("{:10} {workers:7}  {to_list:11.3}  {to_sorted:18.3}  {of_levels:13.3}", published.name);
            assert!(to_list <= 1.10, "{} on {workers}: {to_list:.3} of a list schedule", published.name);
            assert!(to_sorted <= 1.15, "{} on {workers}: {to_sorted:.3} of a sorted one", published.name);
            barriers += usize::from(of_levels > 1.10);
        }
    }
    assert!(barriers > 3, "a barrier behind each level would show");
}
