//! A branch as a unit of work.

use std::{any::Any, borrow::Cow, sync::Arc};

use crate::{
    context::Context,
    engine::{
        Run,
        block::{BlockEnd, BlockRun},
        records::{Names, Records},
    },
    executor::{
        payload::{self, Shared},
        wire::{Bytes, Encoded, EncodedView, ResultHead, UnitHead},
        work::{Unencodable, Work},
    },
    failure::Failure,
    panic::guard,
    plan::{Region, Task},
    position::Position,
    state::View,
};

/// A branch.
pub(in crate::engine) struct BranchWork {
    run: Arc<Run>,
    shared: Arc<Shared>,
    task: usize,
    position: Position,
    /// The name of what it reads, if the run is recorded.
    reads: Option<[u8; 16]>,
    /// If its steps are recorded one by one: the records, and the names of what it reads.
    recorded: Option<(Arc<Records>, Names)>,
    /// What it reads, and once it has succeeded, also what it wrote.
    pub(super) view: View,
    /// The tasks with which it continues.
    pub(super) goes_to: Vec<u32>,
}

impl BranchWork {
    pub(in crate::engine) fn new(
        run: &Arc<Run>,
        shared: &Arc<Shared>,
        task: usize,
        view: View,
        (position, reads): (Position, Option<[u8; 16]>),
        recorded: Option<(Arc<Records>, Names)>,
    ) -> Self {
        let (run, shared) = (Arc::clone(run), Arc::clone(shared));
        Self { run, shared, task, position, reads, recorded, view, goes_to: Vec::new() }
    }

    fn region(&self) -> &'static Region {
        self.shared.region()
    }

    fn task(&self) -> &'static Task {
        &self.region().tasks[self.task]
    }
}

impl Work for BranchWork {
    fn parts(&self) -> usize {
        1
    }

    fn name(&self) -> &'static str {
        self.task().name
    }

    fn label(&self, _: usize, _: usize) -> String {
        self.name().to_owned()
    }

    fn kind(&self) -> usize {
        std::ptr::from_ref(self.region()).addr()
    }

    fn reads(&self) -> Option<[u8; 16]> {
        self.reads
    }

    fn run(&mut self, _: usize, _: usize, context: &mut Context) -> (usize, Option<Box<Failure>>) {
        let view = self.view.take_all();
        let recorded = self.recorded.as_ref().map(|(records, names)| (records, names.clone()));
        let block = BlockRun::new(&self.run, context, self.task().block, view, &self.position, recorded);
        match block.run() {
            Ok(BlockEnd { view, goes_to }) => {
                (self.view, self.goes_to) = (view, goes_to);
                (1, None)
            }
            Err(failed) => {
                self.view = View::new(self.region().keys, &[]);
                // Only the failure matters, not an additional panic in a `Drop`.
                drop(guard(|| drop(failed.view)));
                (1, Some(failed.failure))
            }
        }
    }

    fn encode(&self, attempt: u32, max_payload: u64) -> Result<Encoded, Unencodable> {
        let reads = self.task().reads.iter().filter_map(|read| Some((read.key, self.view.value(read.key)?)));
        let values = payload::encode(self.view.specs(), reads, max_payload, Some(&self.shared));
        let values = values.map_err(Unencodable::Part)?;
        let plan = self.run.plan;
        let records = self.recorded.as_ref().map(|(records, names)| records.to_send(&self.position, names));
        let head = UnitHead {
            module: Cow::Borrowed(plan.module),
            workflow: Cow::Borrowed(plan.name),
            site: self.region().id,
            first: self.task as u64,
            attempt,
            max_payload,
            items: Vec::new(),
            position: Cow::default(),
            reads: None,
            records: Cow::Owned(records.unwrap_or_default()),
        };
        Ok(Encoded { head, view: EncodedView::new(values.heads, values.bytes), items: Vec::new() })
    }

    fn part(&self, _: usize) -> Box<dyn Work> {
        let (place, recorded) = ((self.position.clone(), self.reads), self.recorded.clone());
        Box::new(Self::new(&self.run, &self.shared, self.task, self.view.clone(), place, recorded))
    }

    fn split_off(&mut self, _: usize) -> Box<dyn Work> {
        unreachable!("a branch is one part")
    }

    fn encode_result(&self, _: usize, max_payload: u64, into: &mut Bytes) -> Result<ResultHead, Box<Failure>> {
        let values = payload::encode(self.view.specs(), self.view.written(), max_payload, None)?;
        *into = values.bytes;
        Ok(ResultHead { goes_to: self.goes_to.clone(), values: values.heads })
    }

    fn accept(&mut self, _: usize, head: &ResultHead, bytes: &[u8]) -> Result<(), Box<Failure>> {
        for (key, value) in payload::decode(self.view.specs(), self.view.keys(), &head.values, bytes)? {
            self.view.replace(key, value);
        }
        self.goes_to.clone_from(&head.goes_to);
        Ok(())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
