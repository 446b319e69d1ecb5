//! A batch of items as a unit of work.

use std::{
    any::Any,
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use crate::{
    context::{Context, Item, Running},
    engine::{
        Run,
        call::{CallSite, Recorded},
    },
    executor::{
        payload::{self, transport},
        wire::{Bytes, Encoded, EncodedView, ResultHead, UnitHead},
        work::{Unencodable, Work},
    },
    failure::Failure,
    map::Batch,
    panic::guard,
    plan::Map,
    state::View,
};

/// What all units of a running map share.
pub(in crate::engine) struct Shared {
    map: &'static Map,
    /// What the body reads, among all that the block around it has.
    view: View,
    /// The same as bytes, once they were needed; or why it cannot be sent.
    encoded: OnceLock<Result<Arc<EncodedView>, Box<Failure>>>,
    /// The name of what the body reads, if the run is recorded.
    reads: Option<[u8; 16]>,
    /// Some key is secret, and what is in it may have become an item.
    has_secrets: bool,
}

impl Shared {
    pub(in crate::engine) fn new(map: &'static Map, view: View, reads: Option<[u8; 16]>) -> Self {
        let has_secrets = view.specs().iter().any(|key| key.secret);
        Self { map, view, encoded: OnceLock::new(), reads, has_secrets }
    }

    /// The view, for the node after the map. The values are its own, unless a unit that was left behind has them too.
    pub(super) fn into_view(shared: Arc<Self>) -> View {
        match Arc::try_unwrap(shared) {
            Ok(shared) => shared.view,
            Err(shared) => shared.view.clone(),
        }
    }

    fn encoded(&self, max_payload: u64) -> Result<Arc<EncodedView>, Box<Failure>> {
        let encode = || {
            let reads = self.map.reads.iter().filter_map(|key| Some((*key, self.view.value(*key)?)));
            let values = payload::encode(self.view.specs(), reads, max_payload, None)?;
            Ok(EncodedView::new(values.heads, values.bytes.shared()))
        };
        self.encoded.get_or_init(encode).clone()
    }
}

/// A batch of items.
pub(in crate::engine) struct ItemsWork {
    run: Arc<Run>,
    shared: Arc<Shared>,
    /// If the steps of a workflow that the body calls are recorded.
    recorded: Option<Arc<Recorded>>,
    batch: Box<dyn Batch>,
}

impl ItemsWork {
    pub(in crate::engine) fn new(
        run: &Arc<Run>,
        shared: &Arc<Shared>,
        recorded: Option<&Arc<Recorded>>,
        batch: Box<dyn Batch>,
    ) -> Self {
        Self { run: Arc::clone(run), shared: Arc::clone(shared), recorded: recorded.cloned(), batch }
    }

    /// Some of the items.
    fn slice(&self, at: usize, len: usize) -> Self {
        Self::new(&self.run, &self.shared, self.recorded.as_ref(), self.batch.slice(at, len))
    }

    pub(super) fn into_batch(self) -> Box<dyn Batch> {
        self.batch
    }

    fn map(&self) -> &'static Map {
        self.shared.map
    }
}

impl Work for ItemsWork {
    fn parts(&self) -> usize {
        self.batch.len()
    }

    fn name(&self) -> &'static str {
        self.map().name
    }

    fn label(&self, from: usize, to: usize) -> String {
        let (name, start) = (self.name(), self.batch.start());
        if to - from == 1 {
            format!("{name}[{}]", start + from)
        } else {
            format!("{name}[{}..{}]", start + from, start + to)
        }
    }

    fn item_label(&self, at: usize) -> Option<String> {
        if self.shared.has_secrets { None } else { self.batch.label(at) }
    }

    fn kind(&self) -> usize {
        std::ptr::from_ref(self.map()).addr()
    }

    fn reads(&self) -> Option<[u8; 16]> {
        self.shared.reads
    }

    fn run(&mut self, from: usize, to: usize, context: &mut Context) -> (usize, Option<Box<Failure>>) {
        let Self { shared, batch, .. } = self;
        let by_index = shared.map.indexed || shared.map.spec.is_in_place();
        context.run = Some(Arc::clone(&self.run) as Arc<dyn Running>);
        if shared.map.workflow.is_some() {
            let position = context.origin().position().clone();
            let (run, recorded) = (Arc::clone(&self.run), self.recorded.clone());
            context.caller = Some(Arc::new(CallSite { run, node: None, position, recorded }));
        }
        context.item = Some(Item { index: batch.start(), by_index, identity: None });
        let outcome = guard(|| batch.run(&shared.view, context, to - from).map_err(Into::into)).flatten();
        let failure = outcome.err().map(|failure| failure.at(shared.map.name, shared.map.place));
        (batch.position() - from, failure)
    }

    fn encode(&self, attempt: u32, max_payload: u64) -> Result<Encoded, Unencodable> {
        let view = self.shared.encoded(max_payload).map_err(Unencodable::All)?;
        let (mut items, mut lengths) = (Vec::new(), Vec::with_capacity(self.batch.len()));
        for at in 0..self.batch.len() {
            let before = items.len();
            let encoded = payload::guarded(|| self.batch.encode_item(at, &mut items)).and_then(|()| {
                let length = (view.bytes.len() + items.len()) as u64;
                if length <= max_payload { Ok(()) } else { Err(payload::over_limit(length, max_payload)) }
            });
            match encoded {
                Ok(()) => lengths.push((items.len() - before) as u64),
                // It is the first of the next unit.
                Err(_) if at > 0 => {
                    items.truncate(before);
                    break;
                }
                Err(error) => {
                    let (name, index) = (self.name(), self.batch.start());
                    let failure = transport(format!("item {index} of `{name}` cannot be sent: {error}"));
                    return Err(Unencodable::Part(failure));
                }
            }
        }
        // Items whose steps are recorded are sent one by one.
        let index = self.batch.start() as u64;
        let records = self.recorded.as_ref().map(|recorded| recorded.to_send(index));
        let head = UnitHead {
            module: Cow::Borrowed(self.run.plan.module),
            workflow: Cow::Borrowed(self.run.plan.name),
            site: self.map().id,
            first: index,
            attempt,
            max_payload,
            items: lengths,
            position: Cow::default(),
            reads: None,
            records: Cow::Owned(records.unwrap_or_default()),
        };
        Ok(Encoded { head, view, items })
    }

    fn part(&self, at: usize) -> Box<dyn Work> {
        Box::new(self.slice(at, 1))
    }

    fn split_off(&mut self, at: usize) -> Box<dyn Work> {
        let rest = self.slice(at, self.batch.len() - at);
        self.batch = self.batch.slice(0, at);
        Box::new(rest)
    }

    fn encode_result(&self, at: usize, max_payload: u64, into: &mut Bytes) -> Result<ResultHead, Box<Failure>> {
        let encoded = payload::guarded(|| self.batch.encode_result(at, &mut into.start));
        let encoded = encoded.map_err(|error| format!("cannot be encoded: {error}")).and_then(|()| {
            let length = into.start.len() as u64;
            if length <= max_payload {
                Ok(())
            } else {
                Err(format!("cannot be sent: {}", payload::over_limit(length, max_payload)))
            }
        });
        match encoded {
            Ok(()) => Ok(ResultHead::default()),
            Err(error) => {
                let (name, index) = (self.name(), self.batch.start() + at);
                Err(transport(format!("the result of item {index} of `{name}` {error}")))
            }
        }
    }

    fn accept(&mut self, at: usize, _: &ResultHead, bytes: &[u8]) -> Result<(), Box<Failure>> {
        payload::guarded(|| self.batch.put_result(at, bytes)).map_err(|error| {
            let (name, index) = (self.name(), self.batch.start() + at);
            transport(format!("the result of item {index} of `{name}` cannot be decoded: {error}"))
        })
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
