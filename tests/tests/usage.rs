//! The processor time and the peak memory of attempts: in workers, on threads, and on other hosts.
#![cfg(target_os = "linux")]

use std::{
    hint, io,
    num::NonZero,
    process::{self, Command},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tea_runtime::{ParallelFlowResult, event::Event};

tea_runtime::include_workflow!("usage.yaml", main = false);

/// What a busy branch uses; all else uses much less.
const BUSY: Duration = Duration::from_millis(120);
const MIB: u64 = 1 << 20;

/// Uses so much processor time, whatever else runs on the machine.
fn spin() -> u64 {
    let used = || clock_gettime(ClockId::ThreadCPUTime);
    let (start, limit) = (used(), i64::try_from(BUSY.as_nanos()).unwrap());
    let since = |start: rustix::time::Timespec| {
        let now = used();
        (now.tv_sec - start.tv_sec) * 1_000_000_000 + (now.tv_nsec - start.tv_nsec)
    };
    while since(start) < limit {
        hint::black_box((0..1000).sum::<u64>());
    }
    0
}

fn hold(mib: usize) -> u64 {
    let memory = hint::black_box(vec![1_u8; mib << 20]);
    u64::try_from(memory.len()).unwrap()
}

fn rest() -> u64 {
    thread::sleep(Duration::from_millis(20));
    0
}

/// A program that uses processor time.
fn start() -> io::Result<u64> {
    let script = "while [ $(awk '{ print $14 + $15 }' /proc/$$/stat) -lt 12 ]; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; done";
    Command::new("sh").args(["-c", script]).status().map(|_| 0)
}

/// Ends in a crash after it was busy, unless it would end the test with it.
fn fall() -> u64 {
    spin();
    if !IS_TEST.load(Ordering::Relaxed) {
        process::abort();
    }
    0
}

/// Whether this is the process of the test, and no worker.
static IS_TEST: AtomicBool = AtomicBool::new(false);

fn output(workers: usize, strategy: Option<&'static str>) -> usage::Output {
    IS_TEST.store(true, Ordering::Relaxed);
    let builder = usage::builder().max_workers(NonZero::new(workers).unwrap()).on_event(|_: &Event<'_>| ());
    let builder = if strategy.is_some() { builder.all_on_threads() } else { builder };
    let output = builder.run(usage::Input::new()).unwrap();
    assert!(output.told.iter().all(|result| result.success), "{:?}", output.told);
    output
}

#[test]
fn attempts_in_a_worker_tell_the_processor_time_and_the_memory_of_each() {
    // One worker runs all of them, one after the other.
    let output = output(1, None);
    let [busy, large, idle, starts, nested] = &output.told[..] else { panic!("{:?}", output.told) };
    let cpu = |result: &ParallelFlowResult| result.cpu.unwrap();
    let memory = |result: &ParallelFlowResult| result.peak_memory.unwrap();
    assert!(cpu(busy) >= BUSY && cpu(starts) >= BUSY, "{busy:?} {starts:?}");
    assert!(cpu(idle) < BUSY / 2, "{idle:?}");
    assert!(cpu(nested) >= BUSY * 2, "{nested:?}");
    assert!(memory(large) >= 64 * MIB, "{large:?}");
    // What a worker used that was lost. The system tells four times, each cut to a hundredth of a second; of its memory nothing is
    // known any more.
    let [lost] = &output.lost[..] else { panic!("{:?}", output.lost) };
    assert!(lost.cpu.unwrap() >= BUSY * 2 / 3 && lost.peak_memory.is_none(), "{lost:?}");
    // What came before does not count.
    assert!(memory(idle) < 64 * MIB && memory(starts) < 64 * MIB, "{idle:?} {starts:?}");
}

#[test]
fn an_attempt_on_a_thread_tells_the_processor_time_of_its_thread_and_no_memory() {
    let told = output(2, Some("thread")).told;
    let [busy, _, idle, ..] = &told[..] else { panic!("{told:?}") };
    assert!(busy.cpu.unwrap() >= BUSY && idle.cpu.unwrap() < BUSY / 2, "{told:?}");
    assert!(told.iter().all(|result| result.peak_memory.is_none()), "{told:?}");
}
