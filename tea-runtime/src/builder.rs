//! Runs a compiled workflow from Rust.

use std::{
    fmt,
    marker::PhantomData,
    num::NonZero,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    cancel::CancellationToken,
    context::Context,
    engine::{records::Outlook, settings::Wanted},
    error::Error,
    event::{Event, Listener},
    executor::ParallelExecutor,
    plan::Workflow,
    policy::ParallelConfig,
    question::Question,
    request::Request,
    state::{Value, View},
};

/// How a workflow is run: `read_qc::builder().max_workers(4).run(input)`.
pub struct Builder<W> {
    request: Request,
    workflow: PhantomData<fn() -> W>,
}

impl<W> fmt::Debug for Builder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("max_workers", &self.request.max_workers).finish_non_exhaustive()
    }
}

impl<W: Workflow> Default for Builder<W> {
    fn default() -> Self {
        Self::new()
    }
}

impl<W: Workflow> Builder<W> {
    /// A run with the settings of the workflow file.
    #[must_use]
    pub fn new() -> Self {
        Self { request: Request::default(), workflow: PhantomData }
    }

    /// Limits how many branches and items run at once in the whole run, including nested fan-outs and worker processes.
    #[must_use]
    pub fn max_workers(mut self, workers: NonZero<usize>) -> Self {
        self.request.max_workers = Some(workers.get());
        self
    }

    /// Runs every branch on threads, whatever the workflow file says.
    #[must_use]
    pub fn all_on_threads(mut self) -> Self {
        self.request.all_on_threads = true;
        self
    }

    /// Changes the policies of this run. `change` is called for each branch and each map of the workflow, nested ones
    /// too, with its name and its settings from the workflow file: `retry`, `timeout`, `timeout_total`,
    /// `circuit_breaker`, `memory_limit` and the like. The changed settings are checked as the compiler checks those of
    /// a file.
    ///
    /// Settings for which the compiler has to check more cannot be turned on here: `process` instead of `thread`, and
    /// `allow_failure`. They can be turned off.
    ///
    /// ```ignore
    /// ingest::builder()
    ///     .configure(|branch, config| {
    ///         config.timeout = Some(Duration::from_secs(30));
    ///         if branch == "fetch" {
    ///             config.retry.max_retries = 3;
    ///         }
    ///     })
    ///     .run(input)
    /// ```
    #[must_use]
    pub fn configure(mut self, change: impl Fn(&str, &mut ParallelConfig) + Send + Sync + 'static) -> Self {
        self.request.change.push(Box::new(change));
        self
    }

    /// Sets whether the first failure in a fan-out or map cancels the rest of it, whatever the workflow file says.
    #[must_use]
    pub fn fail_fast(mut self, fail_fast: bool) -> Self {
        self.request.fail_fast = Some(fail_fast);
        self
    }

    /// Changes a setting of this run by its name, as `--set` of the program does: `.set("thumbnails.timeout", "20s")`. It is written as in
    /// the workflow file and checked when the run starts. Of several, the last one wins; all win over
    /// [`configure`](Self::configure).
    #[must_use]
    pub fn set(self, setting: &str, value: &str) -> Self {
        self.wanted([Ok(Wanted::text(setting, value, "set"))])
    }

    /// Changes the settings in a JSON file, as `--settings` of the program does: `{"thumbnails": {"timeout": "20s"}}`. What is wrong with it
    /// is the error of the run.
    #[must_use]
    pub fn settings_file(self, path: impl AsRef<Path>) -> Self {
        self.wanted(Wanted::file(path.as_ref()))
    }

    pub(crate) fn wanted(mut self, wanted: impl IntoIterator<Item = Result<Wanted, String>>) -> Self {
        self.request.wanted.extend(wanted);
        self
    }

    /// The settings that hold in this run, and why: a line for each, with its name for [`set`](Self::set), its value, and where it comes
    /// from.
    ///
    /// # Errors
    /// If the settings are invalid.
    pub fn explain_settings(&self) -> Result<String, Error> {
        self.explained_settings(true)
    }

    /// The same, or only for settings that are written somewhere.
    pub(crate) fn explained_settings(&self, all: bool) -> Result<String, Error> {
        self.request.explained(W::PLAN, all)
    }

    /// Runs every branch and item of this run on `executor`, whatever strategy the workflow file says. It can be your
    /// own implementation, or one of Tea's with different settings.
    #[must_use]
    pub fn executor(mut self, executor: Arc<dyn ParallelExecutor>) -> Self {
        self.request.executor = Some(executor);
        self
    }

    /// Runs branches and items with `parallel_strategy: remote` on the hosts that this pool file describes. Without one, they run
    /// in worker processes on this machine.
    #[cfg(all(unix, feature = "remote"))]
    #[must_use]
    pub fn pool(mut self, file: impl Into<PathBuf>) -> Self {
        self.request.pool = Some(file.into());
        self
    }

    /// Ends the run when `token` is cancelled: after their grace period, it ends without the branches that still run.
    #[must_use]
    pub fn cancellation(mut self, token: CancellationToken) -> Self {
        self.request.cancel = token;
        self
    }

    /// Calls `listener` with every event, on the thread on which it happens. If `listener` panics, the run fails.
    #[must_use]
    pub fn on_event(mut self, listener: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.request.listeners.push(Arc::new(listener));
        self
    }

    /// Notifies `listener` of every event. It can be one from [`event`](crate::event) or your own.
    #[must_use]
    pub fn listener(mut self, listener: Arc<dyn Listener>) -> Self {
        self.request.listeners.push(listener);
        self
    }

    /// Records the run in this folder, so that it can be resumed after a failure, a kill or a power loss. The workflow
    /// must have `checkpoint` in its settings.
    #[must_use]
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.request.session.get_or_insert_default().state_dir = folder.into();
        self
    }

    /// Resumes a recorded run: the one with this name, or the last run of this workflow that did not succeed. What is
    /// recorded as done is not run again, unless what it reads has changed, such as an input.
    #[must_use]
    pub fn resume(mut self, run: Option<&str>) -> Self {
        self.request.session.get_or_insert_default().resume = Some(run.map(str::to_owned).into());
        self
    }

    /// Runs everything from this node on again when the run is resumed, with all that the node calls.
    #[must_use]
    pub fn from_node(mut self, node: impl Into<String>) -> Self {
        self.request.session.get_or_insert_default().from = Some(node.into());
        self
    }

    /// Stops the run after this node, which must be outside of branches. The error of the run then
    /// [is that it stopped](Error::is_stopped).
    #[must_use]
    pub fn until_node(mut self, node: impl Into<String>) -> Self {
        self.request.until = Some(node.into());
        self
    }

    /// Answers a question of the workflow, as `--answer` of the program does: `.answer("approve", "yes")`, or
    /// `.answer("each[3]/approve", "yes")` for one of a workflow that an item calls. It is checked when the run starts. An answer holds
    /// for one time that the question is asked.
    #[must_use]
    pub fn answer(mut self, question: &str, answer: &str) -> Self {
        self.request.answers.given.push((question.to_owned(), answer.to_owned()));
        self
    }

    /// Calls `ask` with each question that has no [`answer`](Self::answer), on the thread of the node that asks, so perhaps on several
    /// at once. It returns the answer, or `None` to leave the question open: then the run ends and
    /// [waits](Error::is_waiting). An answer that does not [fit](Question::check) fails the node.
    #[must_use]
    pub fn on_question(mut self, ask: impl Fn(&Question<'_>) -> Option<String> + Send + Sync + 'static) -> Self {
        self.request.answers.asker = Some(Arc::new(ask));
        self
    }

    /// Adds answers, and who is asked if nobody else is.
    #[cfg(feature = "cli")]
    pub(crate) fn answers(mut self, answers: crate::question::Answers) -> Self {
        self.request.answers.given.extend(answers.given);
        self.request.answers.asker = self.request.answers.asker.or(answers.asker);
        self
    }

    /// Fails the run if it can no longer be recorded, instead of continuing without records.
    #[must_use]
    pub fn require_state(mut self) -> Self {
        self.request.session.get_or_insert_default().require_state = true;
        self
    }

    /// Sets whether nodes with `cache` take results from the cache, and keep them there; otherwise, they run. The cache is used if
    /// the run has a [`state_dir`](Self::state_dir).
    #[must_use]
    pub fn cache(mut self, cache: bool) -> Self {
        self.request.session.get_or_insert_default().cache = cache;
        self
    }

    /// Computes this share of what is in the cache again, from `0.0` to `1.0`. If a result differs, the run fails.
    #[must_use]
    pub fn verify_cache(mut self, share: f64) -> Self {
        self.request.session.get_or_insert_default().verify_cache = share;
        self
    }

    /// Writes a report of the run to this file when it ends, however it ends: a web page that needs no other file, with what
    /// the run cost, what ran when and where, and what failed. The inputs are in it, but not those that are `secret`. If the
    /// file cannot be written at the end, the listeners are warned, or people on standard error if there are none.
    #[cfg(feature = "report")]
    #[must_use]
    pub fn report(mut self, file: impl Into<PathBuf>) -> Self {
        self.request.report = Some(file.into());
        self
    }

    /// What [`run`](Self::run) would do given the existing records, and why. Nothing runs, and nothing is written.
    ///
    /// # Errors
    /// If the records cannot be read, or there is no such run.
    pub fn outlook(&self, input: W::Input) -> Result<Outlook, Error> {
        self.outlook_with(&W::inputs(input))
    }

    /// Like [`outlook`](Self::outlook), with the values of input keys by number.
    pub(crate) fn outlook_with(&self, inputs: &[(u32, Value)]) -> Result<Outlook, Error> {
        self.request.outlook(W::PLAN, inputs)
    }

    /// Changes how the run is recorded.
    #[cfg(feature = "cli")]
    pub(crate) fn session(
        mut self,
        change: impl FnOnce(Option<crate::engine::records::Session>) -> Option<crate::engine::records::Session>,
    ) -> Self {
        self.request.session = change(self.request.session);
        self
    }

    /// Runs the workflow. Returns when everything has ended or was abandoned at its deadline.
    ///
    /// # Errors
    /// If the run fails or is cancelled, or its settings are invalid.
    pub fn run(mut self, input: W::Input) -> Result<W::Output, Error> {
        if let Some(session) = &mut self.request.session {
            session.only_output = true;
        }
        let view = self.finish(input)?;
        W::output(view).map_err(|failure| Error::failed(W::PLAN, failure, Vec::new()))
    }

    /// Like [`run`](Self::run), but returns the whole final state, including `transient` keys, without copying
    /// anything.
    ///
    /// # Errors
    /// If the run fails or is cancelled, or its settings are invalid.
    pub fn run_to_state(self, input: W::Input) -> Result<W::State, Error> {
        Ok(W::state(self.finish(input)?))
    }

    /// Also ends the run when `token` is cancelled.
    #[cfg(feature = "cli")]
    pub(crate) fn also_cancelled_by(mut self, token: CancellationToken) -> Self {
        let also = token.clone();
        self.request.cancel.on_cancel(move |_| also.cancel());
        self.request.cancel = token;
        self
    }

    fn finish(self, input: W::Input) -> Result<View, Error> {
        self.finish_with(W::inputs(input))
    }

    /// Like [`run`](Self::run), with the values of input keys by number, and the view of the root block.
    pub(crate) fn finish_with(self, inputs: Vec<(u32, Value)>) -> Result<View, Error> {
        self.request.run(W::PLAN, inputs)
    }
}

impl Context {
    /// Runs another workflow in this node, and returns its output: `ctx.run(thumbnail::builder(), input)?`. The run's cancellation,
    /// ceilings (`max_workers`) and listeners hold for it, and the builder's own as well, and whoever answers questions of the run answers its. It is not recorded: if this node runs
    /// again when a run is resumed, so does all of the workflow. To have its nodes recorded, call it with `use` in the workflow
    /// file.
    ///
    /// # Errors
    /// If it fails or is cancelled, or its settings are invalid.
    pub fn run<W: Workflow>(&self, builder: Builder<W>, input: W::Input) -> Result<W::Output, Error> {
        let view = builder.request.run_within(W::PLAN, self, W::inputs(input))?;
        W::output(view).map_err(|failure| Error::failed(W::PLAN, failure, Vec::new()))
    }
}
