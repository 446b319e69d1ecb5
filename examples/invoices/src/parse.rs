//! The notation of invoices: words and lists in parentheses, as in `(invoice (customer Ada) (line 2 9.50 EUR))`.

use std::{fmt, fs, path::Path};

use serde::{Deserialize, Serialize};

/// A word or a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Node {
    /// Anything without blanks and parentheses.
    Word(String),
    /// What is between parentheses.
    List(Vec<Self>),
}

/// Why a text is not in this notation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError(String);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseError {}

/// Reads a file.
///
/// # Errors
/// If it cannot be read, or is not in this notation.
pub fn file(path: &Path) -> Result<Node, Box<dyn std::error::Error + Send + Sync>> {
    Ok(text(&fs::read_to_string(path)?)?)
}

/// Reads a text.
///
/// # Errors
/// If it is not in this notation.
pub fn text(text: &str) -> Result<Node, ParseError> {
    let mut words = Words { rest: text };
    let node = words.node()?;
    if words.rest.trim().is_empty() { Ok(node) } else { Err(ParseError("there is more after the invoice".to_owned())) }
}

struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    /// It calls itself for each list in a list, however many there are.
    fn node(&mut self) -> Result<Node, ParseError> {
        self.rest = self.rest.trim_start();
        if let Some(rest) = self.rest.strip_prefix('(') {
            self.rest = rest;
            let mut list = Vec::new();
            loop {
                self.rest = self.rest.trim_start();
                match self.rest.strip_prefix(')') {
                    Some(rest) => {
                        self.rest = rest;
                        return Ok(Node::List(list));
                    }
                    None => list.push(self.node()?),
                }
            }
        }
        let end = self.rest.find(|char: char| char.is_whitespace() || char == '(' || char == ')');
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if word.is_empty() {
            return Err(ParseError("a `)` is missing or too many".to_owned()));
        }
        self.rest = rest;
        Ok(Node::Word(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_words_and_lists() {
        let word = |text: &str| Node::Word(text.to_owned());
        let line = Node::List(vec![word("line"), word("2")]);
        assert_eq!(text(" (invoice (line 2)\n) "), Ok(Node::List(vec![word("invoice"), line])));
        for wrong in ["", "(", "(a", ")", "(a))", "a b"] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }
}
