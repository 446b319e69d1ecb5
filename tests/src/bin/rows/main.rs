//! Workflows whose branches misbehave as they are told: `rows FLOW JSON`. It prints what became of each branch, and the
//! counts of its descriptors, threads and children before and after.
#![forbid(unsafe_code)]

mod acts;
mod counts;
mod heavy;
mod soaking;

use std::{
    error::Error,
    path::PathBuf,
    process::{ExitCode, Termination},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tea_runtime::{
    Builder, CancellationToken, ItemFailure, event::Event, include_workflow, plan::Workflow, result::ParallelFlowResult,
};
use tests::behave::{behave, gate};

use self::{
    acts::{act, act_with, between, deeper, noted},
    counts::counts,
    soaking::soaked,
};

include_workflow!("cheap.yaml", main = false);
include_workflow!("forty.yaml", main = false);
include_workflow!("limited.yaml", main = false);
include_workflow!("memory.yaml", main = false);
include_workflow!("merging.yaml", main = false);
include_workflow!("nested.yaml", main = false);
include_workflow!("picky.yaml", main = false);
include_workflow!("plain.yaml", main = false);
include_workflow!("queue.yaml", main = false);
include_workflow!("recycled.yaml", main = false);
include_workflow!("retry.yaml", main = false);
include_workflow!("single.yaml", main = false);
include_workflow!("small.yaml", main = false);
include_workflow!("soak.yaml", main = false);
include_workflow!("stages.yaml", main = false);
include_workflow!("together.yaml", main = false);

/// Text that cannot be read back if it begins with "bad".
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Picky(String);

impl TryFrom<String> for Picky {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with("bad") { Err("it is bad".to_owned()) } else { Ok(Self(text)) }
    }
}

impl From<Picky> for String {
    fn from(Picky(text): Picky) -> Self {
        text
    }
}

fn join(mut all: Vec<(usize, String)>, more: Vec<(usize, String)>) -> Vec<(usize, String)> {
    all.extend(more);
    all
}

/// The run, with the pool that the variable `TEA_TESTS_POOL` names.
fn pooled<W: Workflow>(run: Builder<W>) -> Builder<W> {
    match std::env::var_os("TEA_TESTS_POOL") {
        Some(pool) => run.pool(pool),
        None => run,
    }
}

fn main() -> ExitCode {
    gate();
    // With a command line of its own, and its signals.
    let with_command_line = match std::env::var("FLOW").as_deref() {
        Ok("nested") => nested::main,
        Ok("queue") => queue::main,
        _ => return told().report(),
    };
    tea_runtime::init();
    with_command_line()
}

fn told() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let flow = arguments.next().unwrap_or_default();
    let input = arguments.next().unwrap_or_else(|| "null".to_owned());
    if flow != "uninitialised" {
        tea_runtime::init();
        // What a first run leaves in place for the next: the engine's timer, and caches of the standard library.
        plain::run(plain::Input::new(vec!["ok".to_owned(); 4]))?;
    }
    let before = counts();
    let output = run(&flow, &input)?;
    let after = counts();
    println!("{}", json!({ "output": output, "before": before, "after": after }));
    Ok(())
}

fn run(flow: &str, input: &str) -> Result<Value, Box<dyn Error>> {
    macro_rules! acts {
        ($($name:ident)*) => {
            match flow {
                $(stringify!($name) => {
                    let output = pooled($name::builder()).run($name::Input::new(serde_json::from_str(input)?))?;
                    let done = output.done.map(|done| done.into_iter().map(brief).collect::<Vec<_>>());
                    return Ok(json!({ "results": output.results, "done": done }));
                })*
                _ => {}
            }
        };
    }
    acts!(forty limited memory plain retry single small together);
    Ok(match flow {
        "uninitialised" => json!(plain::run(plain::Input::new(vec!["ok".to_owned(); 4]))?.results),
        "picky" => {
            let output = picky::run(picky::Input::new(Picky("good".to_owned()), Picky("bad".to_owned())))?;
            json!({ "results": output.results, "three": output.three })
        }
        "nested" => json!(nested::run(nested::Input::new(input.parse()?, "echo".to_owned()))?.out),
        "stages" => {
            let (acts, order) = serde_json::from_str(input)?;
            let output = stages::run(stages::Input::new(acts, order))?;
            json!({ "results": output.results, "done": output.done })
        }
        "merging" => json!(merging::run(merging::Input::new()).unwrap_err().to_string()),
        "listening" => {
            let acts = vec!["ok".to_owned(); 4];
            let listener =
                |event: &Event<'_>| assert!(!matches!(event, Event::AttemptFinished { .. }), "no more of this");
            json!(plain::builder().on_event(listener).run(plain::Input::new(acts)).unwrap_err().to_string())
        }
        "cancelling" => {
            // From within a listener, as soon as something runs.
            let token = CancellationToken::new();
            let cancel = token.clone();
            let listener = move |event: &Event<'_>| {
                if let Event::AttemptStarted { .. } = event {
                    cancel.cancel();
                }
            };
            let run = plain::builder().cancellation(token).on_event(listener);
            json!(run.run(plain::Input::new(vec!["spin".to_owned(); 4])).unwrap_err().to_string())
        }
        "heavy" => heavy::run(input.parse()?)?,
        "soak" => soaking::run(input.parse()?)?,
        "cheap" => {
            let (items, log) = serde_json::from_str(input)?;
            let output = cheap::run(cheap::Input::new(items, log))?;
            json!({ "done": output.done, "failed": output.failed })
        }
        "recycled" => json!(recycled::run(recycled::Input::new(input.parse()?))?.served),
        _ => return Err(format!("no flow {flow}").into()),
    })
}

/// Long text as its length.
fn brief((index, text): (usize, String)) -> (usize, String) {
    if text.len() < 1 << 20 { (index, text) } else { (index, format!("{} bytes", text.len())) }
}
