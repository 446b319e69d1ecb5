//! Messages that the runtime itself prints to standard error, where no listener of the run is there to report them.
//!
//! Standard error may be closed, or its reader gone. Nothing but the text may be lost because of that, so errors are
//! ignored here, and the rest of the runtime writes to standard error only through this module (`eprintln!` panics on
//! errors).

use std::io::Write as _;

/// Writes one line.
pub(crate) fn line(text: std::fmt::Arguments<'_>) {
    // A single write, so that lines of several threads and processes are not mixed.
    let text = format!("{text}\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
}
