//! Evaluates a plan in the plainest way there is. Tasks of a fan-out run one after the other, in their order. Each sees the
//! keys that the plan says it reads, as they were when the fan-out started and as the tasks that it needs left them; what
//! the tasks wrote is combined at the end. That this is what a run in parallel gives, whatever the timing, is what the
//! checks promise.

use std::collections::{BTreeSet, HashMap, HashSet};

use tea_build::plan::{
    Action, Arm, Block, Call, Code, KeyId, Map, Next, Output, Plan, Policy, Region, Run, Target, Task, Work,
};

use super::{
    FINALLY, Memory, State, Write,
    rust::{Ended, Failed, Locals, Value, answer, at_end, attempts, combinations, evaluate, holds},
};

/// The state at the end of a run on `n`.
///
/// # Errors
/// If a node fails whose failure is not allowed, or a loop does not end.
///
/// # Panics
/// If a key is unset that the plan says is always set.
pub fn run(plan: &Plan, n: u64) -> Result<State, Failed> {
    let mut memory = Memory::default();
    for key in plan.keys.iter().filter(|key| key.input && key.default.is_none()) {
        memory.state.insert(key.name.value.clone(), Value::Number(n));
    }
    let mut state = Interpreter { plan, called: &plan.called }.run(memory, 1)?;
    for block in &plan.finally {
        let Work::Run(node) = &block.steps[0].work else { panic!("what runs at the end is a node") };
        let code = node.action.code().next().expect("its Rust");
        let key = |name: &str| plan.keys.iter().find(|key| key.name.value == name).expect("a key");
        let told = evaluate(&code.rust.text, &|name| at_end(name, &state, |name| key(name).input))?;
        state.insert(FINALLY.to_owned(), told);
    }
    Ok(state)
}

struct Interpreter<'p> {
    plan: &'p Plan,
    /// The workflows that nodes call.
    called: &'p [Plan],
}

/// Where a block ended: the tasks that it led to.
type End = Vec<u32>;

impl Interpreter<'_> {
    /// Runs the plan on these inputs.
    fn run(&self, mut memory: Memory, attempt: u64) -> Result<State, Failed> {
        for key in &self.plan.keys {
            if let (Some(default), false) = (&key.default, memory.state.contains_key(&key.name.value)) {
                let value = evaluate(&default.text, &|name| panic!("`{name}` in a default"))?;
                memory.state.insert(key.name.value.clone(), value);
            }
        }
        self.block(&self.plan.root, &mut memory, attempt)?;
        for key in self.plan.keys.iter().filter(|key| key.always_set) {
            assert!(memory.state.contains_key(&key.name.value), "`{}` is unset", key.name.value);
        }
        Ok(memory.state)
    }

    fn block(&self, block: &Block, memory: &mut Memory, attempt: u64) -> Result<End, Failed> {
        let mut visits = HashMap::new();
        let mut results = Vec::new();
        let mut targets = self.follow(&block.entry, &memory.state, &Locals { named: &[], results: &[], attempt })?;
        while let [Target::Step(index)] = targets[..] {
            let step = &block.steps[index as usize];
            let count = visits.entry(index).or_insert(0_u64);
            *count += 1;
            if *count > step.max_visits {
                return Err(Failed);
            }
            let locals = Locals { named: &[], results: &results, attempt };
            match &step.work {
                Work::Run(Run { action: Action::Call(call), output }) => {
                    let given = self.call(call, &memory.state, &locals)?;
                    for (key, value) in written(output).iter().zip(given) {
                        self.write(memory, *key, value);
                    }
                }
                Work::Run(node) => match (&node.output, self.action(&node.action, &memory.state, &locals)?) {
                    (Output::None, _) => {}
                    (Output::One(key), value) => self.write(memory, *key, value),
                    (Output::Tuple(keys), Value::Tuple(values)) => {
                        for (key, value) in keys.iter().zip(values) {
                            self.write(memory, *key, value);
                        }
                    }
                    (Output::Tuple(_), other) => panic!("{other:?} is no tuple"),
                },
                Work::Map(map) => self.map(map, memory, &locals)?,
                Work::FanOut(region) => {
                    results = self.region(region, memory, attempt)?;
                    targets = self.follow(&step.next, &memory.state, &Locals { named: &[], results: &[], attempt })?;
                    continue;
                }
            }
            targets = self.follow(&step.next, &memory.state, &locals)?;
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

    fn write(&self, memory: &mut Memory, key: KeyId, value: Value) {
        let key = &self.plan.keys[key.0 as usize];
        memory.write(&key.name.value, value, key.reduce.is_some());
    }

    fn region(&self, region: &Region, memory: &mut Memory, attempt: u64) -> Result<Vec<Ended>, Failed> {
        let locals = Locals { named: &[], results: &[], attempt };
        let mut starts = Vec::new();
        for task in &region.tasks {
            starts.push(task.when.as_ref().map_or(Ok(true), |when| self.holds(when, &memory.state, &locals))?);
        }
        let mut led_to = HashSet::new();
        let mut results = Vec::new();
        let mut writes: Vec<Vec<Write>> = Vec::new();
        for (number, task) in (0..).zip(&region.tasks) {
            let mut ended = Ended { branch: task.name.clone(), success: false, skipped: false, attempts: 0 };
            let led = region.dataflow || task.needs.is_empty() || led_to.contains(&number);
            if starts[number as usize] && led {
                let view = self.view(region, task, &writes, &memory.state);
                let (tried, attempts) = attempts(most(&task.policy), |attempt| {
                    let mut own = Memory::of(view.clone());
                    let end = self.block(&task.block, &mut own, attempt)?;
                    own.written.retain(|write| self.gives_back(task, write));
                    Ok((end, own.written))
                });
                (ended.success, ended.attempts) = (tried.is_ok(), attempts);
                writes.push(match tried {
                    Ok((end, written)) => {
                        led_to.extend(end);
                        written
                    }
                    Err(Failed) if region.join.is_some() => Vec::new(),
                    Err(Failed) if task.policy.allow_failure == Some(true) => self.fallback(task)?,
                    Err(Failed) => return Err(Failed),
                });
            } else {
                ended.skipped = true;
                writes.push(Vec::new());
            }
            results.push(ended);
        }
        if let Some(join) = region.join {
            let succeeded = results.iter().filter(|ended| ended.success).count();
            assert!(succeeded <= join as usize, "it depends on the timing which of {succeeded} are the first {join}");
            if succeeded < join as usize {
                return Err(Failed);
            }
        }
        for written in &writes {
            memory.join(written);
        }
        Ok(results)
    }

    /// What a task leaves that has failed.
    fn fallback(&self, task: &Task) -> Result<Vec<Write>, Failed> {
        let write = |(key, code): &(KeyId, Code)| {
            let value = evaluate(&code.rust.text, &|name| panic!("`{name}` in a fallback"))?;
            let key = &self.plan.keys[key.0 as usize];
            Ok(Write { key: key.name.value.clone(), value, reduce: key.reduce.is_some() })
        };
        task.fallback.iter().map(write).collect()
    }

    /// Whether others see what a task wrote.
    fn gives_back(&self, task: &Task, write: &Write) -> bool {
        task.writes.iter().any(|given| self.plan.keys[given.key.0 as usize].name.value == write.key)
    }

    /// What a task sees.
    fn view(&self, region: &Region, task: &Task, writes: &[Vec<Write>], state: &State) -> State {
        let mut before: BTreeSet<_> = task.needs.iter().copied().collect();
        while let Some(more) =
            before.iter().flat_map(|need| &region.tasks[*need as usize].needs).find(|need| !before.contains(need))
        {
            before.insert(*more);
        }
        let mut view = Memory::of(state.clone());
        for need in before {
            view.join(&writes[need as usize]);
        }
        let reads = task.reads.iter().map(|read| self.plan.keys[read.key.0 as usize].name.value.as_str());
        let reads: HashSet<_> = reads.collect();
        view.state.retain(|key, _| reads.contains(key.as_str()));
        view.state
    }

    fn map(&self, map: &Map, memory: &mut Memory, locals: &Locals<'_>) -> Result<(), Failed> {
        let mut variables = Vec::new();
        for variable in &map.variables {
            let values = self.code(&variable.items, &memory.state, locals)?;
            let Value::List(values) = values else { panic!("items are a list") };
            variables.push((variable.name.as_str(), values));
        }
        let mut results = Vec::new();
        let mut failures = Vec::new();
        for (index, mut named) in (0..).zip(combinations(&variables)) {
            named.extend(map.index_var.as_deref().map(|name| (name, Value::Number(index))));
            match attempts(most(&map.policy), |attempt| {
                self.action(&map.body, &memory.state, &Locals { named: &named, results: locals.results, attempt })
            }) {
                (Ok(value), _) => results.push(value),
                (Err(Failed), attempts) if map.policy.allow_failure == Some(true) => failures.push((index, attempts)),
                (Err(Failed), _) => return Err(Failed),
            }
        }
        if let Some(output) = map.output {
            if output.reduce {
                for result in results {
                    self.write(memory, output.key, result);
                }
            } else {
                let numbers = results.into_iter().map(|result| match result {
                    Value::Number(number) => number,
                    other => panic!("{other:?} is no number"),
                });
                self.write(memory, output.key, Value::List(numbers.collect()));
            }
        }
        if let Some(key) = map.failures {
            self.write(memory, key, Value::Failures(failures));
        }
        Ok(())
    }

    /// What a node, or the body of a map, gives.
    fn action(&self, action: &Action, state: &State, locals: &Locals<'_>) -> Result<Value, Failed> {
        match action {
            Action::Rust(code) => self.code(code, state, locals),
            Action::Ask(question) => Ok(answer(&question.rust.text, &|name| self.named(name, state, locals))),
            Action::Call(call) => {
                let mut given = self.call(call, state, locals)?;
                Ok(if given.len() == 1 { given.remove(0) } else { Value::Tuple(given) })
            }
        }
    }

    /// What a workflow gives that is called.
    fn call(&self, call: &Call, state: &State, locals: &Locals<'_>) -> Result<Vec<Value>, Failed> {
        let plan = &self.called[call.number];
        let name = |key: KeyId| plan.keys[key.0 as usize].name.value.clone();
        let mut memory = Memory::default();
        for input in &call.inputs {
            let value = match input.shared {
                // One that is unset stays unset.
                Some(ours) => state.get(&self.plan.keys[ours.0 as usize].name.value).cloned(),
                None => Some(self.code(&input.value, state, locals)?),
            };
            memory.state.extend(value.map(|value| (name(input.key), value)));
        }
        let mut end = Interpreter { plan, called: self.called }.run(memory, locals.attempt)?;
        Ok(call.gives.iter().map(|key| end.remove(&name(*key)).expect("it is set")).collect())
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

/// The keys that a node writes.
fn written(output: &Output) -> &[KeyId] {
    match output {
        Output::None => &[],
        Output::One(key) => std::slice::from_ref(key),
        Output::Tuple(keys) => keys,
    }
}

/// The number of attempts that a policy allows.
fn most(policy: &Policy) -> u64 {
    1 + policy.retry.as_ref().map_or(0, |retry| u64::from(retry.max_retries))
}
