//! What arrives is what was sent.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ffi::OsString,
    fmt::Debug,
    net::{SocketAddr, SocketAddrV6},
    num::NonZeroU8,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{json, value::RawValue};

use super::*;

mod skipped;
mod special;

fn bytes<T: Serialize + DeserializeOwned + 'static>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes).unwrap();
    bytes
}

fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: &T) {
    let mut bytes = bytes(value);
    assert_eq!(decode::<T>(&bytes).as_ref(), Ok(value));
    // What is cut off or added is noticed, or gives another value of the type; nothing panics.
    for cut in 0..bytes.len() {
        assert_ne!(decode::<T>(&bytes[..cut]).ok().as_ref(), Some(value));
    }
    bytes.push(0);
    assert_ne!(decode::<T>(&bytes).ok().as_ref(), Some(value));
}

/// Makes the trip, without names.
fn plain<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: &T) {
    assert_eq!(bytes(value)[0], PLAIN, "{value:?} has names");
    round_trip(value);
}

/// Makes the trip, with names.
fn named<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: &T) {
    assert_eq!(bytes(value)[0], NAMED, "{value:?} has no names");
    round_trip(value);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: u64,
    name: String,
    values: [f64; 3],
    samples: Vec<f64>,
    best: Option<Box<Point>>,
    kind: Kind,
    counts: BTreeMap<(u8, char), Vec<i16>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Point {
    x: f32,
    y: f32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Meters(i128);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    One(Meters),
    Numbers(Vec<u32>),
    Two(u8, String),
    Fields { at: Point, on: bool },
}

fn row(kind: Kind) -> Row {
    Row {
        id: u64::MAX,
        name: "grüße".into(),
        values: [-0.0, f64::MIN_POSITIVE, f64::INFINITY],
        samples: vec![0.1; 20],
        best: Some(Box::new(Point { x: 0.1, y: f32::MAX })),
        kind,
        counts: BTreeMap::from([((1, 'ü'), vec![-1, i16::MAX]), ((2, 'x'), vec![])]),
    }
}

#[test]
fn values_come_back_whole() {
    round_trip(&String::from("grüße"));
    round_trip(&vec![1u8, 2, 3]);
    round_trip(&vec![1.5f64, -0.0, f64::MAX]);
    round_trip(&vec![7i128]);
    round_trip(&Vec::<u16>::new());
}

#[test]
fn plain_types_have_no_names() {
    for kind in [
        Kind::Unit,
        Kind::One(Meters(i128::MIN)),
        Kind::Numbers(vec![1, u32::MAX]),
        Kind::Two(0, String::new()),
        Kind::Fields { at: Point { x: 0.0, y: 1.0 }, on: true },
    ] {
        plain(&row(kind));
    }
    plain(&vec![(1u8, String::from("one")), (2, "x".repeat(300))]);
    plain(&BTreeMap::from([("k".to_owned(), 1)]));
    plain(&Some(Box::new(3usize)));
    plain(&());
    plain(&(u128::MAX, i64::MIN, NonZeroU8::MAX, 'x'));
    plain(&Duration::new(7, 9));
    plain(&HashSet::from([1u16, 7]));
    plain(&vec![(); 300]);
    // Three numbers as they lie in memory: their length, and 8 bytes each.
    assert_eq!(bytes(&(vec![1u64, 2, 3], 0u8)).len(), 1 + 1 + 24 + 1);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Stage {
    Queued,
    #[serde(skip)]
    Internal,
    #[serde(skip_deserializing)]
    #[allow(dead_code)]
    Written,
    Running(u8),
    #[serde(rename = "finished", alias = "ended")]
    Done,
}

#[test]
fn variants_that_are_skipped_move_no_others() {
    round_trip(&vec![Stage::Queued, Stage::Running(1), Stage::Done]);
    round_trip(&BTreeMap::from([("a".to_owned(), (Stage::Done, 1))]));
    let error = encode(&vec![Stage::Internal], &mut Vec::new()).unwrap_err();
    assert!(error.contains("Stage::Internal cannot be serialized"), "{error}");
    let error = decode::<Stage>(&bytes(&Stage::Written)).unwrap_err();
    assert!(error.contains("unknown variant `Written`"), "{error}");
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct LeftOut {
    #[serde(default, skip_serializing_if = "is_zero")]
    weight: u8,
    tags: Vec<u8>,
    #[serde(skip)]
    cache: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default, skip_deserializing)]
    written: u8,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

#[test]
fn fields_that_are_left_out_move_no_others() {
    let full = LeftOut { weight: 1, tags: vec![0], cache: 0, note: Some("x".into()), written: 0 };
    round_trip(&full);
    round_trip(&LeftOut { weight: 0, ..full.clone() });
    round_trip(&LeftOut { weight: 0, tags: vec![], note: None, ..full.clone() });
    round_trip(&vec![full.clone(), LeftOut { note: None, ..full.clone() }, full]);
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sometimes(#[serde(skip)] u8, u8, u16);
    round_trip(&Sometimes(0, 1, 2));
    // What fits without names first, and then not.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Late {
        #[serde(default, skip_serializing_if = "is_zero")]
        a: u8,
        #[serde(default, skip_serializing_if = "is_zero")]
        b: u8,
    }
    plain(&Late { a: 1, b: 2 });
    named(&Late { a: 0, b: 2 });
    named(&Late { a: 1, b: 2 });
    named(&vec![Late { a: 1, b: 0 }, Late { a: 0, b: 1 }]);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(u64),
    Text(String),
    Point(Point),
    Deep { deep: Box<Tree> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Empty,
    Circle { radius: f64 },
    Held(Meta),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Empty,
    Circle(f64, f64),
    Square { side: u8 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Meta {
    owner: String,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u32,
    #[serde(flatten)]
    point: Point,
    #[serde(flatten)]
    kind: Tagged,
    stages: Vec<Stage>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf(i64),
    Node(Vec<Tree>, Option<Box<Tree>>),
}

fn tree() -> Tree {
    Tree::Node(vec![Tree::Leaf(-1), Tree::Node(vec![], Some(Box::new(Tree::Leaf(i64::MAX))))], None)
}

#[test]
fn types_that_look_before_they_read_make_the_trip() {
    named(&json!({"a": [1, null, "x", -1, 1.5, u64::MAX, {"b": {}}], "": true}));
    named(&vec![Loose::Number(7), Loose::Text("7".into()), Loose::Point(Point { x: 0.5, y: 1.0 })]);
    named(&Loose::Deep { deep: Box::new(tree()) });
    let meta = Meta { owner: "me".into(), rest: BTreeMap::from([("z".into(), json!([1])), ("a".into(), json!(null))]) };
    for kind in [Tagged::Empty, Tagged::Circle { radius: 0.5 }, Tagged::Held(meta.clone())] {
        named(&kind);
        named(&Flat { id: 1, point: Point { x: 1.0, y: 2.0 }, kind, stages: vec![Stage::Done, Stage::Running(3)] });
    }
    for adjacent in [Adjacent::Empty, Adjacent::Circle(0.5, -0.0), Adjacent::Square { side: 1 }] {
        named(&vec![Some(adjacent), None]);
    }
    named(&tree());
    let raw = RawValue::from_string(r#"{"b": 1, "a": [2]}"#.into()).unwrap();
    assert_eq!(decode::<Box<RawValue>>(&bytes(&raw)).unwrap().get(), raw.get());
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "u64", into = "String")]
struct Own(u64);

impl From<u64> for Own {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<Own> for String {
    fn from(own: Own) -> Self {
        own.0.to_string()
    }
}

#[test]
fn a_type_that_reads_something_else_than_it_writes_fails() {
    let error = decode::<Own>(&bytes(&Own(7))).unwrap_err();
    assert_eq!(error, "its `Deserialize` says: invalid type: string \"7\", expected u64");
    #[derive(Debug, Serialize, Deserialize)]
    struct Wide {
        #[serde(serialize_with = "wide")]
        number: u32,
    }
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
    fn wide<S: serde::Serializer>(number: &u32, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        u64::from(*number).serialize(serializer)
    }
    // Its form has another width, which JSON does not know.
    assert_eq!(decode::<Wide>(&bytes(&Wide { number: 7 })).unwrap().number, 7);
}

#[test]
fn keys_of_maps_are_read_as_json_reads_them() {
    named(&HashMap::from([(json!(1).to_string(), json!({"1": 2}))]));
    round_trip(&HashMap::from([(Some((1, 2)), 'x'), (None, 'y')]));
    #[derive(Debug, Serialize, Deserialize)]
    struct ByNumber(#[serde(deserialize_with = "by_text")] BTreeMap<u32, bool>);
    fn by_text<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<BTreeMap<u32, bool>, D::Error> {
        let map = BTreeMap::<String, bool>::deserialize(deserializer)?;
        Ok(map.into_iter().map(|(key, value)| (key.parse().unwrap_or(0), value)).collect())
    }
    let map = ByNumber(BTreeMap::from([(7, true), (70_000, false)]));
    assert_eq!(decode::<ByNumber>(&bytes(&map)).unwrap().0, map.0);
    let map = bytes(&json!({"-7": 1, "8": 2}));
    assert_eq!(decode::<BTreeMap<i8, u8>>(&map).unwrap(), BTreeMap::from([(-7, 1), (8, 2)]));
}

/// A type that asks whether the format is for people.
#[test]
fn forms_for_people_are_taken() {
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Exact(f64);
    impl Serialize for Exact {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
            if serializer.is_human_readable() { serializer.collect_str(&self.0) } else { serializer.serialize_u8(0) }
        }
    }
    impl<'de> Deserialize<'de> for Exact {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Ok(Self(text.parse().unwrap_or(0.0)))
        }
    }
    named(&vec![Exact(0.1), Exact(1e300)]);
    named(&"::1".parse::<std::net::IpAddr>().unwrap());
}

/// A type whose made-up value is not made for it.
#[test]
fn a_type_that_panics_when_it_is_tried_has_names() {
    #[derive(Debug, PartialEq, Serialize)]
    struct Even(u8);
    impl<'de> Deserialize<'de> for Even {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
            let number = u8::deserialize(deserializer)?;
            assert!(number.is_multiple_of(2), "it is odd");
            Ok(Self(number))
        }
    }
    assert_eq!(bytes(&Even(8))[0], NAMED);
    assert_eq!(decode::<Even>(&bytes(&Even(8))), Ok(Even(8)));
}

#[test]
fn trailing_bytes_are_refused() {
    let mut long = bytes(&(1u8, 2u8));
    long.push(3);
    assert_eq!(decode::<(u8, u8)>(&long).unwrap_err(), "its `Deserialize` says: 1 byte too many");
    assert!(decode::<Vec<u32>>(&[1, 2, 3]).is_err());
    let mut long = bytes(&json!([1]));
    long.push(3);
    assert!(decode::<serde_json::Value>(&long).unwrap_err().ends_with("1 byte too many"));
    assert!(decode::<(u8, u8)>(&[]).is_err());
    assert!(decode::<(u8, u8)>(&[7, 1, 2]).is_err());
}

#[test]
fn a_huge_length_is_refused_before_it_is_allocated() {
    // 2^63, then nothing: this would abort if it were believed.
    let plain = [&[PLAIN, 0xff][..], &(1u64 << 63).to_le_bytes()].concat();
    // A text, a sequence and a map, of a length of 2^63 as a varint.
    let length = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    let named = [13, 15, 16].map(|tag| [&[NAMED, tag][..], &length].concat());
    for bytes in [&[plain][..], &named].concat() {
        assert!(decode::<Vec<String>>(&bytes).is_err());
        assert!(decode::<Vec<(u64, u64)>>(&bytes).is_err());
        assert!(decode::<HashMap<u64, u64>>(&bytes).is_err());
        assert!(decode::<(String, u8)>(&bytes).is_err());
        assert!(decode::<serde_json::Value>(&bytes).is_err());
    }
}

/// To try all of it would take longer than the world has.
#[test]
fn a_type_that_contains_itself_many_times_is_tried_for_a_moment() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Many {
        Leaf(u8),
        Eight(Box<[Many; 8]>),
        More(Vec<(Many, Many, Many, Many)>, Option<Box<Many>>),
    }
    named(&Many::Eight(Box::new(std::array::from_fn(|_| Many::More(vec![], Some(Box::new(Many::Leaf(1))))))));
}
