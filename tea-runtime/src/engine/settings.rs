//! The settings of branches and maps in a run: those of the plan, with the caller's changes.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{
    executor::wire,
    plan::{Plan, Site},
    policy::ParallelConfig,
};

/// Changes the settings of the branch or map with the given name.
pub(crate) type Change<'a> = &'a dyn Fn(&str, &mut ParallelConfig);

/// The caller's changes. They are also sent to workers, for fan-outs inside branches.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// By site and branch.
    changed: BTreeMap<(u32, u32), &'static ParallelConfig>,
    fail_fast: Option<bool>,
}

/// [`Settings`] as they are sent to a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sent {
    changed: Vec<(u32, u32, ParallelConfig)>,
    fail_fast: Option<bool>,
}

impl Settings {
    /// The settings of `plan`, changed by `change` if there is one, with `fail_fast` for all fan-outs and maps.
    ///
    /// # Errors
    /// If some are invalid, or require checks that only the compiler can make.
    pub fn changed(plan: &Plan, change: Option<Change<'_>>, fail_fast: Option<bool>) -> Result<Self, String> {
        let mut changed = BTreeMap::new();
        let Some(change) = change else { return Ok(Self { changed, fail_fast }) };
        for (site, at) in plan.sites.iter().zip(0..) {
            let configs: Vec<(&str, &'static ParallelConfig)> = match site {
                Site::Region(region) => region.tasks.iter().map(|task| (task.name, task.config)).collect(),
                Site::Map(map) => vec![(map.name, map.config)],
            };
            for ((name, before), index) in configs.into_iter().zip(0..) {
                let mut after = before.clone();
                change(name, &mut after);
                if after != *before {
                    after.check(before).map_err(|wrong| format!("the settings of `{name}`: {wrong}"))?;
                    changed.insert((at, index), kept(after));
                }
            }
        }
        Ok(Self { changed, fail_fast })
    }

    /// The settings of a branch of a region, or of a map (0), which are `planned` in the plan.
    pub(super) fn of(&self, site: u32, index: usize, planned: &'static ParallelConfig) -> &'static ParallelConfig {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        self.changed.get(&(site, index)).copied().unwrap_or(planned)
    }

    /// Whether a fan-out or map fails fast, which is `planned` in the plan.
    pub(super) fn fail_fast(&self, planned: bool) -> bool {
        self.fail_fast.unwrap_or(planned)
    }

    /// The settings as bytes for a worker.
    pub(super) fn to_send(&self) -> Vec<u8> {
        let changed = self.changed.iter().map(|(&(site, index), &config)| (site, index, config.clone()));
        let mut bytes = Vec::new();
        wire::write(&Sent { changed: changed.collect(), fail_fast: self.fail_fast }, &mut bytes);
        bytes
    }

    /// The settings from the bytes of [`to_send`](Self::to_send), and what follows them.
    ///
    /// # Errors
    /// If the bytes are invalid.
    pub(super) fn received(bytes: &[u8]) -> Result<(Self, &[u8]), String> {
        let (Sent { changed, fail_fast }, rest) = wire::read(bytes)?;
        let changed = changed.into_iter().map(|(site, index, config)| ((site, index), kept(config)));
        Ok((Self { changed: changed.collect(), fail_fast }, rest))
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
