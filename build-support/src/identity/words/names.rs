//! Names in sources, by number.

use std::collections::HashMap;

/// A name in sources, by its number.
pub(in crate::identity) type Name = u32;

/// The names in sources.
#[derive(Debug, Default)]
pub(in crate::identity) struct Names {
    numbers: HashMap<String, Name>,
    words: Vec<String>,
}

impl Names {
    /// The number of a name.
    pub(in crate::identity) fn number(&mut self, name: &str) -> Name {
        let name = name.strip_prefix("r#").unwrap_or(name);
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = Name::try_from(self.numbers.len()).unwrap_or(Name::MAX);
        self.numbers.insert(name.to_owned(), number);
        self.words.push(name.to_owned());
        number
    }

    /// The number of names.
    pub(in crate::identity) fn len(&self) -> usize {
        self.words.len()
    }

    /// A name.
    pub(in crate::identity) fn word(&self, name: Name) -> &str {
        self.words.get(name as usize).map_or("", String::as_str)
    }

    /// The number of a name, if it is somewhere in the sources.
    pub(in crate::identity) fn get(&self, name: &str) -> Option<Name> {
        self.numbers.get(name.strip_prefix("r#").unwrap_or(name)).copied()
    }
}
