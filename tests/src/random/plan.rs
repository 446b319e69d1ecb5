//! Evaluates a plan in the plainest way there is. Tasks of a fan-out run one after the other, in their order, each on a
//! copy of the one state; a task that fails leaves no trace in it. That this is what a run in parallel gives, whatever
//! the timing, is what the checks promise.

use std::collections::{HashMap, HashSet};

use tea_build::plan::{Arm, Block, Code, KeyId, Map, Next, Output, Plan, Policy, Region, Target, Work};

use super::{
    State,
    rust::{Ended, Failed, Locals, Value, attempts, evaluate, holds, written},
};

/// The state at the end of a run on `n`.
///
/// # Errors
/// If a node fails whose failure is not allowed, or a loop does not end.
///
/// # Panics
/// If a key is unset that the plan says is always set.
pub fn run(plan: &Plan, n: u64) -> Result<State, Failed> {
    let mut state = State::new();
    for key in &plan.keys {
        if let Some(default) = &key.default {
            state.insert(key.name.value.clone(), evaluate(&default.text, &|name| panic!("`{name}` in a default"))?);
        } else if key.input {
            state.insert(key.name.value.clone(), Value::Number(n));
        }
    }
    Interpreter { plan }.block(&plan.root, &mut state, 1)?;
    for key in plan.keys.iter().filter(|key| key.always_set) {
        assert!(state.contains_key(&key.name.value), "`{}` is unset", key.name.value);
    }
    Ok(state)
}

struct Interpreter<'p> {
    plan: &'p Plan,
}

/// Where a block ended: the tasks that it led to.
type End = Vec<u32>;

impl Interpreter<'_> {
    fn block(&self, block: &Block, state: &mut State, attempt: u64) -> Result<End, Failed> {
        let mut visits = HashMap::new();
        let mut results = Vec::new();
        let mut targets = self.follow(&block.entry, state, &Locals { named: &[], results: &[], attempt })?;
        while let [Target::Step(index)] = targets[..] {
            let step = &block.steps[index as usize];
            let count = visits.entry(index).or_insert(0_u64);
            *count += 1;
            if *count > step.max_visits {
                return Err(Failed);
            }
            let locals = Locals { named: &[], results: &results, attempt };
            match &step.work {
                Work::Run(node) => match (&node.output, self.code(&node.code, state, &locals)?) {
                    (Output::None, _) => {}
                    (Output::One(key), value) => self.write(state, *key, value),
                    (Output::Tuple(keys), Value::Tuple(values)) => {
                        for (key, value) in keys.iter().zip(values) {
                            self.write(state, *key, value);
                        }
                    }
                    (Output::Tuple(_), other) => panic!("{other:?} is no tuple"),
                },
                Work::Map(map) => self.map(map, state, &locals)?,
                Work::FanOut(region) => {
                    results = self.region(region, state, attempt)?;
                    targets = self.follow(&step.next, state, &Locals { named: &[], results: &[], attempt })?;
                    continue;
                }
            }
            targets = self.follow(&step.next, state, &locals)?;
            results.clear();
        }
        let led_to = targets.into_iter().filter_map(|target| match target {
            Target::Task(task) => Some(task),
            Target::Step(_) | Target::End => None,
        });
        Ok(led_to.collect())
    }

    fn follow(&self, next: &Next, state: &State, locals: &Locals<'_>) -> Result<Vec<Target>, Failed> {
        Ok(match next {
            Next::Fork(tasks) => tasks.iter().copied().map(Target::Task).collect(),
            Next::Go(target) => vec![*target],
            Next::Choose(arms) => vec![self.choose(arms, state, locals)?],
        })
    }

    fn choose(&self, arms: &[Arm], state: &State, locals: &Locals<'_>) -> Result<Target, Failed> {
        for arm in arms {
            if arm.when.as_ref().map_or(Ok(true), |when| self.holds(when, state, locals))? {
                return Ok(arm.to);
            }
        }
        panic!("the last arm has no condition")
    }

    fn write(&self, state: &mut State, key: KeyId, value: Value) {
        let key = &self.plan.keys[key.0 as usize];
        let value = written(state.remove(&key.name.value), value, key.reduce.is_some());
        state.insert(key.name.value.clone(), value);
    }

    fn region(&self, region: &Region, state: &mut State, attempt: u64) -> Result<Vec<Ended>, Failed> {
        let locals = Locals { named: &[], results: &[], attempt };
        let mut starts = Vec::new();
        for task in &region.tasks {
            starts.push(task.when.as_ref().map_or(Ok(true), |when| self.holds(when, state, &locals))?);
        }
        let mut led_to = HashSet::new();
        let mut results = Vec::new();
        for (number, task) in (0..).zip(&region.tasks) {
            let mut ended = Ended { branch: task.name.clone(), success: false, skipped: false, attempts: 0 };
            let led = region.dataflow || task.needs.is_empty() || led_to.contains(&number);
            if starts[number as usize] && led {
                let (tried, attempts) = attempts(most(&task.policy), |attempt| {
                    let mut own = state.clone();
                    self.block(&task.block, &mut own, attempt).map(|end| (end, own))
                });
                (ended.success, ended.attempts) = (tried.is_ok(), attempts);
                match tried {
                    Ok((end, own)) => {
                        led_to.extend(end);
                        *state = own;
                    }
                    Err(Failed) if task.policy.allow_failure == Some(true) => {}
                    Err(Failed) => return Err(Failed),
                }
            } else {
                ended.skipped = true;
            }
            results.push(ended);
        }
        Ok(results)
    }

    fn map(&self, map: &Map, state: &mut State, locals: &Locals<'_>) -> Result<(), Failed> {
        let Value::List(items) = self.code(&map.items, state, locals)? else { panic!("items are a list") };
        let mut results = Vec::new();
        let mut failures = Vec::new();
        for (index, item) in (0..).zip(items) {
            let mut named = vec![(map.item_var.as_str(), Value::Number(item))];
            named.extend(map.index_var.as_deref().map(|name| (name, Value::Number(index))));
            match attempts(most(&map.policy), |attempt| {
                self.code(&map.body, state, &Locals { named: &named, results: locals.results, attempt })
            }) {
                (Ok(value), _) => results.push(value),
                (Err(Failed), attempts) if map.policy.allow_failure == Some(true) => failures.push((index, attempts)),
                (Err(Failed), _) => return Err(Failed),
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
                self.write(state, output.key, Value::List(numbers.collect()));
            }
        }
        if let Some(key) = map.failures {
            self.write(state, key, Value::Failures(failures));
        }
        Ok(())
    }

    fn code(&self, code: &Code, state: &State, locals: &Locals<'_>) -> Result<Value, Failed> {
        evaluate(&code.rust.text, &|name| self.named(name, state, locals))
    }

    fn holds(&self, code: &Code, state: &State, locals: &Locals<'_>) -> Result<bool, Failed> {
        holds(&code.rust.text, &|name| self.named(name, state, locals))
    }

    fn named(&self, name: &str, state: &State, locals: &Locals<'_>) -> Value {
        let is_optional =
            |name: &str| self.plan.keys.iter().find(|key| key.name.value == name).expect("a key").optional;
        locals.value(name, state, is_optional)
    }
}

/// The number of attempts that a policy allows.
fn most(policy: &Policy) -> u64 {
    1 + policy.retry.as_ref().map_or(0, |retry| u64::from(retry.max_retries))
}
