use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
struct Name(String);

#[derive(Debug, Deserialize, PartialEq)]
enum Mode {
    Fast,
    Sized(u32),
}

#[derive(Debug, Deserialize, PartialEq)]
struct Row {
    a: u8,
}

fn parse<T: DeserializeOwned>(texts: &[&str]) -> Result<T, String> {
    super::parse(Given { texts, each: false })
}

fn from<T: DeserializeOwned>(text: &str) -> T {
    parse(&[text]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn text_is_taken_as_it_is_typed() {
    for text in ["abc", "2024", "null", "nul", "true", "\"x\"", "[1]", "{", "", " a,b "] {
        assert_eq!(from::<Option<String>>(text), Some(text.to_owned()));
        assert_eq!(from::<Option<PathBuf>>(text), Some(text.into()));
        assert_eq!(from::<Name>(text), Name(text.to_owned()));
    }
    assert_eq!(from::<Option<char>>("5"), Some('5'));
}

#[test]
fn numbers_are_what_their_own_from_str_takes() {
    assert_eq!([from::<Option<u32>>("007"), from("+5")], [Some(7), Some(5)]);
    assert!(from::<Option<f64>>("NaN").unwrap().is_nan());
    assert_eq!([from::<Option<f64>>("inf"), from(".5")], [Some(f64::INFINITY), Some(0.5)]);
    assert_eq!(from::<Option<u128>>("1267650600228229401496703205376"), Some(1 << 100));
    assert_eq!(parse::<Option<u8>>(&["256"]).unwrap_err(), "number too large to fit in target type");
}

#[test]
fn lists_have_commas_or_repeat_their_flag_or_are_json() {
    assert_eq!(from::<Vec<u32>>("1,2,3"), [1, 2, 3]);
    assert_eq!(from::<Option<Vec<String>>>("[\"a,b\"]").unwrap(), ["a,b"]);
    assert_eq!(parse::<Vec<String>>(&["a,b", "c"]).unwrap(), ["a,b", "c"]);
    assert_eq!(from::<Vec<String>>(""), [""; 0]);
    assert_eq!(from::<BTreeSet<char>>("a,b,a").len(), 2);
    assert_eq!(from::<(u32, f64)>("3,0.5"), (3, 0.5));
    assert!(parse::<(u32, f64)>(&["3"]).is_err() && parse::<(u32, f64)>(&["3,4,5"]).is_err());
    assert_eq!(parse::<u32>(&["1", "2"]).unwrap_err(), "it takes one value, and is given 2");
}

#[test]
fn an_argument_without_a_flag_is_one_element() {
    fn each<T: DeserializeOwned>(texts: &[&str]) -> Result<T, String> {
        super::parse(Given { texts, each: true })
    }
    assert_eq!(each::<Vec<String>>(&["a,b"]).unwrap(), ["a,b"]);
    assert_eq!(each::<Option<Vec<String>>>(&["[1]"]).unwrap().unwrap(), ["[1]"]);
    assert_eq!(each::<Vec<u32>>(&["1", "2"]).unwrap(), [1, 2]);
    assert!(each::<Vec<u32>>(&["1,2"]).is_err());
    // What is in it has the text that it has everywhere.
    assert_eq!(each::<Vec<Vec<u32>>>(&["1,2", "[3]"]).unwrap(), [vec![1, 2], vec![3]]);
}

#[test]
fn a_comma_is_part_of_a_path() {
    let paths = |texts: &[&str], each| -> Vec<PathBuf> {
        let texts: Vec<OsString> = texts.iter().map(OsString::from).collect();
        paths(Given { texts: &texts, each })
    };
    for each in [false, true] {
        assert_eq!(paths(&["a,b.txt"], each), [PathBuf::from("a,b.txt")]);
        assert_eq!(paths(&["a", "[\"b\"]"], each), [PathBuf::from("a"), "[\"b\"]".into()]);
        assert_eq!(paths(&["[1].txt"], each), [PathBuf::from("[1].txt")]);
    }
    assert_eq!(paths(&["[\"a,b\", \"c\"]"], false), [PathBuf::from("a,b"), "c".into()]);
    #[cfg(unix)]
    assert_eq!(paths(&["[{\"Unix\":[97,233]}]"], false)[0].as_os_str().as_encoded_bytes(), b"a\xe9");
    assert_eq!(paths(&["[\"a\"]"], true), [PathBuf::from("[\"a\"]")]);
    assert_eq!([paths(&[""], false).len(), paths(&[""], true).len(), paths(&[], true).len()], [0, 1, 0]);
}

#[test]
fn times_have_units_and_variants_no_quotes() {
    assert_eq!(from::<Option<Duration>>("1m 30s"), Some(Duration::from_secs(90)));
    assert_eq!(from::<Duration>("{\"secs\":1,\"nanos\":0}"), Duration::from_secs(1));
    assert!(parse::<Duration>(&["90"]).unwrap_err().contains("unit"));
    assert_eq!([from::<Mode>("Fast"), from("{\"Sized\":3}")], [Mode::Fast, Mode::Sized(3)]);
    assert_eq!(from::<Vec<Mode>>("Fast,Fast").len(), 2);
    assert!(parse::<Mode>(&["fast"]).unwrap_err().contains("expected `Fast` or `Sized`"));
}

#[test]
fn what_has_no_plain_form_is_json() {
    assert_eq!(from::<Row>("{\"a\":1}"), Row { a: 1 });
    assert_eq!(from::<BTreeMap<String, u128>>("{\"a\":1267650600228229401496703205376}")["a"], 1 << 100);
    assert_eq!([from::<serde_json::Value>("[1]"), from("word")], [serde_json::json!([1]), "word".into()]);
    assert!(parse::<Row>(&["{\"a\":1} x"]).is_err());
}

/// What JSON has no form for, by itself, in a list, and as one of several elements.
#[test]
fn values_may_have_the_form_that_they_have_in_the_output() {
    let (before, text) =
        (SystemTime::UNIX_EPOCH - Duration::new(1, 1), r#"{"secs_since_epoch":-2,"nanos_since_epoch":999999999}"#);
    let list = format!("[{text}]");
    assert_eq!([from::<SystemTime>(text), from::<Option<SystemTime>>(text).unwrap()], [before; 2]);
    assert_eq!(from::<Vec<SystemTime>>(&list), [before]);
    assert_eq!(parse::<Vec<SystemTime>>(&[text, text]).unwrap(), [before; 2]);
    let each = |texts: &[&str]| super::parse::<Vec<SystemTime>>(Given { texts, each: true });
    assert_eq!((each(&[text]).unwrap(), each(&[&list]).is_err()), (vec![before], true));
    assert_eq!(super::parse::<SystemTime>(Given { texts: &[text], each: true }), Ok(before));
    assert_eq!(from::<Vec<f64>>(r#"["Infinity",1]"#), [f64::INFINITY, 1.0]);
    assert_eq!(from::<BTreeMap<(u8, u8), u8>>("[[[1,2],3]]"), BTreeMap::from([((1, 2), 3)]));
    // What it is not is refused as it was.
    for text in [r#"{"secs_since_epoch":"x"}"#, "[1", "{", "null", "[]"] {
        assert!(parse::<SystemTime>(&[text]).is_err() && parse::<Vec<Row>>(&[text, text]).is_err(), "{text}");
    }
    assert!(parse::<Vec<Vec<u8>>>(&["[1],[2]", "[3]"]).is_err(), "one text is one element");
}

/// Whoever wants no value leaves the flag out: in every type, `null` is read as its text is.
#[test]
fn null_is_the_absence_of_a_value_in_no_type() {
    assert_eq!(from::<Option<String>>("null"), Some("null".to_owned()));
    assert!(parse::<Option<u32>>(&["null"]).is_err() && parse::<Option<bool>>(&["null"]).is_err());
    assert!(parse::<Option<Row>>(&["null"]).is_err() && parse::<Option<Mode>>(&["null"]).is_err());
    assert!(parse::<Option<Vec<u32>>>(&["null"]).is_err() && parse::<Option<Duration>>(&["null"]).is_err());
}

#[test]
fn types_say_what_their_texts_look_like() {
    assert_eq!(
        [shape::<Option<u8>>(), shape::<i64>(), shape::<Option<f32>>()],
        [Shape::Unsigned, Shape::Signed, Shape::Number]
    );
    assert_eq!([shape::<Name>(), shape::<bool>(), shape::<Duration>()], [Shape::Text, Shape::Bool, Shape::Duration]);
    assert_eq!(shape::<Mode>(), Shape::Words(&["Fast", "Sized"]));
    assert_eq!(shape::<Vec<Option<u8>>>(), Shape::List(Box::new(Shape::Unsigned)));
    assert_eq!([shape::<Row>(), shape::<serde_json::Value>()], [Shape::Json, Shape::Json]);
}
