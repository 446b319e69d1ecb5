//! The values that one block works with.

use std::sync::{Arc, LazyLock};

use super::{
    key::{Key, KeySpec, Value},
    stored,
};
use crate::{failure::Failure, result::ParallelFlowResult};

/// The values that one block works with: a slot for each key of its working set.
///
/// It is moved with every branch, so it should be small.
#[derive(Debug, Clone)]
pub struct View {
    specs: &'static [KeySpec],
    keys: &'static [u32],
    slots: Box<[Slot]>,
    results: Option<Arc<Results>>,
    /// The journal of writes, if the node is recorded.
    journal: Option<Box<Journal>>,
}

/// What a node wrote, in order: keys with their new values, before these were combined with existing ones.
pub(crate) type Journal = Vec<(u32, Entry)>;

/// What was written to a key.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// The value, which is in the view.
    Value(Value),
    /// Its bytes, or why it has none. The value was combined with others.
    Bytes(Result<Vec<u8>, String>),
}

/// Few look at them: they are made when somebody does.
type Results = LazyLock<Vec<ParallelFlowResult>, Box<dyn FnOnce() -> Vec<ParallelFlowResult> + Send>>;

#[derive(Debug, Clone, Default)]
struct Slot {
    value: Option<Value>,
    written: bool,
}

impl View {
    /// A view of `keys` (ascending), all unset.
    #[must_use]
    pub fn new(specs: &'static [KeySpec], keys: &'static [u32]) -> Self {
        Self { specs, keys, slots: vec![Slot::default(); keys.len()].into(), results: None, journal: None }
    }

    /// Takes the view, and leaves one of no keys.
    pub(crate) fn take_all(&mut self) -> Self {
        let empty = Self::new(self.specs, &[]);
        std::mem::replace(self, empty)
    }

    /// The value of a key that the compiler has proved to be set.
    ///
    /// # Panics
    /// If it is unset, which is a bug in the compiler.
    #[must_use]
    pub fn get<T: 'static>(&self, key: Key<T>) -> &T {
        self.find(key).unwrap_or_else(|| panic!("tea: `{}` is read before it is set", self.name(key.id)))
    }

    /// The value of a key that may be unset.
    ///
    /// # Panics
    /// If the value does not have the type of the key, which is a bug in the compiler.
    #[must_use]
    pub fn find<T: 'static>(&self, key: Key<T>) -> Option<&T> {
        let value = self.value(key.id)?;
        Some(value.downcast_ref().unwrap_or_else(|| stored::behind(value)))
    }

    /// Like [`get`](Self::get), by value.
    ///
    /// # Panics
    /// If it is unset, which is a bug in the compiler.
    #[must_use]
    pub fn copy<T: Copy + 'static>(&self, key: Key<T>) -> T {
        *self.get(key)
    }

    /// Like [`find`](Self::find), by value.
    #[must_use]
    pub fn find_copy<T: Copy + 'static>(&self, key: Key<T>) -> Option<T> {
        self.find(key).copied()
    }

    /// Writes a key, and combines the value with an existing one if the key has `reduce`.
    ///
    /// # Errors
    /// If the reducer fails.
    pub fn put<T>(&mut self, key: Key<T>, value: T) -> Result<(), Box<Failure>> {
        self.write(key.id, key.share(value))
    }

    /// Takes the value of a key that the compiler has proved to be set. It is copied only if another branch still holds
    /// it.
    ///
    /// # Errors
    /// If another branch still holds it and the type is not `Clone`.
    ///
    /// # Panics
    /// If it is unset, which is a bug in the compiler.
    pub fn take<T>(&mut self, key: Key<T>) -> Result<T, Box<Failure>> {
        let value = self.find_take(key)?;
        Ok(value.unwrap_or_else(|| panic!("tea: `{}` is read before it is set", self.name(key.id))))
    }

    /// Like [`take`](Self::take), for a key that may be unset.
    ///
    /// # Errors
    /// If another branch still holds it and the type is not `Clone`.
    pub fn find_take<T>(&mut self, key: Key<T>) -> Result<Option<T>, Box<Failure>> {
        let value = self.take_value(key.id);
        value.map(|value| key.owned(self.specs()[key.id as usize].kind, value)).transpose()
    }

    /// The results of the fan-out that has just been joined, in declared order.
    #[must_use]
    pub fn parallel_results(&self) -> &[ParallelFlowResult] {
        self.results.as_deref().map_or(&[], |results| results.as_slice())
    }

    /// The value of key number `key`, if the view has it.
    #[must_use]
    pub fn value(&self, key: u32) -> Option<&Value> {
        self.slots[self.slot(key)?].value.as_ref()
    }

    /// The value of a key that the compiler has proved to be set, as a shared value.
    ///
    /// # Panics
    /// If it is unset, which is a bug in the compiler.
    #[must_use]
    pub fn share<T>(&self, key: Key<T>) -> Arc<T> {
        self.find_share(key).unwrap_or_else(|| panic!("tea: `{}` is read before it is set", self.name(key.id)))
    }

    /// Like [`share`](Self::share), for a key that may be unset.
    #[must_use]
    pub fn find_share<T>(&self, key: Key<T>) -> Option<Arc<T>> {
        self.value(key.id).map(|value| key.typed(Arc::clone(value)))
    }

    /// Gives the block an initial value. This does not count as a write: [`written`](Self::written) does not contain
    /// it.
    ///
    /// # Panics
    /// If the key is not in the block's working set.
    pub fn set(&mut self, key: u32, value: Value) {
        self.slot_mut(key).value = Some(value);
    }

    /// As [`set`](Self::set), for a key that no block may use.
    pub(crate) fn set_if_there(&mut self, key: u32, value: Value) {
        if self.slot(key).is_some() {
            self.set(key, value);
        }
    }

    /// Replaces the value of a key with one that is already combined, counts it as written, and returns the previous
    /// one.
    ///
    /// # Panics
    /// If the key is not in the block's working set.
    pub fn replace(&mut self, key: u32, value: Value) -> Option<Value> {
        std::mem::replace(self.slot_mut(key), Slot { value: Some(value), written: true }).value
    }

    /// The keys of the block's working set, ascending.
    pub(crate) fn keys(&self) -> &'static [u32] {
        self.keys
    }

    /// What the block wrote: key numbers, ascending, and values.
    pub fn written(&self) -> impl Iterator<Item = (u32, &Value)> {
        let Self { keys, slots, .. } = self;
        let slots = keys.iter().zip(slots).filter(|(_, slot)| slot.written);
        slots.filter_map(|(key, slot)| Some((*key, slot.value.as_ref()?)))
    }

    /// Writes a key, and combines the value with an existing one if the key has `reduce`.
    pub(crate) fn write(&mut self, key: u32, value: Value) -> Result<(), Box<Failure>> {
        let spec = &self.specs()[key as usize];
        if let Some(journal) = &mut self.journal {
            journal.push((key, Entry::of(spec, &value)));
        }
        let slot = self.slot_mut(key);
        let before = spec.reduce.and_then(|reduce| Some((reduce, slot.value.take()?)));
        slot.value = match before {
            Some((reduce, before)) => Some(reduce(spec.kind, before, value)?),
            None => Some(value),
        };
        slot.written = true;
        Ok(())
    }

    /// Removes a value, as if it had never been set.
    pub(crate) fn take_value(&mut self, key: u32) -> Option<Value> {
        let slot = self.slot(key)?;
        self.slots[slot].value.take()
    }

    /// Takes what the block wrote: key numbers, ascending, and values.
    pub(crate) fn take_written(&mut self) -> impl Iterator<Item = (u32, Value)> {
        let Self { keys, slots, .. } = self;
        let slots = keys.iter().zip(slots).filter(|(_, slot)| slot.written);
        slots.filter_map(|(key, slot)| Some((*key, slot.value.take()?)))
    }

    pub(crate) fn set_parallel_results(&mut self, results: impl FnOnce() -> Vec<ParallelFlowResult> + Send + 'static) {
        self.results = Some(Arc::new(LazyLock::new(Box::new(results))));
    }

    pub(crate) fn clear_parallel_results(&mut self) {
        if self.results.is_some() {
            self.results = None;
        }
    }

    /// Starts to record what is written.
    pub(crate) fn start_journal(&mut self) {
        self.journal = Some(Box::default());
    }

    /// What has been written since then, if that is recorded.
    pub(crate) fn journal(&self) -> Option<&Journal> {
        self.journal.as_deref()
    }

    /// Returns what has been written since then.
    pub(crate) fn take_journal(&mut self) -> Journal {
        self.journal.take().map(|journal| *journal).unwrap_or_default()
    }

    pub(crate) fn specs(&self) -> &'static [KeySpec] {
        self.specs
    }

    fn slot(&self, key: u32) -> Option<usize> {
        // A large working set usually consists of all keys in order.
        let same = key as usize;
        let keys = self.keys;
        if keys.get(same) == Some(&key) { Some(same) } else { keys.binary_search(&key).ok() }
    }

    fn slot_mut(&mut self, key: u32) -> &mut Slot {
        match self.slot(key) {
            Some(slot) => &mut self.slots[slot],
            None => panic!("tea: `{}` is not in this block's working set", self.name(key)),
        }
    }

    fn name(&self, key: u32) -> &'static str {
        self.specs()[key as usize].name
    }
}

impl Entry {
    fn of(spec: &KeySpec, value: &Value) -> Self {
        match (spec.reduce, spec.kind.wire) {
            // With a second owner, the value would have to be copied to be combined.
            (Some(_), Some(wire)) => {
                let mut bytes = Vec::new();
                Self::Bytes((wire.encode)(value, &mut bytes).map(|()| bytes))
            }
            (Some(_), None) => Self::Bytes(Err("its type has no codec".to_owned())),
            (None, _) => Self::Value(Arc::clone(value)),
        }
    }
}
