//! Standard error, shared by the bars of `--progress` and all other messages.

use std::io::{self, IsTerminal};

use anstream::AutoStream;
#[cfg(unix)]
use anstream::{ColorChoice, adapter::strip_str};
use indicatif::{MultiProgress, ProgressDrawTarget};

#[cfg(unix)]
use super::output;
use super::terminal::Terminal;

/// Writes to standard error. It is cheap to clone. Text that cannot be written is lost, because there is nowhere else
/// to report it.
#[derive(Debug, Clone)]
pub(super) struct Console {
    bars: MultiProgress,
    has_bars: bool,
}

impl Console {
    /// Standard error without bars.
    pub(super) fn plain() -> Self {
        Self { bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()), has_bars: false }
    }

    /// Standard error, a terminal, with room for bars.
    pub(super) fn with_bars() -> Self {
        Self { bars: MultiProgress::with_draw_target(terminal()), has_bars: true }
    }

    /// Takes the bars away until the returned value is dropped, so that they do not meet what somebody types.
    pub(super) fn without_bars(&self) -> impl Drop + '_ {
        struct Silent<'a>(&'a Console);
        impl Drop for Silent<'_> {
            fn drop(&mut self) {
                if self.0.has_bars {
                    self.0.bars.set_draw_target(terminal());
                }
            }
        }
        if self.has_bars {
            let _ = self.bars.clear();
            self.bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        Silent(self)
    }

    /// The bars.
    pub(super) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Writes text above the bars: complete lines with their line ends. Colors are dropped if they cannot be displayed.
    pub(super) fn print(&self, text: &str) {
        self.bars.suspend(|| {
            let _ = write(text);
        });
    }
}

/// Where bars are drawn.
fn terminal() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(Terminal::new(size, write)), 10)
}

#[cfg(unix)]
fn write(text: &str) -> io::Result<()> {
    let stderr = io::stderr().lock();
    match AutoStream::choice(&stderr) {
        ColorChoice::Never => output::write_whole(stderr, strip_str(text).to_string().as_bytes()),
        _ => output::write_whole(stderr, text.as_bytes()),
    }
}

#[cfg(windows)]
fn write(text: &str) -> io::Result<()> {
    // The console may not support escape sequences.
    io::Write::write_all(&mut AutoStream::auto(io::stderr().lock()), text.as_bytes())
}

/// The columns and rows of standard error.
fn size() -> (u16, u16) {
    const USUAL: (u16, u16) = (80, 24);
    #[cfg(unix)]
    let size = rustix::termios::tcgetwinsize(io::stderr()).map(|size| (size.ws_col, size.ws_row)).ok();
    #[cfg(windows)]
    let size = None;
    size.filter(|(columns, rows)| *columns > 0 && *rows > 0).unwrap_or(USUAL)
}

/// The width of standard error in columns.
pub(super) fn width() -> u16 {
    size().0
}

/// Whether standard error is a terminal that can redraw lines.
pub(super) fn is_terminal() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
