//! What the tasks of a fan-out read and write.

use std::collections::BTreeMap;

use crate::{
    engine::{Run, site::Site},
    failure::Failure,
    panic::guard,
    plan::{Region, Task},
    policy::Strategy,
    state::{Value, View},
};

/// What the tasks read and have written.
pub(super) struct Base {
    region: &'static Region,
    /// The values from before the fan-out, those of finished tasks that others had to read, and those that no other
    /// task may write.
    view: View,
    /// Whether there are tasks that need others.
    is_graph: bool,
    /// Whether what a task wrote may be read or replaced by that of another.
    keeps_all: bool,
    /// The number of writers of a key whose values are included.
    included: BTreeMap<u32, usize>,
    /// Everything else that was written, by task and key.
    written: BTreeMap<(usize, u32), Value>,
    /// Values that are no longer needed. They are dropped at the end, because their `Drop` is user code and may panic.
    dropped: Vec<Value>,
}

impl Base {
    pub(super) fn new(region: &'static Region, site: &Site, view: View) -> Self {
        let is_graph = site.graph.is_some();
        let keeps_all = is_graph || region.join.is_some();
        Self {
            region,
            view,
            is_graph,
            keeps_all,
            included: BTreeMap::new(),
            written: BTreeMap::new(),
            dropped: Vec::new(),
        }
    }

    /// The view with which a task starts.
    pub(super) fn view(&mut self, index: usize, run: &Run) -> Result<View, Box<Failure>> {
        let task = &self.region.tasks[index];
        if self.is_graph && task.reads.iter().any(|read| read.after > 0) {
            guard(|| self.include(task, run)).flatten()?;
        }
        let mut view = View::new(self.region.keys, task.block.keys);
        for read in task.reads {
            if !self.takes_over(index, read.key, run) {
                self.view.value(read.key).into_iter().for_each(|value| view.set(read.key, Value::clone(value)));
            } else if let Some(value) = self.view.take_value(read.key) {
                // It counts as written, so that it is always returned.
                view.replace(read.key, value);
            }
        }
        Ok(view)
    }

    /// Keeps what a task wrote until the join, or until another task reads it. What no other task may write or read can
    /// be joined at once.
    pub(super) fn keep(&mut self, index: usize, written: impl Iterator<Item = (u32, Value)>) {
        let task = &self.region.tasks[index];
        for (key, value) in written {
            match task.writes.iter().find(|write| write.key == key) {
                Some(write) if write.combine || self.keeps_all => drop(self.written.insert((index, key), value)),
                Some(_) => self.dropped.extend(self.view.replace(key, value)),
                // Nothing outside the branch uses the key.
                None => self.dropped.push(value),
            }
        }
    }

    /// The values from before the fan-out, with everything that has been joined by now.
    pub(super) fn into_view(self) -> View {
        let Self { view, written, dropped, .. } = self;
        // Only the failure matters, not an additional panic in a `Drop`.
        drop(guard(|| drop((written, dropped))));
        view
    }

    /// Joins what the tasks wrote, in the order of the tasks.
    pub(super) fn join(self) -> (View, Result<(), Box<Failure>>) {
        let Self { region, mut view, written, dropped, .. } = self;
        if let Err(failure) = guard(|| drop(dropped)) {
            return (view, Err(failure));
        }
        for ((index, key), value) in written {
            let merged = guard(|| merge(&region.tasks[index], key, value, &mut view)).flatten();
            if let Err(failure) = merged {
                let task = &region.tasks[index];
                return (view, Err(failure.at(task.name, task.place)));
            }
        }
        (view, Ok(()))
    }

    /// Whether the task gets exclusive ownership of a value that it combines with others, so that it need not be
    /// copied. In that case nobody else may read it in the meantime, and if the task fails, so does the fan-out.
    fn takes_over(&self, index: usize, key: u32, run: &Run) -> bool {
        let task = &self.region.tasks[index];
        let spec = &self.region.keys[key as usize];
        if spec.reduce.is_none() || self.region.join.is_some() {
            return false;
        }
        // Nothing would be left of it for `finally`, if the task failed.
        if spec.kind.clone.is_some() && run.plan.is_read_at_end(spec.name) {
            return false;
        }
        let config = run.region(self.region).config(index);
        task.writes.iter().any(|write| write.key == key && !write.combine)
            && config.retry.max_retries == 0
            && !config.allow_failure
            && run.strategy(config) == Strategy::Thread
    }

    /// Includes in the base what `task` reads of finished tasks, in task order. No others will have to be included
    /// before it, because nobody may write a key while others read it.
    fn include(&mut self, task: &'static Task, run: &Run) -> Result<(), Box<Failure>> {
        let Some(graph) = &run.region(self.region).graph else { return Ok(()) };
        for read in task.reads.iter().filter(|read| read.after > 0) {
            let included = self.included.entry(read.key).or_default();
            for writer in graph.writers(read.key).take(read.after as usize).skip(*included) {
                *included += 1;
                if let Some(value) = self.written.remove(&(writer, read.key)) {
                    merge(&self.region.tasks[writer], read.key, value, &mut self.view)?;
                }
            }
        }
        Ok(())
    }
}

/// Puts what `task` wrote to `key` into `view`.
fn merge(task: &Task, key: u32, value: Value, view: &mut View) -> Result<(), Box<Failure>> {
    match task.writes.iter().find(|write| write.key == key) {
        Some(write) if write.combine => view.write(key, value),
        _ => {
            view.replace(key, value);
            Ok(())
        }
    }
}
