//! What can be done with the values of common types, compiled once with this crate. A crate with a workflow compiles the
//! same for each of its other types, which is most of what rustc has to do for a small workflow.

use std::path::PathBuf;

use super::kind::{Cannot, CloneValue, Parse, Probe, ToJson, Wire};

/// What can be done with the values of a common type.
#[derive(Debug)]
pub struct Ready {
    clone: CloneValue,
    to_json: ToJson,
    wire: Wire,
    parse: Parse,
}

/// What is ready, else the type's own. Only references to what is ready leave this crate: rustc would compile its
/// functions again where they are named.
macro_rules! ready_or_own {
    ($($what:ident: $ty:ty, $about:literal;)*) => {
        impl Ready {
            $(#[doc = $about]
            #[must_use]
            pub const fn $what(ready: Option<&'static Self>, own: &'static Option<$ty>) -> Option<&'static $ty> {
                match ready {
                    Some(ready) => Some(&ready.$what),
                    None => own.as_ref(),
                }
            })*
        }
    };
}

ready_or_own! {
    clone: CloneValue, "See [`Kind::clone`](super::Kind::clone).";
    to_json: ToJson, "See [`Kind::to_json`](super::Kind::to_json).";
    wire: Wire, "See [`Kind::wire`](super::Kind::wire).";
    parse: Parse, "See [`Kind::parse`](super::Kind::parse).";
}

macro_rules! ready {
    ($($NAME:ident: $ty:ty;)*) => {
        $(static $NAME: Ready = Ready {
            clone: Probe::<$ty>::CLONE.expect("it is `Clone`"),
            to_json: Probe::<$ty>::TO_JSON.expect("it is `Serialize`"),
            // What serde says of these types is the whole value: there is nothing to compare.
            wire: Wire::new::<$ty>(),
            parse: Parse::best(
                [
                    Probe::<$ty>::FROM_PATH,
                    Probe::<$ty>::FROM_SOME_PATH,
                    Probe::<$ty>::FROM_PATHS,
                    Probe::<$ty>::FROM_SOME_PATHS,
                    Probe::<$ty>::FROM_STR,
                    Probe::<$ty>::FROM_TEXTS,
                ],
                [Probe::<$ty>::FROM_JSON, Probe::<$ty>::FROM_JSON_STR],
            )
            .expect("it can be read"),
        };

        impl Probe<$ty> {
            /// What is ready for the type.
            pub const READY: Option<&'static Ready> = Some(&$NAME);
        })*
    };
}

ready! {
    BOOL: bool;
    U32: u32;
    U64: u64;
    USIZE: usize;
    I32: i32;
    I64: i64;
    F64: f64;
    STRING: String;
    PATH: PathBuf;
    SOME_STRING: Option<String>;
    BYTES: Vec<u8>;
    FLOATS: Vec<f64>;
    STRINGS: Vec<String>;
    PATHS: Vec<PathBuf>;
}
