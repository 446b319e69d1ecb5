//! A program with failures of every kind, and a `main` of its own: the tests are in `tests/failing.rs`.

use std::{
    error::Error,
    fmt,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use tea_runtime::{ItemFailure, event::Event, permanent};

tea_runtime::include_workflow!("flow.yaml", main = false);

fn main() -> ExitCode {
    tea_runtime::init();
    if std::env::args().nth(1).as_deref() == Some("sub") {
        let args = std::env::args_os().skip(2);
        return failing::main_from(std::iter::once("failing sub".into()).chain(args));
    }
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    let code = failing::cli(move |builder| {
        builder.on_event(move |event| {
            if matches!(event, Event::MapFinished { .. }) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    // Nobody may be left to read it.
    let _ = writeln!(io::stderr(), "maps heard of: {}", heard.load(Ordering::Relaxed));
    code
}

/// An item that shows what it is.
#[derive(Serialize, Deserialize)]
struct Table {
    file: String,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {}", self.file)
    }
}

/// Writes to standard error, and again when the file is there, as soon as that is possible.
fn complain(signal: &Path) {
    eprintln!("first");
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end && (!signal.exists() || writeln!(io::stderr(), "second").is_err()) {
        thread::yield_now();
    }
    eprintln!("third");
}

/// An error that is its own cause, or has no text.
#[derive(Debug)]
struct Odd(bool);

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(self.0, "no such text");
        f.write_str("bad")
    }
}

impl Error for Odd {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}

fn odd(item: usize, how: &str) -> Result<usize, Odd> {
    match item {
        1 if how != "nothing" => Err(Odd(true)),
        2 if how != "nothing" => Err(Odd(false)),
        _ => Ok(item),
    }
}
