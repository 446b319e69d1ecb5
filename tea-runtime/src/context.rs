//! `ctx`: what the Rust of a node can learn about the branch that it runs in.

use std::{any::Any, borrow::Cow, fmt, path::Path, sync::Arc};

use crate::{
    cancel::{CancellationToken, Cancelled},
    event::{Event, Events, Scope},
    failure::{Failure, FailureKind, NodeError},
    position::Position,
    result::RunOutcome,
    state::{Value, View},
    store::Hash,
};

/// `ctx` in the Rust of a node.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) events: Events,
    pub(crate) token: CancellationToken,
    pub(crate) scope: Scope,
    pub(crate) node: &'static str,
    attempt: u32,
    branch: &'static str,
    origin: Arc<dyn Origin>,
    /// The branch in the fan-out of the origin.
    part: Option<u64>,
    /// The step of the block that is running, and its visit.
    pub(crate) step: (usize, u64),
    /// The name of what the code reads, if the run is recorded.
    pub(crate) reads: Option<[u8; 16]>,
    /// The item of a map that is running.
    pub(crate) item: Option<Item>,
    /// The nodes and items that called the workflow that the code is in.
    pub(crate) path: CallPath,
    /// How the run ended, for the nodes of `finally`.
    pub(crate) outcome: Option<Arc<RunOutcome>>,
    /// Runs workflows that the code calls, if it may call some.
    pub(crate) caller: Option<Arc<dyn Caller>>,
    /// The run that the code is a part of, for the engine. `None` where nothing runs.
    pub(crate) run: Option<Arc<dyn Running>>,
}

/// A run, for the modules that know what it is.
pub(crate) trait Running: fmt::Debug + Send + Sync {
    /// The run itself.
    fn as_any(&self) -> &dyn Any;
}

/// Runs the workflows that some code calls.
pub(crate) trait Caller: fmt::Debug + Send + Sync {
    /// Runs the workflow with this number among those of the plan on this thread, with these values of its input keys.
    /// Returns what it worked with at its end.
    fn call(&self, context: &Context, workflow: u32, inputs: Vec<(u32, Value)>) -> Result<View, Box<Failure>>;
}

/// The run that code belongs to, and its place in it.
pub(crate) trait Origin: fmt::Debug + Send + Sync {
    /// Identifies the run among all runs, also when it is resumed.
    fn run(&self) -> u128;

    /// The fan-out or, outside of any, the run itself.
    fn position(&self) -> &Position;
}

/// An [`Origin`] by itself.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) run: u128,
    pub(crate) position: Position,
}

impl Origin for Place {
    fn run(&self) -> u128 {
        self.run
    }

    fn position(&self) -> &Position {
        &self.position
    }
}

/// The nodes and items that called a workflow, outermost first.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallPath {
    /// Their names, if there are listeners or questions, which know a node of the workflow as `thumbnails[17]/decode`.
    names: Option<Arc<str>>,
    /// How many items are among them.
    items: u32,
}

impl CallPath {
    /// How many items are among them.
    pub(crate) fn items(&self) -> u32 {
        self.items
    }

    /// What has this name in the workflow, as listeners know it.
    pub(crate) fn shown<'a>(&self, name: &'a str) -> Cow<'a, str> {
        self.names.as_ref().map_or(Cow::Borrowed(name), |path| format!("{path}/{name}").into())
    }
}

/// Tells items apart that are identified by their content.
pub(crate) trait Identity: Send + Sync {
    /// The hash of the item with an index; `None` if it cannot be written as bytes.
    fn hash(&self, index: usize) -> Option<Hash>;

    /// The paths in it.
    fn paths(&self, index: usize) -> Vec<&Path>;
}

/// The running item of a map.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) index: usize,
    /// Whether its index is a part of its identity.
    pub(crate) by_index: bool,
    /// Of items that are identified by their content.
    pub(crate) identity: Option<Arc<dyn Identity>>,
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item").field("index", &self.index).field("by_index", &self.by_index).finish_non_exhaustive()
    }
}

impl Item {
    /// What identifies it among the items of its map; `None` if that is its index alone.
    pub(crate) fn name(&self) -> Option<[u8; 16]> {
        self.identity.as_ref()?.hash(self.index).map(Hash::first::<16>)
    }
}

impl Context {
    /// A context for an attempt at `branch`, counted from 1.
    pub(crate) fn new(
        events: Events,
        branch: &'static str,
        scope: Scope,
        attempt: u32,
        token: CancellationToken,
        origin: Arc<dyn Origin>,
    ) -> Self {
        Self {
            events,
            token,
            scope,
            node: branch,
            attempt,
            branch,
            origin,
            part: None,
            step: (0, 0),
            reads: None,
            item: None,
            path: CallPath::default(),
            outcome: None,
            caller: None,
            run: None,
        }
    }

    /// A context for a workflow that this code calls, which has this origin. Its nodes are `named` by what calls it, also if there are
    /// no listeners.
    pub(crate) fn within(&self, origin: Arc<dyn Origin>, named: bool) -> Self {
        let (events, token) = (self.events.clone(), self.token.clone());
        let path = (named || events.is_active()).then(|| match &self.item {
            Some(item) => self.shown(&format!("{}[{}]", self.branch, item.index)).into(),
            None => self.shown(self.node).into(),
        });
        Self::new(events, self.branch, self.scope, self.attempt, token, origin)
            .called_by(CallPath { names: path, ..self.unnamed_path() })
    }

    /// The path of a workflow that this code runs, whose nodes are named as if nobody had called it.
    pub(crate) fn unnamed_path(&self) -> CallPath {
        CallPath { names: None, items: self.path.items + u32::from(self.item.is_some()) }
    }

    /// The same for code of a workflow that these nodes and items called.
    pub(crate) fn called_by(self, path: CallPath) -> Self {
        Self { path, ..self }
    }

    /// A node as listeners know it.
    pub(crate) fn shown<'a>(&self, node: &'a str) -> Cow<'a, str> {
        self.path.shown(node)
    }

    /// The fan-out or, outside of any, the run that the code belongs to.
    pub(crate) fn origin(&self) -> &dyn Origin {
        &*self.origin
    }

    /// Runs a workflow that is a part of the plan, by its number. This is what a node with `use` or `workflow` does.
    ///
    /// # Errors
    /// If it fails.
    #[doc(hidden)]
    pub fn call(&self, workflow: u32, inputs: Vec<(u32, Value)>) -> Result<View, NodeError> {
        let outcome = match &self.caller {
            Some(caller) => caller.call(self, workflow, inputs),
            None => Err(Box::new(Failure::new(FailureKind::Error, "this code may not call workflows"))),
        };
        outcome.map_err(NodeError::from_failure)
    }

    /// The same for a part of the origin, whose code reads something with this name.
    pub(crate) fn part(self, part: u64, reads: Option<[u8; 16]>) -> Self {
        Self { part: Some(part), reads, ..self }
    }

    /// The name of the branch or map that is running, or the name of the workflow outside of any.
    #[must_use]
    pub fn branch(&self) -> &str {
        self.branch
    }

    /// The number of this attempt, counted from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether the branch has been told to end. Long-running code should check this from time to time, and return
    /// early.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns an error if the branch has been told to end. `ctx.check()?` in a loop makes the loop cancellable.
    ///
    /// # Errors
    /// If the branch has been told to end.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Reports progress: `done` out of `total`, which is 0 if it is unknown. Costs nothing if there is no listener.
    ///
    /// A worker process sends at most a few reports per second, and always the one with which everything is done.
    pub fn progress(&self, done: u64, total: u64) {
        if self.events.is_active() {
            let (scope, node) = (self.scope, &*self.shown(self.node));
            self.events.emit(|| Event::Progress { scope, node, done, total });
        }
    }

    /// A text that identifies this piece of work, for systems outside: an idempotency key for a payment service, or the
    /// name of a temporary object. It is 32 hexadecimal digits long.
    ///
    /// It is the same for every attempt, and, if the run is recorded, every time the run is resumed, as long as what the
    /// code reads is the same. It differs between nodes, visits of a node in a loop, branches, items and runs.
    ///
    /// Items that an expression gives are identified by their content, like in records. If they may be equal, name the
    /// index (`index_var`) in the node's Rust; it then counts as well.
    #[must_use]
    pub fn unit_key(&self) -> String {
        let mut position = Vec::new();
        match (self.part, &self.item) {
            (Some(part), None) => self.origin.position().at_part(part).encode(&mut position),
            _ => self.origin.position().encode(&mut position),
        }
        let item = self.item.as_ref().map(|item| {
            let hash = item.name();
            ((item.by_index || hash.is_none()).then_some(item.index), hash)
        });
        let unit = (self.origin.run(), position, self.step, self.reads, item);
        let hash = Hash::of_data(&unit);
        let mut key = hash.to_string();
        key.truncate(32);
        key
    }

    /// The cancellation token of this context.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }
}
