//! A program as `include_workflow!` makes it: the tests of its command line are in `tests/program.rs`.

use std::{collections::HashMap, io};

tea_runtime::include_workflow!("flow.yaml", warnings = false);

/// Stays out of the output: it is not `Serialize`.
struct Secret(usize);

fn count(text: &str, how: &str) -> io::Result<usize> {
    match how {
        "error" => Err(io::Error::other("there is nothing to count on")),
        "abort" => {
            eprintln!("about to abort");
            std::process::abort()
        }
        "loop" => loop {
            std::thread::park();
        },
        _ => Ok(text.split_whitespace().count()),
    }
}

fn letters(text: &str) -> HashMap<char, usize> {
    let mut letters = HashMap::new();
    for letter in text.chars().filter(|letter| letter.is_alphabetic()) {
        *letters.entry(letter).or_default() += 1;
    }
    letters
}
