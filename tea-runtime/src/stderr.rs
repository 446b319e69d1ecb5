//! What the runtime itself says on standard error where no listener of the run says it better.
//!
//! Standard error may be closed, or its reader gone: that must not cost anything but the text, so errors are ignored
//! here, and nothing else in the runtime writes there (`eprintln!` panics on errors).

use std::io::Write as _;

/// Writes one line.
pub(crate) fn line(text: std::fmt::Arguments<'_>) {
    // One write, so that lines of several threads and processes do not mix.
    let text = format!("{text}\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
}
