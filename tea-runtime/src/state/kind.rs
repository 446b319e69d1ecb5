//! What can be done with the values of a Rust type. Generated code holds one [`Kind`] a distinct type.
//!
//! Most of it is optional: a type is asked for nothing that its keys do not need. Whether a type can do something is
//! found by [`Probe`] at compile time.

use std::{
    fmt::{Debug, Display},
    io::Write,
    marker::PhantomData,
    str::FromStr,
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};

use super::{json, key::Value, wire};

/// Copies a value.
pub type CloneValue = fn(&Value) -> Value;
/// Writes a value as JSON on one line: structs in declared order, maps sorted.
pub type ToJson = fn(&Value, &mut dyn Write) -> serde_json::Result<()>;
/// Writes a value for people.
pub type ShowValue<T> = fn(&T, &mut std::fmt::Formatter<'_>) -> std::fmt::Result;
/// Reads a value from text; the error is a sentence.
pub type FromText = fn(&str) -> Result<Value, String>;
/// Reads a value from JSON; the error is a sentence.
pub type FromJson = fn(serde_json::Value) -> Result<Value, String>;

/// What can be done with the values of one Rust type.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The type as the workflow file writes it.
    pub name: &'static str,
    /// Copies a value, where the type is `Clone`.
    pub clone: Option<CloneValue>,
    /// Writes a value as JSON on one line, where the type is `Serialize`; for types of keys that are part of the output.
    pub to_json: Option<ToJson>,
    /// To and from bytes; only for types that cross a process edge.
    pub wire: Option<Wire>,
    /// From what a caller writes; for types of inputs, where they are `FromStr` or `Deserialize`.
    pub parse: Option<Parse>,
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
}

/// From what a caller writes.
#[derive(Debug, Clone, Copy)]
pub struct Parse {
    /// From a flag's text.
    pub text: FromText,
    /// From an entry of an `--input` file.
    pub json: FromJson,
}

/// `Probe::<T>::CLONE` is `Some` exactly if `T` is `Clone`, and so on: the inherent constant is taken where its bounds
/// hold, the one of [`Cannot`] otherwise. Works for concrete types only, so it is used through the `kind!` macro.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

/// What [`Probe`] finds where the type can not.
pub trait Cannot<T> {
    /// `Debug`.
    const DEBUG: Option<ShowValue<T>> = None;
    /// See [`Kind::clone`].
    const CLONE: Option<CloneValue> = None;
    /// See [`Kind::to_json`].
    const TO_JSON: Option<ToJson> = None;
    /// From a flag's text, by `FromStr`.
    const FROM_STR: Option<FromText> = None;
    /// From JSON, by `Deserialize`.
    const FROM_JSON: Option<FromJson> = None;
    /// From a flag's text that is JSON, by `Deserialize`.
    const FROM_JSON_TEXT: Option<FromText> = None;
    /// From a JSON string, by `FromStr`.
    const FROM_JSON_STR: Option<FromJson> = None;
}

impl<T> Cannot<T> for Probe<T> {}

impl<T: Debug> Probe<T> {
    /// `Debug`.
    pub const DEBUG: Option<ShowValue<T>> = Some(T::fmt);
}

impl<T: Clone + Send + Sync + 'static> Probe<T> {
    /// See [`Kind::clone`].
    pub const CLONE: Option<CloneValue> = Some(|value| Arc::new(get::<T>(value).clone()));
}

impl<T: Serialize + 'static> Probe<T> {
    /// See [`Kind::to_json`].
    pub const TO_JSON: Option<ToJson> = Some(|value, to| json::write(get::<T>(value), to));
}

impl<T: FromStr<Err: Display> + Send + Sync + 'static> Probe<T> {
    /// From a flag's text, by `FromStr`.
    pub const FROM_STR: Option<FromText> = Some(from_str::<T>);

    /// From a JSON string, by `FromStr`.
    pub const FROM_JSON_STR: Option<FromJson> = Some(|json| match json {
        serde_json::Value::String(text) => from_str::<T>(&text),
        other => Err(format!("expected a string, found {other}")),
    });
}

impl<T: DeserializeOwned + Send + Sync + 'static> Probe<T> {
    /// From JSON, by `Deserialize`.
    pub const FROM_JSON: Option<FromJson> = Some(from_json::<T>);

    /// From a flag's text that is JSON, by `Deserialize`; what is not JSON is taken as a string, so that the names of an
    /// enum's variants need no quotes.
    pub const FROM_JSON_TEXT: Option<FromText> =
        Some(|text| from_json::<T>(serde_json::from_str(text).unwrap_or_else(|_| text.into())));
}

impl Parse {
    /// The best of what [`Probe`] found: text by `FromStr`, JSON by `Deserialize`, else each by the other.
    #[must_use]
    pub const fn best(
        from_str: Option<FromText>,
        from_json: Option<FromJson>,
        from_json_text: Option<FromText>,
        from_json_str: Option<FromJson>,
    ) -> Option<Self> {
        match (from_str, from_json, from_json_text, from_json_str) {
            (Some(text), Some(json), _, _) | (None, Some(json), Some(text), _) | (Some(text), None, _, Some(json)) => {
                Some(Self { text, json })
            }
            _ => None,
        }
    }
}

fn get<T: 'static>(value: &Value) -> &T {
    value.downcast_ref().expect("a key's value has the key's type")
}

fn from_str<T: FromStr<Err: Display> + Send + Sync + 'static>(text: &str) -> Result<Value, String> {
    match text.parse::<T>() {
        Ok(value) => Ok(Arc::new(value)),
        Err(error) => Err(error.to_string()),
    }
}

fn from_json<T: DeserializeOwned + Send + Sync + 'static>(json: serde_json::Value) -> Result<Value, String> {
    match serde_json::from_value::<T>(json) {
        Ok(value) => Ok(Arc::new(value)),
        Err(error) => Err(error.to_string()),
    }
}
