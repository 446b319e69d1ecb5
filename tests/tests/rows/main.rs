//! `faults.md`, row by row: what a pool of workers must withstand. Each test has its row's number in its name, here, in
//! `signals.rs`, and in the runtime's own tests (frames, and programs that are no workers): `cargo test row_` runs all.

mod ends;
mod limits;
mod parent;
mod pool;
mod soak;
mod streams;

use std::{process::Command, time::Duration};

use serde_json::Value;
use tests::{
    behave::GATE,
    process::{self, wait_for},
    program::{Finished, Program, Running},
};

const ROWS: &str = env!("CARGO_BIN_EXE_rows");

/// The end of a run whose branches did as `acts` say.
struct Run {
    output: Value,
    stderr: String,
}

fn program(flow: &str, acts: &[&str]) -> Program {
    Program::new(ROWS).arg(flow).arg(serde_json::to_string(acts).unwrap())
}

/// What runs the program in its first argument in a name space of its own, unless this machine does not let it.
fn name_space() -> Option<Program> {
    let unshare = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    if !Command::new("unshare").args(unshare).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("this machine cannot show it: no name spaces for this user");
        return None;
    }
    Some(unshare.into_iter().fold(Program::new("unshare"), Program::arg))
}

/// Two fan-outs, between which the program does as `order` says.
fn stages(acts: &[&str], order: &str) -> Program {
    Program::new(ROWS).arg("stages").arg(serde_json::to_string(&(acts, order)).unwrap())
}

/// The processes that a program has started, once there are so many.
fn workers(running: &Running, count: usize) -> Vec<u32> {
    wait_for("the workers", || Some(running.workers()).filter(|workers| workers.len() == count))
}

/// Runs it to its end, and makes sure that nothing is left of its workers in it.
fn run(flow: &str, acts: &[&str]) -> Run {
    finished(program(flow, acts).run())
}

fn finished(finished: Finished) -> Run {
    let json = finished.json();
    assert_eq!(json["before"], json["after"], "descriptors, threads and children are back where they were");
    assert_eq!(json["after"]["children"], 0);
    Run { output: json["output"].clone(), stderr: finished.stderr }
}

impl Run {
    fn branch(&self, index: usize) -> &Value {
        &self.output["results"][index]
    }

    fn error(&self, index: usize) -> &Value {
        let error = &self.branch(index)["error"];
        assert!(error.is_object(), "branch {index} fails: {}", self.branch(index));
        error
    }

    fn message(&self, index: usize) -> &str {
        self.error(index)["message"].as_str().unwrap()
    }

    fn done(&self, index: usize) -> &str {
        let done = self.output["done"].as_array().and_then(|done| done.iter().find(|done| done[0] == index));
        done.unwrap_or_else(|| panic!("branch {index} is done: {}", self.branch(index)))[1].as_str().unwrap()
    }

    fn exit(&self, index: usize) -> (&str, i64) {
        let exit = self.error(index)["exit"].as_object().unwrap().iter().next().unwrap();
        (exit.0, exit.1.as_i64().unwrap())
    }

    fn seconds(&self, index: usize) -> f64 {
        let elapsed = &self.branch(index)["elapsed"];
        elapsed["secs"].as_f64().unwrap() + elapsed["nanos"].as_f64().unwrap() / 1e9
    }

    /// All branches but these gave what a serial run gives.
    fn all_done_but(&self, failed: &[usize], count: usize) {
        for index in (0..count).filter(|index| !failed.contains(index)) {
            assert_eq!(self.branch(index)["success"], true, "{}", self.branch(index));
            assert_eq!(self.done(index), index.to_string());
        }
    }
}

fn forty(index: usize, act: &'static str) -> Vec<&'static str> {
    let mut acts = vec!["ok"; 40];
    acts[index] = act;
    acts
}
