//! A program that holds much memory, and starts workers.

use std::{
    error::Error,
    fs,
    hint::black_box,
    num::NonZero,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tea_runtime::event::Event;

use crate::retry;

const PAGE: usize = 4096;

/// Holds so many mebibytes, loses a worker and has another started. Tells how many page faults it costs to write to all
/// of that memory again (after a fork, one for every page), and how long the workers took to start.
pub(crate) fn run(mebibytes: usize) -> Result<Value, Box<dyn Error>> {
    rustix::thread::disable_transparent_huge_pages(true)?;
    let mut memory = vec![1_u8; mebibytes << 20];
    let starts = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&starts);
    let listener = move |event: &Event<'_>| {
        if let Event::WorkerStarted { elapsed, .. } = event {
            told.lock().expect("nobody panics").push(*elapsed);
        }
    };
    let acts = (0..40).map(|n| if n == 5 { "kill-once" } else { "ok" }.to_owned()).collect();
    touch(&mut memory);
    let before = faults()?;
    // With one worker, which is lost, there must be another.
    retry::builder().max_workers(NonZero::<usize>::MIN).on_event(listener).run(retry::Input::new(acts))?;
    let own = faults()?;
    touch(&mut memory);
    let after = faults()?;
    let mut starts: Vec<_> = starts.lock().expect("nobody panics").iter().map(Duration::as_secs_f64).collect();
    starts.sort_by(f64::total_cmp);
    Ok(json!({ "pages": memory.len() / PAGE, "run": own - before, "touch": after - own, "starts": starts }))
}

fn touch(memory: &mut [u8]) {
    for page in memory.chunks_mut(PAGE) {
        page[0] = black_box(page[0].wrapping_add(1));
    }
}

/// Page faults of this process so far, without those that had to wait for a disk.
fn faults() -> Result<u64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').ok_or("a name in parentheses")?.1;
    Ok(fields.split_whitespace().nth(7).ok_or("a tenth field")?.parse()?)
}
