//! Types: paths, generics, tuples, slices, arrays.

use super::{Cursor, MAX_DEPTH};

impl Cursor<'_> {
    pub(super) fn ty(&mut self) -> Option<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            b'(' => {
                self.at += 1;
                self.types(")")?;
            }
            b'[' => {
                self.at += 1;
                self.ty()?;
                if self.eat(";") {
                    self.peek();
                    let digits = self.run(|byte| byte.is_ascii_digit());
                    if digits.is_empty() {
                        return None;
                    }
                    self.at = digits.end;
                }
                self.eat("]").then_some(())?;
            }
            _ => {
                self.eat("::");
                self.ident()?;
                while self.eat("::") {
                    self.ident()?;
                }
                if self.eat("<") {
                    self.types(">")?;
                }
            }
        }
        self.depth -= 1;
        Some(())
    }

    fn types(&mut self, close: &str) -> Option<()> {
        while !self.eat(close) {
            self.ty()?;
            if !self.eat(",") {
                return self.eat(close).then_some(());
            }
        }
        Some(())
    }
}
