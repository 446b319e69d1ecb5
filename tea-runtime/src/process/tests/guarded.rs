//! The supervisor's thread: what it holds comes back whatever happens to it, and it runs none of the user's Rust.

use std::{
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    time::Duration,
};

use super::kit::{CONFIG, Sent, new_run_with, send, send_of};
use crate::{
    event::{Event, Events, Listener},
    executor::{
        ParallelExecutor,
        message::{Message, Pulled},
    },
    failure::FailureKind,
    process::ProcessExecutor,
};

#[test]
fn a_panic_of_the_supervisor_is_a_failure_of_what_it_held_and_of_what_comes_later() {
    crate::panic::set_hook(false);
    let executor = ProcessExecutor::new(1);
    let running = send(&executor, &CONFIG, "spin");
    running.wait_until_it_runs();
    let waiting = send(&executor, &CONFIG, "echo");
    executor.pool().panic();
    let text = "the thread that looks after worker processes panicked: a defect";
    let failed = |sent: &Sent| {
        let failure = sent.failure();
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Transport, text));
    };
    failed(&running);
    failed(&waiting);
    failed(&send(&executor, &CONFIG, "echo later"));
    // It has nothing left to wait for.
    executor.close();
}

/// Says on which thread it was dropped.
struct Dropped(Sender<Option<String>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(std::thread::current().name().map(str::to_owned));
    }
}

impl Listener for Dropped {
    fn on_event(&self, _: &Event<'_>) {}
}

/// A unit that nobody waits for any more: its outcome, and with it the run, are let go by the supervisor.
#[test]
fn what_the_supervisor_is_the_last_to_hold_is_dropped_elsewhere() {
    let (tell, told) = channel();
    let executor = ProcessExecutor::new(1);
    let run = new_run_with(Events::new(vec![Arc::new(Dropped(tell.clone()))]));
    let sent = send_of(&run, &executor, &CONFIG, "wait");
    sent.wait_until_it_runs();
    let messages =
        Message::Pulled(Pulled { source: Some(Box::new(Endless(Dropped(tell)))), batch: None, failure: None });
    sent.fan_out.queue.push(messages, false);
    let Sent { cancel, fan_out, heard } = sent;
    drop((run, fan_out, heard));
    cancel.cancel();
    for _ in 0..2 {
        let thread = told.recv_timeout(Duration::from_mins(1)).unwrap().unwrap();
        assert!(thread.starts_with("tea-") && thread != "tea-supervisor", "{thread}");
    }
}

/// Items that nobody asked for.
struct Endless(#[expect(dead_code, reason = "it is there to be dropped")] Dropped);

impl crate::map::Source for Endless {
    fn next(&mut self, _: usize) -> Option<Box<dyn crate::map::Batch>> {
        None
    }

    fn total(&self) -> Option<usize> {
        None
    }

    fn is_plain(&self) -> bool {
        true
    }
}
