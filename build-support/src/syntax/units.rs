//! Numbers, times and sizes.

use std::time::Duration;

use bytesize::ByteSize;

use crate::{
    codes,
    diagnostic::Code,
    yaml::{Scalar, Style},
};

/// Why a value is not valid: message and help, to follow the entry's name.
pub(super) struct Wrong {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) help: String,
}

impl Wrong {
    fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: help.into() }
    }
}

/// Longer times overflow the clocks of some systems.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);
/// No machine has more memory than this.
const LARGEST: u64 = 1 << 60;

/// A whole number of at least `least`.
pub(super) fn count(scalar: &Scalar, least: u64) -> Result<u64, Wrong> {
    let text = &*scalar.text;
    let wrong = |help: String| Wrong::new(codes::BAD_NUMBER, "must be a whole number", help);
    if scalar.style != Style::Plain {
        return Err(wrong("remove the quotes".to_owned()));
    }
    let plain = text.replace(['_', ','], "");
    let value: i128 = text.parse().map_err(|_| {
        wrong(match plain.parse::<u64>() {
            Ok(value) => format!("write `{value}`"),
            Err(_) => format!("write a number, such as `{}`", least.max(4)),
        })
    })?;
    if value < i128::from(least) {
        let message = format!("must be at least {least}");
        return Err(Wrong::new(codes::OUT_OF_RANGE, message, format!("write `{least}` or more, or remove the entry")));
    }
    u64::try_from(value).map_err(|_| Wrong::new(codes::OUT_OF_RANGE, "is too large", "write a smaller number"))
}

/// A number of at least 1.
pub(super) fn factor(scalar: &Scalar) -> Result<f64, Wrong> {
    let value: f64 = match scalar.text.parse() {
        Ok(value) if scalar.style == Style::Plain => value,
        _ => return Err(Wrong::new(codes::BAD_NUMBER, "must be a number", "write a number, such as `1.5`")),
    };
    // Not `value < 1.0`: that lets NaN through.
    if !(1.0..=1e6).contains(&value) {
        return Err(Wrong::new(codes::OUT_OF_RANGE, "must be from 1 to 1000000", "1 keeps all waits the same"));
    }
    Ok(value)
}

/// A time with its unit; `zero` says whether none at all has a meaning.
pub(super) fn duration(scalar: &Scalar, zero: bool) -> Result<Duration, Wrong> {
    let text = scalar.text.trim();
    if let Some(unit) = vague_unit(text) {
        let number = text.trim_end_matches(char::is_alphabetic).trim_end();
        let help = match (number.parse::<u32>(), unit) {
            (Ok(number), "M") => format!("write `{number}m` for minutes, or `{}d` for days", u64::from(number) * 30),
            (Ok(number), unit) if unit.starts_with('w') => format!("write it in days: `{}d`", u64::from(number) * 7),
            _ => "write it in days, hours, minutes, seconds or milliseconds: `150d`, `2h`, `1m30s`, `100ms`".to_owned(),
        };
        let message = match unit {
            "M" => "is not clear: `M` is a month to some and a minute to others".to_owned(),
            unit => format!("must be a time in days or less, and `{unit}` is longer"),
        };
        return Err(Wrong::new(codes::BAD_DURATION, message, help));
    }
    let value = humantime::parse_duration(text).map_err(|_| {
        let help = if text.parse::<f64>().is_ok_and(|_| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
        {
            format!("a duration needs its unit: `{text}s` or `{text}ms`")
        } else {
            "write a number with its unit: `100ms`, `30s`, `1m30s`, `2h`".to_owned()
        };
        Wrong::new(codes::BAD_DURATION, format!("must be a duration, and `{text}` is not one"), help)
    })?;
    if value.is_zero() && !zero {
        return Err(Wrong::new(codes::OUT_OF_RANGE, "must be more than zero", "remove the entry for no limit"));
    }
    if value > LONGEST {
        return Err(Wrong::new(codes::OUT_OF_RANGE, "is longer than 100 years", "remove the entry for no limit"));
    }
    Ok(value)
}

/// A unit that is not a certain time, or that is another one to some people.
fn vague_unit(text: &str) -> Option<&str> {
    let units = text.split(|char: char| !char.is_alphabetic()).filter(|unit| !unit.is_empty());
    let vague = ["M", "month", "months", "w", "week", "weeks", "wk", "wks", "y", "yr", "yrs", "year", "years"];
    units.into_iter().find(|unit| vague.contains(unit))
}

/// A number of bytes with its unit.
pub(super) fn size(scalar: &Scalar) -> Result<u64, Wrong> {
    let text = scalar.text.trim();
    let message = || format!("must be a size, and `{text}` is not one");
    // A bare number could be bytes or megabytes: its writer knows.
    if text.parse::<f64>().is_ok() {
        let help = if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            format!("a size needs its unit: `{text}MiB` or `{text}B`")
        } else {
            "write a number with its unit: `64KiB`, `512MiB`, `1GB`".to_owned()
        };
        return Err(Wrong::new(codes::BAD_SIZE, message(), help));
    }
    let value = text.parse::<ByteSize>().map_err(|_| {
        Wrong::new(codes::BAD_SIZE, message(), "write a number with its unit: `64KiB`, `512MiB`, `1GB`")
    })?;
    match value.as_u64() {
        0 => Err(Wrong::new(codes::OUT_OF_RANGE, "must be more than zero", "remove the entry for no limit")),
        bytes if bytes > LARGEST => {
            Err(Wrong::new(codes::OUT_OF_RANGE, "is more than any machine has", "remove the entry for no limit"))
        }
        bytes => Ok(bytes),
    }
}
