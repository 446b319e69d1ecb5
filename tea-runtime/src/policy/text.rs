//! Values of settings from text, by the rules of the workflow file: the compiler has the same in `syntax/units`, and a test
//! compares both (`tests/tests/settings.rs`).

use std::time::Duration;

use bytesize::ByteSize;

/// The value of a setting as it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given {
    /// A word or a number.
    Plain(String),
    /// Text in quotes, which is no number.
    Quoted(String),
    /// Several words.
    List(Vec<String>),
}

/// What is wrong with a value, to follow the name of its setting, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Starts with a verb.
    pub(crate) message: String,
    /// An advice.
    pub(crate) help: String,
}

impl Wrong {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// Longer times overflow the clocks of some systems.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);
/// No machine has more memory than this.
const LARGEST: u64 = 1 << 60;

impl Given {
    fn text(&self) -> Result<&str, Wrong> {
        match self {
            Self::Plain(text) | Self::Quoted(text) => Ok(text.trim()),
            Self::List(_) => Err(Wrong::new("must be a single value, and not a list", "write one value")),
        }
    }

    fn plain(&self) -> Option<&str> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Quoted(_) | Self::List(_) => None,
        }
    }
}

/// `true` or `false`.
pub(super) fn truth(given: &Given) -> Result<bool, Wrong> {
    given.text()?;
    match given.plain() {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        _ => Err(Wrong::new("must be `true` or `false`", "write one of them, without quotes")),
    }
}

/// A whole number of at least `least`.
pub(super) fn count(given: &Given, least: u32) -> Result<u32, Wrong> {
    given.text()?;
    let message = "must be a whole number";
    let text = given.plain().ok_or_else(|| Wrong::new(message, "write it without quotes"))?;
    let value: i128 =
        text.parse().map_err(|_| Wrong::new(message, format!("write a number, such as `{}`", least.max(4))))?;
    if value < i128::from(least) {
        return Err(Wrong::new(format!("must be at least {least}"), format!("write `{least}` or more")));
    }
    u32::try_from(value).map_err(|_| Wrong::new("is too large", "the maximum is 4294967295"))
}

/// A number of at least 1.
pub(super) fn factor(given: &Given) -> Result<f64, Wrong> {
    given.text()?;
    let value: f64 = given
        .plain()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Wrong::new("must be a number", "write a number, such as `1.5`"))?;
    // Not `value < 1.0`: that lets NaN through.
    if !(1.0..=1e6).contains(&value) {
        return Err(Wrong::new("must be from 1 to 1000000", "1 keeps all waits the same"));
    }
    Ok(value)
}

/// A time with its unit.
pub(super) fn duration(given: &Given) -> Result<Duration, Wrong> {
    let text = given.text()?;
    let bad = |help: String| Wrong::new(format!("must be a duration, and `{text}` is not one"), help);
    let units = text.split(|char: char| !char.is_alphabetic());
    let unclear = ["M", "month", "months", "w", "week", "weeks", "wk", "wks", "y", "yr", "yrs", "year", "years"];
    if units.into_iter().any(|unit| unclear.contains(&unit)) {
        return Err(bad("write it in days, hours, minutes, seconds or milliseconds: `150d`, `2h`, `1m30s`".to_owned()));
    }
    let value = humantime::parse_duration(text).map_err(|_| {
        bad(if text.parse::<f64>().is_ok() {
            format!("a duration needs its unit: `{text}s` or `{text}ms`")
        } else {
            "write a number with its unit: `100ms`, `30s`, `1m30s`, `2h`".to_owned()
        })
    })?;
    if value > LONGEST {
        return Err(Wrong::new("is longer than 100 years", "write `none` for no limit"));
    }
    Ok(value)
}

/// A time with its unit that is not zero.
pub(super) fn limit(given: &Given) -> Result<Duration, Wrong> {
    match duration(given)? {
        Duration::ZERO => Err(Wrong::new("must be more than zero", "write `none` for no limit")),
        value => Ok(value),
    }
}

/// A number of bytes with its unit.
pub(super) fn size(given: &Given) -> Result<u64, Wrong> {
    let text = given.text()?;
    let bad = |help: String| Wrong::new(format!("must be a size, and `{text}` is not one"), help);
    // A bare number could be bytes or megabytes: its writer knows.
    if text.parse::<f64>().is_ok() {
        return Err(bad(format!("a size needs its unit: `{text}MiB` or `{text}B`")));
    }
    let value = text
        .parse::<ByteSize>()
        .map_err(|_| bad("write a number with its unit: `64KiB`, `512MiB`, `1GB`".to_owned()))?;
    match value.as_u64() {
        0 => Err(Wrong::new("must be more than zero", "write `none` for no limit")),
        bytes if bytes > LARGEST => Err(Wrong::new("is more than any machine has", "write `none` for no limit")),
        bytes => Ok(bytes),
    }
}

/// One of these words.
pub(super) fn word<T: Copy>(given: &Given, words: &[(&str, T)]) -> Result<T, Wrong> {
    let text = given.text()?;
    one_of(text, words)
}

/// A list of these words: `error,panic`, or `[error, panic]`.
pub(super) fn words<T: Copy>(given: &Given, words: &[(&str, T)]) -> Result<Vec<T>, Wrong> {
    let list: Vec<&str> = match given {
        Given::List(list) => list.iter().map(String::as_str).collect(),
        Given::Plain(text) => {
            let text = text.trim();
            let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
            text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
        }
        Given::Quoted(_) => return Err(Wrong::new("must be a list", "write `[\"error\", \"panic\"]`")),
    };
    if list.is_empty() {
        return Err(Wrong::new("is an empty list", format!("name at least one of {}", named(words))));
    }
    list.into_iter().map(|text| one_of(text, words)).collect()
}

fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Wrong> {
    let known = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    known.ok_or_else(|| Wrong::new(format!("cannot be `{text}`"), format!("known values: {}", named(words))))
}

fn named<T>(words: &[(&str, T)]) -> String {
    words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// A time as it is written.
pub(super) fn show_duration(value: Duration) -> String {
    humantime::format_duration(value).to_string().replace(' ', "")
}

/// A number of bytes as it is written.
pub(super) fn show_size(value: u64) -> String {
    let units = [("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.iter().find(|(_, bits)| value.trailing_zeros() >= *bits && value != 0);
    unit.map_or_else(|| format!("{value}B"), |(unit, bits)| format!("{}{unit}", value >> bits))
}
