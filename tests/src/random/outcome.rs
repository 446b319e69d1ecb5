//! What comes out of a run: how a program prints it, and what the interpreter expects of it, in the same form.

use tea_build::plan::Plan;

use super::{FINALLY, State, rust::Failed, rust::Value};

/// How a program shows the values of its keys, as Rust source.
pub const SHOW: &str = r#"
/// Few types, and so little for rustc to do.
trait Show {
    fn show(&self, key: &str) -> String;
}

impl Show for u64 {
    fn show(&self, key: &str) -> String {
        format!("{key}={self}")
    }
}

impl Show for Vec<u64> {
    fn show(&self, key: &str) -> String {
        format!("{key}={self:?}")
    }
}

impl Show for Vec<tea_runtime::ItemFailure> {
    fn show(&self, key: &str) -> String {
        format!("{key}={:?}", self.iter().map(|failure| (failure.index, failure.attempts)).collect::<Vec<_>>())
    }
}

impl<T: Show> Show for Option<T> {
    fn show(&self, key: &str) -> String {
        self.as_ref().map_or_else(|| format!("{key}=-"), |value| value.show(key))
    }
}
"#;

/// What a program must print of a run that ends like this.
///
/// # Panics
/// If a key is unset that is always set.
#[must_use]
pub fn shown(plan: &Plan, ended: &Result<State, Failed>) -> String {
    let Ok(state) = ended else {
        return if plan.finally.is_empty() { "failed".to_owned() } else { "failed finally=1".to_owned() };
    };
    let values = plan.keys.iter().filter(|key| key.output).map(|key| {
        let value = state.get(&key.name.value).map(|value| match value {
            Value::Number(number) => format!("{number}"),
            Value::List(list) => format!("{list:?}"),
            Value::Failures(failures) => format!("{failures:?}"),
            other => panic!("{other:?} in the state"),
        });
        assert!(value.is_some() || !key.always_set, "`{}` is unset", key.name.value);
        format!("{}={}", key.name.value, value.unwrap_or_else(|| "-".to_owned()))
    });
    let finally = state.get(FINALLY).map(|told| match told {
        Value::Number(number) => format!("finally={number}"),
        other => panic!("{other:?} of `finally`"),
    });
    values.chain(finally).collect::<Vec<_>>().join(" ")
}

/// The names of the keys of a plan's output.
#[must_use]
pub fn keys(plan: &Plan) -> String {
    let keys = plan.keys.iter().filter(|key| key.output);
    keys.map(|key| key.name.value.as_str()).collect::<Vec<_>>().join(" ")
}
