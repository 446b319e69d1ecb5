//! The values that one block works with.

use std::sync::Arc;

use super::key::{Key, Value};
use crate::{failure::Failure, plan::Plan, result::ParallelFlowResult};

/// The values that one block works with: a slot for each key of its working set.
#[derive(Debug, Clone)]
pub struct View {
    plan: &'static Plan,
    keys: &'static [u32],
    slots: Vec<Slot>,
    results: Arc<[ParallelFlowResult]>,
}

#[derive(Debug, Clone, Default)]
struct Slot {
    value: Option<Value>,
    written: bool,
}

impl View {
    /// A view of `keys` (ascending), all unset.
    #[must_use]
    pub fn new(plan: &'static Plan, keys: &'static [u32]) -> Self {
        Self { plan, keys, slots: vec![Slot::default(); keys.len()], results: Arc::new([]) }
    }

    /// The value of a key that the compiler proved set.
    ///
    /// # Panics
    /// If it is unset: a defect of the compiler.
    #[must_use]
    pub fn get<T: 'static>(&self, key: Key<T>) -> &T {
        self.find(key).unwrap_or_else(|| panic!("tea: `{}` is read before it is set", self.name(key.id)))
    }

    /// The value of a key that may be unset.
    ///
    /// # Panics
    /// If the value is not of the key's type: a defect of the compiler.
    #[must_use]
    pub fn find<T: 'static>(&self, key: Key<T>) -> Option<&T> {
        let value = self.value(key.id)?;
        Some(value.downcast_ref().expect("a key's value has the key's type"))
    }

    /// Writes a key, combining with what is there if the key has `reduce`.
    ///
    /// # Errors
    /// If the reducer fails.
    pub fn put<T: Send + Sync + 'static>(&mut self, key: Key<T>, value: T) -> Result<(), Box<Failure>> {
        self.write(key.id, Arc::new(value))
    }

    /// The results of the fan-out just joined, in declared order.
    #[must_use]
    pub fn parallel_results(&self) -> &[ParallelFlowResult] {
        &self.results
    }

    /// The value of key number `key`, if the view has it.
    pub(crate) fn value(&self, key: u32) -> Option<&Value> {
        self.slots[self.slot(key)?].value.as_ref()
    }

    pub(crate) fn write(&mut self, key: u32, value: Value) -> Result<(), Box<Failure>> {
        let spec = &self.plan.keys[key as usize];
        let slot = self.slot(key).unwrap_or_else(|| panic!("tea: `{}` is not in this block's working set", spec.name));
        let slot = &mut self.slots[slot];
        let value = match (spec.reduce, slot.value.take()) {
            (Some(reduce), Some(before)) => reduce(spec.kind, before, value)?,
            _ => value,
        };
        *slot = Slot { value: Some(value), written: true };
        Ok(())
    }

    fn slot(&self, key: u32) -> Option<usize> {
        self.keys.binary_search(&key).ok()
    }

    fn name(&self, key: u32) -> &'static str {
        self.plan.keys[key as usize].name
    }
}
