//! Many items, of which one in fifty goes wrong.

use std::{
    error::Error,
    fs,
    sync::{Arc, Mutex},
};

use rustix::process::{Signal, getpid, kill_process};
use serde_json::{Value, json};
use tea_runtime::{context::Context, event::Event};

use crate::{counts, soak};

/// Goes wrong at its first attempt if it is one in fifty: crashes, hangs, panics; or crashes at every attempt. Gives
/// the attempt.
pub(crate) fn soaked(item: usize, ctx: &Context) -> (usize, u32) {
    if item % 50 == 49 {
        match (item / 50) % 4 {
            0 if ctx.attempt() == 1 => drop(kill_process(getpid(), Signal::KILL)),
            1 if ctx.attempt() == 1 => loop {
                std::hint::spin_loop();
            },
            2 if ctx.attempt() == 1 => panic!("one in fifty"),
            3 => std::process::abort(),
            _ => {}
        }
    }
    (item, ctx.attempt())
}

/// Runs so many items. Tells what became of them, and what this process held on the way.
pub(crate) fn run(items: usize) -> Result<Value, Box<dyn Error>> {
    let samples = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&samples);
    let next = Mutex::new(0);
    let listener = move |event: &Event<'_>| {
        let Event::MapProgress { done, .. } = event else { return };
        let mut next = next.lock().expect("nobody panics");
        if *done >= *next {
            *next = done + (items as u64 / 20).max(1);
            let mut sample = counts::now();
            sample["done"] = json!(done);
            sample["resident"] = json!(resident());
            told.lock().expect("nobody panics").push(sample);
        }
    };
    let output = soak::builder().on_event(listener).run(soak::Input::new(items))?;
    let samples = std::mem::take(&mut *samples.lock().expect("nobody panics"));
    Ok(json!({ "done": output.done, "failed": output.failed, "samples": samples }))
}

/// Bytes of memory that this process has.
fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0_u64) * 4096
}
