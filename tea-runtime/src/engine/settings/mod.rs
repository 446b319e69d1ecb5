//! The settings of branches and maps in a run: those of the plan, with the caller's changes.

mod places;
mod resolve;
mod wanted;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use self::resolve::Resolved;
pub(crate) use self::wanted::Wanted;
use crate::{
    executor::wire,
    plan::Plan,
    policy::{ParallelConfig, settings::Shared},
};

/// Changes the settings of the branch or map with the given name.
pub(crate) type Change<'a> = &'a dyn Fn(&str, &mut ParallelConfig);

/// The caller's changes. They are also sent to workers, for fan-outs inside branches.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// By site and branch.
    changed: BTreeMap<(u32, u32), &'static ParallelConfig>,
    /// By site.
    wholes: BTreeMap<u32, Shared>,
}

/// [`Settings`] as they are sent to a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sent {
    changed: Vec<(u32, u32, ParallelConfig)>,
    wholes: Vec<(u32, Option<u32>, bool)>,
}

/// What a caller changes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Changes<'a> {
    /// Changes the settings of each branch and map.
    pub(crate) change: Option<Change<'a>>,
    /// `fail_fast` of all fan-outs and maps.
    pub(crate) fail_fast: Option<bool>,
    /// Settings by name, in addition.
    pub(crate) wanted: &'a [Wanted],
}

impl Changes<'_> {
    fn resolved(self, plan: &Plan) -> Resolved {
        let mut resolved = Resolved::of(plan);
        resolved.change(self.change, self.fail_fast);
        resolved.ask(self.wanted);
        resolved
    }
}

impl Settings {
    /// The settings of `plan` with the caller's changes.
    ///
    /// # Errors
    /// If some are invalid, or require checks that only the compiler can make.
    pub(crate) fn changed(plan: &Plan, changes: Changes<'_>) -> Result<Self, String> {
        if changes.change.is_none() && changes.fail_fast.is_none() && changes.wanted.is_empty() {
            return Ok(Self::default());
        }
        let (configs, wholes) = changes.resolved(plan).changed(plan)?;
        Ok(Self { changed: configs.into_iter().map(|(at, config)| (at, kept(config))).collect(), wholes })
    }

    /// What holds where with the caller's changes, and why: a line for each setting, with its name as the caller would set it. Not
    /// `all`: for each that is written somewhere, and how many others there are.
    ///
    /// # Errors
    /// As for [`changed`](Self::changed).
    pub(crate) fn explained(plan: &Plan, changes: Changes<'_>, all: bool) -> Result<String, String> {
        let resolved = changes.resolved(plan);
        resolved.changed(plan)?;
        Ok(resolved.explained(all))
    }

    /// The settings of a branch of a region, or of a map (0), which are `planned` in the plan.
    pub(super) fn of(&self, site: u32, index: usize, planned: &'static ParallelConfig) -> &'static ParallelConfig {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        self.changed.get(&(site, index)).copied().unwrap_or(planned)
    }

    /// Whether a fan-out or map fails fast, which is `planned` in the plan.
    pub(super) fn fail_fast(&self, site: u32, planned: bool) -> bool {
        self.wholes.get(&site).map_or(planned, |whole| whole.fail_fast)
    }

    /// How much of a fan-out or map runs at once, which is `planned` in the plan.
    pub(super) fn max_workers(&self, site: u32, planned: Option<u32>) -> Option<u32> {
        self.wholes.get(&site).map_or(planned, |whole| whole.max_workers)
    }

    /// The settings as bytes for a worker.
    pub(super) fn to_send(&self) -> Vec<u8> {
        let changed = self.changed.iter().map(|(&(site, index), &config)| (site, index, config.clone())).collect();
        let wholes = self.wholes.iter().map(|(site, whole)| (*site, whole.max_workers, whole.fail_fast)).collect();
        let mut bytes = Vec::new();
        wire::write(&Sent { changed, wholes }, &mut bytes);
        bytes
    }

    /// The settings from the bytes of [`to_send`](Self::to_send), and what follows them.
    ///
    /// # Errors
    /// If the bytes are invalid.
    pub(super) fn received(bytes: &[u8]) -> Result<(Self, &[u8]), String> {
        let (Sent { changed, wholes }, rest) = wire::read(bytes)?;
        let changed = changed.into_iter().map(|(site, index, config)| ((site, index), kept(config)));
        let wholes = wholes.into_iter().map(|(site, max_workers, fail_fast)| (site, Shared { max_workers, fail_fast }));
        Ok((Self { changed: changed.collect(), wholes: wholes.collect() }, rest))
    }
}

/// Makes settings `'static`, like those of a plan. Equal ones are kept only once.
fn kept(config: ParallelConfig) -> &'static ParallelConfig {
    static KEPT: Mutex<Vec<&'static ParallelConfig>> = Mutex::new(Vec::new());
    let mut all = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(same) = all.iter().find(|kept| ***kept == config) {
        return same;
    }
    let config: &'static ParallelConfig = Box::leak(Box::new(config));
    all.push(config);
    config
}
