//! The remote strategy, as the engine sees it.

use std::{io, num::NonZero, path::Path, sync::Arc};

use super::{
    file::{Engine, PoolError, PoolFile},
    launch::{ByCommand, Launcher, Slurm, Ssh},
    pool::{HostCheck, Pool, Settings},
};
use crate::{
    executor::{ParallelExecutor, Unit},
    failure::{Failure, FailureKind},
    process::pool::pace::MOST,
};

/// Runs units in worker processes on other machines: those of a pool.
///
/// Agents are started when they are first needed, kept for the next units, and ended with the executor. It may serve several runs,
/// one after the other and at once.
pub struct RemoteExecutor {
    pool: Result<Arc<Pool>, Box<Failure>>,
}

impl RemoteExecutor {
    /// An executor with the hosts of a pool. Together they run at most `max_workers` units at the same time, if that is given.
    #[must_use]
    pub fn new(pool: &PoolFile, max_workers: Option<NonZero<usize>>) -> Self {
        Self { pool: start(pool, max_workers.map(NonZero::get)) }
    }

    /// Starts an agent on each host of a pool, and ends it again: what was found, or why nothing can run there.
    ///
    /// # Errors
    /// If this program cannot have agents.
    pub fn check(pool: &PoolFile) -> Result<Vec<HostCheck>, Box<Failure>> {
        Ok(start(pool, None)?.check())
    }

    /// The same with the pool that a file describes.
    ///
    /// # Errors
    /// If the file cannot be read, or something in it is unknown, missing or not supported.
    pub fn from_file(path: impl AsRef<Path>, max_workers: Option<NonZero<usize>>) -> Result<Self, PoolError> {
        Ok(Self::new(&PoolFile::read(path)?, max_workers))
    }
}

fn start(file: &PoolFile, most: Option<usize>) -> Result<Arc<Pool>, Box<Failure>> {
    let slots = file.slots.map(NonZero::get);
    let (slots, launcher): (Vec<_>, Box<dyn Launcher>) = match &file.engine {
        Engine::Command { hosts, template } => {
            (vec![slots; hosts.get() as usize], Box::new(ByCommand::new(template, &file.host, &file.listen)?))
        }
        Engine::Ssh(hosts) => {
            let own = hosts.iter().map(|host| host.slots.map(NonZero::get).or(slots));
            (own.collect(), Box::new(Ssh::new(hosts, &file.host)?))
        }
        Engine::Slurm { hosts, job } => {
            let slurm = Slurm::new(*hosts, job, &file.host, &file.listen)?;
            (vec![slots; slurm.hosts()], Box::new(slurm))
        }
    };
    let failed = |error: io::Error| Box::new(Failure::new(FailureKind::Error, error.to_string()));
    let settings = Settings {
        least: file.least as usize,
        idle: file.idle,
        env: file.host.env.clone(),
        shared: file.host.shared,
        terms: file.terms,
    };
    Pool::new(&slots, launcher, most, &settings).map_err(failed)
}

impl std::fmt::Debug for RemoteExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteExecutor").finish_non_exhaustive()
    }
}

impl ParallelExecutor for RemoteExecutor {
    fn name(&self) -> &'static str {
        "remote"
    }

    fn max_workers(&self) -> usize {
        self.pool.as_ref().map_or(1, |pool| pool.slots())
    }

    fn window(&self) -> usize {
        // A host may turn out to have more slots than was known.
        4 * self.max_workers() * MOST
    }

    fn crosses(&self) -> bool {
        true
    }

    fn submit(&self, unit: Unit) {
        self.submit_all(vec![unit]);
    }

    fn submit_all(&self, units: Vec<Unit>) {
        match &self.pool {
            Ok(pool) => pool.submit(units),
            Err(failure) => units.into_iter().for_each(|unit| unit.refuse(failure)),
        }
    }

    fn close(&self) {
        self.pool.iter().for_each(|pool| pool.close());
    }
}

impl Drop for RemoteExecutor {
    /// Ends all agents, with whatever they are running.
    fn drop(&mut self) {
        self.close();
    }
}
