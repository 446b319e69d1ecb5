//! A program that takes and gives values of many types: the tests are in `tests/values.rs`.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize, Serializer, ser::Error};

tea_runtime::include_workflow!("flow.yaml");

/// A newtype, as people have them.
#[derive(Serialize, Deserialize)]
struct Name(String);

/// Another name, which does not say that it may be absent.
type Maybe<T> = Option<T>;

/// The same within a newtype.
#[derive(Serialize, Deserialize)]
struct Level(Option<u8>);

/// Words, one with something in it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Fast,
    VeryExact,
    Within { percent: u8 },
}

/// A number that is not always written.
struct Picky(u32);

impl Serialize for Picky {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            1 => Err(S::Error::custom("one is too few")),
            4 => panic!("four is too many"),
            number => serializer.serialize_u32(number),
        }
    }
}
