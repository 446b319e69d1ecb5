//! The output of a worker on its standard error (and output). The last lines are kept.

use std::{collections::VecDeque, io::Read, process::ChildStderr};

/// The number of lines that are kept for the failure of the task that runs when the worker is lost.
const KEPT: usize = 20;

/// The maximum number of bytes that are read in one turn, so that others do not have to wait too long.
const TURN: usize = 64 << 10;

/// The length at which a line is cut.
const LONGEST: usize = 8 << 10;

/// The reading end of a worker's standard error.
#[derive(Debug)]
pub(crate) struct Output {
    pipe: Option<ChildStderr>,
    partial: Vec<u8>,
    last: VecDeque<String>,
    /// The number of lines in the last read, which may belong to the next task.
    fresh: usize,
}

impl Output {
    /// Reads from `pipe`, which must be non-blocking.
    pub(crate) fn new(pipe: ChildStderr) -> Self {
        Self { pipe: Some(pipe), partial: Vec::new(), last: VecDeque::new(), fresh: 0 }
    }

    /// The pipe, until it has ended.
    pub(crate) fn pipe(&self) -> Option<&ChildStderr> {
        self.pipe.as_ref()
    }

    /// Reads what is available, at most [`TURN`] bytes, and passes each line to `tell`.
    pub(crate) fn read(&mut self, mut tell: impl FnMut(&str)) {
        let mut chunk = [0; 8 << 10];
        let mut left = TURN;
        self.fresh = 0;
        while let Some(pipe) = self.pipe.as_mut().filter(|_| left > 0) {
            match pipe.read(&mut chunk) {
                Ok(0) => self.pipe = None,
                Ok(read) => {
                    left = left.saturating_sub(read);
                    self.take(&chunk[..read], &mut tell);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(_) => self.pipe = None,
            }
        }
    }

    /// Called when the task has ended. An incomplete line is reported as it is, and the next lines belong to the next
    /// task. Lines that were read together with the end may belong to it too, so they are kept.
    pub(crate) fn turn(&mut self, mut tell: impl FnMut(&str)) {
        if !self.partial.is_empty() {
            self.line(&mut tell);
        }
        self.last.drain(..self.last.len() - self.fresh);
    }

    /// The last lines since the last [`turn`](Self::turn).
    pub(crate) fn last_lines(&mut self, mut tell: impl FnMut(&str)) -> Vec<String> {
        if !self.partial.is_empty() {
            self.line(&mut tell);
        }
        self.last.iter().cloned().collect()
    }

    fn take(&mut self, bytes: &[u8], tell: &mut impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LONGEST - self.partial.len();
            self.partial.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") || self.partial.len() == LONGEST {
                self.line(tell);
            }
        }
    }

    fn line(&mut self, tell: &mut impl FnMut(&str)) {
        let bytes = std::mem::take(&mut self.partial);
        let line = String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned();
        tell(&line);
        if is_frame(&line) {
            return;
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
        self.fresh = KEPT.min(self.fresh + 1);
    }
}

/// Whether this is a line of a Rust backtrace: `  12: name`, `      at file:1:2`. A hundred of them would displace the
/// message before them.
fn is_frame(line: &str) -> bool {
    let text = line.trim_start();
    let frame = text.split_once(": ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    text.len() < line.len() && (frame || text.starts_with("at "))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn output_of(script: &str) -> (Vec<String>, Vec<String>) {
        let mut child = Command::new("sh").args(["-c", script]).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = Output::new(child.stderr.take().unwrap());
        child.wait().unwrap();
        let mut told = Vec::new();
        output.read(|line| told.push(line.to_owned()));
        let last = output.last_lines(|line| told.push(line.to_owned()));
        assert!(output.pipe().is_none());
        (told, last)
    }

    #[test]
    fn lines_are_told_and_the_last_kept() {
        let (told, last) = output_of("for i in $(seq 30); do echo line $i; done >&2; printf 'no end' >&2");
        assert_eq!(told.len(), 31);
        assert_eq!(last.len(), KEPT);
        assert_eq!(last.last().unwrap(), "no end");
    }

    #[test]
    fn a_backtrace_does_not_push_out_its_message() {
        let (told, last) = output_of(
            "echo why >&2; for i in $(seq 30); do echo \"  $i: f\"; echo '   at f.rs:1'; done >&2; echo 7: x >&2",
        );
        assert_eq!(told.len(), 62);
        assert_eq!(last, ["why", "7: x"]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let (told, _) = output_of("head -c 20000 /dev/zero | tr '\\0' x >&2; echo >&2");
        assert_eq!(told.iter().map(String::len).max(), Some(LONGEST));
        assert!(told.len() >= 2);
    }
}
