//! What the settings of a plan hold for: nodes, branches and items, with the names by which a caller sets them.

use std::collections::BTreeMap;

use crate::{
    plan::{Block, Map, Origin, Plan, Region, Site, Subworkflow, Task, Work},
    policy::{ParallelConfig, settings::Shared},
};

/// Something that has settings.
pub(super) struct Holder {
    /// The site, and the task in it (0 for a map).
    pub(super) at: (u32, u32),
    /// The name of the node, or of the branch's first node.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) what: What,
    /// Its settings in the plan.
    pub(super) config: &'static ParallelConfig,
    /// Where they are written.
    pub(super) written: &'static [Origin],
}

/// Kinds of [`Holder`]s.
#[derive(Clone, Copy)]
pub(super) enum What {
    /// The items of a `dynamic_parallel` node.
    Items,
    /// A node that is tried by itself.
    Node,
    /// A node of a dataflow file.
    Needing,
    /// A branch of a fan-out, with the settings of its edge.
    Branch,
    /// A part of a fan-out, with the settings of those that it needs.
    Part(&'static Task),
    /// The task of a dataflow file that drives a map. It has no settings.
    Driver,
}

/// The names in a workflow, and what has settings in it.
#[derive(Default)]
pub(super) struct Names {
    pub(super) holders: Vec<Holder>,
    /// All nodes.
    pub(super) nodes: Vec<&'static str>,
    /// The nodes that call workflows, with the number of the workflow.
    pub(super) calls: Vec<(&'static str, usize)>,
}

/// All workflows of a plan: its own first, then those that nodes call, by their numbers plus one.
pub(super) struct Places(pub(super) Vec<Names>);

/// What is settable of a fan-out or map as a whole.
pub(super) struct SitePlan {
    pub(super) shared: Shared,
    pub(super) written: &'static [Origin],
    /// Whether it is several branches or items.
    pub(super) several: bool,
    pub(super) dataflow: bool,
}

impl Places {
    pub(super) fn of(plan: &Plan) -> Self {
        let blocks = [plan.root].into_iter().chain(plan.workflows.iter().map(|workflow| workflow.root));
        Self(blocks.map(Names::of).collect())
    }

    /// A name of each workflow, by which its nodes are named from outside: empty for the plan's own, the nodes that call it, or `*` if
    /// several nodes do.
    pub(super) fn prefixes(&self) -> Vec<String> {
        let mut prefixes = vec![None; self.0.len()];
        prefixes[0] = Some(String::new());
        // Those that call have higher numbers than those that they call, but for the plan's own.
        for caller in std::iter::once(0).chain((1..self.0.len()).rev()) {
            for (name, number) in &self.0[caller].calls {
                let from = prefixes[caller].clone().unwrap_or_default();
                let here = if from == "*/" { from } else { format!("{from}{name}/") };
                prefixes[number + 1] = Some(if prefixes[number + 1].is_none() { here } else { "*/".to_owned() });
            }
        }
        prefixes.into_iter().map(Option::unwrap_or_default).collect()
    }
}

impl Names {
    fn of(block: &'static Block) -> Self {
        let mut names = Self::default();
        names.block(block);
        names
    }

    // Recursion goes as deep as fan-outs are nested.
    fn block(&mut self, block: &'static Block) {
        for step in block.steps {
            match step.work {
                Work::Run(_) | Work::Ask(_) => self.nodes.push(step.name),
                Work::Call(call) => {
                    self.nodes.push(step.name);
                    self.call(step.name, call.workflow);
                }
                Work::Map(map) => {
                    self.nodes.push(map.name);
                    self.map(map);
                    if let Some(workflow) = map.workflow {
                        self.call(map.name, workflow);
                    }
                }
                Work::FanOut(region) => self.region(region),
            }
        }
    }

    fn call(&mut self, name: &'static str, workflow: &'static Subworkflow) {
        self.calls.push((name, workflow.id as usize));
    }

    fn map(&mut self, map: &'static Map) {
        let Map { id, name, config, written, .. } = map;
        self.holders.push(Holder { at: (*id, 0), name, what: What::Items, config, written });
    }

    fn region(&mut self, region: &'static Region) {
        let attempt = region.attempt().is_some();
        for (task, index) in region.tasks.iter().zip(0..) {
            let drives = || matches!(task.block.steps, [step] if matches!(step.work, Work::Map(_)));
            let what = match task.written {
                None => What::Part(task),
                Some(_) if attempt => What::Node,
                Some(_) if region.dataflow && drives() => What::Driver,
                Some(_) if region.dataflow => What::Needing,
                Some(_) => What::Branch,
            };
            let (name, config, written) = (task.name, task.config, task.written.unwrap_or_default());
            self.holders.push(Holder { at: (region.id, index), name, what, config, written });
            self.block(task.block);
        }
    }

    /// The node of that name that has settings, or else the branch that starts with it.
    pub(super) fn holder(&self, name: &str, edge: bool) -> Option<&Holder> {
        let is = |node: bool| {
            self.holders.iter().find(|holder| {
                let is_node = matches!(holder.what, What::Items | What::Node | What::Needing);
                let is_branch = matches!(holder.what, What::Branch | What::Part(_));
                holder.name == name && if node { is_node } else { is_branch }
            })
        };
        if edge { is(false) } else { is(true).or_else(|| is(false)) }
    }

    /// The name by which a holder is set: that of a branch is also that of its first node, which may have settings of its own.
    pub(super) fn name_of(&self, holder: &Holder) -> String {
        let is_other = self.holder(holder.name, false).is_some_and(|first| first.at != holder.at);
        format!("{}{}", if is_other { "edges." } else { "" }, holder.name)
    }
}

/// What the plan says of its fan-outs and maps as a whole, by site.
pub(super) fn sites(plan: &Plan) -> BTreeMap<u32, SitePlan> {
    let site = |site: &Site| match site {
        Site::Region(region) => {
            let shared = Shared { max_workers: region.max_workers, fail_fast: region.fail_fast };
            let (written, several) = (region.written, region.attempt().is_none());
            (region.id, SitePlan { shared, written, several, dataflow: region.dataflow })
        }
        Site::Map(map) => {
            let shared = Shared { max_workers: map.max_workers, fail_fast: map.fail_fast };
            (map.id, SitePlan { shared, written: map.written, several: true, dataflow: false })
        }
    };
    plan.sites.iter().map(site).collect()
}
