//! The start of a recorded run: which run it is, and what holds of it.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::SystemTime,
};

use super::{
    Delivery, Name, Records, Surroundings,
    begun::{Begun, begun, complete, encoded, record_inputs},
    build,
    files::FileState,
    from, is_recorded, node_names,
    program::program,
};
use crate::{
    plan::Plan,
    state::Value,
    store::{Folder, Hash, Manifest, Options, Recorder, RunFolder, Status, StoreError, plain},
};

/// How a run is recorded, and what it goes on with.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The folder of the store.
    pub(crate) state_dir: PathBuf,
    /// Goes on with a run.
    pub(crate) resume: Option<Which>,
    /// The run fails when it cannot be recorded any more.
    pub(crate) require_state: bool,
    /// Whoever runs it takes only the output, and not the whole state.
    pub(crate) only_output: bool,
    /// From this node on, everything runs again.
    pub(crate) from: Option<String>,
    /// The command line, for people.
    pub(crate) arguments: Vec<String>,
    /// Whether nodes with `cache` take results from there, and keep them there.
    pub(crate) cache: bool,
    /// The share of what is taken from there that is computed again, and compared.
    pub(crate) verify_cache: f64,
    /// The run has not succeeded before its output is delivered.
    pub(crate) delivery: Option<Delivery>,
}

/// Which run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    /// The last one of the workflow that did not go well.
    Last,
    /// That of this name.
    Named(String),
}

impl From<Option<String>> for Which {
    fn from(name: Option<String>) -> Self {
        name.map_or(Self::Last, Self::Named)
    }
}

/// Where runs are recorded if nobody says otherwise.
const STATE_DIR: &str = ".tea";

impl Default for Session {
    fn default() -> Self {
        Self {
            state_dir: STATE_DIR.into(),
            resume: None,
            require_state: false,
            only_output: false,
            from: None,
            arguments: Vec::new(),
            cache: true,
            verify_cache: 0.0,
            delivery: None,
        }
    }
}

/// A run that can be recorded.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) records: Arc<Records>,
    /// With those of the run that goes on.
    pub(crate) inputs: Vec<(u32, Value)>,
    /// What the caller should know.
    pub(crate) notices: Vec<String>,
}

/// Begins to record a run with these inputs, or goes on with one. Gives nothing if an input is missing, with which no run
/// can begin.
///
/// # Errors
/// If the store cannot be used, or there is no such run.
pub(crate) fn open(
    plan: &'static Plan,
    inputs: Vec<(u32, Value)>,
    session: Session,
) -> Result<Result<Opened, Vec<(u32, Value)>>, StoreError> {
    let Some(checkpoint) = plan.checkpoint else {
        let name = plan.name;
        return Err(StoreError::new(format!(
            "runs of `{name}` are not recorded: write `checkpoint: true` under `settings` in its workflow file"
        )));
    };
    let options = Options { sync: checkpoint.sync };
    session.from.as_deref().map_or(Ok(()), |from| from::check(plan, from))?;
    let mut notices = Vec::new();
    if let Some(asked) = &session.resume {
        let folder = Folder::open(&session.state_dir)?;
        let run = find(plan, &folder, asked)?;
        let manifest = run.manifest()?;
        if manifest.workflow != workflow(plan) {
            let (name, of) = (&run.name, &manifest.workflow);
            return Err(StoreError::new(format!(
                "run `{name}` belongs to workflow `{of}`, and this is `{}`",
                workflow(plan)
            )));
        }
        match build::before(plan, &manifest, program(&session.state_dir)?) {
            Ok(_) => return go_on(plan, inputs, session, folder, run, options).map(Ok),
            Err(why) => {
                let name = &run.name;
                notices.push(format!(
                    "no records of run `{name}` are reused, so everything runs again in a new run: {why}"
                ));
            }
        }
    }
    let inputs = complete(plan, inputs);
    if (0..).zip(plan.keys).any(|(key, spec)| spec.input && !spec.optional && inputs.iter().all(|of| of.0 != key)) {
        return Ok(Err(inputs));
    }
    let now = SystemTime::now();
    let surroundings = Surroundings::read(plan)?;
    let manifest = Manifest {
        workflow: workflow(plan),
        program: program(&session.state_dir)?,
        version: plan.version.unwrap_or_default().to_owned(),
        began: now,
        went_on: now,
        resumed: 0,
        arguments: session.arguments.clone(),
        names: node_names::names(plan),
        shape: plan.identities.map_or(0, |identities| identities.shape),
        keys: plan.identities.map(|identities| identities.keys.to_vec()).unwrap_or_default(),
        parts: build::parts(plan),
        codes: build::codes(plan),
        surroundings: plain(&surroundings),
        status: Status::Unfinished,
    };
    let recorder = Recorder::begin(&session.state_dir, manifest, options)?;
    record_inputs(plan, &recorder, &inputs)?;
    let records = Arc::new(records(plan, recorder, session, &inputs, Begun { surroundings, ..Begun::default() }));
    Ok(Ok(Opened { records, inputs, notices }))
}

fn go_on(
    plan: &'static Plan,
    mut inputs: Vec<(u32, Value)>,
    session: Session,
    folder: Folder,
    run: RunFolder,
    options: Options,
) -> Result<Opened, StoreError> {
    let mut notices = Vec::new();
    let (recorder, aside) = Recorder::go_on(folder, run, options)?;
    let name = recorder.name().to_owned();
    if aside > 0 {
        notices.push(format!(
            "the last {aside} bytes of the records of run `{name}` are damaged and were set aside: the work that they \
             recorded runs again"
        ));
    }
    let own = program(&session.state_dir)?;
    let mut begun = begun(plan, &recorder, &inputs, own)?;
    let manifest = recorder.manifest();
    recorder.set_manifest(Manifest {
        went_on: SystemTime::now(),
        resumed: manifest.resumed + 1,
        program: own,
        version: plan.version.unwrap_or_default().to_owned(),
        names: node_names::names(plan),
        shape: plan.identities.map_or(0, |identities| identities.shape),
        keys: plan.identities.map(|identities| identities.keys.to_vec()).unwrap_or_default(),
        parts: build::parts(plan),
        codes: build::codes(plan),
        surroundings: plain(&begun.surroundings),
        status: Status::Unfinished,
        ..manifest
    })?;
    if begun.before.is_some() {
        notices.push(
            "the program is another build than the one that recorded the run: what has changed runs again, and `--dry-run` says \
             why"
                .to_owned(),
        );
    }
    let outside = begun.surroundings.all_changes(&begun.surroundings_before);
    if !outside.is_empty() {
        notices.push(format!("{}: the nodes that name it run again", outside.join(", ")));
    }
    let given = inputs.clone();
    inputs.append(&mut begun.kept);
    if !begun.changed.is_empty() {
        notices.push(format!("{}: everything that depends on that runs again", begun.changes()));
        record_inputs(plan, &recorder, &complete(plan, inputs.clone()))?;
    }
    Ok(Opened { records: Arc::new(records(plan, recorder, session, &given, begun)), inputs, notices })
}

/// The records of a run that was begun so, with the inputs that are given now.
pub(super) fn records(
    plan: &'static Plan,
    recorder: Recorder,
    session: Session,
    given: &[(u32, Value)],
    begun: Begun,
) -> Records {
    let Begun { mut names, retries_failures, before, surroundings, surroundings_before, .. } = begun;
    for (key, value) in given {
        let bytes = encoded(plan, *key, value).unwrap_or_default();
        names.set(*key, Name::of_value(Hash::of(&bytes), FileState::of(value)));
    }
    // One that is not recorded does not affect what is.
    for (key, _) in (0..).zip(plan.keys).filter(|(_, spec)| spec.input && !is_recorded(spec)) {
        names.set(key, Name::of(&()));
    }
    let program = program(&session.state_dir).unwrap_or_else(|_| recorder.manifest().program);
    let told = AtomicBool::new(false);
    let (log, recorder) = (Arc::clone(recorder.log()), Some(recorder));
    Records {
        log,
        recorder,
        session,
        program,
        before,
        surroundings,
        surroundings_before,
        inputs: names,
        retries_failures,
        told,
    }
}

/// Which workflow a run is one of.
pub(crate) fn workflow(plan: &Plan) -> String {
    plan.stable_name()
}

/// The run of this name, or the last one of the workflow that did not go well.
pub(crate) fn find(plan: &Plan, folder: &Folder, which: &Which) -> Result<RunFolder, StoreError> {
    if let Which::Named(name) = which {
        return folder.run(name);
    }
    let own = workflow(plan);
    let unfinished =
        |run: &RunFolder| run.manifest().is_ok_and(|manifest| manifest.workflow == own && manifest.is_unfinished());
    folder.runs()?.into_iter().rev().find(unfinished).ok_or_else(|| {
        let (path, name) = (folder.path().display(), plan.name);
        StoreError::new(format!(
            "there is no run of `{name}` in `{path}` to resume: all of them succeeded, or there are none"
        ))
    })
}
