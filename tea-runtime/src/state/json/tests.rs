use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::*;

#[derive(Serialize)]
struct Point {
    y: f64,
    x: f64,
}

#[derive(Serialize)]
enum Shape {
    Dot,
    Circle { radius: u8, at: Point },
    Line(Point, Point),
    Named(HashMap<&'static str, u8>),
}

fn json(value: &impl Serialize) -> String {
    text(value).unwrap()
}

#[test]
fn structs_keep_their_order_at_any_depth() {
    let at = || Point { y: 0.5, x: 0.25 };
    let shapes = vec![
        Shape::Dot,
        Shape::Circle { radius: 1, at: at() },
        Shape::Line(at(), at()),
        Shape::Named(HashMap::from([("z", 1), ("a", 2)])),
    ];
    assert_eq!(
        json(&(Some(shapes), ())),
        r#"[["Dot",{"Circle":{"radius":1,"at":{"y":0.5,"x":0.25}}},{"Line":[{"y":0.5,"x":0.25},{"y":0.5,"x":0.25}]},{"Named":{"a":2,"z":1}}],null]"#
    );
}

#[test]
fn maps_are_sorted_and_what_is_in_them_too() {
    let counts: HashMap<_, _> =
        ["z", "b", "a"].into_iter().map(|name| (name, HashMap::from([(2, 0.1), (10, 0.2)]))).collect();
    assert_eq!(json(&counts), r#"{"a":{"2":0.1,"10":0.2},"b":{"2":0.1,"10":0.2},"z":{"2":0.1,"10":0.2}}"#);
    assert_eq!(json(&serde_json::json!({"b": [{"y": 1, "x": null}], "a": {}})), r#"{"a":{},"b":[{"x":null,"y":1}]}"#);
}

#[test]
fn keys_and_numbers_stay_as_they_are() {
    assert_eq!(json(&BTreeMap::from([(i64::MIN, u128::MAX)])), format!("{{\"{}\":{}}}", i64::MIN, u128::MAX));
    assert_eq!(json(&BTreeMap::from([("\"\n\u{7f}ü", [1u8])])), "{\"\\\"\\n\u{7f}ü\":[1]}");
    assert_eq!(json(&BTreeMap::from([(true, 'x')])), r#"{"true":"x"}"#);
    let raw = RawValue::from_string(r#"{"b": 1, "a": 2}"#.to_owned()).unwrap();
    assert_eq!(json(&vec![raw]), r#"[{"b": 1, "a": 2}]"#);
}

fn round_trip<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(value: &T, text: &str) {
    assert_eq!(json(value), text);
    assert_eq!(read::<T>(text).as_ref(), Ok(value));
}

#[test]
fn numbers_that_json_has_not_are_words() {
    round_trip(&vec![Some(f64::INFINITY), Some(f64::NEG_INFINITY), None], r#"["Infinity","-Infinity",null]"#);
    round_trip(&HashMap::from([("a", f32::INFINITY)].map(|(k, v)| (k.to_owned(), v))), r#"{"a":"Infinity"}"#);
    assert_eq!(json(&(f32::NAN, -f64::NAN)), r#"["NaN","NaN"]"#);
    let (narrow, wide) = read::<(f32, f64)>(r#"["NaN","NaN"]"#).unwrap();
    assert!(narrow.is_nan() && wide.is_nan());
    assert_eq!(read::<f64>("\"nan\"").unwrap_err(), r#"invalid type: string "nan", expected f64 at line 1 column 5"#);
    assert!(read::<f64>("null").is_err());
    assert_eq!(read::<Vec<String>>(r#"["NaN"]"#).unwrap(), ["NaN"]);
}

#[test]
fn numbers_have_all_their_digits() {
    round_trip(&(u128::MAX, i128::MIN, 0.1f32, 0.1f64), &format!("[{},{},0.1,0.1]", u128::MAX, i128::MIN));
    // Beside what only this module reads, too.
    round_trip(&(u128::MAX, f64::INFINITY, u64::MAX), &format!("[{},\"Infinity\",{}]", u128::MAX, u64::MAX));
}

#[test]
fn maps_with_keys_that_are_no_text_are_lists_of_pairs() {
    round_trip(&HashMap::from([((1, 2), 'x'), ((1, 1), 'y')]), r#"[[[1,1],"y"],[[1,2],"x"]]"#);
    round_trip(&HashMap::<(u8, u8), char>::new(), "{}");
    assert_eq!(read::<HashMap<(u8, u8), char>>("[]").unwrap(), HashMap::new());
    round_trip(&HashMap::from([(Some(10), 1), (None, 2), (Some(9), 3)]), "[[null,2],[9,3],[10,1]]");
    round_trip(&HashMap::from([(Some("a".to_owned()), 1)]), r#"{"a":1}"#);
    round_trip(&BTreeMap::from([(vec![1u8], BTreeMap::from([((), f64::INFINITY)]))]), r#"[[[1],[[null,"Infinity"]]]]"#);
    assert!(read::<HashMap<(u8, u8), char>>("[[[1,2]]]").is_err());
    assert!(read::<HashMap<(u8, u8), char>>(r#"[[[1,2],"x",1]]"#).is_err());
}

#[cfg(unix)]
#[test]
fn paths_and_times_that_serde_refuses_have_a_form() {
    use std::{
        ffi::OsString,
        os::unix::ffi::OsStringExt,
        path::PathBuf,
        time::{Duration, SystemTime},
    };

    let path = PathBuf::from(OsString::from_vec(b"caf\xe9".to_vec()));
    let form = r#"{"Unix":[99,97,102,233]}"#;
    round_trip(&path, form);
    round_trip(&path.clone().into_os_string(), form);
    assert_eq!(read::<OsString>(r#""abc""#).unwrap(), "abc");
    round_trip(&Some((path.clone(), 1)), &format!("[{form},1]"));
    round_trip(&vec![path.clone(), "ok".into()], &format!("[{form},\"ok\"]"));
    round_trip(&BTreeMap::from([("a".to_owned(), path.clone())]), &format!("{{\"a\":{form}}}"));
    round_trip(&HashMap::from([(path, 1u64)]), &format!("[[{form},1]]"));
    let time = SystemTime::UNIX_EPOCH - Duration::new(1, 1);
    round_trip(
        &(time, Some(time)),
        &["[", &[r#"{"secs_since_epoch":-2,"nanos_since_epoch":999999999}"#; 2].join(","), "]"].concat(),
    );
}
