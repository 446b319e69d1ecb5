//! A plan as JSON: for tests, and to look at. Places and defaults are left out; names stand for indices.

use serde_json::{Value, json};

use super::{Block, Code, KeyId, Map, Next, Output, Plan, Policy, Region, Step, Target, Task, Work};
use crate::syntax::Strategy;

impl Plan {
    /// The plan as JSON, in a stable order.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let dump = Dump { plan: self };
        json!({
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
                fact(key.optional, "optional");
                fact(key.always_set, "always_set");
                fact(!key.crosses.is_empty(), "crosses");
                json!({ "name": key.name.value, "type": key.ty.text, "is": facts })
            }).collect::<Vec<_>>(),
            "root": dump.block(&self.root),
        })
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
        let (name, work) = match &step.work {
            Work::Run(node) => {
                let output = match &node.output {
                    Output::None => Value::Null,
                    Output::One(key) => json!(self.name(*key)),
                    Output::Tuple(keys) => json!(self.names(keys)),
                };
                ("run", json!({ "code": self.code(&node.code), "output": output }))
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
            "items": self.code(&map.items),
            "items_key": map.items_key.map(|key| self.name(key)),
            "item_var": map.item_var,
            "index_var": map.index_var,
            "body": self.code(&map.body),
            "output": map.output.map(|output| json!({ "key": self.name(output.key), "reduce": output.reduce })),
            "failures": map.failures.map(|key| self.name(key)),
            "policy": policy(&map.policy),
            "max_workers": map.max_workers,
            "fail_fast": map.fail_fast,
        })
    }

    fn region(&self, region: &Region) -> Value {
        json!({
            "id": region.id,
            "dataflow": region.dataflow,
            "max_workers": region.max_workers,
            "fail_fast": region.fail_fast,
            "tasks": region.tasks.iter().map(|task| self.task(task)).collect::<Vec<_>>(),
        })
    }

    fn task(&self, task: &Task) -> Value {
        json!({
            "name": task.name,
            "when": task.when.as_ref().map(|when| self.code(when)),
            "needs": task.needs,
            "reads": task.reads.iter().map(|read| json!({ "key": self.name(read.key), "after": read.after })).collect::<Vec<_>>(),
            "writes": task.writes.iter().map(|write| json!({ "key": self.name(write.key), "combine": write.combine })).collect::<Vec<_>>(),
            "policy": policy(&task.policy),
            "block": self.block(&task.block),
        })
    }
}

fn target_json(target: Target) -> Value {
    match target {
        Target::Step(step) => json!({ "step": step }),
        Target::End => json!("end"),
        Target::Task(task) => json!({ "task": task }),
    }
}

/// What is set; times in seconds.
fn policy(policy: &Policy) -> Value {
    let mut value = json!({
        "strategy": match policy.strategy {
            Strategy::Thread => "thread",
            Strategy::Process => "process",
        },
    });
    let mut set = |name: &str, setting: Option<Value>| {
        if let Some(setting) = setting {
            value[name] = setting;
        }
    };
    set("timeout", policy.timeout.map(|time| json!(time.as_secs_f64())));
    set("timeout_total", policy.timeout_total.map(|time| json!(time.as_secs_f64())));
    set("grace", policy.grace.map(|time| json!(time.as_secs_f64())));
    set("allow_failure", policy.allow_failure.then_some(json!(true)));
    set("memory_limit", policy.memory_limit.map(|bytes| json!(bytes)));
    set("max_payload", policy.max_payload.map(|bytes| json!(bytes)));
    set("max_tasks_per_worker", policy.max_tasks_per_worker.map(|count| json!(count)));
    set(
        "retry",
        policy.retry.as_ref().map(|retry| {
            json!({
                "max_retries": retry.max_retries,
                "base_delay": retry.base_delay.as_secs_f64(),
                "max_delay": retry.max_delay.as_secs_f64(),
                "backoff_multiplier": retry.backoff_multiplier,
                "jitter": retry.jitter,
                "retry_on": retry.retry_on.iter().map(|kind| format!("{kind:?}").to_lowercase()).collect::<Vec<_>>(),
            })
        }),
    );
    set(
        "circuit_breaker",
        policy.circuit_breaker.as_ref().map(|breaker| {
            json!({
                "failure_threshold": breaker.failure_threshold,
                "reset_timeout": breaker.reset_timeout.as_secs_f64(),
                "half_open_max_calls": breaker.half_open_max_calls,
            })
        }),
    );
    value
}
