//! The start and the end of a recorded run: which run it is, what holds of it, and with which inputs.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, atomic::AtomicBool},
    time::SystemTime,
};

use super::{
    Name, Names, Records, Surroundings, build,
    files::{FileState, file_of, has_paths},
    from, is_recorded, node_names, stored,
};
use crate::{
    error::questions,
    executor::payload,
    failure::{Failure, FailureKind},
    panic::guard,
    plan::{Checkpoint, Plan},
    state::Value,
    store::{self, Folder, Hash, Kind, Manifest, Options, Recorder, RunFolder, Status, StoreError, Written, plain},
    sync::lock,
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

/// How a run was begun that is resumed.
#[derive(Default)]
pub(super) struct Begun {
    /// The inputs that are not as they were, and what is different.
    pub(super) changed: Vec<(u32, String)>,
    /// The inputs that were not given again.
    pub(super) kept: Vec<(u32, Value)>,
    /// Their names.
    names: Names,
    /// The run had ended: what was allowed to fail is tried again.
    retries_failures: bool,
    /// The build that recorded it, if it was another one.
    before: Option<build::Before>,
    /// What counts as code outside of the program: now, and when the run was recorded.
    surroundings: Surroundings,
    surroundings_before: Surroundings,
}

impl Begun {
    /// What is different.
    fn changes(&self) -> String {
        self.changed.iter().map(|(_, what)| what.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// How the run was begun that would be resumed with these inputs.
pub(super) fn begun(
    plan: &'static Plan,
    recorder: &Recorder,
    inputs: &[(u32, Value)],
    own: Hash,
) -> Result<Begun, StoreError> {
    let found = recorder.log().find(Kind::Session, &[]).ok_or_else(|| {
        let name = recorder.name();
        StoreError::new(format!("run `{name}` ended before its inputs were recorded: start a new run"))
    })?;
    let record = recorder.log().read(found)?;
    let files: Vec<(u32, FileState)> = postcard::from_bytes(record.about()).unwrap_or_default();
    let before: BTreeMap<u32, _> = record.values().collect();
    let ended = matches!(recorder.manifest().status, Status::Failed(_) | Status::Done);
    let manifest = recorder.manifest();
    let kept: Vec<u32> = before.keys().copied().filter(|key| inputs.iter().all(|input| input.0 != *key)).collect();
    build::check_types(plan, &manifest, own, &kept)?;
    let of_build = build::before(plan, &manifest, own).map_err(StoreError::new)?;
    let mut begun = Begun {
        retries_failures: ended,
        before: of_build,
        surroundings: Surroundings::read(plan)?,
        surroundings_before: postcard::from_bytes(&manifest.surroundings).unwrap_or_default(),
        ..Begun::default()
    };
    for (key, value) in inputs {
        let spec = &plan.keys[*key as usize];
        let same = before.get(key).is_some_and(|span| encoded(plan, *key, value).is_ok_and(|bytes| span.is(&bytes)));
        if !same && is_recorded(spec) {
            begun.changed.push((*key, format!("input `{}` has changed", spec.name)));
        } else if is_recorded(spec) && FileState::of(value) != file_of(&files, *key) {
            begun.changed.push((*key, format!("the file of input `{}` has changed", spec.name)));
        }
    }
    for (key, span) in before {
        let Some(spec) = plan.keys.get(key as usize).filter(|_| inputs.iter().all(|input| input.0 != key)) else {
            continue;
        };
        let (hash, file) = (span.hash(), file_of(&files, key));
        let Some((_, value)) = stored(plan.keys, (key, span)) else { continue };
        // No other values need to be read.
        let now = if has_paths(spec.kind) { FileState::of(&value) } else { None };
        if now != file {
            begun.changed.push((key, format!("the file of input `{}` has changed", spec.name)));
        }
        begun.names.set(key, Name::of_value(hash, now));
        begun.kept.push((key, value));
    }
    Ok(begun)
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

impl Records {
    /// Whether whoever runs it takes only the output, and not the whole state.
    pub(in crate::engine) fn is_for_output(&self) -> bool {
        self.session.only_output
    }

    /// The run has ended so.
    pub(in crate::engine) fn end(&self, failure: Option<&Failure>, stopped: bool) {
        let Some(recorder) = &self.recorder else { return };
        if failure.is_none() && !stopped && self.session.delivery.is_some() {
            return;
        }
        let status = match failure {
            None if stopped => Status::Stopped,
            None => Status::Done,
            Some(failure) if failure.kind == FailureKind::Cancelled => Status::Cancelled,
            Some(failure) if failure.kind == FailureKind::Waiting => {
                Status::Waiting(questions(failure).into_iter().cloned().collect())
            }
            Some(failure) => Status::Failed(failure.message.clone()),
        };
        // There is nothing to resume in a run that succeeded.
        let waits = status != Status::Done || self.session.require_state;
        recorder.end(status, waits);
    }
}

/// Between the end of a run that succeeded and the delivery of its output. Until then it is recorded as running, so that it can
/// be resumed, which delivers the output again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delivery(Arc<Mutex<Option<Arc<Records>>>>);

impl Delivery {
    /// The run has an output, which is to be delivered.
    pub(crate) fn begin(&self, records: Arc<Records>) {
        *lock(&self.0) = Some(records);
    }

    /// The output has been delivered or could not be. Returns the run, if it can be resumed because of that.
    ///
    /// # Errors
    /// If old runs cannot be removed.
    #[cfg(feature = "cli")]
    pub(crate) fn end(&self, plan: &Plan, delivered: bool) -> Result<Option<String>, StoreError> {
        let Some(records) = lock(&self.0).take() else { return Ok(None) };
        let Some(recorder) = &records.recorder else { return Ok(None) };
        if delivered {
            recorder.end(Status::Done, records.session.require_state);
        } else {
            recorder.end(Status::Failed("its output could not be written".to_owned()), true);
        }
        let run = (!delivered).then(|| records.run_name().to_owned());
        clean_up(plan, records).map_or(Ok(run), Err)
    }
}

/// Removes old runs, as the workflow says, once this one has ended.
pub(crate) fn clean_up(plan: &Plan, records: Arc<Records>) -> Option<StoreError> {
    let (Checkpoint { keep, max_size, .. }, store) = (plan.checkpoint?, records.recorder.as_ref()?.store().clone());
    // It holds the store.
    drop(records);
    store.prune(&workflow(plan), keep as usize, max_size).err()
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

/// The content of this program's executable. To read it all takes a while in programs that are not optimized, so the store
/// remembers what the file looked like that had this content.
pub(in crate::engine) fn program(state_dir: &Path) -> Result<Hash, StoreError> {
    static PROGRAM: OnceLock<Result<Hash, StoreError>> = OnceLock::new();
    let failed = |error: io::Error| StoreError::new(format!("cannot read this program's executable: {error}"));
    let hash = || {
        // Also if another one has taken its place since this one was started.
        let path = if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() };
        let file = path.and_then(File::open).map_err(failed)?;
        let looks = file.metadata().map(|there| looks(&there)).map_err(failed)?;
        store::known_program(state_dir, &looks, || Hash::of_reader(file).map_err(failed))
    };
    PROGRAM.get_or_init(hash).clone()
}

/// What changes with each change of a file.
#[cfg(unix)]
fn looks(there: &std::fs::Metadata) -> Vec<u8> {
    use std::os::unix::fs::MetadataExt;
    let times = (there.mtime(), there.mtime_nsec(), there.ctime(), there.ctime_nsec());
    plain(&(there.dev(), there.ino(), there.size(), times))
}

/// What changes with each change of a file.
#[cfg(not(unix))]
fn looks(there: &std::fs::Metadata) -> Vec<u8> {
    plain(&(there.len(), there.modified().ok(), there.created().ok()))
}

/// The inputs with the defaults of those that were not given.
fn complete(plan: &'static Plan, mut inputs: Vec<(u32, Value)>) -> Vec<(u32, Value)> {
    for (key, spec) in (0..).zip(plan.keys).filter(|(_, spec)| spec.input) {
        if inputs.iter().all(|input| input.0 != key)
            // One that panics does so again where the run starts.
            && let Some(Ok(value)) = spec.default.map(guard)
        {
            inputs.push((key, value));
        }
    }
    inputs
}

fn record_inputs(plan: &'static Plan, recorder: &Recorder, inputs: &[(u32, Value)]) -> Result<(), StoreError> {
    let stored = || inputs.iter().filter(|input| is_recorded(&plan.keys[input.0 as usize]));
    let values = stored().map(|(key, value)| Ok((*key, encoded(plan, *key, value)?)));
    let values = values.collect::<Result<Vec<_>, StoreError>>()?;
    let files: Vec<_> = stored().filter_map(|(key, value)| Some((*key, FileState::of(value)?))).collect();
    let about = plain(&files);
    let values: Vec<_> = values.iter().map(|(key, bytes)| (*key, &bytes[..])).collect();
    let written = Written { kind: Kind::Session, position: &[], items: (0, 0), about: &about, values: &values };
    recorder.log().append(&written, || true).map(drop).map_err(StoreError::clone)
}

fn encoded(plan: &Plan, key: u32, value: &Value) -> Result<Vec<u8>, StoreError> {
    let spec = &plan.keys[key as usize];
    let (mut bytes, wire) = (Vec::new(), spec.kind.wire);
    let wire = wire.ok_or_else(|| StoreError::new(format!("input `{}` has no codec", spec.name)))?;
    payload::guarded(|| (wire.encode)(value, &mut bytes))
        .map_err(|error| StoreError::new(format!("input `{}` cannot be recorded: {error}", spec.name)))?;
    Ok(bytes)
}
