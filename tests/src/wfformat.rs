//! From `WfFormat` 1.5, the format of published workflow graphs (<https://wfcommons.org>), to a Tea program.
//!
//! Each task becomes a node of a dataflow file, and each distinct program a Rust function that is busy for the task's
//! scaled runtime and gives a checksum of its inputs.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write,
    io::{self, Read},
    path::Path,
    time::{Duration, Instant},
};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use crate::trace;

/// A graph, as far as running it needs it.
#[derive(Debug)]
pub struct Graph {
    /// The tasks in the order of the file.
    pub tasks: Vec<Task>,
}

/// A task of a graph.
#[derive(Debug)]
pub struct Task {
    /// Its name, made fit for Rust: unique.
    pub name: String,
    /// Its program's name, made fit for Rust; never a task's name.
    pub program: String,
    /// The names of the tasks that it needs.
    pub needs: Vec<String>,
    /// How long it took when it was recorded, in seconds.
    pub seconds: f64,
}

#[derive(Deserialize)]
struct File {
    workflow: Workflow,
}

#[derive(Deserialize)]
struct Workflow {
    specification: Section<Specified>,
    execution: Section<Executed>,
}

#[derive(Deserialize)]
struct Section<T> {
    tasks: Vec<T>,
}

#[derive(Deserialize)]
struct Specified {
    id: String,
    name: String,
    parents: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Executed {
    id: String,
    runtime_in_seconds: f64,
    command: Command,
}

#[derive(Deserialize)]
struct Command {
    program: String,
}

impl Graph {
    /// Reads a graph from a file, plain or gzipped.
    ///
    /// # Errors
    /// As [`Graph::parse`], or if it cannot be read.
    pub fn read(path: &Path) -> Result<Self, String> {
        let at = |error: io::Error| format!("{}: {error}", path.display());
        let mut file = std::fs::File::open(path).map_err(at)?;
        let mut json = String::new();
        if path.extension().is_some_and(|extension| extension == "gz") {
            MultiGzDecoder::new(file).read_to_string(&mut json).map_err(at)?;
        } else {
            file.read_to_string(&mut json).map_err(at)?;
        }
        Self::parse(&json).map_err(|problem| format!("{}: {problem}", path.display()))
    }

    /// Reads a graph.
    ///
    /// # Errors
    /// If it is not `WfFormat` 1.5, or two names become one in Rust.
    pub fn parse(json: &str) -> Result<Self, String> {
        let File { workflow } = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let executed: HashMap<_, _> = workflow.execution.tasks.iter().map(|task| (task.id.as_str(), task)).collect();
        let task = |task: &Specified| {
            let Executed { runtime_in_seconds, command, .. } =
                executed.get(task.id.as_str()).ok_or_else(|| format!("`{}` was never executed", task.id))?;
            // Some recorders put a whole script there; the task's name then says which program it is.
            let program = if is_word(&command.program) { &command.program } else { &task.name };
            Ok(Task {
                name: identifier(&task.id),
                program: format!("run_{}", identifier(program)),
                needs: task.parents.iter().map(|parent| identifier(parent)).collect(),
                seconds: *runtime_in_seconds,
            })
        };
        let tasks = workflow.specification.tasks.iter().map(task).collect::<Result<Vec<Task>, String>>()?;
        let names: BTreeSet<_> = tasks.iter().map(|task| task.name.as_str()).collect();
        if names.len() < tasks.len() {
            return Err("two tasks have one name".into());
        }
        if let Some(need) = tasks.iter().flat_map(|task| &task.needs).find(|need| !names.contains(need.as_str())) {
            return Err(format!("no task `{need}`"));
        }
        Ok(Self { tasks })
    }

    /// The distinct programs, in alphabetical order.
    #[must_use]
    pub fn programs(&self) -> BTreeSet<&str> {
        self.tasks.iter().map(|task| task.program.as_str()).collect()
    }

    /// The workflow file.
    #[must_use]
    pub fn flow(&self, name: &str) -> String {
        let mut yaml = format!(
            "name: {name}\ndescription: {} tasks of a published workflow graph, made by `wfformat`\n\nstate_schema:\n  \
             log: {{ type: PathBuf, input: true, description: \"takes a line when a task starts, and one when it ends\" }}\n  \
             scale: {{ type: f64, input: true, default: \"0.0\", description: \"seconds to be busy for a recorded second\" }}\n",
            self.tasks.len()
        );
        // Writing to a `String` cannot fail.
        for task in &self.tasks {
            let _ = writeln!(yaml, "  {}: u64", task.name);
        }
        // Compiled for workers; `--parallel-strategy thread` runs the same program on threads.
        yaml.push_str("\nsettings:\n  parallel:\n    strategy: remote\n\nnodes:\n");
        for Task { name, program, needs, seconds } in &self.tasks {
            let needs = needs.join(", ");
            let _ = writeln!(
                yaml,
                "  - name: {name}\n    needs: [{needs}]\n    \
                 run: '{program}(log, \"{name}\", {seconds:?} * scale, &[{needs}])?'\n    output: {name}"
            );
        }
        yaml
    }

    /// The program around the workflow file.
    #[must_use]
    pub fn main(&self) -> String {
        let programs: Vec<_> = self.programs().into_iter().collect();
        format!(
            "//! Made by `wfformat`; `flow.yaml` holds the graph.\n#![forbid(unsafe_code)]\n\nuse std::path::PathBuf;\n\n\
             tests::programs! {{\n    {},\n}}\n\ntea_runtime::include_workflow!(\"flow.yaml\");\n",
            programs.join(",\n    ")
        )
    }

    /// What each task must give: a plain evaluation, one task after the other.
    ///
    /// # Panics
    /// If tasks need each other in a circle.
    #[must_use]
    pub fn evaluate(&self) -> BTreeMap<&str, u64> {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        while sums.len() < self.tasks.len() {
            let before = sums.len();
            for task in &self.tasks {
                let inputs: Option<Vec<u64>> = task.needs.iter().map(|need| sums.get(need.as_str()).copied()).collect();
                if let Some(inputs) = inputs {
                    sums.insert(&task.name, checksum(&task.program, &task.name, &inputs));
                }
            }
            assert!(sums.len() > before, "a circle");
        }
        sums
    }
}

/// A task's work: busy for so long, then the checksum. `log` takes `start NAME` and `end NAME`.
///
/// # Errors
/// If the log cannot be written.
pub fn work(program: &str, log: &Path, task: &str, seconds: f64, inputs: &[u64]) -> io::Result<u64> {
    trace::note(log, &format!("start {task}"))?;
    let start = Instant::now();
    let busy = Duration::from_secs_f64(seconds);
    while start.elapsed() < busy {
        std::hint::spin_loop();
    }
    trace::note(log, &format!("end {task}"))?;
    Ok(checksum(program, task, inputs))
}

/// One function for each named program, all of the same shape.
#[macro_export]
macro_rules! programs {
    ($($program:ident),* $(,)?) => {$(
        fn $program(log: &std::path::Path, task: &str, seconds: f64, inputs: &[u64]) -> std::io::Result<u64> {
            $crate::wfformat::work(stringify!($program), log, task, seconds, inputs)
        }
    )*};
}

/// FNV-1a over the program, the task and the inputs in order.
fn checksum(program: &str, task: &str, inputs: &[u64]) -> u64 {
    let inputs = inputs.iter().flat_map(|input| input.to_le_bytes());
    let bytes = program.bytes().chain([0]).chain(task.bytes()).chain([0]).chain(inputs);
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

/// `text` in lower case, with `_` for what a Rust name cannot hold.
fn identifier(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIAMOND: &str = r#"{"schemaVersion": "1.5", "workflow": {
        "specification": {"tasks": [
            {"id": "A.1", "name": "A", "parents": []},
            {"id": "B.1", "name": "B", "parents": ["A.1"]},
            {"id": "B.2", "name": "B", "parents": ["A.1"]},
            {"id": "C.1", "name": "C", "parents": ["B.1", "B.2"]}]},
        "execution": {"tasks": [
            {"id": "A.1", "runtimeInSeconds": 1, "command": {"program": "make"}},
            {"id": "B.1", "runtimeInSeconds": 2.5, "command": {"program": "cut -d x\n sort"}},
            {"id": "B.2", "runtimeInSeconds": 0, "command": {"program": "cut -d y\n sort"}},
            {"id": "C.1", "runtimeInSeconds": 1, "command": {"program": "merge"}}]}}}"#;

    #[test]
    fn tasks_become_nodes_and_programs_functions() {
        let graph = Graph::parse(DIAMOND).unwrap();
        assert_eq!(graph.programs(), BTreeSet::from(["run_b", "run_make", "run_merge"]));
        let flow = graph.flow("diamond");
        let last = "  - name: c_1\n    needs: [b_1, b_2]\n    \
                    run: 'run_merge(log, \"c_1\", 1.0 * scale, &[b_1, b_2])?'\n    output: c_1\n";
        assert!(flow.ends_with(last), "{flow}");
        assert!(graph.main().contains("    run_b,\n    run_make,\n    run_merge,\n"), "{}", graph.main());
    }

    #[test]
    fn the_checksum_depends_on_everything_before() {
        let graph = Graph::parse(DIAMOND).unwrap();
        let other = Graph::parse(&DIAMOND.replace("\"make\"", "\"build\"")).unwrap();
        let (sums, others) = (graph.evaluate(), other.evaluate());
        assert_eq!(sums.len(), 4);
        assert!(sums.iter().all(|(task, sum)| others[task] != *sum));
        assert_ne!(sums["b_1"], sums["b_2"]);
    }

    #[test]
    fn a_missing_parent_is_named() {
        let error = Graph::parse(&DIAMOND.replace(r#"["A.1"]"#, r#"["A.9"]"#)).unwrap_err();
        assert_eq!(error, "no task `a_9`");
    }
}
