//! With what a run was begun: its inputs, which are recorded first, and the surroundings of its program.

use std::collections::BTreeMap;

use super::{
    Name, Names, Surroundings, build,
    files::{FileState, file_of, has_paths},
    is_recorded, stored,
};
use crate::{
    executor::payload,
    panic::guard,
    plan::Plan,
    state::Value,
    store::{Hash, Kind, Recorder, Status, StoreError, Written, plain},
};

/// How a run was begun that is resumed.
#[derive(Default)]
pub(super) struct Begun {
    /// The inputs that are not as they were, and what is different.
    pub(super) changed: Vec<(u32, String)>,
    /// The inputs that were not given again.
    pub(super) kept: Vec<(u32, Value)>,
    /// Their names.
    pub(super) names: Names,
    /// The run had ended: what was allowed to fail is tried again.
    pub(super) retries_failures: bool,
    /// The build that recorded it, if it was another one.
    pub(super) before: Option<build::Before>,
    /// What counts as code outside of the program: now, and when the run was recorded.
    pub(super) surroundings: Surroundings,
    pub(super) surroundings_before: Surroundings,
}

impl Begun {
    /// What is different.
    pub(super) fn changes(&self) -> String {
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

/// The inputs with the defaults of those that were not given.
pub(super) fn complete(plan: &'static Plan, mut inputs: Vec<(u32, Value)>) -> Vec<(u32, Value)> {
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

pub(super) fn record_inputs(
    plan: &'static Plan,
    recorder: &Recorder,
    inputs: &[(u32, Value)],
) -> Result<(), StoreError> {
    let stored = || inputs.iter().filter(|input| is_recorded(&plan.keys[input.0 as usize]));
    let values = stored().map(|(key, value)| Ok((*key, encoded(plan, *key, value)?)));
    let values = values.collect::<Result<Vec<_>, StoreError>>()?;
    let files: Vec<_> = stored().filter_map(|(key, value)| Some((*key, FileState::of(value)?))).collect();
    let about = plain(&files);
    let values: Vec<_> = values.iter().map(|(key, bytes)| (*key, &bytes[..])).collect();
    let written = Written { kind: Kind::Session, position: &[], items: (0, 0), about: &about, values: &values };
    recorder.log().append(&written, || true).map(drop).map_err(StoreError::clone)
}

pub(super) fn encoded(plan: &Plan, key: u32, value: &Value) -> Result<Vec<u8>, StoreError> {
    let spec = &plan.keys[key as usize];
    let (mut bytes, wire) = (Vec::new(), spec.kind.wire);
    let wire = wire.ok_or_else(|| StoreError::new(format!("input `{}` has no codec", spec.name)))?;
    payload::guarded(|| (wire.encode)(value, &mut bytes))
        .map_err(|error| StoreError::new(format!("input `{}` cannot be recorded: {error}", spec.name)))?;
    Ok(bytes)
}
