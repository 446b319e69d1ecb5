//! A place for records, and runs that are recorded there.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    engine::{
        Means, Options,
        records::{Session, Which},
    },
    error::Error,
    event::{Event, Events},
    plan::Plan,
    request,
    state::{Value, View},
    store::{Folder, Manifest, Recorder, Status},
};

/// A store that goes away with the test.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new() -> Self {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tea-records-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Runs a plan, recorded here.
    pub(super) fn run(&self, plan: &'static Plan, resume: bool) -> Ran {
        self.run_with(plan, Vec::new(), |session| session.resume = resume.then_some(Which::Last))
    }

    /// The same on so many threads.
    pub(super) fn run_on(&self, workers: usize, plan: &'static Plan, resume: bool) -> Ran {
        self.run_in(plan, Vec::new(), workers, |session| session.resume = resume.then_some(Which::Last))
    }

    pub(super) fn run_with(
        &self,
        plan: &'static Plan,
        inputs: Vec<(u32, Value)>,
        with: impl FnOnce(&mut Session),
    ) -> Ran {
        self.run_in(plan, inputs, 1, with)
    }

    fn run_in(
        &self,
        plan: &'static Plan,
        inputs: Vec<(u32, Value)>,
        workers: usize,
        with: impl FnOnce(&mut Session),
    ) -> Ran {
        let mut session = Session { state_dir: self.0.clone(), ..Session::default() };
        with(&mut session);
        let log = Arc::new(std::sync::Mutex::new((Vec::new(), Vec::new())));
        let listener = {
            let log = Arc::clone(&log);
            move |event: &Event<'_>| match event {
                Event::NodeStarted { node, .. } => log.lock().unwrap().0.push((*node).to_owned()),
                Event::Warning { message } => log.lock().unwrap().1.push((*message).to_owned()),
                _ => {}
            }
        };
        let events = Events::new(vec![Arc::new(listener)]);
        let options = Options { max_workers: Some(workers), events, ..Options::default() };
        let outcome = request::run_recorded(plan, inputs, options, Some(session), Means::default());
        let (nodes, warnings) = std::mem::take(&mut *log.lock().unwrap());
        Ran { outcome, nodes, warnings }
    }

    /// The one run here.
    pub(super) fn name(&self) -> String {
        let mut runs = Folder::open(&self.0).unwrap().runs().unwrap();
        assert_eq!(runs.len(), 1);
        runs.remove(0).name
    }

    /// As if the process had been killed.
    pub(super) fn set_status(&self, status: Status) {
        let folder = Folder::open(&self.0).unwrap();
        let run = folder.run(&self.name()).unwrap();
        let (recorder, _) =
            Recorder::go_on(folder, run, crate::store::Options { sync: std::time::Duration::ZERO }).unwrap();
        let manifest = recorder.manifest();
        recorder.set_manifest(Manifest { status, ..manifest }).unwrap();
    }

    pub(super) fn log(&self) -> PathBuf {
        self.0.join("runs").join(self.name()).join("log.0")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What came of a run.
pub(super) struct Ran {
    pub(super) outcome: Result<View, Error>,
    /// The nodes that started.
    pub(super) nodes: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Ran {
    pub(super) fn view(self) -> View {
        self.outcome.unwrap_or_else(|error| panic!("{error}"))
    }
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
