//! What can be done with the values of a Rust type. Generated code holds one [`Kind`] a distinct type.
//!
//! Most of it is optional: a type is asked for nothing that its keys do not need. Whether a type can do something is
//! found by [`Probe`] at compile time.

use std::{
    any::TypeId,
    ffi::{OsStr, OsString},
    fmt::{Debug, Display},
    io::Write,
    marker::PhantomData,
    str::FromStr,
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    json,
    key::Value,
    ready::Ready,
    stored,
    text::{self, Given, Shape},
    wire::{self, Compare},
};

/// Copies a value.
pub type CloneValue = fn(&Value) -> Value;
/// Writes a value as JSON on one line: structs in declared order, maps sorted.
pub type ToJson = fn(&Value, &mut dyn Write) -> serde_json::Result<()>;
/// Writes a value for people.
pub type ShowValue<T> = fn(&T, &mut std::fmt::Formatter<'_>) -> std::fmt::Result;
/// Reads a value from what the command line gives for it; the error is a sentence.
pub type FromTexts = fn(Given<'_>) -> Result<Value, String>;
/// Reads a value from JSON; the error is a sentence.
pub type FromJson = fn(&str) -> Result<Value, String>;

/// What can be done with the values of one Rust type.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The type as the workflow file writes it.
    pub name: &'static str,
    /// Identifies the type.
    pub id: fn() -> TypeId,
    /// Copies a value, where the type is `Clone`.
    pub clone: Option<&'static CloneValue>,
    /// Writes a value as JSON on one line, where the type is `Serialize`; for types of keys that are part of the output.
    pub to_json: Option<&'static ToJson>,
    /// To and from bytes; only for types of keys that cross a process edge or are recorded.
    pub wire: Option<&'static Wire>,
    /// From what a caller writes; for types of inputs, where they are `FromStr` or `Deserialize`.
    pub parse: Option<&'static Parse>,
}

impl Kind {
    /// The type `T`, of which nothing else is known.
    #[must_use]
    pub const fn of<T: 'static>(name: &'static str) -> Self {
        Self { name, id: TypeId::of::<T>, clone: None, to_json: None, wire: None, parse: None }
    }
}

/// To and from bytes.
#[derive(Debug, Clone, Copy)]
pub struct Wire {
    /// The bytes of a value as they lie in memory, if those are what `encode` would append.
    pub in_place: fn(&Value) -> Option<&[u8]>,
    /// Appends the bytes of a value.
    pub encode: fn(&Value, &mut Vec<u8>) -> Result<(), String>,
    /// Reads a value; all bytes must be used.
    pub decode: fn(&[u8]) -> Result<Value, String>,
}

impl Wire {
    /// The codec of `T`.
    #[must_use]
    pub const fn new<T: Serialize + DeserializeOwned + Send + Sync + 'static>() -> Self {
        Self {
            in_place: |value| wire::in_place(get::<T>(value)),
            encode: |value, buffer| wire::encode(get::<T>(value), buffer),
            decode: |bytes| Ok(Arc::new(wire::decode::<T>(bytes)?)),
        }
    }

    /// The codec of a type: the best of what [`Probe`] found, if values of the type `cross` at all.
    #[must_use]
    pub const fn best(cross: Option<Self>, found: [Option<Self>; 3]) -> Option<Self> {
        match found {
            [Some(wire), ..] | [None, Some(wire), _] | [None, None, Some(wire)] if cross.is_some() => Some(wire),
            _ => cross,
        }
    }
}

/// From what a caller writes.
#[derive(Debug, Clone, Copy)]
pub struct Parse {
    /// From what the command line gives.
    pub texts: FromTexts,
    /// From an entry of an `--input` file.
    pub json: FromJson,
    /// What the texts look like, as far as the type's `Deserialize` can tell.
    shape: fn() -> Shape,
    /// The texts are read by `FromStr`, which may take anything.
    from_str: bool,
}

/// `Probe::<T>::CLONE` is `Some` exactly if `T` is `Clone`, and so on: the inherent constant is taken where its bounds
/// hold, the one of [`Cannot`] otherwise. Works for concrete types only, so it is used through the `kind!` macro.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

/// What [`Probe`] finds where the type can not.
pub trait Cannot<T> {
    /// What is compiled already, for common types.
    const READY: Option<&'static Ready> = None;
    /// `Debug`.
    const DEBUG: Option<ShowValue<T>> = None;
    /// See [`Kind::clone`].
    const CLONE: Option<CloneValue> = None;
    /// To and from bytes, for a type of which `PartialEq` tells whether all of a value has arrived.
    const WIRE_EQUAL: Option<Wire> = None;
    /// To and from bytes, for a type of which `Debug` tells it.
    const WIRE_SHOWN: Option<Wire> = None;
    /// To and from bytes, for a type that has both.
    const WIRE_BOTH: Option<Wire> = None;
    /// See [`Kind::to_json`].
    const TO_JSON: Option<ToJson> = None;
    /// From a flag's text, whatever its bytes.
    const FROM_PATH: Option<Texts> = None;
    /// From a flag's text, whatever its bytes, for what may be absent.
    const FROM_SOME_PATH: Option<Texts> = None;
    /// From a flag's texts, whatever their bytes.
    const FROM_PATHS: Option<Texts> = None;
    /// From a flag's texts, whatever their bytes, for what may be absent.
    const FROM_SOME_PATHS: Option<Texts> = None;
    /// From a flag's text, by `FromStr`.
    const FROM_STR: Option<Texts> = None;
    /// From a flag's texts, by `Deserialize`.
    const FROM_TEXTS: Option<Texts> = None;
    /// From JSON, by `Deserialize`.
    const FROM_JSON: Option<FromJson> = None;
    /// From a JSON string, by `FromStr`.
    const FROM_JSON_STR: Option<FromJson> = None;
}

/// A way to read a flag's texts, and what they look like.
pub type Texts = (FromTexts, fn() -> Shape);

impl<T> Cannot<T> for Probe<T> {}

impl<T: Debug> Probe<T> {
    /// `Debug`.
    pub const DEBUG: Option<ShowValue<T>> = Some(T::fmt);
}

impl<T: Clone + Send + Sync + 'static> Probe<T> {
    /// See [`Kind::clone`].
    pub const CLONE: Option<CloneValue> = Some(|value| Arc::new(get::<T>(value).clone()));
}

impl<T: Serialize + DeserializeOwned + PartialEq + Send + Sync + 'static> Probe<T> {
    /// To and from bytes, for a type of which `PartialEq` tells whether all of a value has arrived.
    pub const WIRE_EQUAL: Option<Wire> = Some(Wire {
        encode: |value, buffer| {
            wire::encode_compared(get::<T>(value), buffer, &Compare { equal: Some(T::eq), debug: None })
        },
        ..Wire::new::<T>()
    });
}

impl<T: Serialize + DeserializeOwned + Debug + Send + Sync + 'static> Probe<T> {
    /// To and from bytes, for a type of which `Debug` tells it.
    pub const WIRE_SHOWN: Option<Wire> = Some(Wire {
        encode: |value, buffer| {
            wire::encode_compared(get::<T>(value), buffer, &Compare { equal: None, debug: Some(shown) })
        },
        ..Wire::new::<T>()
    });
}

impl<T: Serialize + DeserializeOwned + PartialEq + Debug + Send + Sync + 'static> Probe<T> {
    /// To and from bytes, for a type that has both.
    pub const WIRE_BOTH: Option<Wire> = Some(Wire {
        encode: |value, buffer| {
            wire::encode_compared(get::<T>(value), buffer, &Compare { equal: Some(T::eq), debug: Some(shown) })
        },
        ..Wire::new::<T>()
    });
}

/// What `Debug` shows, on several lines, if so.
pub(crate) fn shown<T: Debug>(value: &T, lines: bool) -> String {
    if lines { format!("{value:#?}") } else { format!("{value:?}") }
}

impl<T: Serialize + 'static> Probe<T> {
    /// See [`Kind::to_json`].
    pub const TO_JSON: Option<ToJson> = Some(|value, to| json::write(get::<T>(value), to));
}

impl<T: From<OsString> + Send + Sync + 'static> Probe<T> {
    /// From a flag's text, whatever its bytes.
    pub const FROM_PATH: Option<Texts> =
        Some((|given| Ok(Arc::new(T::from(text::only(given.texts)?.clone()))), || Shape::Path));
}

impl<T: From<OsString> + Send + Sync + 'static> Probe<Option<T>> {
    /// From a flag's text, whatever its bytes, for what may be absent.
    pub const FROM_SOME_PATH: Option<Texts> =
        Some((|given| Ok(Arc::new(Some(T::from(text::only(given.texts)?.clone())))), || Shape::Path));
}

impl<T: From<OsString>, C: FromIterator<T> + IntoIterator<Item = T> + Send + Sync + 'static> Probe<C> {
    /// From a flag's texts, whatever their bytes.
    pub const FROM_PATHS: Option<Texts> = Some((|given| Ok(Arc::new(text::paths::<T, C>(given))), paths));
}

impl<T: From<OsString>, C: FromIterator<T> + IntoIterator<Item = T> + Send + Sync + 'static> Probe<Option<C>> {
    /// From a flag's texts, whatever their bytes, for what may be absent.
    pub const FROM_SOME_PATHS: Option<Texts> = Some((|given| Ok(Arc::new(Some(text::paths::<T, C>(given)))), paths));
}

fn paths() -> Shape {
    Shape::List(Box::new(Shape::Path))
}

impl<T: FromStr<Err: Display> + Send + Sync + 'static> Probe<T> {
    /// From a flag's text, by `FromStr`.
    pub const FROM_STR: Option<Texts> = Some((|given| from_str::<T>(utf8(text::only(given.texts)?)?), || Shape::Own));

    /// From a JSON string, by `FromStr`.
    pub const FROM_JSON_STR: Option<FromJson> = Some(|json| from_str::<T>(&json::read::<String>(json)?));
}

impl<T: DeserializeOwned + Send + Sync + 'static> Probe<T> {
    /// From JSON, by `Deserialize`.
    pub const FROM_JSON: Option<FromJson> = Some(|json| Ok(Arc::new(json::read::<T>(json)?)));

    /// From a flag's texts, by `Deserialize`.
    pub const FROM_TEXTS: Option<Texts> = Some((
        |Given { texts, each }| {
            let texts = texts.iter().map(|text| utf8(text)).collect::<Result<Vec<_>, _>>()?;
            Ok(Arc::new(text::parse::<T>(Given { texts: &texts, each })?))
        },
        text::shape::<T>,
    ));
}

impl Parse {
    /// The best of what [`Probe`] found: the first way to read texts, and the first to read JSON, where both are there.
    #[must_use]
    pub const fn best(texts: [Option<Texts>; 6], json: [Option<FromJson>; 2]) -> Option<Self> {
        let ([Some(json), _] | [None, Some(json)]) = json else { return None };
        let ((texts, shape), from_str) = match texts {
            [Some(path), ..]
            | [None, Some(path), ..]
            | [None, None, Some(path), ..]
            | [None, None, None, Some(path), ..] => (path, false),
            // What both are asked for looks the same, as with numbers.
            [.., Some((texts, _)), Some((_, shape))] => ((texts, shape), true),
            [.., Some(texts), None] => (texts, true),
            [.., None, Some(texts)] => (texts, false),
            [.., None, None] => return None,
        };
        Some(Self { texts, json, shape, from_str })
    }

    /// What the texts look like.
    #[must_use]
    pub fn shape(&self) -> Shape {
        match (self.shape)() {
            Shape::Words(_) | Shape::List(_) | Shape::Json | Shape::Duration if self.from_str => Shape::Own,
            shape => shape,
        }
    }
}

fn get<T: 'static>(value: &Value) -> &T {
    value.downcast_ref().unwrap_or_else(|| stored::behind(value))
}

fn from_str<T: FromStr<Err: Display> + Send + Sync + 'static>(text: &str) -> Result<Value, String> {
    match text.parse::<T>() {
        Ok(value) => Ok(Arc::new(value)),
        Err(error) => Err(error.to_string()),
    }
}

fn utf8(text: &OsStr) -> Result<&str, String> {
    text.to_str().ok_or_else(|| "it is not UTF-8".to_owned())
}
