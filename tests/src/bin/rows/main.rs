//! Workflows whose branches misbehave as they are told: `rows FLOW JSON`. It prints what became of each branch, and the
//! counts of its descriptors, threads and children before and after.
#![forbid(unsafe_code)]

mod acts;

use std::{error::Error, fs};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tea_runtime::{include_workflow, result::ParallelFlowResult};

use self::acts::act;

include_workflow!("forty.yaml", main = false);
include_workflow!("limited.yaml", main = false);
include_workflow!("memory.yaml", main = false);
include_workflow!("nested.yaml", main = false);
include_workflow!("picky.yaml", main = false);
include_workflow!("plain.yaml", main = false);
include_workflow!("recycled.yaml", main = false);
include_workflow!("retry.yaml", main = false);
include_workflow!("single.yaml", main = false);
include_workflow!("small.yaml", main = false);
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

fn deeper(depth: u32) -> Result<String, tea_runtime::error::Error> {
    if depth == 0 { Ok(String::new()) } else { Ok(nested::run(nested::Input::new(depth - 1))?.out) }
}

fn main() -> Result<(), Box<dyn Error>> {
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
                    let output = $name::run($name::Input::new(serde_json::from_str(input)?))?;
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
        "nested" => json!(nested::run(nested::Input::new(input.parse()?))?.out),
        "recycled" => json!(recycled::run(recycled::Input::new(input.parse()?))?.pids),
        _ => return Err(format!("no flow {flow}").into()),
    })
}

/// Long text as its length.
fn brief((index, text): (usize, String)) -> (usize, String) {
    if text.len() < 1 << 20 { (index, text) } else { (index, format!("{} bytes", text.len())) }
}

/// What must be the same after a run as before.
fn counts() -> Value {
    // The engine's timer ends by itself, soon.
    for _ in 0..1000 {
        if fs::read_dir("/proc/self/task").map_or(0, Iterator::count) == 1 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let count = |directory: &str| fs::read_dir(directory).map_or(0, Iterator::count);
    let children = tests::process::children(std::process::id());
    json!({ "descriptors": count("/proc/self/fd"), "threads": count("/proc/self/task"), "children": children.len() })
}
