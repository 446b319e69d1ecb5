//! Evaluates a plan in the plainest way there is. Tasks of a fan-out run one after the other, in their order, each on a
//! copy of the one state; a task that fails leaves no trace in it. That this is what a run in parallel gives, whatever
//! the timing, is what the checks promise.

use std::collections::{HashMap, HashSet};

use syn::{BinOp, Expr, ExprLit, Lit, UnOp};
use tea_build::plan::{Arm, Block, Code, KeyId, Map, Next, Output, Plan, Region, Target, Work};

/// A value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `u64`.
    Number(u64),
    /// `Vec<u64>`.
    List(Vec<u64>),
    /// So many failures of a map.
    Failures(usize),
    /// A tuple, before it is taken apart.
    Tuple(Vec<Self>),
    /// A reference to a key that may be unset.
    Maybe(Option<Box<Self>>),
}

/// The state, by key.
pub type State = HashMap<KeyId, Value>;

/// The run failed. Which of several failures came first depends on the timing, so it says nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

/// The state at the end of a run on `n`.
///
/// # Errors
/// If a node fails whose failure is not allowed, or a loop does not end.
pub fn run(plan: &Plan, n: u64) -> Result<State, Failed> {
    let mut state = State::new();
    for (key, id) in plan.keys.iter().zip(0..) {
        match key.name.value.as_str() {
            "n" => _ = state.insert(KeyId(id), Value::Number(n)),
            "all" => _ = state.insert(KeyId(id), Value::List(vec![1])),
            _ => {}
        }
    }
    Interpreter { plan }.block(&plan.root, &mut state)?;
    Ok(state)
}

struct Interpreter<'p> {
    plan: &'p Plan,
}

/// Where a block ended: the tasks that it led to.
type End = Vec<u32>;

/// What code may name beside keys.
#[derive(Default)]
struct Locals {
    item: Option<u64>,
    failed_branches: u64,
}

impl Interpreter<'_> {
    fn block(&self, block: &Block, state: &mut State) -> Result<End, Failed> {
        let mut visits = HashMap::new();
        let mut locals = Locals::default();
        let mut next = &block.entry;
        loop {
            let target = match next {
                Next::Fork(tasks) => return Ok(tasks.clone()),
                Next::Go(target) => *target,
                Next::Choose(arms) => self.choose(arms, state, &locals)?,
            };
            let index = match target {
                Target::End => return Ok(Vec::new()),
                Target::Task(task) => return Ok(vec![task]),
                Target::Step(index) => index,
            };
            let step = &block.steps[index as usize];
            let count = visits.entry(index).or_insert(0_u64);
            *count += 1;
            if *count > step.max_visits {
                return Err(Failed);
            }
            match &step.work {
                Work::Run(node) => {
                    let value = self.code(&node.code, state, &locals)?;
                    match (&node.output, value) {
                        (Output::None, _) => {}
                        (Output::One(key), value) => self.write(state, *key, value),
                        (Output::Tuple(keys), Value::Tuple(values)) => {
                            keys.iter().zip(values).for_each(|(key, value)| self.write(state, *key, value));
                        }
                        (Output::Tuple(_), other) => panic!("{other:?} is no tuple"),
                    }
                }
                Work::Map(map) => self.map(map, state)?,
                Work::FanOut(region) => locals.failed_branches = self.region(region, state)?,
            }
            next = &step.next;
        }
    }

    fn choose(&self, arms: &[Arm], state: &State, locals: &Locals) -> Result<Target, Failed> {
        for arm in arms {
            if arm.when.as_ref().map_or(Ok(true), |when| self.holds(when, state, locals))? {
                return Ok(arm.to);
            }
        }
        panic!("the last arm has no condition")
    }

    fn holds(&self, code: &Code, state: &State, locals: &Locals) -> Result<bool, Failed> {
        Ok(self.code(code, state, locals)? == Value::Number(1))
    }

    fn write(&self, state: &mut State, key: KeyId, value: Value) {
        let reduced = self.plan.keys[key.0 as usize].reduce.is_some();
        let value = match (state.remove(&key), value) {
            (Some(Value::List(mut there)), Value::List(new)) if reduced => {
                there.extend(new);
                Value::List(there)
            }
            (_, value) => value,
        };
        state.insert(key, value);
    }

    /// Gives the number of branches that failed.
    fn region(&self, region: &Region, state: &mut State) -> Result<u64, Failed> {
        let locals = Locals::default();
        let mut starts = Vec::new();
        for task in &region.tasks {
            starts.push(task.when.as_ref().map_or(Ok(true), |when| self.holds(when, state, &locals))?);
        }
        let mut led_to = HashSet::new();
        let mut failed = 0;
        for (number, task) in (0..).zip(&region.tasks) {
            let led = region.dataflow || task.needs.is_empty() || led_to.contains(&number);
            if !starts[number as usize] || !led {
                continue;
            }
            let mut own = state.clone();
            match self.block(&task.block, &mut own) {
                Ok(end) => {
                    led_to.extend(end);
                    *state = own;
                }
                Err(Failed) if task.policy.allow_failure == Some(true) => failed += 1,
                Err(Failed) => return Err(Failed),
            }
        }
        Ok(failed)
    }

    fn map(&self, map: &Map, state: &mut State) -> Result<(), Failed> {
        let Value::List(items) = self.code(&map.items, state, &Locals::default())? else { panic!("items are a list") };
        let mut results = Vec::new();
        let mut failed = 0;
        for item in items {
            match self.code(&map.body, state, &Locals { item: Some(item), ..Locals::default() }) {
                Ok(value) => results.push(value),
                Err(Failed) if map.policy.allow_failure == Some(true) => failed += 1,
                Err(Failed) => return Err(Failed),
            }
        }
        if let Some(output) = map.output {
            if output.reduce {
                for result in results {
                    self.write(state, output.key, result);
                }
            } else {
                let numbers = results.into_iter().map(|result| match result {
                    Value::Number(number) => number,
                    other => panic!("{other:?} is no number"),
                });
                state.insert(output.key, Value::List(numbers.collect()));
            }
        }
        if let Some(key) = map.failures {
            state.insert(key, Value::Failures(failed));
        }
        Ok(())
    }

    fn code(&self, code: &Code, state: &State, locals: &Locals) -> Result<Value, Failed> {
        let expr = syn::parse_str(&code.rust.text).expect("the compiler has parsed it");
        self.expr(&expr, state, locals)
    }

    fn expr(&self, expr: &Expr, state: &State, locals: &Locals) -> Result<Value, Failed> {
        let eval = |expr: &Expr| self.expr(expr, state, locals);
        let number = |expr: &Expr| self.number(expr, state, locals);
        Ok(match expr {
            Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => Value::Number(int.base10_parse().expect("a number")),
            Expr::Path(path) => {
                let name = path.path.require_ident().expect("a name").to_string();
                match name.as_str() {
                    "item" => Value::Number(locals.item.expect("inside a map")),
                    "at" => Value::Number(0),
                    _ => self.key(&name, state),
                }
            }
            Expr::Reference(inner) => eval(&inner.expr)?,
            Expr::Cast(inner) => eval(&inner.expr)?,
            Expr::Try(inner) => eval(&inner.expr)?,
            Expr::Unary(inner) if matches!(inner.op, UnOp::Deref(_)) => eval(&inner.expr)?,
            Expr::Array(array) => Value::List(array.elems.iter().map(number).collect::<Result<_, _>>()?),
            Expr::Macro(vec) => {
                let inner: Expr = vec.mac.parse_body().expect("one expression");
                Value::List(vec![number(&inner)?])
            }
            Expr::Tuple(tuple) => Value::Tuple(tuple.elems.iter().map(eval).collect::<Result<_, _>>()?),
            Expr::Binary(binary) => {
                let (left, right) = (number(&binary.left)?, number(&binary.right)?);
                Value::Number(match binary.op {
                    BinOp::Add(_) => left + right,
                    BinOp::Mul(_) => left * right,
                    BinOp::Rem(_) => left % right,
                    BinOp::Lt(_) => u64::from(left < right),
                    BinOp::Eq(_) => u64::from(left == right),
                    _ => panic!("not generated"),
                })
            }
            Expr::MethodCall(call) => match eval(&call.receiver)? {
                Value::Maybe(Some(value)) => *value,
                Value::Maybe(None) => eval(&call.args[0])?,
                other => panic!("{other:?} is not optional"),
            },
            Expr::Call(call) => {
                let Expr::Path(path) = &*call.func else { panic!("not generated") };
                let name = path.path.require_ident().expect("a name").to_string();
                if name == "failed" {
                    return Ok(Value::Number(locals.failed_branches));
                }
                let arguments = call.args.iter().map(eval).collect::<Result<Vec<_>, _>>()?;
                call_prelude(&name, &arguments)?
            }
            _ => panic!("not generated"),
        })
    }

    fn number(&self, expr: &Expr, state: &State, locals: &Locals) -> Result<u64, Failed> {
        match self.expr(expr, state, locals)? {
            Value::Number(number) => Ok(number),
            other => panic!("{other:?} is no number"),
        }
    }

    fn key(&self, name: &str, state: &State) -> Value {
        let index = self.plan.keys.iter().position(|key| key.name.value == name).expect("a key");
        let value = state.get(&KeyId(u32::try_from(index).expect("few keys")));
        if self.plan.keys[index].optional {
            Value::Maybe(value.cloned().map(Box::new))
        } else {
            value.unwrap_or_else(|| panic!("`{name}` is read before it is set")).clone()
        }
    }
}

/// The functions of [`PRELUDE`](super::PRELUDE).
fn call_prelude(name: &str, arguments: &[Value]) -> Result<Value, Failed> {
    let mixed = |seed: &Value, values: &Value| match (seed, values) {
        (Value::Number(seed), Value::List(values)) => mix(*seed, values),
        _ => panic!("not generated"),
    };
    Ok(match (name, arguments) {
        ("mix", [seed, values]) => Value::Number(mixed(seed, values)),
        ("shaky", [seed, values]) => match mixed(seed, values) {
            value if value.is_multiple_of(3) => return Err(Failed),
            value => Value::Number(value),
        },
        ("list", [seed, values]) => {
            let first = mixed(seed, values);
            Value::List((0..first % 4).map(|index| mix(index, &[first])).collect())
        }
        ("sum", [values]) => Value::Number(mixed(&Value::Number(1), values)),
        ("sum_or", [Value::Maybe(None)]) => Value::Number(0),
        ("sum_or", [Value::Maybe(Some(values))]) => Value::Number(mixed(&Value::Number(1), values)),
        _ => panic!("{name} is not generated"),
    })
}

fn mix(seed: u64, values: &[u64]) -> u64 {
    values.iter().fold(seed, |mixed, value| (mixed.rotate_left(7) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 40
}
