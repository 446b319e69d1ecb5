//! A plan as JSON: for tests, and to look at. Places and defaults are left out; names are written in place of indices.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Action, Block, Call, Code, KeyId, Map, Next, Output, Outside, Plan, Policy, Region, Step, Target, Task, Work,
};
use crate::syntax::{CircuitBreaker, Idempotent, Retry, parallel_settings};

impl Plan {
    /// The plan as JSON, in a stable order.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let dump = Dump { plan: self };
        let mut value = json!({
            "name": self.name.value,
            "max_workers": self.max_workers,
            "keys": self.keys.iter().map(|key| {
                let mut facts = Vec::new();
                let mut fact = |holds: bool, name: &str| facts.extend(holds.then(|| name.to_owned()));
                fact(key.by_value, "by_value");
                fact(key.input, "input");
                fact(key.default.is_some(), "default");
                fact(key.reduce.is_some(), "reduce");
                fact(key.transient, "transient");
                fact(!key.output, "not_in_output");
                fact(key.secret, "secret");
                fact(key.optional, "optional");
                fact(key.always_set, "always_set");
                fact(!key.crosses.is_empty(), "crosses");
                fact(key.recorded, "recorded");
                fact(key.cached.is_some(), "cached");
                json!({ "name": key.name.value, "type": key.ty.text, "is": facts })
            }).collect::<Vec<_>>(),
            "root": dump.block(&self.root),
        });
        if !self.finally.is_empty() {
            value["finally"] = self.finally.iter().map(|block| dump.block(block)).collect();
        }
        if !self.called.is_empty() {
            value["called"] = self.called.iter().map(Self::to_json).collect();
        }
        value
    }
}

struct Dump<'a> {
    plan: &'a Plan,
}

// Recursion goes as deep as fan-outs are nested, which the graph bounds.
impl Dump<'_> {
    fn name(&self, key: KeyId) -> &str {
        &self.plan.keys[key.0 as usize].name.value
    }

    fn names(&self, keys: &[KeyId]) -> Vec<&str> {
        keys.iter().map(|key| self.name(*key)).collect()
    }

    fn block(&self, block: &Block) -> Value {
        json!({
            "entry": self.next(&block.entry),
            "keys": self.names(&block.keys),
            "steps": block.steps.iter().map(|step| self.step(step)).collect::<Vec<_>>(),
        })
    }

    fn step(&self, step: &Step) -> Value {
        let mut value = json!({ "name": step.name, "next": self.next(&step.next), "max_visits": step.max_visits });
        if step.cached.is_some() {
            value["cache"] = json!(true);
        }
        if let Some(version) = &step.version {
            value["version"] = json!(version);
        }
        for outside in &step.code.outside {
            let (list, name) = match outside {
                Outside::File(path) => ("sources", path),
                Outside::Variable(name) => ("env", name),
            };
            if let Value::Array(names) = &mut value[list] {
                names.push(json!(name));
            } else {
                value[list] = json!([name]);
            }
        }
        let (name, work) = match &step.work {
            Work::Run(node) => {
                let output = match &node.output {
                    Output::None => Value::Null,
                    Output::One(key) => json!(self.name(*key)),
                    Output::Tuple(keys) => json!(self.names(keys)),
                };
                ("run", json!({ "code": self.action(&node.action), "output": output }))
            }
            Work::Map(map) => ("map", self.map(map)),
            Work::FanOut(region) => ("fan_out", self.region(region)),
        };
        value[name] = work;
        value
    }

    fn code(&self, code: &Code) -> Value {
        let mut value = json!({ "rust": code.rust.text, "reads": self.names(&code.reads) });
        if code.uses_ctx {
            value["ctx"] = json!(true);
        }
        if code.uses_results {
            value["parallel_results"] = json!(true);
        }
        value
    }

    fn action(&self, action: &Action) -> Value {
        match action {
            Action::Rust(code) => self.code(code),
            Action::Ask(question) => json!({ "asks": self.code(question) }),
            Action::Call(Call { number, inputs, gives, .. }) => json!({
                "calls": number,
                "with": inputs.iter().map(|input| json!([input.key.0, self.code(&input.value)])).collect::<Vec<_>>(),
                "gives": gives.iter().map(|key| key.0).collect::<Vec<_>>(),
            }),
        }
    }

    fn next(&self, next: &Next) -> Value {
        match next {
            Next::Go(target) => target_json(*target),
            Next::Choose(arms) => arms
                .iter()
                .map(|arm| {
                    let when = arm.when.as_ref().map(|when| self.code(when));
                    json!({ "when": when, "to": target_json(arm.to) })
                })
                .collect(),
            Next::Fork(tasks) => json!({ "fork": tasks }),
        }
    }

    fn map(&self, map: &Map) -> Value {
        json!({
            "id": map.id,
            "variables": map.variables.iter().map(|variable| json!({
                "name": variable.name,
                "items": self.code(&variable.items),
                "key": variable.key.map(|key| self.name(key)),
            })).collect::<Vec<_>>(),
            "index_var": map.index_var,
            "body": self.action(&map.body),
            "output": map.output.map(|output| json!({ "key": self.name(output.key), "reduce": output.reduce })),
            "failures": map.failures.map(|key| self.name(key)),
            "policy": policy(&map.policy),
            "max_workers": map.max_workers,
            "fail_fast": map.fail_fast,
        })
    }

    fn region(&self, region: &Region) -> Value {
        let mut value = json!({
            "id": region.id,
            "dataflow": region.dataflow,
            "max_workers": region.max_workers,
            "fail_fast": region.fail_fast,
            "tasks": region.tasks.iter().map(|task| self.task(task)).collect::<Vec<_>>(),
        });
        if let Some(join) = region.join {
            value["join"] = json!(join);
        }
        value
    }

    fn task(&self, task: &Task) -> Value {
        let mut value = json!({
            "name": task.name,
            "when": task.when.as_ref().map(|when| self.code(when)),
            "needs": task.needs,
            "reads": task.reads.iter().map(|read| json!({ "key": self.name(read.key), "after": read.after })).collect::<Vec<_>>(),
            "writes": task.writes.iter().map(|write| json!({ "key": self.name(write.key), "combine": write.combine })).collect::<Vec<_>>(),
            "policy": policy(&task.policy),
            "block": self.block(&task.block),
        });
        for (key, fallback) in &task.fallback {
            value["fallback"][self.name(*key)] = self.code(fallback);
        }
        value
    }
}

fn target_json(target: Target) -> Value {
    match target {
        Target::Step(step) => json!({ "step": step }),
        Target::End => json!("end"),
        Target::Task(task) => json!({ "task": task }),
    }
}

macro_rules! define {
    (
        each { $($each:ident: $type:ty, $read:ident, $shape:expr, $form:ident, $on:ident, $about:literal;)* }
        all { $($all:tt)* }
    ) => {
        /// What is set; times in seconds.
        fn policy(policy: &Policy) -> Value {
            let mut value = json!({
                "strategy": policy.strategy.name(),
            });
            $(if let Some(setting) = &policy.$each {
                value[stringify!($each)] = setting.json();
            })*
            value
        }
    };
}
parallel_settings!(define);

/// The value of a setting.
trait Json {
    fn json(&self) -> Value;
}

impl Json for bool {
    fn json(&self) -> Value {
        json!(self)
    }
}

impl Json for Idempotent {
    fn json(&self) -> Value {
        json!(self.0)
    }
}

impl Json for u32 {
    fn json(&self) -> Value {
        json!(self)
    }
}

impl Json for u64 {
    fn json(&self) -> Value {
        json!(self)
    }
}

impl Json for Duration {
    fn json(&self) -> Value {
        json!(self.as_secs_f64())
    }
}

impl Json for Retry {
    fn json(&self) -> Value {
        json!({
            "max_retries": self.max_retries,
            "base_delay": self.base_delay.json(),
            "max_delay": self.max_delay.json(),
            "backoff_multiplier": self.backoff_multiplier,
            "jitter": self.jitter,
            "retry_on": self.retry_on.iter().map(|kind| format!("{kind:?}").to_lowercase()).collect::<Vec<_>>(),
        })
    }
}

impl Json for CircuitBreaker {
    fn json(&self) -> Value {
        json!({
            "failure_threshold": self.failure_threshold,
            "reset_timeout": self.reset_timeout.json(),
            "half_open_max_calls": self.half_open_max_calls,
        })
    }
}
