//! Branches that go wrong in the way they are told to.

use std::{
    error::Error,
    io, panic,
    path::Path,
    process::{self, Command},
    sync::Arc,
    thread,
    time::Duration,
};

use rustix::process::Signal;

use crate::{process as processes, trace};

/// Any error.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Notes `NAME PID` in the log, then does what the orders say, one after the other (`; ` between them), and gives the
/// name. `until N ORDERS` counts attempts by the log and has nothing done from attempt `N` on.
///
/// - `fine`: nothing
/// - `error TEXT`
/// - `panic TEXT`, `panic-str`, `panic-any`, `panic-drop`: with a `String`, a `&str`, something else, while dropping
/// - `exit N`, `signal N`, `abort`, `overflow` (of the stack): ends the process
/// - `print TEXT`: on stdout and stderr, and from a child
/// - `wait PATH`: until there is such a file
/// - `hang`: sleeps for ever; `spin`: computes for ever
/// - `deaf`: ignores SIGTERM from now on
/// - `leave`: starts a sleeping grandchild that holds stderr
///
/// # Errors
/// `error`, or if the log cannot be written.
///
/// # Panics
/// `panic`, and orders that it does not know.
pub fn behave(log: &Path, name: &str, orders: &str) -> Result<String, Failure> {
    let attempt: usize = 1 + trace::lines(log).iter().filter(|line| line.split(' ').next() == Some(name)).count();
    trace::note(log, &format!("{name} {}", process::id()))?;
    let orders = match orders.strip_prefix("until ").and_then(|orders| orders.split_once(' ')) {
        Some((last, _)) if attempt >= last.parse()? => "fine",
        Some((_, orders)) => orders,
        None => orders,
    };
    orders.split("; ").try_for_each(obey)?;
    Ok(name.to_owned())
}

fn obey(order: &str) -> Result<(), Failure> {
    let (word, rest) = order.split_once(' ').unwrap_or((order, ""));
    match word {
        "fine" => {}
        "error" => return Err(rest.into()),
        "panic" => panic!("{rest}"),
        "panic-str" => panic::panic_any("a plain text"),
        "panic-any" => panic::panic_any(7_u8),
        "panic-drop" => drop(PanicsInDrop),
        "exit" => process::exit(rest.parse()?),
        "abort" => process::abort(),
        "signal" => {
            let signal = Signal::from_named_raw(rest.parse()?).ok_or("no such signal")?;
            // Again and again: the first SIGSEGV that is no real fault only takes Rust's own handler away.
            loop {
                processes::signal(process::id(), signal)?;
            }
        }
        "overflow" => println!("{}", deep(0)),
        "print" => print(rest)?,
        "wait" => processes::wait_for(rest, || Path::new(rest).exists().then_some(())),
        "hang" => hang(),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "deaf" => _ = signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::default())?,
        "leave" => drop(Command::new("sleep").arg("1000").spawn()?),
        _ => panic!("no order `{order}`"),
    }
    Ok(())
}

fn print(text: &str) -> io::Result<()> {
    println!("{text} on stdout");
    eprintln!("{text} on stderr");
    Command::new("echo").arg(format!("{text} from a child")).status()?;
    Ok(())
}

fn hang() -> ! {
    loop {
        thread::sleep(Duration::from_hours(1));
    }
}

/// Uses up the stack.
fn deep(level: u64) -> u64 {
    let page = std::hint::black_box([level; 512]);
    if page[0] == u64::MAX { 0 } else { deep(level + 1).max(page[511]) }
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("while dropping");
    }
}

/// Waits until the log says that `other` starts, then fails.
///
/// # Errors
/// Always.
pub fn fail_after(log: &Path, other: &str) -> Result<String, Failure> {
    let started = format!("{other} starts");
    processes::wait_for(&started, || trace::lines(log).contains(&started).then_some(()));
    Err("it had to be".into())
}

/// Notes its start and its end, and does not end before the log shows two that ran at once, and a while after that: a
/// third, if one may start, will be seen.
///
/// # Errors
/// If the log cannot be written.
pub fn meet(log: &Path, name: &str) -> io::Result<u32> {
    trace::note(log, &format!("start {name}"))?;
    processes::wait_for("another to run at once", || (trace::most_at_once(&trace::lines(log)) > 1).then_some(()));
    thread::sleep(Duration::from_millis(100));
    trace::note(log, &format!("end {name}"))?;
    Ok(process::id())
}

/// The variable of [`gate`].
pub const GATE: &str = "TEA_TESTS_GATE";

/// In a worker: waits for the file that [`GATE`] names, if it names one. Called before the worker's entry, it makes a
/// start last for as long as a test needs.
pub fn gate() {
    if let (Some(path), Ok(_)) = (std::env::var_os(GATE), std::env::var("TEA_WORKER")) {
        processes::wait_for("the gate to open", || Path::new(&path).exists().then_some(()));
    }
}
