//! Ctrl-C and similar signals: the first one cancels the run, the second one ends the program at once. Ctrl-Z also
//! stops the workers.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use signal_hook::consts::SIGINT;

use super::console::Console;
use crate::{
    cancel::CancellationToken,
    event::{Detail, Event, Listener},
    plan::{Plan, Site},
    timer, user_code,
};

/// How long a run may take to end after the grace period of its branches.
const SLACK: Duration = Duration::from_secs(2);

/// How long the program waits for its last message to be read before it ends.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// Whether a signal came.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupt {
    /// The first signal that came: 0 for none, [`OVER`] if none came before the run was over.
    first: Arc<AtomicI32>,
    /// Whether the nodes of `finally` run, which may take as long as they need.
    ending: Arc<AtomicBool>,
}

/// No signal.
const OVER: i32 = -1;

impl Interrupt {
    /// The first signal that came, if any.
    pub(super) fn signal(&self) -> Option<i32> {
        match self.first.load(Ordering::Acquire) {
            0 | OVER => None,
            signal => Some(signal),
        }
    }

    /// Records that the run is over and only its output is being written. A signal now ends the program at once.
    pub(super) fn run_is_over(&self) {
        let _ = self.first.compare_exchange(0, OVER, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// The exit status that shells report for a program that was ended by a signal.
pub(super) fn exit_status(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// Cancels `token` at the first signal. The program ends immediately at the second one, or if the run has not ended
/// after the grace period of every branch, because a node on a thread cannot be forced to end.
pub(super) fn watch(plan: &'static Plan, token: CancellationToken, console: Console) -> io::Result<Interrupt> {
    let interrupt = Interrupt::default();
    let seen = interrupt.clone();
    listen(move |signal| {
        if seen.first.compare_exchange(0, signal, Ordering::AcqRel, Ordering::Acquire).is_err() {
            std::process::exit(exit_status(signal).into());
        }
        let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
        token.cancel();
        end_after(longest_grace(plan).saturating_add(SLACK), signal, console.clone(), Arc::clone(&seen.ending));
        print(&console, format!("{name}: ending the branches; once more ends everything at once\n"));
    })?;
    Ok(interrupt)
}

/// Calls `interrupted` on a separate thread with every signal that asks the program to end.
#[cfg(unix)]
fn listen(interrupted: impl Fn(i32) + Send + 'static) -> io::Result<()> {
    use signal_hook::{
        consts::{SIGHUP, SIGTERM, SIGTSTP},
        iterator::Signals,
    };
    let ignored = ignored_signals();
    let wanted = [SIGINT, SIGTERM, SIGHUP, SIGTSTP].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
    let mut signals = Signals::new(wanted)?;
    std::thread::Builder::new().name("tea-signals".to_owned()).spawn(move || {
        user_code::forbid();
        for signal in signals.forever() {
            match signal {
                SIGTSTP => crate::process::pause(),
                _ => interrupted(signal),
            }
        }
    })?;
    Ok(())
}

#[cfg(windows)]
fn listen(interrupted: impl Fn(i32) + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(move || interrupted(SIGINT)).map_err(io::Error::other)
}

impl Listener for Interrupt {
    fn on_event(&self, event: &Event<'_>) {
        if let Event::RunEnding { .. } = event {
            self.ending.store(true, Ordering::Release);
        }
    }

    fn wants(&self) -> Detail {
        Detail::NONE
    }
}

fn end_after(limit: Duration, signal: i32, console: Console, ending: Arc<AtomicBool>) {
    let end = move || {
        if ending.load(Ordering::Acquire) {
            return;
        }
        let message = "error: the run did not end in time after the signal; it was left where it stood\n";
        // It is an error in either case: the message was printed, or nobody reads it.
        let _ = print(&console, message.to_owned()).recv_timeout(LAST_WORDS);
        std::process::exit(exit_status(signal).into());
    };
    timer::after(limit, Box::new(end));
}

/// Prints on a separate thread. Standard error may block (a stopped terminal, a pager that is not scrolled), and
/// neither the next signal nor a deadline may wait for that. The receiver is disconnected when the text has been
/// printed.
fn print(console: &Console, text: String) -> Receiver<()> {
    let (printing, printed) = channel();
    let console = console.clone();
    // If no thread can be started, the text is lost, which is better than waiting.
    let _ = std::thread::Builder::new().name("tea-signal-print".to_owned()).spawn(move || {
        console.print(&text);
        drop(printing);
    });
    printed
}

/// The longest grace period of the plan's branches.
fn longest_grace(plan: &Plan) -> Duration {
    let of_site = |site: &Site| match site {
        Site::Region(region) => region.tasks.iter().map(|task| task.config.grace).max(),
        Site::Map(map) => Some(map.config.grace),
    };
    plan.sites.iter().filter_map(of_site).max().unwrap_or_default()
}

/// The signals that were ignored when the program started, as under `nohup`, and remain ignored. Bit 0 is signal 1.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
