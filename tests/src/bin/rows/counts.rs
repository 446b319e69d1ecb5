//! What a process holds.

use std::{fs, thread, time::Duration};

use serde_json::{Value, json};
use tests::process::{children, descriptors, threads};

/// What must be the same after a run as before.
pub(crate) fn counts() -> Value {
    // The engine's timer ends by itself, soon.
    for _ in 0..1000 {
        if fs::read_dir("/proc/self/task").map_or(0, Iterator::count) == 1 {
            break;
        }
        thread::sleep(Duration::from_millis(2));
    }
    now()
}

/// What it holds at this moment.
pub(crate) fn now() -> Value {
    let pid = std::process::id();
    json!({ "descriptors": descriptors(pid), "threads": threads(pid), "children": children(pid).len() })
}
