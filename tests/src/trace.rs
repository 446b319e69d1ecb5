//! A log of what ran when, written by many processes at once and read by the test afterwards.

use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
};

/// Adds a line. Lines of different processes never mix: a short write to a file opened for appending is one step.
///
/// # Errors
/// If the file cannot be written.
pub fn note(log: &Path, line: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(log)?.write_all(format!("{line}\n").as_bytes())
}

/// The lines of a log, in the order in which they were written; none if there is no file.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn lines(log: &Path) -> Vec<String> {
    match fs::read_to_string(log) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{}: {error}", log.display());
            Vec::new()
        }
    }
}

/// Where each line is.
///
/// # Panics
/// If a line occurs twice.
#[must_use]
pub fn order(lines: &[String]) -> HashMap<&str, usize> {
    let mut order = HashMap::new();
    for (place, line) in lines.iter().enumerate() {
        assert!(order.insert(line.as_str(), place).is_none(), "`{line}` occurs twice");
    }
    order
}

/// How many ran at once at the most, by the lines `start …` and `end …`.
#[must_use]
pub fn most_at_once(lines: &[String]) -> usize {
    let (mut running, mut most) = (0, 0);
    for line in lines {
        if line.starts_with("start ") {
            running += 1;
            most = most.max(running);
        } else if line.starts_with("end ") {
            running -= 1;
        }
    }
    most
}
