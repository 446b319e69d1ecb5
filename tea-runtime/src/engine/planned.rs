//! What is known of units from another process without reading them.

use super::{Settings, serve};
use crate::{
    executor::{payload::transport, wire::UnitHead},
    failure::Failure,
    plan::{Plan, Site},
    policy::ParallelConfig,
};

/// A run of another process, for who passes its units on without reading them.
pub(crate) struct Planned {
    plan: &'static Plan,
    settings: Settings,
}

impl Planned {
    /// A run of the workflow with this name, with the caller's changes of settings.
    ///
    /// # Errors
    /// If this program does not contain the workflow.
    pub(crate) fn received(module: &str, workflow: &str, settings: &[u8]) -> Result<Self, Box<Failure>> {
        let plan = serve::plan(module, workflow)?;
        let (settings, _) = Settings::received(settings).map_err(transport)?;
        Ok(Self { plan, settings })
    }

    /// Its workflow.
    pub(crate) fn plan(&self) -> &'static Plan {
        self.plan
    }

    /// The name and the settings of the branch or map of a unit; `None` if there is none.
    pub(crate) fn site(&self, head: &UnitHead<'_>) -> Option<(&'static str, &'static ParallelConfig)> {
        let (name, index, planned) = match self.plan.sites.get(head.site as usize)? {
            Site::Region(region) => {
                let index = usize::try_from(head.first).ok()?;
                let task = region.tasks.get(index)?;
                (task.name, index, task.config)
            }
            Site::Map(map) => (map.name, 0, map.config),
        };
        Some((name, self.settings.of(head.site, index, planned)))
    }
}
