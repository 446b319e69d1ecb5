//! A batch of items, with the types of its map.

use std::{any::Any, path::Path, sync::Arc};

use super::{
    Batch, Codec, List, Origin, label,
    typed::{Item, Types},
};
use crate::{
    context::{Context, Identity},
    failure::NodeError,
    state::View,
    store::Hash,
};

/// A batch with concrete types.
pub(super) struct Part<M: Types> {
    spec: &'static M,
    list: Arc<dyn List<Item = Item<M>>>,
    /// The index of the first item in `list`.
    from: usize,
    /// The index of the first item in the map.
    start: usize,
    position: usize,
    pub(super) results: Vec<Option<M::Result>>,
}

impl<M: Types> Part<M> {
    pub(super) fn new(
        spec: &'static M,
        list: Arc<dyn List<Item = Item<M>>>,
        from: usize,
        start: usize,
        len: usize,
    ) -> Self {
        Self { spec, list, from, start, position: 0, results: std::iter::repeat_with(|| None).take(len).collect() }
    }
}

/// The items of a batch, which are identified by their content.
struct Identified<M: Types> {
    spec: &'static M,
    list: Arc<dyn List<Item = Item<M>>>,
    from: usize,
    start: usize,
}

impl<M: Types> Identified<M> {
    fn item(&self, index: usize) -> &Item<M> {
        self.list.item(self.from + index - self.start)
    }
}

impl<M: Types> Identity for Identified<M> {
    fn hash(&self, index: usize) -> Option<Hash> {
        let mut bytes = Vec::new();
        M::Items::encode(self.item(index), self.spec.compare_items(), &mut bytes).ok()?;
        Some(Hash::of(&bytes))
    }

    fn paths(&self, index: usize) -> Vec<&Path> {
        M::Origin::paths(self.item(index))
    }
}

impl<M: Types> Batch for Part<M> {
    fn start(&self) -> usize {
        self.start
    }

    fn len(&self) -> usize {
        self.results.len()
    }

    fn position(&self) -> usize {
        self.position
    }

    fn run(&mut self, view: &View, context: &mut Context, count: usize) -> Result<(), NodeError> {
        if let (Some(item), false) = (&mut context.item, M::Origin::IN_PLACE) {
            let (spec, list, from, start) = (self.spec, Arc::clone(&self.list), self.from, self.start);
            item.identity = Some(Arc::new(Identified { spec, list, from, start }));
        }
        let end = self.results.len().min(self.position.saturating_add(count));
        while self.position < end {
            let at = self.position;
            self.position += 1;
            let item = self.list.item(self.from + at);
            context.item.iter_mut().for_each(|item| item.index = self.start + at);
            self.results[at] = Some(self.spec.call(view, context, item, self.start + at)?);
        }
        Ok(())
    }

    fn label(&self, at: usize) -> Option<String> {
        // The items may have been forgotten.
        let item = (self.from + at < self.list.count()).then(|| self.list.item(self.from + at))?;
        label::of(item, self.spec.show_item(), self.start + at)
    }

    fn paths(&self, at: usize) -> Vec<&Path> {
        M::Origin::paths(self.list.item(self.from + at))
    }

    fn encode_item(&self, at: usize, into: &mut Vec<u8>) -> Result<(), String> {
        M::Items::encode(self.list.item(self.from + at), self.spec.compare_items(), into)
    }

    fn encode_result(&self, at: usize, into: &mut Vec<u8>) -> Result<(), String> {
        let result = self.results[at].as_ref().ok_or("the item has no result")?;
        M::Results::encode(result, self.spec.compare_results(), into)
    }

    fn put_result(&mut self, at: usize, bytes: &[u8]) -> Result<(), String> {
        self.results[at] = Some(M::Results::decode(bytes)?);
        Ok(())
    }

    fn slice(&self, at: usize, len: usize) -> Box<dyn Batch> {
        Box::new(Self::new(self.spec, Arc::clone(&self.list), self.from + at, self.start + at, len))
    }

    fn adopt(&mut self, at: usize, only: Box<dyn Batch>) {
        let only = only.into_any().downcast::<Self>().unwrap_or_else(|_| unreachable!("it is a batch of the same map"));
        self.results[at] = only.results.into_iter().next().flatten();
    }

    fn forget_items(&mut self) {
        self.list = Arc::new(Vec::new());
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
