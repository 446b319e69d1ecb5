//! Values whose traits panic, count, or cannot be copied.

use std::{error::Error, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// It cannot be copied.
#[derive(Serialize)]
pub(crate) struct Tally(pub(crate) u64);

impl Tally {
    #[expect(clippy::needless_pass_by_value, reason = "the signature of reducers")]
    pub(crate) fn merge(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

/// Much, which says each time that it is written.
pub(crate) struct Table;

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        eprintln!("it is written");
        serializer.serialize_bytes(&[7; 10_000])
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom("nobody gets it"))
    }
}

/// An error without a text.
#[derive(Debug)]
pub(crate) struct Code(bool);

impl fmt::Display for Code {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no such text")
    }
}

impl Error for Code {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        assert!(!self.0, "no such source");
        None
    }
}

/// Fails for number 1 if it is meant.
pub(crate) fn call(how: &str, place: &str, number: u32) -> Result<u32, Code> {
    if number == 1 && how.split(' ').next() == Some(place) { Err(Code(how.ends_with("source"))) } else { Ok(number) }
}

pub(crate) fn list(how: &str) -> Result<Vec<u32>, Code> {
    call(how, "items", 1)?;
    Ok(vec![0, 1, 2])
}

/// Cannot be added, if so.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Sum(pub(crate) bool);

impl Sum {
    #[expect(clippy::needless_pass_by_value, reason = "the signature of reducers")]
    pub(crate) fn plus(self, other: Self) -> Self {
        assert!(!self.0 && !other.0, "no such sum");
        self
    }
}

/// Panics when it is dropped, if so.
pub(crate) struct Bomb(pub(crate) bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0, "it went off");
    }
}

/// A number that panics at text.
#[derive(Clone, Serialize)]
pub(crate) struct Number(pub(crate) u32);

impl FromStr for Number {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        assert!(text.starts_with(|first: char| first.is_ascii_digit()), "no such number");
        text.parse().map(Self)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
