//! The build of a program that recorded a run, as far as it differs from this one.

use std::collections::{HashMap, HashSet};

use super::Records;
use crate::{
    plan::{Block, CodeId, Identities, Next, Part, Plan, Work},
    store::{Hash, Manifest, ManifestPart, StoreError},
};

/// What is known of the code of another build.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// All parts.
    parts: Vec<ManifestPart>,
    /// Their hashes.
    hashes: HashSet<u64>,
    /// Their names.
    names: HashSet<String>,
    /// What each node, branch and condition consisted of.
    codes: HashMap<String, Vec<(u32, u32)>>,
}

/// The build that recorded a run, if it is another one.
///
/// # Errors
/// If nothing that it recorded can be reused. The error is the reason.
pub(super) fn before(plan: &Plan, manifest: &Manifest, own: Hash) -> Result<Option<Before>, String> {
    if manifest.program == own {
        return Ok(None);
    }
    let (of, this) = (shown(&manifest.version, manifest.program), shown(plan.version.unwrap_or_default(), own));
    let Some(identities) = plan.identities.filter(|_| manifest.shape != 0) else {
        return Err(format!("it was recorded by another build of this program ({of}; this is {this})"));
    };
    if manifest.shape != identities.shape {
        return Err(format!(
            "it was recorded by a build of this program whose workflow has other nodes, edges or state keys ({of}; this is \
             {this})"
        ));
    }
    let parts = manifest.parts.clone();
    let (names, hashes) = parts.iter().map(|part| (part.name.clone(), part.hash)).unzip();
    Ok(Some(Before { parts, hashes, names, codes: manifest.codes.iter().cloned().collect() }))
}

/// The input keys of these whose recorded values cannot be read, since their types may have changed.
pub(super) fn check_types(plan: &Plan, manifest: &Manifest, own: Hash, kept: &[u32]) -> Result<(), StoreError> {
    let Some(identities) = plan.identities.filter(|_| manifest.program != own) else { return Ok(()) };
    let of = |keys: &[u128], key: u32| keys.get(key as usize).copied().unwrap_or_default();
    let differs = |key: &&u32| {
        let (before, now) = (of(&manifest.keys, **key), of(identities.keys, **key));
        before != now || now == 0
    };
    match kept.iter().find(differs) {
        None => Ok(()),
        Some(key) => Err(StoreError::new(format!(
            "the type of input `{}` may have changed since the run was recorded, by another build of this program: give this \
             input again",
            plan.keys[*key as usize].name
        ))),
    }
}

/// What a manifest says of the code of a plan.
pub(super) fn parts(plan: &Plan) -> Vec<ManifestPart> {
    let parts = plan.identities.map(|identities| identities.parts).unwrap_or_default();
    let part = |part: &Part| ManifestPart { name: part.name.to_owned(), file: part.file.to_owned(), hash: part.hash };
    parts.iter().map(part).collect()
}

/// What a manifest says of which of these belong to which node, branch and condition.
pub(super) fn codes(plan: &Plan) -> Vec<(String, Vec<(u32, u32)>)> {
    let (Some(identities), mut all) = (plan.identities, Vec::new()) else { return Vec::new() };
    of_block(plan.root, &mut all);
    let named = all.into_iter().filter_map(|code| Some((own(identities, code)?.to_owned(), code.parts.to_vec())));
    named.collect()
}

fn of_block(block: &Block, all: &mut Vec<CodeId>) {
    let arms = |next: Next| if let Next::Choose(arms) = next { arms } else { &[] };
    all.extend(arms(block.entry).iter().map(|arm| arm.code));
    for step in block.steps {
        all.push(step.code);
        all.extend(arms(step.next).iter().map(|arm| arm.code));
        if let Work::FanOut(region) = step.work {
            for task in region.tasks {
                all.extend([task.code, task.when_code]);
                of_block(task.block, all);
            }
        }
    }
}

/// The parts of some code.
fn parts_of(identities: &Identities, code: CodeId) -> impl Iterator<Item = &'static Part> {
    let (all, numbers) = (identities.parts, code.parts.iter().flat_map(|(start, end)| *start..*end));
    numbers.filter_map(|number| all.get(number as usize))
}

/// The name of the part that is the Rust in the workflow file.
fn own(identities: &Identities, code: CodeId) -> Option<&'static str> {
    const OWN: [&str; 4] = ["node `", "branch `", "a condition ", "the condition "];
    parts_of(identities, code).map(|part| part.name).find(|name| OWN.iter().any(|start| name.starts_with(start)))
}

/// A build of the program, for people.
fn shown(version: &str, content: Hash) -> String {
    let hash = &content.to_string()[..16];
    if version.is_empty() { hash.to_owned() } else { format!("version {version}, {hash}") }
}

/// The most parts that are named.
const MOST: usize = 3;

impl Records {
    /// What has changed of some code since the records were made.
    pub(super) fn changes(&self, plan: &Plan, code: &[CodeId]) -> Option<String> {
        let mut changed = self.surroundings.changes(&self.surroundings_before, code);
        if let (Some(before), Some(identities)) = (&self.before, plan.identities) {
            if code.iter().any(|of| of.hash == 0) {
                let why = identities.notice.unwrap_or("it is not known what its code can reach");
                changed.push(format!("the program is another build, all of which counts: {why}"));
            } else {
                before.changes(identities, code, &mut changed);
            }
        }
        let more = changed.len().saturating_sub(MOST);
        changed.truncate(MOST);
        if more > 0 {
            changed.push(format!("and {more} more"));
        }
        (!changed.is_empty()).then(|| changed.join(", "))
    }
}

impl Before {
    /// Adds which parts of some code are not as they were.
    fn changes(&self, identities: &Identities, code: &[CodeId], changed: &mut Vec<String>) {
        for part in
            code.iter().flat_map(|of| parts_of(identities, *of)).filter(|part| !self.hashes.contains(&part.hash))
        {
            let place = if part.file.is_empty() { String::new() } else { format!(" ({}:{})", part.file, part.line) };
            let text = match self.version(part.name) {
                Some((of, before, now)) => format!("{of}{place}: {before} → {now}"),
                None if self.names.contains(part.name) => format!("{}{place} changed", part.name),
                None => format!("{}{place} is new", part.name),
            };
            if !changed.contains(&text) {
                changed.push(text);
            }
        }
        for of in code {
            let now: HashSet<&str> = parts_of(identities, *of).map(|part| part.name).collect();
            let before = own(identities, *of).and_then(|own| self.codes.get(own)).into_iter().flatten();
            let before =
                before.flat_map(|(start, end)| *start..*end).filter_map(|number| self.parts.get(number as usize));
            for part in
                before.filter(|part| !now.contains(part.name.as_str()) && !part.name.starts_with("`version` of "))
            {
                let text = format!("{} ({}) is gone", part.name, part.file);
                if !changed.contains(&text) {
                    changed.push(text);
                }
            }
        }
    }

    /// If a part is the `version` of something that had one before: of what, and both versions.
    fn version<'a>(&'a self, part: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
        let split = |name: &'a str| name.starts_with("`version` of ").then(|| name.split_once(": ")).flatten();
        let (of, now) = split(part)?;
        let mut versions = self.names.iter().filter_map(|name| split(name)).filter(|(before, _)| *before == of);
        versions.next().filter(|(_, before)| *before != now).map(|(_, before)| (of, before, now))
    }
}
