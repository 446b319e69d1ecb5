//! The names of fields and variants that were written, so that each is written once.

use std::collections::HashMap;

/// How many names are looked through one by one.
const FEW: usize = 8;

/// The names that were written, with their numbers.
#[derive(Default)]
pub(super) struct Names {
    known: Vec<Known>,
    /// The one that came last.
    last: usize,
    numbers: HashMap<&'static str, usize>,
}

struct Known {
    name: &'static str,
    /// Which one came after it.
    next: usize,
}

impl Names {
    /// The number of a name that was there before; else it gets the next one.
    pub(super) fn number(&mut self, name: &'static str) -> Option<u64> {
        // Rows have their names in the same order, one after the other.
        let expected = self.known.get(self.last).map_or(0, |last| last.next);
        if self.known.get(expected).is_some_and(|known| std::ptr::eq(known.name, name)) {
            self.last = expected;
            return Some(expected as u64);
        }
        let found = if self.known.len() <= FEW {
            self.known.iter().position(|known| known.name == name)
        } else {
            self.numbers.get(name).copied()
        };
        let number = found.unwrap_or(self.known.len());
        if let Some(last) = self.known.get_mut(self.last) {
            last.next = number;
        }
        self.last = number;
        if found.is_none() {
            self.known.push(Known { name, next: 0 });
            if self.known.len() == FEW + 1 {
                self.numbers.extend(self.known.iter().zip(0..).map(|(known, number)| (known.name, number)));
            } else if self.known.len() > FEW {
                self.numbers.insert(name, number);
            }
        }
        found.map(|number| number as u64)
    }
}
