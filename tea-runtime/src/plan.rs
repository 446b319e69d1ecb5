//! The plan of a workflow, as the tables that generated code holds. The runtime knows plans, never YAML.
//!
//! Everything here is plain data with `'static` life: topology costs the compiler next to nothing. The meaning of each
//! part is that of the same part in `tea_build::plan`.

use crate::{
    context::Context,
    failure::{Failure, NodeError},
    policy::ParallelConfig,
    state::{KeySpec, Value, View},
};

/// A whole workflow.
#[derive(Debug)]
pub struct Plan {
    /// Its name.
    pub name: &'static str,
    /// `description`; may be empty.
    pub description: &'static str,
    /// The workflow file as the diagnostics show it.
    pub file: &'static str,
    /// `module_path!()` of the generated module: unique in a program.
    pub module: &'static str,
    /// The version of the crate that the module is in, if Cargo builds it.
    pub version: Option<&'static str>,
    /// Whether a panic ends the process, as the crate that the module is in is built.
    pub panics_abort: bool,
    /// The state's keys.
    pub keys: &'static [KeySpec],
    /// The whole workflow.
    pub root: &'static Block,
    /// Every region and map, by id.
    pub sites: &'static [Site],
    /// `settings.parallel.max_workers`.
    pub max_workers: Option<u32>,
}

/// A region or a map, by its id.
#[derive(Debug, Clone, Copy)]
pub enum Site {
    /// A fan-out.
    Region(&'static Region),
    /// A `dynamic_parallel` node.
    Map(&'static Map),
}

/// Line and column in the workflow file, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// Steps run one after the other, with jumps.
#[derive(Debug)]
pub struct Block {
    /// Where it starts.
    pub entry: Next,
    /// The steps.
    pub steps: &'static [Step],
    /// The working set, ascending.
    pub keys: &'static [u32],
}

/// Something that is run, and what follows.
#[derive(Debug)]
pub struct Step {
    /// The node's name.
    pub name: &'static str,
    /// Where it is written.
    pub place: Place,
    /// What is run.
    pub work: Work,
    /// What follows.
    pub next: Next,
    /// Visits after which the run fails.
    pub max_visits: u64,
}

/// What a step runs.
#[derive(Clone, Copy)]
pub enum Work {
    /// A node's Rust.
    Run(&'static dyn Body),
    /// A `dynamic_parallel` node.
    Map(&'static Map),
    /// A fan-out.
    FanOut(&'static Region),
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run(_) => f.write_str("Run"),
            Self::Map(map) => f.debug_tuple("Map").field(&map.id).finish(),
            Self::FanOut(region) => f.debug_tuple("FanOut").field(&region.id).finish(),
        }
    }
}

/// A condition of a jump or branch.
pub type Condition = fn(&View, &Context) -> Result<bool, NodeError>;

/// What follows a step.
#[derive(Debug, Clone, Copy)]
pub enum Next {
    /// That target.
    Go(Target),
    /// The first arm whose condition holds; the last has none.
    Choose(&'static [Arm]),
    /// All of these tasks.
    Fork(&'static [u32]),
}

/// Where a jump leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A step of the same block.
    Step(u32),
    /// The end of the block.
    End,
    /// A task of the same region.
    Task(u32),
}

/// A conditional jump.
#[derive(Debug, Clone, Copy)]
pub struct Arm {
    /// Taken if this holds; always, where there is none.
    pub when: Option<Condition>,
    /// Where it leads.
    pub to: Target,
    /// The condition's text, for graphs; empty where there is none.
    pub text: &'static str,
}

/// A fan-out.
#[derive(Debug)]
pub struct Region {
    /// Index in [`Plan::sites`].
    pub id: u32,
    /// The edge that opens it.
    pub place: Place,
    /// What runs in parallel.
    pub tasks: &'static [Task],
    /// A dataflow file's region: tasks start when their needs are done, whatever those went on to.
    pub dataflow: bool,
    /// How many run at once.
    pub max_workers: Option<u32>,
    /// Cancel the others at the first failure.
    pub fail_fast: bool,
}

/// A branch of a fan-out.
#[derive(Debug)]
pub struct Task {
    /// The branch's name.
    pub name: &'static str,
    /// Where it is named.
    pub place: Place,
    /// Starts only if this holds.
    pub when: Option<Condition>,
    /// The condition's text, for graphs; empty where there is none.
    pub when_text: &'static str,
    /// Tasks to wait for, ascending.
    pub needs: &'static [u32],
    /// What it runs.
    pub block: &'static Block,
    /// The keys that it is sent.
    pub reads: &'static [TaskRead],
    /// The keys that it may write.
    pub writes: &'static [TaskWrite],
    /// How it runs.
    pub config: &'static ParallelConfig,
}

/// A key that a task is sent.
#[derive(Debug, Clone, Copy)]
pub struct TaskRead {
    /// The key.
    pub key: u32,
    /// How many of the region's writers of the key, in task order, the value includes.
    pub after: u32,
}

/// A key that a task writes.
#[derive(Debug, Clone, Copy)]
pub struct TaskWrite {
    /// The key.
    pub key: u32,
    /// Combined with what is there, instead of replacing it.
    pub combine: bool,
}

/// A `dynamic_parallel` node.
#[derive(Debug)]
pub struct Map {
    /// Index in [`Plan::sites`].
    pub id: u32,
    /// Its name.
    pub name: &'static str,
    /// Where it is written.
    pub place: Place,
    /// Items, body and output.
    pub spec: &'static dyn MapSpec,
    /// The keys that the body reads, ascending: all that a worker is sent beside the items.
    pub reads: &'static [u32],
    /// The keys that it writes (output and failures).
    pub writes: &'static [u32],
    /// How many items run at once.
    pub max_workers: Option<u32>,
    /// Cancel the rest at the first failure.
    pub fail_fast: bool,
    /// How an item runs.
    pub config: &'static ParallelConfig,
}

pub use crate::engine::map::MapSpec;

/// A node's Rust with its output: what a step runs.
pub trait Body: Sync {
    /// Runs the node on `view` and writes its output there.
    ///
    /// # Errors
    /// What the node's Rust gives with `?`, or a reducer's failure.
    fn run(&self, view: &mut View, context: &Context) -> Result<(), Box<Failure>>;
}

/// A node: its function and the keys that take what it gives (`()`, one [`Key`](crate::state::Key), or a tuple of them).
pub struct Run<K: Output>(pub fn(&View, &Context) -> Result<K::Value, NodeError>, pub K);

impl<K: Output> Body for Run<K> {
    fn run(&self, view: &mut View, context: &Context) -> Result<(), Box<Failure>> {
        let value = (self.0)(view, context)?;
        self.1.put(value, view)
    }
}

/// The keys that take what a node gives.
pub trait Output: Copy + Sync {
    /// What the node gives.
    type Value;
    /// Writes it.
    ///
    /// # Errors
    /// A reducer's failure.
    fn put(self, value: Self::Value, view: &mut View) -> Result<(), Box<Failure>>;
}

impl Output for () {
    type Value = ();
    fn put(self, (): (), _: &mut View) -> Result<(), Box<Failure>> {
        Ok(())
    }
}

impl<T> Output for crate::state::Key<T> {
    type Value = T;
    fn put(self, value: T, view: &mut View) -> Result<(), Box<Failure>> {
        view.put(self, value)
    }
}

macro_rules! tuple_output {
    ($($key:ident $index:tt),+) => {
        impl<$($key: Output),+> Output for ($($key,)+) {
            type Value = ($($key::Value,)+);
            fn put(self, value: Self::Value, view: &mut View) -> Result<(), Box<Failure>> {
                $(self.$index.put(value.$index, view)?;)+
                Ok(())
            }
        }
    };
}

tuple_output!(A 0);
tuple_output!(A 0, B 1);
tuple_output!(A 0, B 1, C 2);
tuple_output!(A 0, B 1, C 2, D 3);
tuple_output!(A 0, B 1, C 2, D 3, E 4);
tuple_output!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple_output!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple_output!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple_output!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple_output!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple_output!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple_output!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

/// A generated module: ties its typed `Input` and `Output` to its plan.
pub trait Workflow: 'static {
    /// What the caller supplies.
    type Input;
    /// What the run gives.
    type Output;
    /// The whole state.
    type State;
    /// The plan.
    const PLAN: &'static Plan;

    /// The values of all input keys, by key number.
    fn inputs(input: Self::Input) -> Vec<(u32, Value)>;

    /// Takes the output out of the view of the root block after the run.
    ///
    /// # Errors
    /// If a branch that was left behind at its timeout still holds a value that is not `Clone`.
    fn output(view: View) -> Result<Self::Output, Box<Failure>>;

    /// The whole state, out of the view of the root block after the run.
    fn state(view: View) -> Self::State;
}

/// Every workflow compiled into this program: how a worker finds its plan.
pub struct Registered(pub &'static Plan);
inventory::collect!(Registered);
