//! The plan of a workflow: the tables in the generated code. The runtime knows plans, but not YAML.
//!
//! Everything here is plain `'static` data, so it costs the compiler next to nothing. Each part has the meaning of its
//! counterpart in `tea_build::plan`.

use std::time::Duration;

use crate::{
    context::Context,
    failure::{Failure, NodeError},
    policy::{ParallelConfig, Strategy},
    state::{Value, View},
};

/// A whole workflow.
#[derive(Debug)]
pub struct Plan {
    /// The name of the workflow.
    pub name: &'static str,
    /// `description`; may be empty.
    pub description: &'static str,
    /// The path of the workflow file, as it is shown in messages.
    pub file: &'static str,
    /// The module and the position of the macro call that generated the plan. This identifies the plan within a
    /// program, even if a library and a program have the same crate name, or several functions of a module contain
    /// workflows.
    pub module: &'static str,
    /// The package that contains the module, if it is built by Cargo.
    pub package: Option<&'static str>,
    /// The version of that package.
    pub version: Option<&'static str>,
    /// Whether a panic ends the process, according to how the crate that contains the module is built.
    pub panics_abort: bool,
    /// The keys of the state.
    pub keys: &'static [KeySpec],
    /// The whole workflow.
    pub root: &'static Block,
    /// What runs when the run ends, one node each, in this order.
    pub finally: &'static [&'static Block],
    /// Every region and map, by ID.
    pub sites: &'static [Site],
    /// The workflows that nodes call, by their numbers.
    pub workflows: &'static [&'static Subworkflow],
    /// `settings.parallel.max_workers`.
    pub max_workers: Option<u32>,
    /// `settings.checkpoint`, if runs are recorded. Every key that [is recorded](KeySpec::is_recorded) then has a codec
    /// in its kind, and so do the results of every map whose output is recorded.
    pub checkpoint: Option<Checkpoint>,
    /// The identities of the code, if they are known. Otherwise records are only valid for the executable that made them.
    pub identities: Option<&'static Identities>,
}

impl Plan {
    /// Whether it has nodes with `cache`.
    #[must_use]
    pub fn has_cache(&self) -> bool {
        self.root.has_cache()
    }

    /// Whether it has nodes that ask.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.root.asks()
    }

    /// Whether it has branches or items with `parallel_strategy: remote`.
    #[must_use]
    pub fn has_remote(&self) -> bool {
        let remote = |config: &ParallelConfig| config.strategy == Strategy::Remote;
        self.sites.iter().any(|site| site.configs().1.into_iter().any(remote))
    }

    /// A name that identifies the workflow's runs, even after the workflow and the code around it have been edited: the
    /// names of the package and of the workflow.
    #[must_use]
    pub fn stable_name(&self) -> String {
        match self.package {
            Some(package) => format!("{package}/{}", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// The identity of the code of something that is recorded: what it can reach in the sources, and how the program is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeId {
    /// The hash; `0` if it is not known.
    pub hash: u128,
    /// The parts that it consists of, as ranges of [`Identities::parts`].
    pub parts: &'static [(u32, u32)],
    /// What counts besides and is only known when the program runs.
    pub outside: &'static [Outside],
}

/// What counts as code and is only known when the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outside {
    /// The content of the file at this path.
    File(&'static str),
    /// The value of the environment variable of this name.
    Variable(&'static str),
}

impl CodeId {
    /// It is not known what the code can reach, so the executable counts.
    pub const UNKNOWN: Self = Self { hash: 0, parts: &[], outside: &[] };
}

/// The identities of a workflow's code, apart from those of its nodes.
#[derive(Debug)]
pub struct Identities {
    /// The hash of the workflow's structure: records of another structure have no place in it.
    pub shape: u128,
    /// Why more than necessary counts as the code of a node, if that is so.
    pub notice: Option<&'static str>,
    /// By key, the hash of its type; `0` if it is not known.
    pub keys: &'static [u128],
    /// What identities consist of.
    pub parts: &'static [Part],
}

/// A part of identities.
#[derive(Debug)]
pub struct Part {
    /// What it is: `fn score`.
    pub name: &'static str,
    /// Its file; may be empty.
    pub file: &'static str,
    /// Its line.
    pub line: u32,
    /// The hash of its content.
    pub hash: u64,
}

/// How runs are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The maximum time until a record would survive a power failure.
    pub sync: Duration,
    /// The number of finished runs that are kept.
    pub keep: u32,
    /// The maximum size of all records together, in bytes.
    pub max_size: u64,
}

impl Checkpoint {
    /// The defaults of the workflow file.
    pub const DEFAULT: Self = Self { sync: Duration::from_millis(100), keep: 5, max_size: 20 << 30 };
}

/// A region or a map, by its ID.
#[derive(Debug, Clone, Copy)]
pub enum Site {
    /// A fan-out.
    Region(&'static Region),
    /// A `dynamic_parallel` node.
    Map(&'static Map),
}

impl Site {
    /// `max_workers` of the fan-out or map.
    pub(crate) fn max_workers(&self) -> Option<u32> {
        match self {
            Self::Region(region) => region.max_workers,
            Self::Map(map) => map.max_workers,
        }
    }

    /// Its ID, and the settings of its tasks, or of its items, in the plan.
    pub(crate) fn configs(&self) -> (u32, Vec<&'static ParallelConfig>) {
        match self {
            Self::Region(region) => (region.id, region.tasks.iter().map(|task| task.config).collect()),
            Self::Map(map) => (map.id, vec![map.config]),
        }
    }
}

impl Block {
    /// Whether none of its steps is a fan-out, a map or a question, so that it runs on one thread from start to end without
    /// waiting for anything.
    pub(crate) fn is_flat(&self) -> bool {
        self.steps.iter().all(|step| match step.work {
            Work::Run(_) => true,
            Work::Call(call) => call.workflow.root.is_flat(),
            Work::Map(_) | Work::FanOut(_) | Work::Ask(_) => false,
        })
    }

    /// Whether its steps are recorded one by one where it is a branch: some of them run other blocks.
    pub(crate) fn is_by_steps(&self) -> bool {
        self.steps.iter().any(|step| !matches!(step.work, Work::Run(_)))
    }

    /// Whether it has nodes with `cache`, at any depth.
    fn has_cache(&self) -> bool {
        self.steps.iter().any(|step| match step.work {
            Work::FanOut(region) => region.tasks.iter().any(|task| task.block.has_cache()),
            Work::Call(call) => step.cached || call.workflow.root.has_cache(),
            Work::Map(map) => step.cached || map.workflow.is_some_and(|workflow| workflow.root.has_cache()),
            Work::Run(_) | Work::Ask(_) => step.cached,
        })
    }

    /// Whether it asks a person, at any depth.
    fn asks(&self) -> bool {
        self.steps.iter().any(|step| match step.work {
            Work::Ask(_) => true,
            Work::Run(_) => false,
            Work::FanOut(region) => region.tasks.iter().any(|task| task.block.asks()),
            Work::Call(call) => call.workflow.root.asks(),
            Work::Map(map) => map.workflow.is_some_and(|workflow| workflow.root.asks()),
        })
    }
}

/// A workflow that nodes of another one call. Its fan-outs and maps are among the sites of the plan.
#[derive(Debug)]
pub struct Subworkflow {
    /// The index in [`Plan::workflows`].
    pub id: u32,
    /// Its name.
    pub name: &'static str,
    /// The path of its file, as it is shown in messages.
    pub file: &'static str,
    /// The keys of its state.
    pub keys: &'static [KeySpec],
    /// What it runs.
    pub root: &'static Block,
}

/// Values of input keys, by key number.
pub type Inputs = Vec<(u32, Value)>;

/// A node that calls a workflow.
pub struct Call {
    /// The workflow.
    pub workflow: &'static Subworkflow,
    /// Gives the values of its input keys.
    pub inputs: fn(&View, &Context) -> Result<Inputs, NodeError>,
    /// What determines these values, if the run is recorded.
    pub passed: &'static [Passed],
    /// The keys of the workflow whose values are passed on, and the keys of the caller that receive them.
    pub outputs: &'static [(u32, u32)],
}

/// What determines the value of an input of a workflow that is called.
#[derive(Debug)]
pub struct Passed {
    /// The input key of the workflow.
    pub key: u32,
    /// What its Rust reads, like [`Step::reads`], and the key whose items are passed.
    pub reads: &'static [u32],
    /// Whether the Rust makes a value, which may be the path of a file. Otherwise, a key's value is shared.
    pub made: bool,
    /// Whether the Rust mentions the item of the map that calls.
    pub of_item: bool,
    /// The identity of the Rust.
    pub code: CodeId,
}

impl Body for Call {
    fn run(&self, view: &mut View, context: &Context) -> Result<(), Box<Failure>> {
        let inputs = (self.inputs)(view, context)?;
        let end = context.call(self.workflow.id, inputs)?;
        for &(from, to) in self.outputs {
            if let Some(value) = end.value(from) {
                view.write(to, Value::clone(value))?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("workflow", &self.workflow.name).finish_non_exhaustive()
    }
}

/// Steps that run one after the other, with jumps.
#[derive(Debug)]
pub struct Block {
    /// The first step.
    pub entry: Next,
    /// The steps.
    pub steps: &'static [Step],
    /// The working set of keys, ascending.
    pub keys: &'static [u32],
}

/// `parallel_results`, in lists of the keys that some Rust reads.
pub const RESULTS: u32 = u32::MAX;

/// Something to run, and what follows.
#[derive(Debug)]
pub struct Step {
    /// The node's name.
    pub name: &'static str,
    /// The position of the node in the workflow file.
    pub place: Place,
    /// What to run.
    pub work: Work,
    /// What follows.
    pub next: Next,
    /// The number of visits after which the run fails.
    pub max_visits: u64,
    /// What its Rust reads: keys, ascending, and [`RESULTS`]. Empty for a fan-out.
    pub reads: &'static [u32],
    /// `resume: rerun`: whether it runs again when a run is resumed, even if its record says that it is done.
    pub rerun: bool,
    /// The identity of its code; unknown for a fan-out.
    pub code: CodeId,
    /// `cache`: whether results are reused across runs.
    pub cached: bool,
    /// Whether the identity of its code is a `version`, which other nodes may have, too.
    pub pinned: bool,
}

/// What a step runs.
#[derive(Clone, Copy)]
pub enum Work {
    /// The Rust of a node.
    Run(&'static dyn Body),
    /// A question.
    Ask(&'static Ask),
    /// Another workflow.
    Call(&'static Call),
    /// A `dynamic_parallel` node.
    Map(&'static Map),
    /// A fan-out.
    FanOut(&'static Region),
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run(_) => f.write_str("Run"),
            Self::Ask(_) => f.write_str("Ask"),
            Self::Call(call) => f.debug_tuple("Call").field(&call.workflow.name).finish(),
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
    /// The first arm whose condition is true; the last one has no condition.
    Choose(&'static [Arm]),
    /// All of these tasks.
    Fork(&'static [u32]),
}

/// The target of a jump.
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
    /// The condition for taking it; `None` if it is always taken.
    pub when: Option<Condition>,
    /// The target.
    pub to: Target,
    /// The text of the condition, for graphs; empty if there is none.
    pub text: &'static str,
    /// What the condition reads, like [`Step::reads`].
    pub reads: &'static [u32],
    /// The identity of the condition.
    pub code: CodeId,
}

/// A fan-out.
#[derive(Debug)]
pub struct Region {
    /// The index in [`Plan::sites`].
    pub id: u32,
    /// The edge that starts it.
    pub place: Place,
    /// The keys of the workflow that it is in.
    pub keys: &'static [KeySpec],
    /// What runs in parallel.
    pub tasks: &'static [Task],
    /// Whether this is the region of a dataflow file: tasks start when their needs are done, wherever those continue.
    pub dataflow: bool,
    /// The number of tasks that have to succeed: then the others are cancelled. `None` if all have to.
    pub join: Option<u32>,
    /// The maximum number of tasks that run at once.
    pub max_workers: Option<u32>,
    /// Whether the first failure cancels the others.
    pub fail_fast: bool,
    /// Where these two are written.
    pub written: &'static [Origin],
}

impl Region {
    /// The one branch of a fan-out that is a node with settings of its own.
    pub(crate) fn attempt(&self) -> Option<&'static Task> {
        match self.tasks {
            [task] if task.place == self.place => Some(task),
            _ => None,
        }
    }

    /// The identities of the conditions of its branches.
    pub(crate) fn when_code(&self) -> Vec<CodeId> {
        self.tasks.iter().filter(|task| task.when.is_some()).map(|task| task.when_code).collect()
    }
}

/// A branch of a fan-out.
#[derive(Debug)]
pub struct Task {
    /// The branch's name.
    pub name: &'static str,
    /// The position of its name in the workflow file.
    pub place: Place,
    /// The condition for starting it.
    pub when: Option<Condition>,
    /// The text of the condition, for graphs; empty if there is none.
    pub when_text: &'static str,
    /// What the condition reads, like [`Step::reads`].
    pub when_reads: &'static [u32],
    /// The identity of the condition.
    pub when_code: CodeId,
    /// The tasks to wait for, ascending.
    pub needs: &'static [u32],
    /// The block that it runs.
    pub block: &'static Block,
    /// The identity of all code in the block.
    pub code: CodeId,
    /// The keys that it is sent.
    pub reads: &'static [TaskRead],
    /// The keys that it may write.
    pub writes: &'static [TaskWrite],
    /// What it writes if it fails and that is allowed, by key.
    pub fallback: &'static [Fallback],
    /// Its settings.
    pub config: &'static ParallelConfig,
    /// Where they are written; `None` if they are those of the tasks that it needs.
    pub written: Option<&'static [Origin]>,
}

/// Where a parallel setting is written.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// Its name, as on an edge or node.
    pub setting: &'static str,
    /// At which level.
    pub level: Level,
    /// The path of the file, as it is shown in messages.
    pub file: &'static str,
    /// Where in the file.
    pub place: Place,
}

/// The places where parallel settings can be written; the nearest holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The edge or node itself.
    Own,
    /// `settings.parallel` of a workflow that is called.
    Called,
    /// `settings.parallel` of the program's workflow.
    File,
}

/// A key that a task is sent.
#[derive(Debug, Clone, Copy)]
pub struct TaskRead {
    /// The key.
    pub key: u32,
    /// The number of the region's writers of the key, in task order, whose writes the value includes.
    pub after: u32,
}

/// A key that a task writes.
#[derive(Debug, Clone, Copy)]
pub struct TaskWrite {
    /// The key.
    pub key: u32,
    /// Whether the value is combined with the existing one instead of replacing it.
    pub combine: bool,
}

/// What a task writes to a key if it fails.
pub struct Fallback {
    /// The key.
    pub key: u32,
    /// Writes the value.
    pub value: &'static dyn Body,
}

impl std::fmt::Debug for Fallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fallback").field("key", &self.key).finish_non_exhaustive()
    }
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
    /// The keys of the workflow that it is in.
    pub keys: &'static [KeySpec],
    /// Items, body and output.
    pub spec: &'static dyn MapSpec,
    /// The workflow that the body calls, if it does.
    pub workflow: Option<&'static Subworkflow>,
    /// What determines its inputs, if the run is recorded.
    pub passed: &'static [Passed],
    /// The keys that the body reads, ascending. Besides the items, a worker is sent only these.
    pub reads: &'static [u32],
    /// The keys that it writes (output and failures).
    pub writes: &'static [u32],
    /// Whether the body uses the index of its item.
    pub indexed: bool,
    /// The maximum number of items that run at once.
    pub max_workers: Option<u32>,
    /// Whether the first failure cancels the rest.
    pub fail_fast: bool,
    /// The settings of an item.
    pub config: &'static ParallelConfig,
    /// Where all of its settings are written.
    pub written: &'static [Origin],
}

pub use crate::{map::MapSpec, place::Place, state::KeySpec};

/// The Rust of a node, with its output.
pub trait Body: Sync {
    /// Runs the node on `view` and writes its output there.
    ///
    /// # Errors
    /// If the Rust of the node returns an error or panics, or a reducer fails.
    fn run(&self, view: &mut View, context: &Context) -> Result<(), Box<Failure>>;
}

/// A node: its function, and the keys that receive its value (`()`, one [`Key`](crate::state::Key), or a tuple of
/// them).
pub struct Run<K: Output>(pub fn(&View, &Context) -> Result<K::Value, NodeError>, pub K);

impl<K: Output> Body for Run<K> {
    fn run(&self, view: &mut View, context: &Context) -> Result<(), Box<Failure>> {
        let value = (self.0)(view, context)?;
        self.1.put(value, view)
    }
}

/// A node that asks a person.
pub struct Ask {
    /// Gives the text of the question.
    pub question: fn(&View, &Context) -> Result<String, NodeError>,
    /// The key that gets the answer.
    pub key: u32,
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The keys that receive the value of a node.
pub trait Output: Copy + Sync {
    /// The value of the node.
    type Value;
    /// Writes the value.
    ///
    /// # Errors
    /// If a reducer fails.
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

/// A generated module: connects its typed `Input` and `Output` with its plan.
pub trait Workflow: 'static {
    /// The values that the caller supplies.
    type Input;
    /// The values that the run returns.
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
    /// If a branch that was abandoned at its timeout still holds a value that is not `Clone`.
    fn output(view: View) -> Result<Self::Output, Box<Failure>>;

    /// Takes the whole state out of the view of the root block after the run.
    fn state(view: View) -> Self::State;
}

/// Every workflow in this program. Workers use this to find their plans.
pub struct Registered(pub &'static Plan);
inventory::collect!(Registered);
