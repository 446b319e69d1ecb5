//! Runs a file.

use std::collections::{BTreeSet, HashMap};

use super::{
    super::{
        FINALLY, Memory, State, Write,
        rust::{Ended, Failed, Locals, Value, answer, at_end, attempts, combinations, evaluate, holds},
    },
    order::{FanOut, NodeIndex, Order, Part, Place, Rest},
    text::{File, Inner, Items, Node, Step},
};

/// The state at the end of a run on `n`.
///
/// # Errors
/// If a node fails whose failure is not allowed, or a loop does not end.
///
/// # Panics
/// If a key is read before it is set.
pub fn run(file: &File, n: u64) -> Result<State, Failed> {
    let mut memory = Memory::default();
    for (name, key) in &file.state_schema {
        if let Some(default) = &key.default {
            memory.state.insert(name.clone(), evaluate(default, &|name| panic!("`{name}` in a default"))?);
        } else if key.input {
            memory.state.insert(name.clone(), Value::Number(n));
        }
    }
    let order = Order::new(file);
    Run { file, order: &order }.block(None, &mut memory, 1)?;
    for node in &file.finally {
        let is_input = |name: &str| file.state_schema[name].input;
        let told = evaluate(&node.run, &|name| at_end(name, &memory.state, is_input))?;
        memory.state.insert(FINALLY.to_owned(), told);
    }
    Ok(memory.state)
}

struct Run<'f> {
    file: &'f File,
    order: &'f Order,
}

/// How a part ended.
enum End {
    Skipped,
    /// With what it leaves.
    Failed(Vec<Write>),
    Done {
        written: Vec<Write>,
        read: BTreeSet<String>,
        led_to: Vec<NodeIndex>,
    },
}

impl End {
    fn written(&self) -> &[Write] {
        match self {
            Self::Done { written, .. } | Self::Failed(written) => written,
            Self::Skipped => &[],
        }
    }

    fn read(&self) -> impl Iterator<Item = &String> {
        let read = match self {
            Self::Done { read, .. } => Some(read),
            Self::Skipped | Self::Failed(_) => None,
        };
        read.into_iter().flatten()
    }
}

impl Run<'_> {
    /// Parts that run at the same time do not use what one of them writes.
    fn assert_no_race(&self, fan_out: &FanOut, ends: &[End]) {
        let keys = |end: &End| end.written().iter().map(|write| write.key.clone()).collect::<BTreeSet<_>>();
        for (later, part) in fan_out.parts.iter().enumerate() {
            let before = before(fan_out, part);
            for earlier in (0..later).filter(|earlier| !before.contains(earlier)) {
                let pair = [&ends[earlier], &ends[later]];
                for (one, other) in [(pair[0], pair[1]), (pair[1], pair[0])] {
                    let (writes, also) = (keys(one), keys(other));
                    // With `join`, the last of those that count gives the value.
                    let both = also
                        .iter()
                        .filter(|key| fan_out.join.is_none() && self.file.state_schema[*key].reduce.is_none());
                    if let Some(key) = both.chain(other.read()).find(|key| writes.contains(*key)) {
                        panic!(
                            "`{key}` is used by parts {earlier} and {later} of a fan-out, which run at the same time"
                        );
                    }
                }
            }
        }
    }

    /// Runs the workflow, or a part of a fan-out; gives the first nodes of other parts that it continues with.
    fn block(
        &self,
        part: Option<(&FanOut, &Part)>,
        memory: &mut Memory,
        attempt: u64,
    ) -> Result<Vec<NodeIndex>, Failed> {
        let end = part.map_or(Place::End, |(fan_out, _)| fan_out.fan_in);
        let start = self.file.nodes.len();
        let mut visits: HashMap<NodeIndex, u64> = HashMap::new();
        let mut results = Vec::new();
        let mut node = part.map_or(start, |(_, part)| part.first);
        loop {
            let locals = Locals { named: &[], results: &results, attempt };
            if let Some(written) = self.file.nodes.get(node) {
                let visits = visits.entry(node).or_default();
                *visits += 1;
                if *visits > written.max_visits.unwrap_or(10_000) {
                    return Err(Failed);
                }
                self.node(written, memory, locals)?;
            }
            let ways = &self.order.ways[node];
            let mut next = None;
            for (condition, to) in &ways.choices {
                if next.is_none() && holds(condition, &|name| self.named(name, memory, locals))? {
                    next = Some(*to);
                }
            }
            results = match (&ways.rest, next) {
                (Rest::FanOut(fan_out), None) => {
                    let fan_out = &self.order.fan_outs[*fan_out];
                    next = Some(fan_out.fan_in);
                    self.fan_out(fan_out, memory, attempt)?
                }
                _ => Vec::new(),
            };
            let places = next.map_or_else(|| ways.fork(end), |next| vec![next]);
            node = match places[..] {
                [Place::Node(next)] if next_is_own(part, next) && places[0] != end => next,
                _ => {
                    let nodes = places.iter().filter(|place| **place != end).map(|place| match place {
                        Place::Node(node) => *node,
                        Place::End => panic!("`__end__` inside a fan-out"),
                    });
                    return Ok(nodes.collect());
                }
            };
        }
    }

    fn node(&self, node: &Node, memory: &mut Memory, locals: Locals<'_>) -> Result<(), Failed> {
        if let Some(items) = &node.items {
            return self.map(node, items, memory, locals);
        }
        let value = self.value(node, memory, locals)?;
        match value {
            Value::Tuple(values) if node.takes_apart() => {
                for (key, value) in node.output().iter().zip(values) {
                    self.write(memory, key, value);
                }
            }
            value => {
                for key in node.output() {
                    self.write(memory, key, value.clone());
                }
            }
        }
        Ok(())
    }

    /// What the Rust of a node gives, or its workflow.
    fn value(&self, node: &Node, memory: &Memory, locals: Locals<'_>) -> Result<Value, Failed> {
        let named = |name: &str| self.named(name, memory, locals);
        let Some(workflow) = &node.workflow else {
            return match &node.ask {
                Some(question) => Ok(answer(question, &named)),
                None => evaluate(&node.run, &named),
            };
        };
        let mut own: HashMap<&str, Value> = HashMap::new();
        for (input, value) in &node.with {
            own.insert(input, evaluate(value, &named)?);
        }
        let around = |name: &str, attempt| self.named(name, memory, Locals { named: &[], attempt, ..locals });
        called(workflow, node.gives().expect("it gives a key"), own, locals.attempt, &around)
    }

    fn map(&self, node: &Node, items: &Items, memory: &mut Memory, locals: Locals<'_>) -> Result<(), Failed> {
        let mut variables = Vec::new();
        for (name, items) in items.variables(node.item_var.as_deref()) {
            let values = evaluate(items, &|name| self.named(name, memory, locals))?;
            let Value::List(values) = values else { panic!("items are a list") };
            variables.push((name, values));
        }
        let policy = self.file.policy(node.written_policy());
        let (mut results, mut failures) = (Vec::new(), Vec::new());
        for (index, mut named) in (0..).zip(combinations(&variables)) {
            named.extend(node.index_var.as_deref().map(|name| (name, Value::Number(index))));
            let tried = attempts(policy.attempts(), |attempt| {
                self.value(node, memory, Locals { named: &named, attempt, ..locals })
            });
            match tried {
                (Ok(result), _) => results.push(result),
                (Err(Failed), attempts) if policy.allows_failure() => failures.push((index, attempts)),
                (Err(Failed), _) => return Err(Failed),
            }
        }
        for key in node.output() {
            if self.file.state_schema[key].reduce.is_some() {
                for result in results.drain(..) {
                    self.write(memory, key, result);
                }
            } else {
                let numbers = results.drain(..).map(|result| match result {
                    Value::Number(number) => number,
                    other => panic!("{other:?} is no number"),
                });
                let list = Value::List(numbers.collect());
                self.write(memory, key, list);
            }
        }
        if let Some(key) = &node.failures {
            self.write(memory, key, Value::Failures(failures));
        }
        Ok(())
    }

    fn fan_out(&self, fan_out: &FanOut, memory: &mut Memory, attempt: u64) -> Result<Vec<Ended>, Failed> {
        let locals = Locals { named: &[], results: &[], attempt };
        let mut starts = Vec::new();
        for part in &fan_out.parts {
            let when = part.when.as_ref();
            starts.push(when.map_or(Ok(true), |when| holds(when, &|name| self.named(name, memory, locals)))?);
        }
        let mut ends: Vec<End> = Vec::new();
        let mut results = Vec::new();
        for (part, starts) in fan_out.parts.iter().zip(starts) {
            let led_to = |need: &usize| match &ends[*need] {
                End::Done { led_to, .. } => led_to.contains(&part.first),
                End::Skipped | End::Failed(_) => false,
            };
            let runs = starts && (fan_out.dataflow || part.needs.is_empty() || part.needs.iter().any(led_to));
            let (end, attempts) = if runs {
                let memory = view(fan_out, part, &ends, memory);
                let tried = attempts(part.policy.attempts(), |attempt| {
                    let mut own = memory.clone();
                    let led_to = self.block(Some((fan_out, part)), &mut own, attempt)?;
                    Ok(End::Done { written: own.written, read: own.read.into_inner(), led_to })
                });
                match tried {
                    (Ok(end), attempts) => (end, attempts),
                    (Err(Failed), attempts) if fan_out.join.is_some() => (End::Failed(Vec::new()), attempts),
                    (Err(Failed), attempts) if part.policy.allows_failure() => {
                        (End::Failed(self.fallback(part)?), attempts)
                    }
                    (Err(Failed), _) => return Err(Failed),
                }
            } else {
                (End::Skipped, 0)
            };
            results.push(Ended {
                branch: self.file.nodes[part.first].name.clone(),
                success: matches!(end, End::Done { .. }),
                skipped: matches!(end, End::Skipped),
                attempts,
            });
            ends.push(end);
        }
        if let Some(join) = fan_out.join {
            let succeeded = ends.iter().filter(|end| matches!(end, End::Done { .. })).count();
            assert!(succeeded <= join, "it depends on the timing which of {succeeded} branches are the first {join}");
            if succeeded < join {
                return Err(Failed);
            }
        }
        self.assert_no_race(fan_out, &ends);
        for end in &ends {
            memory.join(end.written());
            memory.read.borrow_mut().extend(end.read().cloned());
        }
        Ok(results)
    }

    /// What a part leaves that has failed.
    fn fallback(&self, part: &Part) -> Result<Vec<Write>, Failed> {
        let write = |(key, value): (&String, &String)| {
            let value = evaluate(value, &|name| panic!("`{name}` in a fallback"))?;
            Ok(Write { key: key.clone(), value, reduce: self.file.state_schema[key].reduce.is_some() })
        };
        part.fallback.iter().map(write).collect()
    }

    fn write(&self, memory: &mut Memory, key: &str, value: Value) {
        memory.write(key, value, self.file.state_schema[key].reduce.is_some());
    }

    fn named(&self, name: &str, memory: &Memory, locals: Locals<'_>) -> Value {
        memory.read.borrow_mut().insert(name.to_owned());
        locals.value(name, &memory.state, |name| self.file.state_schema[name].optional)
    }
}

/// What a workflow in a node gives. `around` knows what the names around it stand for, in an attempt.
fn called<'f>(
    workflow: &'f Inner,
    gives: &str,
    mut own: HashMap<&'f str, Value>,
    attempt: u64,
    around: &dyn Fn(&str, u64) -> Value,
) -> Result<Value, Failed> {
    for step in &workflow.nodes {
        let value = match step.attempts() {
            Some(most) => attempts(most, |attempt| step_of(step, &own, attempt, around)).0?,
            None => step_of(step, &own, attempt, around)?,
        };
        own.insert(step.key(), value);
    }
    Ok(own.remove(gives).expect("the workflow gives it"))
}

/// What a node of a workflow in a node gives.
fn step_of(
    step: &Step,
    own: &HashMap<&str, Value>,
    attempt: u64,
    around: &dyn Fn(&str, u64) -> Value,
) -> Result<Value, Failed> {
    let named = |name: &str, attempt| own.get(name).cloned().unwrap_or_else(|| around(name, attempt));
    let here = |name: &str| named(name, attempt);
    let (Some(workflow), Some(items)) = (&step.workflow, &step.items) else {
        return match &step.ask {
            Some(question) => Ok(answer(question, &here)),
            None => evaluate(&step.run, &here),
        };
    };
    let Value::List(items) = evaluate(items, &here)? else { panic!("items are a list") };
    let result = |item: u64| {
        let with_item = |name: &str| if name == "item" { Value::Number(item) } else { here(name) };
        let with = step.with.iter().map(|(input, value)| Ok((input.as_str(), evaluate(value, &with_item)?)));
        let with = with.collect::<Result<_, Failed>>()?;
        match called(workflow, step.output.as_key().expect("it gives a key"), with, attempt, &named)? {
            Value::Number(number) => Ok(number),
            other => panic!("{other:?} is no number"),
        }
    };
    Ok(Value::List(items.into_iter().map(result).collect::<Result<_, _>>()?))
}

fn next_is_own(part: Option<(&FanOut, &Part)>, next: NodeIndex) -> bool {
    part.is_none_or(|(_, part)| part.contains(next))
}

/// What a part sees: the state as it was when the fan-out started, and what the parts wrote that it depends on.
fn view(fan_out: &FanOut, part: &Part, ends: &[End], memory: &Memory) -> Memory {
    let mut view = Memory::of(memory.state.clone());
    for need in before(fan_out, part) {
        view.join(ends[need].written());
    }
    Memory::of(view.state)
}

/// The parts that one depends on, by way of others, too.
fn before(fan_out: &FanOut, part: &Part) -> BTreeSet<usize> {
    let mut before = part.needs.clone();
    while let Some(more) =
        before.iter().flat_map(|need| &fan_out.parts[*need].needs).find(|need| !before.contains(need))
    {
        before.insert(*more);
    }
    before
}
