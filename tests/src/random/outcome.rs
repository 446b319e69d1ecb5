//! What comes out of a run: how a program prints it, and what the interpreter expects of it, in the same form.

use tea_build::plan::{KeyId, Plan};

use super::interpret::{Value, run};

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
        format!("{key}={}", self.len())
    }
}

impl<T: Show> Show for Option<T> {
    fn show(&self, key: &str) -> String {
        self.as_ref().map_or_else(|| format!("{key}=-"), |value| value.show(key))
    }
}
"#;

/// What a program must print of a run of the plan on `n`.
///
/// # Panics
/// If a key is unset that is always set.
#[must_use]
pub fn expected(plan: &Plan, n: u64) -> String {
    let Ok(state) = run(plan, n) else { return "failed".to_owned() };
    let values = plan.keys.iter().zip(0..).map(|(key, id)| {
        let value = state.get(&KeyId(id)).map(|value| match value {
            Value::Number(number) => format!("{number}"),
            Value::List(list) => format!("{list:?}"),
            Value::Failures(count) => format!("{count}"),
            other => panic!("{other:?} in the state"),
        });
        assert!(value.is_some() || !key.always_set, "`{}` is unset", key.name.value);
        format!("{}={}", key.name.value, value.unwrap_or_else(|| "-".to_owned()))
    });
    values.collect::<Vec<_>>().join(" ")
}

/// The names of a plan's keys.
#[must_use]
pub fn keys(plan: &Plan) -> String {
    plan.keys.iter().map(|key| key.name.value.as_str()).collect::<Vec<_>>().join(" ")
}
