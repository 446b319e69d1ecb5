//! Draws bars on a terminal whose width may change at any time.
//!
//! indicatif fills its lines with spaces up to the width of the terminal, and clears as many lines as it has drawn. If the
//! terminal becomes narrower, it breaks such lines into several, and some of them stay on the screen for ever. Here no
//! line ends in spaces, and what is cleared is computed from the lengths of the lines and the current width.

use std::{
    fmt::Write as _,
    io,
    sync::{Mutex, PoisonError},
};

use console::measure_text_width;
use indicatif::TermLike;

/// A terminal for indicatif.
#[derive(Debug)]
pub(super) struct Terminal {
    /// Its columns and rows.
    size: fn() -> (u16, u16),
    write: fn(&str) -> io::Result<()>,
    drawing: Mutex<Drawing>,
}

#[derive(Debug, Default)]
struct Drawing {
    /// The lines that indicatif is drawing. Each is followed by the spaces that fill it.
    lines: Vec<String>,
    /// The next text is not a line, but fills one.
    fills: bool,
    /// The widths of the lines on the screen.
    shown: Vec<usize>,
}

impl Terminal {
    pub(super) fn new(size: fn() -> (u16, u16), write: fn(&str) -> io::Result<()>) -> Self {
        Self { size, write, drawing: Mutex::default() }
    }

    fn draw(&self, change: impl FnOnce(&mut Drawing)) {
        change(&mut self.drawing.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drawing {
    /// Replaces the lines on a screen of this width by the new ones.
    fn replace(&mut self, width: usize) -> String {
        let rows: usize = self.shown.iter().map(|shown| shown.div_ceil(width.max(1)).max(1)).sum();
        let mut text = String::new();
        match rows {
            0 => {}
            1 => text.push_str("\r\x1b[J"),
            _ => write!(text, "\r\x1b[{}A\x1b[J", rows - 1).expect("a string takes everything"),
        }
        self.shown = self.lines.iter().map(|line| measure_text_width(line)).collect();
        text += &std::mem::take(&mut self.lines).join("\r\n");
        text
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        (self.size)().0
    }

    fn height(&self) -> u16 {
        (self.size)().1
    }

    // The cursor is moved only when all is drawn.
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(|drawing| {
            if !drawing.fills {
                drawing.lines.push(text.trim_end().to_owned());
            }
            drawing.fills = !drawing.fills;
        });
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut text = String::new();
        self.draw(|drawing| {
            drawing.fills = false;
            text = drawing.replace(self.width().into());
        });
        (self.write)(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(lines: &[&str]) -> Drawing {
        Drawing { lines: lines.iter().map(|line| (*line).to_owned()).collect(), ..Drawing::default() }
    }

    #[test]
    fn lines_that_a_narrower_terminal_breaks_are_cleared_whole() {
        let mut drawing = drawing(&["123456789", "\x1b[36m1234\x1b[0m"]);
        assert_eq!(drawing.replace(10), "123456789\r\n\x1b[36m1234\x1b[0m");
        drawing.lines = vec!["1".to_owned()];
        // Of 9 characters, 4 fit on a row: that line takes three rows, and the other one.
        assert_eq!(drawing.replace(4), "\r\x1b[3A\x1b[J1");
        assert_eq!(drawing.replace(4), "\r\x1b[J");
        assert_eq!(drawing.replace(4), "");
    }
}
