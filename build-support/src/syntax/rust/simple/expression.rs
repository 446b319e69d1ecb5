//! Statements and expressions.

use super::{Cursor, MAX_DEPTH};
use crate::syntax::rust::{
    Name,
    format::{self, Format},
};

/// Macros that take something else than expressions, or do not evaluate them.
const OTHER_MACROS: [&str; 2] = ["matches", "stringify"];

impl Cursor<'_> {
    /// `let name = …;`, expressions with `;`, and at the end one without.
    pub(super) fn statements(&mut self) -> Option<()> {
        while self.peek().is_some() {
            if self.eat_word("let") {
                self.eat_word("mut");
                let name = self.ident()?;
                if self.eat(":") {
                    self.ty()?;
                }
                self.eat("=").then_some(())?;
                self.expression()?;
                self.eat(";").then_some(())?;
                self.bound.push(&self.text[name]);
            } else {
                self.expression()?;
                if !self.eat(";") {
                    return Some(());
                }
            }
        }
        Some(())
    }

    /// `|a, b| …`, its first bar eaten.
    fn closure(&mut self) -> Option<()> {
        let outside = self.bound.len();
        while !self.eat("|") {
            self.eat("&");
            let name = self.ident()?;
            self.bound.push(&self.text[name]);
            if !self.eat(",") {
                self.eat("|").then_some(())?;
                break;
            }
        }
        self.expression()?;
        self.bound.truncate(outside);
        Some(())
    }

    /// The arguments of a macro `name`.
    fn macro_arguments(&mut self, name: &str) -> Option<()> {
        if OTHER_MACROS.contains(&name) {
            return None;
        }
        let close = match self.peek()? {
            b'(' => ")",
            b'[' => "]",
            _ => return None,
        };
        self.at += 1;
        let format = Format::of(name);
        let mut before = false;
        for number in 0.. {
            if self.eat(close) {
                break;
            }
            let start = self.at;
            self.expression()?;
            let argument = self.text[start..self.at].trim_start();
            let start = self.at - argument.len();
            let place = start..start + argument.trim_end().len();
            let literal = &self.text[place.clone()];
            // A text that is an argument of its own.
            if literal.starts_with('"') && literal[1..].find('"') == Some(literal.len() - 2) {
                if format.is_at(number, before) {
                    for name in format::names(literal, place.start) {
                        self.read(name);
                    }
                }
                before = true;
            }
            if !self.eat(",") {
                return self.eat(close).then_some(());
            }
        }
        Some(())
    }

    fn read(&mut self, name: Name) {
        if !self.bound.contains(&name.word.as_str()) {
            self.names.push(name);
        }
    }

    pub(super) fn expression(&mut self) -> Option<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        // A closure takes all that follows, up to a comma or the end.
        if self.eat("|") {
            if self.follows("|") {
                self.at += 1;
                self.expression()?;
            } else {
                self.closure()?;
            }
            self.depth -= 1;
            return Some(());
        }
        let mut compared = false;
        loop {
            self.operand()?;
            let comparison = ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|operator| self.eat(operator));
            if let Some(operator) = comparison {
                // Comparisons do not chain, and `<` may also open generics; `<<` and `>>` are not compared here.
                if compared || matches!(self.peek(), Some(b'<' | b'>' | b'=')) || operator == "<" && self.follows("-") {
                    return None;
                }
                compared = true;
            } else if self.eat("&&") || self.eat("||") {
                compared = false;
            } else if let Some(b'+' | b'-' | b'*' | b'/' | b'%') = self.peek() {
                self.at += 1;
                // A comment, or an assignment.
                if let Some(b'/' | b'*' | b'=') = self.text.as_bytes().get(self.at) {
                    return None;
                }
            } else {
                self.depth -= 1;
                return Some(());
            }
        }
    }

    fn operand(&mut self) -> Option<()> {
        while let Some(b'&' | b'!' | b'-' | b'*') = self.peek() {
            self.at += 1;
        }
        match self.peek()? {
            b'0'..=b'9' => {
                let digits = self.run(|byte| byte == b'_' || byte.is_ascii_digit());
                self.at = digits.end;
                // Fractions, exponents, suffixes, methods of numbers.
                let next = self.text.as_bytes().get(self.at).copied();
                if next.is_some_and(|byte| byte == b'.' || byte.is_ascii_alphabetic()) {
                    return None;
                }
            }
            b'"' => {
                self.at += 1;
                let content = self.run(|byte| !matches!(byte, b'"' | b'\\'));
                self.at = content.end;
                if !self.follows("\"") {
                    return None;
                }
                self.at += 1;
                // A suffix.
                if self.text[self.at..].starts_with(|char: char| char == '_' || char.is_alphanumeric()) {
                    return None;
                }
            }
            b'(' => self.arguments("(", ")")?,
            _ => self.path()?,
        }
        self.postfix()
    }

    fn path(&mut self) -> Option<()> {
        let place = self.ident()?;
        let mut is_name = true;
        while self.eat("::") {
            is_name = false;
            self.ident()?;
        }
        match self.peek() {
            Some(b'(') => {}
            Some(b'!') if !self.follows("!=") => {
                self.at += 1;
                let name = &self.text[place];
                return is_name.then_some(()).and_then(|()| self.macro_arguments(name));
            }
            _ if is_name => self.read(Name { word: self.text[place.clone()].to_owned(), place, assigned: false }),
            _ => {}
        }
        Some(())
    }

    fn postfix(&mut self) -> Option<()> {
        loop {
            match self.peek() {
                Some(b'?') => self.at += 1,
                Some(b'(') => self.arguments("(", ")")?,
                Some(b'[') => {
                    self.at += 1;
                    self.expression()?;
                    if !self.eat("]") {
                        return None;
                    }
                }
                Some(b'.') => {
                    self.at += 1;
                    self.ident()?;
                    if self.peek() == Some(b':') {
                        return None;
                    }
                }
                _ => return Some(()),
            }
        }
    }

    fn arguments(&mut self, open: &str, close: &str) -> Option<()> {
        self.eat(open).then_some(())?;
        while !self.eat(close) {
            self.expression()?;
            if !self.eat(",") {
                return self.eat(close).then_some(());
            }
        }
        Some(())
    }
}
