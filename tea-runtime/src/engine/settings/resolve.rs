//! What holds where: the settings of a plan, changed as the caller asks.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use super::{
    Change,
    places::{Holder, Places, SitePlan, What, sites},
    wanted::{Asked, Wanted, Way, Which},
};
use crate::{
    plan::{Level, Origin, Plan, Site},
    policy::{
        ParallelConfig, RetryPolicy,
        settings::{SETTINGS, SHARED, Shared},
    },
    words::{counted, nearest},
};

/// Why a setting holds, by its name.
type Reasons = BTreeMap<&'static str, String>;

/// The settings of a branch, an item or a node.
struct Held {
    config: ParallelConfig,
    reasons: Reasons,
}

/// The settings of a fan-out or map as a whole.
struct Whole {
    shared: Shared,
    reasons: Reasons,
    /// By setting, the branch by which a caller has changed it.
    branches: BTreeMap<&'static str, &'static str>,
}

/// All settings of a plan, while they are changed.
pub(super) struct Resolved {
    places: Places,
    sites: BTreeMap<u32, SitePlan>,
    held: BTreeMap<(u32, u32), Held>,
    wholes: BTreeMap<u32, Whole>,
    wrong: Vec<String>,
}

impl Resolved {
    pub(super) fn of(plan: &Plan) -> Self {
        let (places, sites) = (Places::of(plan), sites(plan));
        let held = |holder: &Holder| (holder.at, Held { config: holder.config.clone(), reasons: Reasons::new() });
        let whole = |(site, planned): (&u32, &SitePlan)| {
            (*site, Whole { shared: planned.shared, reasons: Reasons::new(), branches: BTreeMap::new() })
        };
        Self {
            held: places.0.iter().flat_map(|names| &names.holders).map(held).collect(),
            wholes: sites.iter().map(whole).collect(),
            places,
            sites,
            wrong: Vec::new(),
        }
    }

    /// Changes what a function changes, and whether all fan-outs and maps fail fast.
    pub(super) fn change(&mut self, change: Option<Change<'_>>, fail_fast: Option<bool>) {
        for holder in self.places.0.iter().flat_map(|names| &names.holders) {
            let Some((change, held)) = change.zip(self.held.get_mut(&holder.at)) else { continue };
            let before = held.config.clone();
            change(holder.name, &mut held.config);
            let changed = SETTINGS.iter().filter(|setting| setting.show(&before) != setting.show(&held.config));
            held.reasons.extend(changed.map(|setting| (setting.name, "the program".to_owned())));
        }
        for whole in self.wholes.values_mut() {
            let Some(fail_fast) = fail_fast else { continue };
            whole.shared.fail_fast = fail_fast;
            whole.reasons.insert("fail_fast", "the program".to_owned());
        }
    }

    /// Changes what is asked for by name; the nearest and then the last wins.
    pub(super) fn ask(&mut self, wanted: &[Wanted]) {
        let asked: Vec<_> = wanted.iter().map(|wanted| (wanted, Asked::of(wanted))).collect();
        let is_far = |asked: &Result<Asked<'_>, String>| asked.as_ref().is_ok_and(|asked| asked.path.is_none());
        let (far, near): (Vec<_>, Vec<_>) = asked.into_iter().partition(|(_, asked)| is_far(asked));
        for (wanted, asked) in far.into_iter().chain(near) {
            let done = asked.and_then(|asked| match &asked.path {
                None => self.everywhere(wanted, asked.which),
                Some(path) => self.at(path)?.into_iter().try_for_each(|at| self.set(at, wanted, asked.which)),
            });
            if let Err(wrong) = done {
                self.wrong.push(format!("{}: {wrong}", wanted.by));
            }
        }
        self.lone_entries(wanted);
        self.inherit();
    }

    /// Changes a setting of everything that has none of its own.
    fn everywhere(&mut self, wanted: &Wanted, which: Which) -> Result<(), String> {
        let (_, entry) = which.names();
        let is_far = |written: &[Origin]| written.iter().all(|one| one.setting != entry || one.level == Level::File);
        let mut targets = Vec::new();
        match which {
            Which::Shared(_) => {
                let far = self.sites.iter().filter(|(_, site)| is_far(site.written));
                targets.extend(far.map(|(site, _)| (*site, 0)));
            }
            Which::Each(_) | Which::Whole(_) => {
                let all = self.places.0.iter().flat_map(|names| &names.holders);
                let far = all.filter(|holder| !matches!(holder.what, What::Part(_) | What::Driver));
                targets.extend(far.filter(|holder| is_far(holder.written)).map(|holder| holder.at));
            }
        }
        if targets.is_empty() {
            return Err(format!(
                "`{}` has no effect: nothing is parallel here, or all has its own `{entry}`",
                wanted.name
            ));
        }
        targets.into_iter().try_for_each(|at| self.apply(at, wanted, which, true))
    }

    /// What a path leads to.
    fn at(&self, path: &Way<'_>) -> Result<Vec<(u32, u32)>, String> {
        if path.callers == ["*"] {
            let found: Vec<_> =
                self.places.0[1..].iter().filter_map(|names| names.holder(path.name, path.edge)).collect();
            if found.is_empty() {
                return Err(format!("no workflow that is called has settings for a node `{}`", path.name));
            }
            return Ok(found.into_iter().map(|holder| holder.at).collect());
        }
        let (mut workflow, mut way) = (0, String::new());
        for caller in &path.callers {
            let names = &self.places.0[workflow];
            let Some((_, number)) = names.calls.iter().find(|(name, _)| name == caller) else {
                let calls = names.calls.iter().map(|(name, _)| *name);
                return Err(if names.nodes.contains(caller) {
                    format!("the node `{way}{caller}` calls no workflow")
                } else {
                    unknown(&way, caller, calls)
                });
            };
            (workflow, way) = (number + 1, format!("{way}{caller}/"));
        }
        let (names, name) = (&self.places.0[workflow], path.name);
        let Some(holder) = names.holder(name, path.edge) else {
            let has_settings = names.holders.iter().map(|holder| holder.name);
            return Err(match (names.nodes.contains(&name), path.edge) {
                (true, true) => format!("no parallel edge leads to `{way}{name}`"),
                (true, false) => format!(
                    "the node `{way}{name}` runs where the workflow runs, and only the compiler can have it tried by itself: write a parallel \
                     setting, such as `timeout`, on the node in the workflow file"
                ),
                (false, _) => unknown(&way, name, has_settings.chain(names.nodes.iter().copied())),
            });
        };
        if self.places.prefixes()[workflow] == "*/" {
            return Err(format!(
                "`{way}{name}` is one with the same node of all that call this workflow: `*/{name}` sets it for all of them"
            ));
        }
        Ok(vec![holder.at])
    }

    /// Changes a setting at one place.
    fn set(&mut self, at: (u32, u32), wanted: &Wanted, which: Which) -> Result<(), String> {
        let holder = self.holder(at);
        let (site, name) = (&self.sites[&at.0], holder.name);
        if let What::Part(task) = holder.what {
            let needs = task.needs.iter().filter_map(|need| self.find((at.0, *need))).map(|need| need.name);
            let needs = needs.collect::<Vec<_>>().join("` and `");
            return Err(format!("`{name}` has the settings of the branches that lead to it: set those of `{needs}`"));
        }
        if let Which::Shared(shared) = which {
            if !site.several {
                return Err(format!("`{shared}` is for several branches or items, and `{name}` runs once"));
            }
            if site.dataflow {
                return Err(format!(
                    "`{shared}` holds for all nodes of a dataflow file or none: set `parallel.{shared}`"
                ));
            }
            let before = self.wholes[&at.0].shared;
            self.apply(at, wanted, which, false)?;
            let whole = self.wholes.get_mut(&at.0).expect("every site is known");
            return match whole.branches.insert(shared, name) {
                Some(other) if other != name && whole.shared != before => Err(format!(
                    "`{other}` and `{name}` disagree about `{shared}`, which belongs to their fan-out as a whole"
                )),
                _ => Ok(()),
            };
        }
        self.apply(at, wanted, which, false)
    }

    fn apply(&mut self, at: (u32, u32), wanted: &Wanted, which: Which, far: bool) -> Result<(), String> {
        let value = wanted.value.as_ref();
        let by = if far { format!("{} {}", wanted.by, wanted.name) } else { wanted.by.clone() };
        let done = match which {
            Which::Shared(shared) => {
                let whole = self.wholes.get_mut(&at.0).expect("every site is known");
                whole.reasons.insert(shared, by);
                whole.shared.set(shared, value)
            }
            Which::Each(setting) => {
                let held = self.held.get_mut(&at).expect("every place is known");
                held.reasons.insert(setting.name, by);
                setting.set(&mut held.config, value)
            }
            Which::Whole(entry) => {
                let held = self.held.get_mut(&at).expect("every place is known");
                let entries = SETTINGS.iter().filter(|setting| setting.entry() == entry);
                held.reasons.extend(entries.map(|setting| (setting.name, by.clone())));
                if entry == "retry" {
                    held.config.retry = RetryPolicy::DEFAULT;
                } else {
                    held.config.circuit_breaker = None;
                }
                Ok(())
            }
        };
        done.map_err(|wrong| format!("`{}` {}: {}", wanted.name, wrong.message, wrong.help))
    }

    /// Refuses entries of `retry` where nothing is tried again.
    fn lone_entries(&mut self, wanted: &[Wanted]) {
        let lone = |held: &Held| {
            let mut entries = held.reasons.keys().filter(|name| name.starts_with("retry."));
            held.config.retry.max_retries == 0
                && !held.reasons.contains_key("retry.max_retries")
                && entries.any(|name| wanted.iter().any(|wanted| wanted.value.is_some() && wanted.name.ends_with(name)))
        };
        for (at, _) in self.held.iter().filter(|(_, held)| lone(held)) {
            let name = self.find(*at).map_or("", |holder| holder.name);
            self.wrong.push(format!("`retry` of `{name}` tries nothing again: set `{name}.retry.max_retries`, too"));
        }
    }

    /// Gives parts the settings of the branches that lead to them.
    fn inherit(&mut self) {
        let mut changed: BTreeSet<(u32, u32)> =
            self.held.iter().filter(|(_, held)| !held.reasons.is_empty()).map(|(at, _)| *at).collect();
        let parts: Vec<_> = self
            .places
            .0
            .iter()
            .flat_map(|names| &names.holders)
            .filter_map(|holder| match holder.what {
                What::Part(task) => Some((holder.at, task)),
                _ => None,
            })
            .collect();
        for (at, task) in parts {
            let needs: Vec<_> = task.needs.iter().map(|need| (at.0, *need)).collect();
            let Some(first) = needs.first().filter(|_| needs.iter().any(|need| changed.contains(need))) else {
                continue;
            };
            let config = self.held[first].config.clone();
            if needs.iter().any(|need| self.held[need].config != config) {
                let names = needs.iter().filter_map(|need| self.find(*need)).map(|need| need.name);
                let names = names.collect::<Vec<_>>().join("` and `");
                let message = "it is not clear with which settings";
                self.wrong.push(format!("{message} `{}` runs: give `{names}`, which lead to it, the same", task.name));
            }
            let reasons = self.held[first].reasons.clone();
            self.held.insert(at, Held { config, reasons });
            changed.insert(at);
        }
    }

    fn find(&self, at: (u32, u32)) -> Option<&Holder> {
        self.places.0.iter().flat_map(|names| &names.holders).find(|holder| holder.at == at)
    }

    fn holder(&self, at: (u32, u32)) -> &Holder {
        self.find(at).expect("every place is known")
    }

    /// Checks all of it as the compiler would, and gives what has changed, by place and by site.
    ///
    /// # Errors
    /// All that is wrong, a line for each.
    #[expect(clippy::type_complexity, reason = "the two halves of `Settings`")]
    pub(super) fn changed(
        &self,
        plan: &Plan,
    ) -> Result<(BTreeMap<(u32, u32), ParallelConfig>, BTreeMap<u32, Shared>), String> {
        let mut wrong = self.wrong.clone();
        let mut changed = BTreeMap::new();
        for (names, prefix) in self.places.0.iter().zip(self.places.prefixes()) {
            for holder in &names.holders {
                let config = &self.held[&holder.at].config;
                if config == holder.config {
                    continue;
                }
                match config.check(holder.config).and_then(|()| copies(plan, holder, config)) {
                    Ok(()) => _ = changed.insert(holder.at, config.clone()),
                    Err(why) => wrong.push(format!("the settings of `{prefix}{}`: {why}", names.name_of(holder))),
                }
            }
        }
        let is_changed =
            |(site, whole): (&u32, &Whole)| (whole.shared != self.sites[site].shared).then_some((*site, whole.shared));
        let wholes = self.wholes.iter().filter_map(is_changed).collect();
        if wrong.is_empty() { Ok((changed, wholes)) } else { Err(wrong.join("\n")) }
    }

    /// What holds where, and why: a line for each setting, or only for those that somebody has written.
    pub(super) fn explained(&self, all: bool) -> String {
        let mut lines: Vec<[String; 3]> = Vec::new();
        let mut count = 0;
        let mut line = |name: String, value: String, why: String| {
            count += 1;
            if all || why != DEFAULT {
                lines.push([name, value, why]);
            }
        };
        for (names, prefix) in self.places.0.iter().zip(self.places.prefixes()) {
            for holder in names.holders.iter().filter(|holder| !matches!(holder.what, What::Driver)) {
                // A name in `edges` starts with that word.
                let name = names.name_of(holder);
                let name = match name.strip_prefix("edges.") {
                    Some(name) => format!("edges.{prefix}{name}"),
                    None => format!("{prefix}{name}"),
                };
                let held = &self.held[&holder.at];
                let whole = &self.wholes[&holder.at.0];
                let site = &self.sites[&holder.at.0];
                for setting in SETTINGS {
                    let why = match holder.what {
                        What::Part(_) if !held.reasons.contains_key(setting.name) => {
                            let is_default = setting.show(&held.config) == setting.show(&ParallelConfig::DEFAULT);
                            if is_default && !all { DEFAULT } else { "the branches before it" }.to_owned()
                        }
                        _ => reason(&held.reasons, setting.name, setting.entry(), holder.written),
                    };
                    line(format!("{name}.{}", setting.name), setting.show(&held.config), why);
                }
                if site.several && !site.dataflow && !matches!(holder.what, What::Part(_)) {
                    for shared in SHARED {
                        let why = reason(&whole.reasons, shared, shared, site.written);
                        line(format!("{name}.{shared}"), whole.shared.show(shared), why);
                    }
                }
            }
        }
        for (site, planned) in self.sites.iter().filter(|(_, site)| site.dataflow) {
            let whole = &self.wholes[site];
            for shared in SHARED {
                let why = reason(&whole.reasons, shared, shared, planned.written);
                line(format!("parallel.{shared}"), whole.shared.show(shared), why);
            }
        }
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let (first, second) = (width(0), width(1));
        let mut text = lines.iter().fold(String::new(), |mut text, [name, value, why]| {
            let _ = writeln!(text, "{name:first$}  {value:second$}  {why}");
            text
        });
        let rest = count - lines.len();
        if rest > 0 {
            let held = counted(rest as u64, "setting holds", "settings hold");
            let _ = writeln!(text, "{held} by default; `--explain-settings=all` shows them, too");
        }
        text
    }
}

/// Why a setting holds that nobody has written.
const DEFAULT: &str = "default";

fn reason(reasons: &Reasons, name: &str, entry: &str, written: &[Origin]) -> String {
    if let Some(reason) = reasons.get(name) {
        return reason.clone();
    }
    match written.iter().find(|written| written.setting == entry) {
        Some(Origin { level, file, place, .. }) => {
            let far = if *level == Level::Own { "" } else { ", `settings.parallel`" };
            format!("{file}:{}:{}{far}", place.line, place.column)
        }
        None => DEFAULT.to_owned(),
    }
}

fn unknown<'n>(way: &str, name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let message = format!("there is no node `{way}{name}`");
    nearest(name, known).map_or_else(|| message.clone(), |near| format!("{message}: did you mean `{way}{near}`?"))
}

/// Refuses retries where values would have to be copied that are not `Clone`.
fn copies(plan: &Plan, holder: &Holder, config: &ParallelConfig) -> Result<(), String> {
    let (site, task) = holder.at;
    let Some(Site::Region(region)) = plan.sites.get(site as usize) else { return Ok(()) };
    let keeps = |config: &ParallelConfig| config.retry.max_retries > 0 || config.allow_failure;
    let Some(task) = region.tasks.get(task as usize).filter(|_| keeps(config) && !keeps(holder.config)) else {
        return Ok(());
    };
    let combined = task.writes.iter().filter(|write| !write.combine).map(|write| write.key);
    let mut copied = combined.filter(|key| task.reads.iter().any(|read| read.key == *key));
    let fault = copied.find_map(|key| {
        let key = &region.keys[key as usize];
        (key.reduce.is_some() && key.kind.clone.is_none()).then_some(key)
    });
    fault.map_or(Ok(()), |key| {
        let name = key.name;
        Err(format!("`retry` keeps a copy of `{name}` for the next attempt, and `{}` is not `Clone`", key.kind.name))
    })
}
