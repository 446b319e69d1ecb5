//! What a caller asks of a run, whatever the workflow: nothing here is compiled once more for each workflow.

#[cfg(any(feature = "report", all(unix, feature = "remote")))]
use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "report")]
use crate::report::{self, ReportFile};
use crate::{
    cancel::CancellationToken,
    context::Context,
    engine::{
        self, Failed, Means, Options, Run, Settings,
        cache::Cache,
        records::{self, Opened, Outlook, Session},
        settings::{self, Changes, Wanted},
    },
    error::Error,
    event::{Events, Listener},
    executor::ParallelExecutor,
    plan::{Plan, Work},
    policy::ParallelConfig,
    process,
    question::Answers,
    state::{Value, View},
    words::did_you_mean,
};

/// Changes the settings of the branch or map with the given name.
type Change = Box<dyn Fn(&str, &mut ParallelConfig) + Send + Sync>;

/// What is asked of a run.
#[derive(Default)]
pub(crate) struct Request {
    pub(crate) max_workers: Option<usize>,
    pub(crate) all_on_threads: bool,
    pub(crate) executor: Option<Arc<dyn ParallelExecutor>>,
    #[cfg(all(unix, feature = "remote"))]
    pub(crate) pool: Option<PathBuf>,
    pub(crate) change: Vec<Change>,
    pub(crate) fail_fast: Option<bool>,
    pub(crate) wanted: Vec<Result<Wanted, String>>,
    pub(crate) cancel: CancellationToken,
    pub(crate) listeners: Vec<Arc<dyn Listener>>,
    pub(crate) session: Option<Session>,
    pub(crate) until: Option<String>,
    pub(crate) answers: Answers,
    #[cfg(feature = "report")]
    pub(crate) report: Option<PathBuf>,
}

impl Request {
    /// The settings of the run, with the caller's changes.
    fn settings(&self, plan: &'static Plan) -> Result<Settings, Error> {
        self.with_changes(plan, |changes| Settings::changed(plan, changes))
    }

    /// Gives the caller's changes of settings to `then`.
    fn with_changes<T>(
        &self,
        plan: &'static Plan,
        then: impl FnOnce(Changes<'_>) -> Result<T, String>,
    ) -> Result<T, Error> {
        let Self { change, fail_fast, wanted, .. } = self;
        let wrong = |wrong| Error::input(plan, wrong);
        let wanted = wanted.iter().cloned().collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let all = |name: &str, config: &mut ParallelConfig| change.iter().for_each(|change| change(name, config));
        let some = (!change.is_empty()).then_some(&all as settings::Change<'_>);
        then(Changes { change: some, fail_fast: *fail_fast, wanted: &wanted }).map_err(wrong)
    }

    /// The settings of the run, and why: all, or only those that are written somewhere.
    pub(crate) fn explained(&self, plan: &'static Plan, all: bool) -> Result<String, Error> {
        self.with_changes(plan, |changes| Settings::explained(plan, changes, all))
    }

    /// What a run would do given the existing records.
    pub(crate) fn outlook(&self, plan: &'static Plan, inputs: &[(u32, Value)]) -> Result<Outlook, Error> {
        let session = self.session.clone().unwrap_or_default();
        records::outlook(plan, inputs, &session).map_err(|error| Error::input(plan, error.to_string()))
    }

    /// Runs a plan with the values of input keys by number. Gives the view of the root block.
    ///
    /// # Errors
    /// If the run fails or is cancelled, or the request is invalid.
    pub(crate) fn run(self, plan: &'static Plan, inputs: Vec<(u32, Value)>) -> Result<View, Error> {
        let (remote, settings) = (self.remote(plan)?, self.settings(plan)?);
        #[cfg(feature = "report")]
        let report = self.report_file(plan, &inputs)?;
        self.answers.check(plan).map_err(|wrong| Error::input(plan, wrong))?;
        let Self { session, until, max_workers, all_on_threads, executor, cancel, listeners, answers, .. } = self;
        let events = Events::new(listeners);
        #[cfg(feature = "report")]
        let events = events.with(report.iter().map(ReportFile::listener).collect());
        #[cfg(feature = "report")]
        let heard = events.clone();
        let options = Options { max_workers, all_on_threads, executor, settings, events, cancel, until };
        let outcome = run_recorded(plan, inputs, options, session, Means { remote, answers, ..Means::default() });
        #[cfg(feature = "report")]
        if let (Some(report), false) = (report, outcome.as_ref().is_err_and(Error::is_input))
            && let Err(error) = report.write(outcome.as_ref().err())
        {
            heard.warn(&format!("the report cannot be written: {error}"));
        }
        outcome
    }

    /// The file of the report, if there is to be one. What cannot be written is refused before the run.
    #[cfg(feature = "report")]
    fn report_file(&self, plan: &'static Plan, inputs: &[(u32, Value)]) -> Result<Option<ReportFile>, Error> {
        let Some(path) = &self.report else { return Ok(None) };
        let resumes = self.session.as_ref().is_some_and(|session| session.resume.is_some());
        let file = ReportFile::new(path, plan, report::given(plan, inputs, resumes));
        let refused = |error| Error::input(plan, format!("cannot write the report `{}`: {error}", path.display()));
        file.map(Some).map_err(refused)
    }

    /// The executor of the remote strategy, if there is a pool.
    #[cfg_attr(
        not(all(unix, feature = "remote")),
        expect(unused_variables, clippy::unused_self, clippy::unnecessary_wraps, reason = "there are no pools")
    )]
    fn remote(&self, plan: &'static Plan) -> Result<Option<Arc<dyn ParallelExecutor>>, Error> {
        #[cfg(all(unix, feature = "remote"))]
        crate::remote::refuse_unserved_agent();
        #[cfg(all(unix, feature = "remote"))]
        if let Some(path) = &self.pool {
            let most = self.max_workers.and_then(std::num::NonZero::new);
            let executor = crate::remote::RemoteExecutor::from_file(path, most);
            return Ok(Some(Arc::new(executor.map_err(|error| Error::input(plan, error.to_string()))?)));
        }
        Ok(None)
    }

    /// Runs a plan within a node of another run.
    pub(crate) fn run_within(
        self,
        plan: &'static Plan,
        node: &Context,
        inputs: Vec<(u32, Value)>,
    ) -> Result<View, Error> {
        let remote = self.remote(plan)?;
        if self.session.is_some() || self.until.is_some() {
            let message = "a run within a node can be neither recorded nor stopped by itself".to_owned();
            return Err(Error::input(plan, message));
        }
        #[cfg(feature = "report")]
        if self.report.is_some() {
            let message = "a run within a node has no report of its own: what it runs is in that of the run around it";
            return Err(Error::input(plan, message.to_owned()));
        }
        let settings = self.settings(plan)?;
        self.answers.check(plan).map_err(|wrong| Error::input(plan, wrong))?;
        let Self { max_workers, all_on_threads, executor, cancel, listeners, mut answers, .. } = self;
        answers.asker = answers.asker.or_else(|| Run::of(node)?.questions().asker());
        let events = node.events.with(listeners);
        let token = node.token().child();
        let also = token.clone();
        cancel.on_cancel(move |_| also.cancel());
        let options = Options { max_workers, all_on_threads, executor, settings, events, cancel: token, until: None };
        let means = Means {
            processes: Some(process::executor::for_run),
            may_have_processes: Some(process::may_have_workers),
            remote,
            tokens: Run::of(node).map(|run| Arc::clone(run.tokens())),
            answers,
            ..Means::default()
        };
        engine::run_within(plan, inputs, options, means, node).map_err(|failed| failed_as(plan, failed))
    }
}

fn failed_as(plan: &'static Plan, failed: Failed) -> Error {
    match failed {
        Failed::MissingInput(key) => Error::missing_input(plan, key),
        Failed::Run { failure, finished, view } => Error::failed(plan, failure, finished).with_view(view),
        Failed::Stopped { finished, view } => Error::stopped(plan, finished).with_view(view),
    }
}

/// Refuses to stop after what is no node outside of branches.
fn check_until(plan: &Plan, until: &str) -> Result<(), String> {
    let nodes = plan.root.steps.iter().filter(|step| !matches!(step.work, Work::FanOut(_))).map(|step| step.name);
    if nodes.clone().any(|node| node == until) {
        return Ok(());
    }
    let help = did_you_mean(until, nodes.clone());
    let all: Vec<_> = nodes.map(|node| format!("`{node}`")).collect();
    let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
    let help = help.unwrap_or_else(|| format!("there is {all}"));
    Err(format!("the workflow has no node `{until}` outside of branches to stop after: {help}"))
}

/// Runs a plan, with worker processes where the plan requires them.
#[cfg(test)]
pub(crate) fn run(plan: &'static Plan, inputs: Vec<(u32, Value)>, options: Options) -> Result<View, Error> {
    run_recorded(plan, inputs, options, None, Means::default())
}

/// Runs a plan, with worker processes where the plan requires them. The run is recorded if there is a session.
pub(crate) fn run_recorded(
    plan: &'static Plan,
    mut inputs: Vec<(u32, Value)>,
    options: Options,
    session: Option<Session>,
    means: Means,
) -> Result<View, Error> {
    process::refuse_unserved_worker();
    let mut means = Means {
        processes: Some(process::executor::for_run),
        may_have_processes: Some(process::may_have_workers),
        ..means
    };
    if let Some(until) = options.until.as_deref() {
        check_until(plan, until).map_err(|wrong| Error::input(plan, wrong))?;
    }
    if let Some(session) = session.as_ref().filter(|session| session.cache && plan.has_cache()) {
        let cache = Cache::open(plan, &session.state_dir, session.verify_cache);
        means.cache = Some(Arc::new(cache.map_err(|error| Error::input(plan, error.to_string()))?));
    }
    let cache = means.cache.clone();
    // Without `checkpoint`, what is asked for may be the cache alone.
    let asks_for_more = |of: &Session| of.resume.is_some() || of.from.is_some() || of.require_state;
    let is_recorded = |of: &Session| plan.checkpoint.is_some() || !plan.has_cache() || asks_for_more(of);
    let delivery = session.as_ref().and_then(|session| session.delivery.clone());
    if let Some(session) = session.filter(is_recorded) {
        match records::open(plan, inputs, session).map_err(|error| Error::input(plan, error.to_string()))? {
            Ok(Opened { records, inputs: all, notices }) => {
                for message in &notices {
                    options.events.warn(message);
                }
                (inputs, means.records) = (all, Some(records));
            }
            Err(incomplete) => inputs = incomplete,
        }
    }
    let records = means.records.clone();
    let events = options.events.clone();
    let outcome = engine::run_with(plan, inputs, options, means).map_err(|failed| failed_as(plan, failed));
    if let Some(error) = cache.and_then(|cache| cache.clean_up(plan).err()) {
        events.warn(&format!("the cache cannot be cleaned up: {error}"));
    }
    let Some(records) = records else { return outcome };
    if let (Some(delivery), Ok(_)) = (delivery, &outcome) {
        delivery.begin(records);
        return outcome;
    }
    let run = records.run_name().to_owned();
    if let Some(error) = records::clean_up(plan, records) {
        events.warn(&format!("old runs cannot be removed: {error}"));
    }
    outcome.map_err(|error| error.with_run(&run))
}
