//! Nodes that wait for each other, leave something behind, or look at where they run.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use rayon::prelude::*;
use tea_runtime::context::Context;
use tests::{process::wait_for, trace};

use crate::DIES;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The leaves of a side that have started, in their order.
fn leaves(log: &Path, side: char) -> Vec<String> {
    let start = format!("start {side}");
    trace::lines(log).into_iter().filter(|line| line.starts_with(&start)).collect()
}

pub(crate) fn wait_for_leaves(log: &Path, side: char, count: usize) {
    wait_for(&format!("{count} leaves {side}"), || (leaves(log, side).len() >= count).then_some(()));
}

/// The first three on the left run until one on the right does. What they leave must serve the right: the fourth on the
/// left and the first three on the right end only once all of them run.
pub(crate) fn leaf(log: &Path, side: char, number: u32) -> io::Result<()> {
    let this = format!("start {side}{number}");
    trace::note(log, &this)?;
    let at = leaves(log, side).iter().position(|line| *line == this);
    wait_for_leaves(log, 'r', if side == 'l' && at < Some(3) { 1 } else { 3 });
    trace::note(log, &format!("end {side}{number}"))
}

pub(crate) fn says(number: u32) -> u32 {
    println!("branch {number} says so");
    number
}

pub(crate) fn floods(number: u32) -> io::Result<u32> {
    Command::new("sh").args(["-c", "yes | head -n 500000 >&2"]).status()?;
    Ok(number)
}

/// Starts something, and continues when that has begun.
pub(crate) fn with_helper(command: &str) -> io::Result<u32> {
    let begun = tempfile::NamedTempFile::new()?;
    Command::new("sh").args(["-c", command]).env("BEGUN", begun.path()).spawn()?;
    wait_for("the helper", || begun.path().metadata().is_ok_and(|file| file.len() > 0).then_some(()));
    Ok(7)
}

/// Item 20 ends its worker, once there is another; then no worker can be started any more, and the items after it wait
/// until the pool has given up to try.
pub(crate) fn aborts_once(log: &Path, item: u64) -> Result<u64, Failure> {
    let dies = PathBuf::from(std::env::var_os(DIES).ok_or("nowhere to note who died")?);
    trace::note(log, &std::process::id().to_string())?;
    let workers = || trace::lines(log).into_iter().collect::<BTreeSet<_>>().len();
    if item == 20 {
        wait_for("another worker", || (workers() > 1).then_some(()));
        trace::note(&dies, "begin")?;
        std::process::abort();
    }
    if item > 20 {
        let given_up = || trace::lines(&dies).iter().any(|line| line.contains("no more are started"));
        wait_for("a warning that no worker can be started", || given_up().then_some(()));
    }
    Ok(item)
}

/// The first item ends only when the others have come to a stop. With `retry` it fails then, and is tried again.
pub(crate) fn last_of_many(item: u64, retry: bool, ctx: &Context) -> Result<u64, Failure> {
    static OTHERS: AtomicU64 = AtomicU64::new(0);
    if item > 0 {
        OTHERS.fetch_add(1, Ordering::Relaxed);
        // Slow enough that it does not take the machine's memory before it is found that they do not stop.
        if OTHERS.load(Ordering::Relaxed) > 100_000_000 {
            return Err("they do not stop".into());
        }
        return Ok(item);
    }
    if ctx.attempt() == 1 {
        let mut before = 0;
        wait_for("the others to stop", || {
            thread::sleep(Duration::from_millis(500));
            let now = OTHERS.load(Ordering::Relaxed);
            (std::mem::replace(&mut before, now) == now).then_some(())
        });
        if retry {
            return Err("not yet".into());
        }
    }
    // That is all there was to see.
    eprintln!("{}", OTHERS.load(Ordering::Relaxed));
    std::process::exit(0)
}

/// Which thread this is, after a recursion as deep as the main thread allows.
pub(crate) fn trunk() -> String {
    deep(288);
    format!("{:?}", thread::current().id())
}

/// 8 KiB a level in optimised code, up to three times that in other: 2.3 to 7 MiB, of the 8 MiB of a main thread.
pub(crate) fn deep(levels: u64) -> u64 {
    let page = std::hint::black_box([levels; 1_024]);
    if levels == 0 { page[0] } else { deep(levels - 1) + page[1_023] }
}

pub(crate) fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

/// Waits in rayon while it holds a borrow of its thread. An item that began on top of it would find that.
pub(crate) fn measure(item: u64) -> u64 {
    thread_local! {
        static SCRATCH: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    }
    SCRATCH.with_borrow_mut(|scratch| {
        let part = |part| {
            thread::sleep(Duration::from_millis(part % 3));
            item + part
        };
        (0..16_u64).collect::<Vec<_>>().into_par_iter().map(part).collect_into_vec(scratch);
        scratch.iter().sum()
    })
}
