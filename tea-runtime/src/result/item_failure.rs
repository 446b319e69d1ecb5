//! Items that failed where that is allowed, as later nodes and the output see them.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ParallelFlowResult;
use crate::{
    failure::{ExitStatus, Failure, FailureKind},
    place::Place,
};

/// An item of a `dynamic_parallel` node that failed, where that is allowed, with everything that is known about the
/// failure.
///
/// In JSON, fields that are empty or differ from run to run (`elapsed`, `pid`, `worker`, `host`, `cpu`, `peak_memory`) are left
/// out, so that the output of a program is the same in every run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ItemFailure {
    /// The item's index.
    pub index: usize,
    /// By what people recognize the item: what its `Display` shows, or its path; at most 60 characters of it. The index
    /// alone is left out, and so are all labels in workflows with `secret` keys.
    #[serde(default)]
    pub label: Option<String>,
    /// The kind of failure.
    pub kind: FailureKind,
    /// A message of one sentence.
    pub message: String,
    /// The messages of the causes, outermost first.
    #[serde(default)]
    pub causes: Vec<String>,
    /// Whether the error was marked as one that no retry can help, by [`permanent`](crate::permanent).
    #[serde(default)]
    pub permanent: bool,
    /// The position of the node in the workflow file.
    #[serde(default)]
    pub place: Option<Place>,
    /// The workflow file of that position, if it is not that of the map but of a workflow that the item calls.
    #[serde(default)]
    pub file: Option<String>,
    /// The position of the panic in the Rust source: `file:line:column`.
    #[serde(default)]
    pub panicked_at: Option<String>,
    /// How the worker ended, if it was lost.
    #[serde(default)]
    pub exit: Option<ExitStatus>,
    /// The last lines that the worker printed, if it was lost.
    #[serde(default)]
    pub output: Vec<String>,
    /// The number of attempts.
    pub attempts: u32,
    /// Why earlier attempts failed, oldest first; at most the last 16.
    #[serde(default)]
    pub attempt_errors: Vec<Failure>,
    /// The time from the first start to the end, including waits between attempts.
    #[serde(default)]
    pub elapsed: Duration,
    /// The process of the last attempt.
    #[serde(default)]
    pub pid: u32,
    /// The worker of the last attempt, from 0; `None` under `thread`.
    #[serde(default)]
    pub worker: Option<u32>,
    /// The host of the pool that ran the last attempt; `None` on this machine.
    #[serde(default)]
    pub host: Option<String>,
    /// The processor time of the last attempt, as in [`ParallelFlowResult::cpu`].
    #[serde(default)]
    pub cpu: Option<Duration>,
    /// The most memory during the last attempt, as in [`ParallelFlowResult::peak_memory`].
    #[serde(default)]
    pub peak_memory: Option<u64>,
}

impl ItemFailure {
    /// The index of the item that gave result number `result`, both counted from 0. The results leave out the items that
    /// failed, so a later node that maps over them counts otherwise; `failures` are those of the node that gave them.
    ///
    /// ```
    /// # fn show(parse_failures: &[tea_runtime::ItemFailure], count_failures: &[tea_runtime::ItemFailure]) {
    /// use tea_runtime::ItemFailure;
    ///
    /// for failure in count_failures {
    ///     println!("item {} of `parse`: {}", ItemFailure::item_of(parse_failures, failure.index), failure.message);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn item_of(failures: &[Self], result: usize) -> usize {
        failures.iter().fold(result, |index, failure| index + usize::from(failure.index <= index))
    }

    /// Creates the entry for an item that failed.
    pub(crate) fn of(index: usize, result: ParallelFlowResult) -> Self {
        let ParallelFlowResult {
            label,
            error,
            attempts,
            attempt_errors,
            elapsed,
            pid,
            worker,
            host,
            cpu,
            peak_memory,
            ..
        } = result;
        let failure = error.map_or_else(|| Failure::new(FailureKind::Error, ""), |failure| *failure);
        let Failure { kind, message, causes, permanent, place, file, panicked_at, exit, output, .. } = failure;
        Self {
            index,
            label,
            kind,
            message,
            causes,
            permanent,
            place,
            file,
            panicked_at,
            exit,
            output,
            attempts,
            attempt_errors,
            elapsed,
            pid,
            worker,
            host,
            cpu,
            peak_memory,
        }
    }
}

impl Serialize for ItemFailure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(EXACT, &Either(self))
    }
}

/// The name of a newtype whose content is whole in no form but the one that is not for people: by it the
/// [wire format](crate::state), which asks all other types for their form for people, knows to ask for that one.
pub(crate) const EXACT: &str = "tea_runtime::exact";

/// An [`ItemFailure`] in the form that is asked for.
struct Either<'a>(&'a ItemFailure);

impl Serialize for Either<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            Reported::from(self.0).serialize(serializer)
        } else {
            ItemFailure::serialize(self.0, serializer)
        }
    }
}

impl<'de> Deserialize<'de> for ItemFailure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

/// The JSON form of an [`ItemFailure`].
#[derive(Serialize)]
struct Reported<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    kind: FailureKind,
    message: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    causes: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    permanent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    panicked_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<&'a ExitStatus>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    output: &'a [String],
    attempts: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attempt_errors: Vec<ReportedAttempt<'a>>,
}

/// Why an earlier attempt failed. Its node is that of the item.
#[derive(Serialize)]
struct ReportedAttempt<'a> {
    kind: FailureKind,
    message: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    causes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    panicked_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<&'a ExitStatus>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    output: &'a [String],
}

impl<'a> From<&'a Failure> for ReportedAttempt<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self {
            kind: failure.kind,
            message: &failure.message,
            causes: &failure.causes,
            panicked_at: failure.panicked_at.as_deref(),
            exit: failure.exit.as_ref(),
            output: &failure.output,
        }
    }
}

impl<'a> From<&'a ItemFailure> for Reported<'a> {
    fn from(failure: &'a ItemFailure) -> Self {
        Self {
            index: failure.index,
            label: failure.label.as_deref(),
            kind: failure.kind,
            message: &failure.message,
            causes: &failure.causes,
            permanent: failure.permanent,
            place: failure.place.as_ref(),
            file: failure.file.as_deref(),
            panicked_at: failure.panicked_at.as_deref(),
            exit: failure.exit.as_ref(),
            output: &failure.output,
            attempts: failure.attempts,
            attempt_errors: failure.attempt_errors.iter().map(Into::into).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::wire;

    fn failure() -> ItemFailure {
        let mut result = ParallelFlowResult::new("map");
        result.error = Some(Box::new(Failure::new(FailureKind::Crash, "gone")));
        result.attempts = 2;
        result.attempt_errors = vec![Failure::new(FailureKind::Error, "first")];
        result.elapsed = Duration::from_secs(3);
        (result.worker, result.host) = (Some(7), Some("n1".to_owned()));
        (result.cpu, result.peak_memory) = (Some(Duration::from_secs(2)), Some(1 << 20));
        ItemFailure::of(4, result)
    }

    #[test]
    fn an_item_failure_in_json_is_the_same_in_every_run_and_can_be_read_back() {
        let json = serde_json::to_value(failure()).unwrap();
        for key in ["elapsed", "pid", "worker", "host", "cpu", "peak_memory", "causes", "exit"] {
            assert!(json.get(key).is_none(), "{key}: {json}");
        }
        assert_eq!(json["attempt_errors"], serde_json::json!([{ "kind": "error", "message": "first" }]));
        let back: ItemFailure = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(back).unwrap(), json);
    }

    #[test]
    fn a_result_is_of_an_item_that_did_not_fail() {
        for failed in 0..1_u32 << 6 {
            let (failed, kept): (Vec<usize>, Vec<usize>) = (0..7).partition(|index| failed & (1 << index) != 0);
            let failures: Vec<_> = failed.into_iter().map(|index| ItemFailure { index, ..failure() }).collect();
            let items: Vec<_> = (0..kept.len()).map(|result| ItemFailure::item_of(&failures, result)).collect();
            assert_eq!(items, kept);
        }
    }

    #[test]
    fn an_item_failure_crosses_to_a_worker_whole() {
        let sent = failure();
        let back: ItemFailure = postcard::from_bytes(&postcard::to_stdvec(&sent).unwrap()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{sent:?}"));
        // Alone, in a list, and beside a value that needs names.
        let values = (sent.clone(), vec![sent.clone()], Some(sent), serde_json::json!(null));
        macro_rules! crosses {
            ($value:expr, $ty:ty) => {
                let mut bytes = Vec::new();
                wire::encode::<$ty>(&$value, &mut bytes).unwrap();
                assert_eq!(format!("{:?}", wire::decode::<$ty>(&bytes).unwrap()), format!("{:?}", $value));
            };
        }
        crosses!(values.0, ItemFailure);
        crosses!(values.1, Vec<ItemFailure>);
        crosses!(values, (ItemFailure, Vec<ItemFailure>, Option<ItemFailure>, serde_json::Value));
    }
}
