//! Evaluates the Rust of generated nodes, which is small arithmetic.

use super::State;
use syn::{BinOp, Expr, ExprLit, Lit, Token, UnOp, punctuated::Punctuated};

/// A value of a key, or of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `u64`, or another number.
    Number(u64),
    /// `Vec<u64>`.
    List(Vec<u64>),
    /// The items of a map that failed: index and attempts.
    Failures(Vec<(u64, u64)>),
    /// A tuple, before it is taken apart.
    Tuple(Vec<Self>),
    /// A reference to a key that may be unset.
    Maybe(Option<Box<Self>>),
    /// `ctx`, in this attempt.
    Context(u64),
    /// `parallel_results`.
    Results(Vec<Ended>),
}

/// How a branch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its name.
    pub branch: String,
    /// It succeeded.
    pub success: bool,
    /// It did not run.
    pub skipped: bool,
    /// The attempts that it took.
    pub attempts: u64,
}

/// The run failed. Which of several failures came first depends on the timing, so it says nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

/// What an expression gives; `name` knows what the names in it stand for.
///
/// # Errors
/// If it fails or panics.
///
/// # Panics
/// If it is not Rust that the generator writes.
pub fn evaluate(text: &str, name: &dyn Fn(&str) -> Value) -> Result<Value, Failed> {
    let expr = syn::parse_str(text).expect("the compiler has parsed it");
    Evaluation { name }.expr(&expr)
}

/// What a question gets for an answer, which [`PRELUDE`] gives in programs: a number that depends on those that it shows.
///
/// # Panics
/// If it shows what is no number.
pub fn answer(question: &str, name: &dyn Fn(&str) -> Value) -> Value {
    let shown = question.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let number = |(key, _): (&str, &str)| match name(key) {
        Value::Number(number) => number,
        other => panic!("{other:?} is no number"),
    };
    Value::Number(mix(9, &shown.map(number).collect::<Vec<_>>()))
}

/// Whether a condition holds.
///
/// # Errors
/// If it fails or panics.
pub fn holds(text: &str, name: &dyn Fn(&str) -> Value) -> Result<bool, Failed> {
    Ok(evaluate(text, name)? == Value::Number(1))
}

/// What a name stands for in `finally`, after a success.
#[must_use]
pub fn at_end(name: &str, state: &State, is_input: impl Fn(&str) -> bool) -> Value {
    match name {
        "outcome" => Value::Number(1),
        _ if is_input(name) => state[name].clone(),
        _ => Value::Maybe(state.get(name).cloned().map(Box::new)),
    }
}

/// What Rust may name besides keys.
#[derive(Debug, Clone, Copy)]
pub struct Locals<'a> {
    /// The item of a map, and its index.
    pub named: &'a [(&'a str, Value)],
    /// `parallel_results`.
    pub results: &'a [Ended],
    /// The number of this attempt.
    pub attempt: u64,
}

impl Locals<'_> {
    /// What a name stands for, in this state. `is_optional` says whether a key may be unset.
    ///
    /// # Panics
    /// If it is a key that is unset and may not be.
    pub fn value(&self, name: &str, state: &State, is_optional: impl Fn(&str) -> bool) -> Value {
        if let Some((_, value)) = self.named.iter().find(|(local, _)| *local == name) {
            return value.clone();
        }
        match name {
            "ctx" => Value::Context(self.attempt),
            "parallel_results" => Value::Results(self.results.to_vec()),
            _ if is_optional(name) => Value::Maybe(state.get(name).cloned().map(Box::new)),
            _ => state.get(name).cloned().unwrap_or_else(|| panic!("`{name}` is read before it is set")),
        }
    }
}

/// Tries at most this many times, until it succeeds. Returns the last outcome, and how many attempts were made.
pub fn attempts<T>(most: u64, mut attempt: impl FnMut(u64) -> Result<T, Failed>) -> (Result<T, Failed>, u64) {
    let mut number = 1;
    loop {
        match attempt(number) {
            Err(Failed) if number < most => number += 1,
            tried => return (tried, number),
        }
    }
}

/// What a write to a key with or without `reduce` makes of the value that is there.
#[must_use]
pub fn written(there: Option<Value>, new: Value, reduce: bool) -> Value {
    match (there, new) {
        (Some(Value::List(mut there)), Value::List(new)) if reduce => {
            there.extend(new);
            Value::List(there)
        }
        (_, new) => new,
    }
}

/// All combinations of the values of several variables, the last one fastest.
#[must_use]
pub fn combinations<'n>(variables: &[(&'n str, Vec<u64>)]) -> Vec<Vec<(&'n str, Value)>> {
    variables.iter().fold(vec![Vec::new()], |before, (name, values)| {
        let with = |before: &Vec<(&'n str, Value)>, value: u64| {
            let mut all = before.clone();
            all.push((*name, Value::Number(value)));
            all
        };
        before.iter().flat_map(|before| values.iter().map(move |value| with(before, *value))).collect()
    })
}

struct Evaluation<'a> {
    name: &'a dyn Fn(&str) -> Value,
}

impl Evaluation<'_> {
    fn expr(&self, expr: &Expr) -> Result<Value, Failed> {
        let eval = |expr: &Expr| self.expr(expr);
        let number = |expr: &Expr| self.number(expr);
        Ok(match expr {
            Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => Value::Number(int.base10_parse().expect("a number")),
            Expr::Lit(ExprLit { lit: Lit::Bool(bool), .. }) => Value::Number(u64::from(bool.value)),
            Expr::Path(path) => (self.name)(&path.path.require_ident().expect("a name").to_string()),
            Expr::Reference(inner) => eval(&inner.expr)?,
            Expr::Cast(inner) => eval(&inner.expr)?,
            Expr::Try(inner) => eval(&inner.expr)?,
            Expr::Unary(inner) if matches!(inner.op, UnOp::Deref(_)) => eval(&inner.expr)?,
            Expr::Array(array) => Value::List(array.elems.iter().map(number).collect::<Result<_, _>>()?),
            Expr::Macro(vec) => {
                let elements = vec.mac.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated);
                Value::List(elements.expect("expressions").iter().map(number).collect::<Result<_, _>>()?)
            }
            Expr::Tuple(tuple) => Value::Tuple(tuple.elems.iter().map(eval).collect::<Result<_, _>>()?),
            Expr::Binary(binary) => {
                let (left, right) = (number(&binary.left)?, number(&binary.right)?);
                Value::Number(match binary.op {
                    BinOp::Add(_) => left + right,
                    BinOp::Rem(_) => left % right,
                    BinOp::Lt(_) => u64::from(left < right),
                    BinOp::Eq(_) => u64::from(left == right),
                    _ => panic!("not generated"),
                })
            }
            Expr::MethodCall(call) => match (eval(&call.receiver)?, &*call.method.to_string()) {
                (Value::Maybe(Some(value)), "unwrap_or") => *value,
                (Value::Maybe(None), "unwrap_or") => eval(&call.args[0])?,
                (Value::Context(attempt), "attempt") => Value::Number(attempt),
                (list @ Value::List(_), "iter") => list,
                (other, method) => panic!("{other:?} has no `{method}`"),
            },
            Expr::Call(call) => {
                let Expr::Path(path) = &*call.func else { panic!("not generated") };
                let name = path.path.require_ident().expect("a name").to_string();
                let arguments = call.args.iter().map(eval).collect::<Result<Vec<_>, _>>()?;
                call_prelude(&name, &arguments)?
            }
            _ => panic!("not generated"),
        })
    }

    fn number(&self, expr: &Expr) -> Result<u64, Failed> {
        match self.expr(expr)? {
            Value::Number(number) => Ok(number),
            other => panic!("{other:?} is no number"),
        }
    }
}

/// The functions that generated nodes call, as Rust source for the program; `call_prelude` has them for the interpreters.
pub const PRELUDE: &str = r#"
/// A number that depends on all others.
fn mix(seed: u64, values: &[u64]) -> u64 {
    values.iter().fold(seed, |mixed, value| (mixed.rotate_left(7) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 40
}
/// Fails for a third of all values.
fn shaky(seed: u64, values: &[u64]) -> Result<u64, String> {
    let value = mix(seed, values);
    if value % 3 == 0 { Err(format!("{value} is no good")) } else { Ok(value) }
}
/// Panics for an eighth of all values.
fn sure(seed: u64, values: &[u64]) -> u64 {
    let value = mix(seed, values);
    assert!(value % 8 != 0, "{value} is no good");
    value
}
/// Fails unless it is this one's turn, or if it is.
fn turn(own: u64, of: u64, is: bool, number: u64) -> Result<u64, String> {
    if (number % of == own) == is { Ok(number) } else { Err("not its turn".to_owned()) }
}
/// Answers a question.
fn answer(question: &tea_runtime::Question<'_>) -> Option<String> {
    let shown = question.text().split(|shown: char| !shown.is_ascii_digit()).filter_map(|number| number.parse().ok());
    Some(mix(9, &shown.collect::<Vec<_>>()).to_string())
}
/// What `finally` told last.
static LAST: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
/// Tells how the run ended. After a failure, what keys are may depend on the timing.
fn last(outcome: &tea_runtime::RunOutcome, values: &[u64]) {
    let told = if outcome.is_success() { mix(4, values) + 2 } else { 1 };
    LAST.store(told, std::sync::atomic::Ordering::Relaxed);
}
/// None to three numbers.
fn list(seed: u64, values: &[u64]) -> Vec<u64> {
    let first = mix(seed, values);
    (0..first % 4).map(|index| mix(index, &[first])).collect()
}
/// A number for a list.
fn sum(values: &[u64]) -> u64 {
    mix(1, values)
}
/// A number for a list that may be unset.
fn sum_or(values: Option<&Vec<u64>>) -> u64 {
    values.map_or(0, |values| mix(1, values))
}
/// Associative, but not commutative.
fn join(mut one: Vec<u64>, mut other: Vec<u64>) -> Vec<u64> {
    one.append(&mut other);
    one
}
/// How the branches ended.
fn ended(results: &[tea_runtime::result::ParallelFlowResult]) -> u64 {
    let number = |result: &tea_runtime::result::ParallelFlowResult| {
        let name = result.branch.bytes().map(u64::from).collect::<Vec<_>>();
        let failed = result.error.is_some();
        mix(u64::from(result.attempts), &[mix(1, &name), u64::from(result.success), u64::from(result.skipped), u64::from(failed)])
    };
    mix(2, &results.iter().map(number).collect::<Vec<_>>())
}
"#;

/// The functions of [`PRELUDE`].
fn call_prelude(name: &str, arguments: &[Value]) -> Result<Value, Failed> {
    let mixed = |seed: &Value, values: &Value| match (seed, values) {
        (Value::Number(seed), Value::List(values)) => mix(*seed, values),
        _ => panic!("not generated"),
    };
    let fails = |value: u64, one_in: u64| {
        if value.is_multiple_of(one_in) { Err(Failed) } else { Ok(Value::Number(value)) }
    };
    Ok(match (name, arguments) {
        ("mix", [seed, values]) => Value::Number(mixed(seed, values)),
        ("shaky", [seed, values]) => fails(mixed(seed, values), 3)?,
        ("sure", [seed, values]) => fails(mixed(seed, values), 8)?,
        ("turn", [Value::Number(own), Value::Number(of), Value::Number(is), Value::Number(number)]) => {
            if (number % of == *own) == (*is == 1) { Value::Number(*number) } else { return Err(Failed) }
        }
        ("last", [Value::Number(1), Value::List(values)]) => Value::Number(mix(4, values) + 2),
        ("list", [seed, values]) => {
            let first = mixed(seed, values);
            Value::List((0..first % 4).map(|index| mix(index, &[first])).collect())
        }
        ("sum", [values]) => Value::Number(mixed(&Value::Number(1), values)),
        ("sum_or", [Value::Maybe(None)]) => Value::Number(0),
        ("sum_or", [Value::Maybe(Some(values))]) => Value::Number(mixed(&Value::Number(1), values)),
        ("ended", [Value::Results(results)]) => {
            let number = |result: &Ended| {
                let name: Vec<_> = result.branch.bytes().map(u64::from).collect();
                let (success, skipped) = (u64::from(result.success), u64::from(result.skipped));
                mix(result.attempts, &[mix(1, &name), success, skipped, u64::from(!result.success && !result.skipped)])
            };
            Value::Number(mix(2, &results.iter().map(number).collect::<Vec<_>>()))
        }
        _ => panic!("{name} is not generated"),
    })
}

fn mix(seed: u64, values: &[u64]) -> u64 {
    values.iter().fold(seed, |mixed, value| (mixed.rotate_left(7) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 40
}
