//! Plans by hand, as generated code would hold them. What is made here lives for ever, as it would there.

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

pub(crate) use crate::plan::kit::{END, step};
use crate::{
    context::Context,
    engine::Options,
    error::Error,
    failure::{Failure, FailureKind, NodeError},
    map::MapSpec,
    plan::{
        Arm, Block, Body, Checkpoint, CodeId, Condition, Fallback, Map, Next, Plan, RESULTS, Region, Site, Step,
        Subworkflow, Target, Task, TaskRead, TaskWrite, Work,
        kit::{self, PLAN, REGION},
    },
    policy::ParallelConfig,
    request,
    state::{Key, KeySpec, Kind, Reduce, Value, View, Wire, kind::CloneValue},
};

pub(crate) const THREAD: &ParallelConfig = &ParallelConfig::DEFAULT;

pub(crate) fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// A plan in the making.
#[derive(Default)]
pub(crate) struct Kit {
    keys: Vec<KeySpec>,
    sites: Vec<Option<Site>>,
    workflows: Vec<&'static Subworkflow>,
}

impl Kit {
    pub(crate) fn key<T: Clone + Send + Sync + 'static>(&mut self, name: &'static str) -> Key<T> {
        let clone: CloneValue = |value| Arc::new(value.downcast_ref::<T>().unwrap().clone());
        self.kind(name, Kind { clone: Some(leak(clone)), ..Kind::of::<T>(std::any::type_name::<T>()) })
    }

    /// A key whose type cannot be copied.
    pub(crate) fn unique<T: Send + Sync + 'static>(&mut self, name: &'static str) -> Key<T> {
        self.kind(name, Kind::of::<T>(std::any::type_name::<T>()))
    }

    fn kind<T: Send + Sync + 'static>(&mut self, name: &'static str, kind: Kind) -> Key<T> {
        self.keys.push(KeySpec { optional: true, ..KeySpec::new(name, leak(kind)) });
        Key::new(u32::try_from(self.keys.len() - 1).unwrap())
    }

    /// A list whose writes are put one behind the other: any wrong order shows.
    pub(crate) fn list(&mut self, name: &'static str) -> Key<Vec<i64>> {
        fn append(kind: &'static Kind, before: Value, written: Value) -> Result<Value, Box<Failure>> {
            let key = Key::<Vec<i64>>::new(0);
            let (mut all, more) = (key.owned(kind, before)?, key.owned(kind, written)?);
            all.extend(more);
            Ok(Arc::new(all))
        }
        let key = self.key(name);
        self.reduce(key, append);
        key
    }

    /// Gives values of a key bytes, so that they can be recorded.
    pub(crate) fn wired<T: Serialize + DeserializeOwned + Send + Sync + 'static>(&mut self, key: Key<T>) -> Key<T> {
        let spec = &mut self.keys[key.id as usize];
        spec.kind = leak(Kind { wire: Some(const { &Wire::new::<T>() }), ..*spec.kind });
        key
    }

    /// Keeps a key in this process.
    pub(crate) fn transient<T>(&mut self, key: Key<T>) -> Key<T> {
        self.keys[key.id as usize].transient = true;
        key
    }

    /// Keeps a key out of the output.
    pub(crate) fn not_output<T>(&mut self, key: Key<T>) -> Key<T> {
        self.keys[key.id as usize].output = false;
        key
    }

    pub(crate) fn reduce<T>(&mut self, key: Key<T>, reduce: Reduce) {
        self.keys[key.id as usize].reduce = Some(reduce);
    }

    pub(crate) fn input<T>(&mut self, key: Key<T>, default: Option<fn() -> Value>) {
        let spec = &mut self.keys[key.id as usize];
        (spec.input, spec.default, spec.optional) = (true, default, false);
    }

    /// A block over all keys so far. Steps and conditions that do not say what they read count as reading all of it.
    pub(crate) fn block(&self, mut steps: Vec<Step>) -> Block {
        let keys = (0..u32::try_from(self.keys.len()).unwrap()).collect::<Vec<_>>().leak();
        for step in &mut steps {
            step.next = all_read(step.next, self.everything());
            if step.reads.is_empty() {
                step.reads = self.everything();
            }
        }
        let entry = if steps.is_empty() { END } else { to(0) };
        Block { entry, steps: steps.leak(), keys }
    }

    /// The keys so far.
    fn specs(&self) -> &'static [KeySpec] {
        self.keys.iter().map(|spec| KeySpec { ..*spec }).collect::<Vec<_>>().leak()
    }

    /// All keys so far, and the results of a fan-out.
    fn everything(&self) -> &'static [u32] {
        (0..u32::try_from(self.keys.len()).unwrap()).chain([RESULTS]).collect::<Vec<_>>().leak()
    }

    pub(crate) fn region(&mut self, tasks: Vec<Task>) -> &'static Region {
        self.region_with(tasks, |_| ())
    }

    pub(crate) fn region_with(&mut self, mut tasks: Vec<Task>, with: impl FnOnce(&mut Region)) -> &'static Region {
        let id = u32::try_from(self.sites.len()).unwrap();
        for task in tasks.iter_mut().filter(|task| task.when.is_some()) {
            task.when_reads = self.everything();
        }
        let mut region = Region { id, keys: self.specs(), tasks: tasks.leak(), ..REGION };
        with(&mut region);
        let region = leak(region);
        self.sites.push(Some(Site::Region(region)));
        region
    }

    pub(crate) fn map(
        &mut self,
        name: &'static str,
        spec: &'static dyn MapSpec,
        config: ParallelConfig,
        with: impl FnOnce(&mut Map),
    ) -> Step {
        let id = u32::try_from(self.sites.len()).unwrap();
        let mut map = Map { id, keys: self.specs(), config: leak(config), ..kit::map(name, spec) };
        with(&mut map);
        let map = leak(map);
        self.sites.push(Some(Site::Map(map)));
        step(name, Work::Map(map))
    }

    pub(crate) fn plan(self, root: Block) -> &'static Plan {
        leak(Plan {
            keys: self.keys.leak(),
            root: leak(root),
            sites: self.sites.into_iter().flatten().collect::<Vec<_>>().leak(),
            workflows: self.workflows.leak(),
            checkpoint: Some(Checkpoint::DEFAULT),
            ..PLAN
        })
    }
}

/// A node's Rust as a closure.
struct Code<F>(F);

impl<F: Fn(&mut View, &Context) -> Result<(), NodeError> + Sync> Body for Code<F> {
    fn run(&self, view: &mut View, context: &Context) -> Result<(), Box<Failure>> {
        Ok((self.0)(view, context)?)
    }
}

pub(crate) fn node(
    name: &'static str,
    code: impl Fn(&mut View, &Context) -> Result<(), NodeError> + Sync + 'static,
) -> Step {
    step(name, Work::Run(leak(Code(code))))
}

/// A node that puts a value.
pub(crate) fn puts<T: Clone + Send + Sync + 'static>(name: &'static str, key: Key<T>, value: T) -> Step {
    node(name, move |view, _| put(view, key, value.clone()))
}

/// A node that appends to a list.
pub(crate) fn appends(name: &'static str, key: Key<Vec<i64>>, value: i64) -> Step {
    puts(name, key, vec![value])
}

pub(crate) fn put<T>(view: &mut View, key: Key<T>, value: T) -> Result<(), NodeError> {
    view.put(key, value).map_err(|failure| failure.message.into())
}

pub(crate) fn fan_out(region: &'static Region) -> Step {
    step("fan-out", Work::FanOut(region))
}

pub(crate) const fn to(step: u32) -> Next {
    Next::Go(Target::Step(step))
}

/// Steps one after the other.
pub(crate) fn chain(mut steps: Vec<Step>) -> Vec<Step> {
    let last = steps.len().saturating_sub(1);
    for (next, step) in (1..).zip(&mut steps[..last]) {
        step.next = to(next);
    }
    steps
}

pub(crate) fn choose(arms: Vec<(Option<Condition>, Target)>) -> Next {
    let arm = |(when, to)| Arm { when, to, text: "", reads: &[], code: CodeId::UNKNOWN };
    Next::Choose(arms.into_iter().map(arm).collect::<Vec<_>>().leak())
}

/// Conditions that read these keys, unless they say what they read.
pub(crate) fn all_read(next: Next, keys: &[u32]) -> Next {
    let Next::Choose(arms) = next else { return next };
    let reads = |arm: &Arm| if arm.reads.is_empty() { keys.to_vec().leak() } else { arm.reads };
    Next::Choose(arms.iter().map(|arm| Arm { reads: reads(arm), ..*arm }).collect::<Vec<_>>().leak())
}

pub(crate) fn task(name: &'static str, block: Block) -> Task {
    kit::task(name, leak(block))
}

impl Step {
    /// What its Rust reads, as the compiler would say it.
    pub(crate) fn reads(self, keys: &[u32]) -> Self {
        Self { reads: keys.to_vec().leak(), ..self }
    }
}

impl Task {
    /// What it writes if it fails.
    pub(crate) fn or<T: Clone + Send + Sync + 'static>(mut self, key: Key<T>, value: T) -> Self {
        let value = leak(Code(move |view: &mut View, _: &Context| put(view, key, value.clone())));
        let mut all: Vec<Fallback> =
            self.fallback.iter().map(|&Fallback { key, value }| Fallback { key, value }).collect();
        all.push(Fallback { key: key.id, value });
        self.fallback = all.leak();
        self
    }

    pub(crate) fn reads<T>(mut self, key: Key<T>, after: u32) -> Self {
        self.reads = [self.reads, &[TaskRead { key: key.id, after }]].concat().leak();
        self
    }

    pub(crate) fn writes<T>(mut self, key: Key<T>, combine: bool) -> Self {
        self.writes = [self.writes, &[TaskWrite { key: key.id, combine }]].concat().leak();
        self
    }

    pub(crate) fn needs(mut self, needs: &[u32]) -> Self {
        self.needs = needs.to_vec().leak();
        self
    }

    pub(crate) fn config(mut self, config: ParallelConfig) -> Self {
        self.config = leak(config);
        self
    }
}

pub(crate) fn run(plan: &'static Plan) -> Result<View, Error> {
    request::run(plan, Vec::new(), Options::default())
}

/// Runs with a ceiling on workers.
pub(crate) fn run_with(plan: &'static Plan, workers: usize) -> Result<View, Error> {
    request::run(plan, Vec::new(), Options { max_workers: Some(workers), ..Options::default() })
}

/// The kinds of all failures.
pub(crate) fn kinds(error: &Error) -> Vec<FailureKind> {
    error.failures().iter().map(|failure| failure.failure.kind).collect()
}

/// Waits for something that another thread does. The bound is for a machine that does nothing else but swap.
pub(crate) fn wait_for(what: &str, done: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !done() {
        assert!(start.elapsed().as_secs() < 60, "{what} did not happen");
        std::thread::yield_now();
    }
}
