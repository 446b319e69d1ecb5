//! A program that takes and gives values of many types: the tests are in `tests/values.rs`.

use serde::{Serialize, Serializer, ser::Error};

tea_runtime::include_workflow!("flow.yaml");

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
