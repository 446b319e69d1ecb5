//! Programs with random types: structs and enums in each other, with attributes of serde.

use std::fmt::Write;

use fastrand::Rng;

const TYPES: usize = 24;

/// What a field of another type may be.
#[derive(Clone, Copy, PartialEq)]
enum Made {
    /// A struct with names for its fields, which can be flattened.
    Struct,
    /// Something else.
    Other,
}

/// The workflow and the program for this seed.
pub(crate) fn program(seed: u64) -> (String, String) {
    let rng = &mut Rng::with_seed(seed);
    let mut types = String::new();
    let mut made = Vec::new();
    for index in 0..TYPES {
        let (text, kind) = match rng.u8(..5) {
            0 => (tuple(rng, index, &made), Made::Other),
            1 | 2 => (enumeration(rng, index, &made), Made::Other),
            _ => (structure(rng, index, &made), Made::Struct),
        };
        types += &text;
        made.push(kind);
    }
    (flow(), format!("{PRELUDE}\n{types}\n{}\ntea_runtime::include_workflow!(\"flow.yaml\");\n", checks()))
}

/// Each type has a key of its own, which a branch in a worker gives back as another.
fn flow() -> String {
    let mut flow = String::from(
        "name: types\nstate_schema:\n  seed: { type: u64, input: true }\n  survivors: usize\n  lost: Vec<String>\n",
    );
    let (mut make, mut pass) = (String::new(), String::new());
    for index in 0..TYPES {
        writeln!(flow, "  v{index}: Vec<T{index}>\n  w{index}: Vec<T{index}>").unwrap();
        writeln!(make, "  - {{ name: make{index}, run: \"survivors(seed, {index})\", output: v{index} }}").unwrap();
        writeln!(pass, "  - {{ name: pass{index}, run: v{index}.clone(), output: w{index} }}").unwrap();
    }
    let last = TYPES - 1;
    let all: Vec<_> = (0..TYPES).map(|index| format!("pass{index}")).collect();
    let counts: Vec<_> = (0..TYPES).map(|index| format!("v{index}.len()")).collect();
    let pairs: Vec<_> = (0..TYPES).map(|index| format!("lost(v{index}, w{index})")).collect();
    write!(
        flow,
        "nodes:\n{make}{pass}  - {{ name: count, run: \"{}\", output: survivors }}\n  \
         - {{ name: compare, run: \"[{}].concat()\", output: lost }}\n\
         edges:\n  - {{ from: make{last}, to: [{}], parallel: true, fan_in: count, parallel_strategy: process }}\n",
        counts.join(" + "),
        pairs.join(", "),
        all.join(", "),
    )
    .unwrap();
    flow
}

/// A type that is there already, or one of the standard library's.
fn ty(rng: &mut Rng, made: &[Made], depth: u32) -> String {
    const PLAIN: &[&str] = &[
        "u8", "i8", "u16", "u32", "i32", "u64", "i64", "u128", "i128", "f32", "f64", "bool", "char", "String", "()",
        "PathBuf", "IpAddr", "Duration",
    ];
    match rng.u8(..if depth > 2 { 6 } else { 14 }) {
        0..=3 => rng.choice(PLAIN).unwrap().to_string(),
        4 | 5 if !made.is_empty() => format!("T{}", rng.usize(..made.len())),
        6 | 7 => format!("Option<{}>", ty(rng, made, depth + 1)),
        8 => format!("Vec<{}>", ty(rng, made, depth + 1)),
        9 => format!("Box<{}>", ty(rng, made, depth + 1)),
        10 => format!("({}, {})", ty(rng, made, depth + 1), ty(rng, made, depth + 1)),
        11 => format!("BTreeMap<String, {}>", ty(rng, made, depth + 1)),
        12 => format!("HashMap<{}, {}>", rng.choice(["u16", "i64", "char", "bool"]).unwrap(), ty(rng, made, depth + 1)),
        13 => format!("[{}; 2]", ty(rng, made, depth + 1)),
        _ => "Vec<f64>".to_owned(),
    }
}

/// Fields with their attributes, and how each is sampled.
fn fields(rng: &mut Rng, prefix: &str, made: &[Made], flat: bool) -> (String, String) {
    let (mut fields, mut samples) = (String::new(), String::new());
    for index in 0..rng.usize(1..6) {
        let name = format!("{prefix}f{index}");
        let mut ty = ty(rng, made, 0);
        let attribute = match rng.u8(..12) {
            0 if flat && made.contains(&Made::Struct) => {
                // Each only once, and nothing within itself.
                let structs: Vec<_> = (0..made.len()).filter(|at| made[*at] == Made::Struct).collect();
                ty = format!("T{}", rng.choice(structs).unwrap());
                "#[serde(flatten)] "
            }
            1 | 2 => {
                ty = format!("Option<{ty}>");
                "#[serde(skip_serializing_if = \"Option::is_none\")] "
            }
            3 => {
                ty = String::from("u8");
                "#[serde(default, skip_serializing_if = \"is_zero\")] "
            }
            4 => {
                ty = String::from(*rng.choice(&["u8", "u64", "String"]).unwrap());
                *rng.choice(&["#[serde(skip)] ", "#[serde(default, skip_deserializing)] "]).unwrap()
            }
            5 => {
                ty = String::from("Vec<i32>");
                "#[serde(default, skip_serializing_if = \"Vec::is_empty\", alias = \"another\")] "
            }
            6 => {
                ty = String::from("Vec<f64>");
                "#[serde(with = \"tea_runtime::packed\")] "
            }
            7 => "#[serde(rename = \"a name with spaces NAME\")] ",
            _ => "",
        }
        .replace("NAME", &name);
        writeln!(fields, "    {attribute}{name}: {ty},").unwrap();
        let sample =
            if attribute.contains("skip)") || attribute.contains("skip_des") { "mostly_default" } else { "sample" };
        write!(samples, "{name}: {sample}(rng), ").unwrap();
    }
    (fields, samples)
}

fn structure(rng: &mut Rng, index: usize, made: &[Made]) -> String {
    let (fields, samples) = fields(rng, &format!("t{index}"), made, true);
    let attribute =
        rng.choice(["", "#[serde(rename_all = \"camelCase\")]\n", "#[serde(rename_all = \"UPPERCASE\")]\n"]);
    format!(
        "{DERIVE}{}struct T{index} {{\n{fields}}}\n{}",
        attribute.unwrap(),
        sampled(index, &format!("Self {{ {samples} }}"))
    )
}

fn tuple(rng: &mut Rng, index: usize, made: &[Made]) -> String {
    let types: Vec<_> = (0..rng.usize(1..4)).map(|_| ty(rng, made, 0)).collect();
    let attribute = if types.len() == 1 && rng.bool() { "#[serde(transparent)]\n" } else { "" };
    let samples = vec!["sample(rng)"; types.len()].join(", ");
    format!(
        "{DERIVE}{attribute}struct T{index}({});\n{}",
        types.join(", "),
        sampled(index, &format!("Self({samples})"))
    )
}

#[expect(clippy::format_push_string, reason = "it is easier to read")]
fn enumeration(rng: &mut Rng, index: usize, made: &[Made]) -> String {
    let form = rng.usize(..4);
    let attribute =
        ["", "#[serde(tag = \"kind of it\")]\n", "#[serde(tag = \"t\", content = \"c\")]\n", "#[serde(untagged)]\n"]
            [form];
    let (mut variants, mut samples) = (String::new(), Vec::new());
    for variant in 0..rng.usize(1..6) {
        let name = format!("V{variant}");
        let skip = form != 3 && variant > 0 && rng.u8(..6) == 0;
        variants += &match (skip, rng.u8(..5)) {
            (true, _) => "    #[serde(skip)]\n".to_owned(),
            (_, 0) => format!("    #[serde(rename = \"{name} renamed\")]\n"),
            _ => String::new(),
        };
        // A variant that is tagged within cannot be a tuple, and holds a struct at most.
        let text = match rng.u8(..4) {
            0 => name.clone(),
            1 if form != 1 => {
                variants += &format!("    {name}({}),\n", ty(rng, made, 0));
                samples.push(format!("Self::{name}(sample(rng))"));
                continue;
            }
            2 if form != 1 => {
                variants += &format!("    {name}({}, {}),\n", ty(rng, made, 0), ty(rng, made, 0));
                samples.push(format!("Self::{name}(sample(rng), sample(rng))"));
                continue;
            }
            _ => {
                let (fields, fields_samples) = fields(rng, &format!("t{index}v{variant}"), made, false);
                variants += &format!("    {name} {{\n{fields}}},\n");
                samples.push(format!("Self::{name} {{ {fields_samples} }}"));
                continue;
            }
        };
        variants += &format!("    {text},\n");
        samples.push(format!("Self::{text}"));
    }
    let arms: Vec<_> = samples.iter().enumerate().map(|(at, sample)| format!("{at} => {sample},")).collect();
    let body = format!("match rng.below({}) {{ {} _ => unreachable!() }}", samples.len(), arms.join(" "));
    format!("{DERIVE}{attribute}enum T{index} {{\n{variants}}}\n{}", sampled(index, &body))
}

const DERIVE: &str = "#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]\n";

fn sampled(index: usize, body: &str) -> String {
    format!(
        "impl Sample for T{index} {{\n    fn sample(rng: &mut Rng) -> Self {{\n        let _ = &rng;\n        {body}\n    }}\n}}\n"
    )
}

fn checks() -> String {
    String::from(
        "fn survivors<T: Sample + Serialize + DeserializeOwned + PartialEq>(seed: u64, index: u64) -> Vec<T> {
    let rng = &mut Rng(seed * 1000 + index + 1);
    let survives = |value: &T| {
        let back = serde_json::to_string(value).ok().and_then(|text| serde_json::from_str::<T>(&text).ok());
        back.as_ref() == Some(value)
    };
    (0..12).map(|_| T::sample(rng)).filter(survives).collect()
}

fn lost<T: std::fmt::Debug + PartialEq>(sent: &[T], arrived: &[T]) -> Vec<String> {
    let all = sent.len() == arrived.len();
    let pairs = sent.iter().zip(arrived).filter(|(sent, arrived)| !all || sent != arrived);
    pairs.map(|(sent, arrived)| format!(\"{sent:?} is now {arrived:?}\")).collect()
}
",
    )
}

const PRELUDE: &str = r#"#![allow(dead_code, non_camel_case_types)]

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ self.0 >> 29
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 7) % end
    }
}

trait Sample {
    fn sample(rng: &mut Rng) -> Self;
}

fn sample<T: Sample>(rng: &mut Rng) -> T {
    T::sample(rng)
}

fn mostly_default<T: Sample + Default>(rng: &mut Rng) -> T {
    if rng.below(8) == 0 { T::sample(rng) } else { T::default() }
}

fn is_zero(number: &u8) -> bool {
    *number == 0
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Sample for $number {
            fn sample(rng: &mut Rng) -> Self {
                match rng.below(4) {
                    0 => 0 as $number,
                    1 => <$number>::MAX,
                    2 => <$number>::MIN,
                    _ => rng.next() as $number,
                }
            }
        })*
    };
}
numbers!(u8 i8 u16 u32 i32 u64 i64 u128 i128);

impl Sample for f64 {
    fn sample(rng: &mut Rng) -> Self {
        match rng.below(4) {
            0 => -0.0,
            1 => f64::MIN_POSITIVE,
            _ => f64::from_bits(rng.next() >> 2),
        }
    }
}

impl Sample for f32 {
    fn sample(rng: &mut Rng) -> Self {
        rng.next() as u32 as f32 / 7.0
    }
}

impl Sample for bool {
    fn sample(rng: &mut Rng) -> Self {
        rng.below(2) == 0
    }
}

impl Sample for char {
    fn sample(rng: &mut Rng) -> Self {
        ['a', 'ü', '\0', '"', '🦀'][rng.below(5) as usize]
    }
}

impl Sample for String {
    fn sample(rng: &mut Rng) -> Self {
        (0..rng.below(4)).map(|_| char::sample(rng)).collect()
    }
}

impl Sample for () {
    fn sample(_: &mut Rng) -> Self {}
}

impl Sample for PathBuf {
    fn sample(rng: &mut Rng) -> Self {
        String::sample(rng).into()
    }
}

impl Sample for IpAddr {
    fn sample(rng: &mut Rng) -> Self {
        if bool::sample(rng) { (rng.next() as u32).to_be_bytes().into() } else { u128::sample(rng).to_be_bytes().into() }
    }
}

impl Sample for Duration {
    fn sample(rng: &mut Rng) -> Self {
        Duration::from_nanos(rng.next())
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(rng: &mut Rng) -> Self {
        bool::sample(rng).then(|| T::sample(rng))
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(rng: &mut Rng) -> Self {
        (0..rng.below(4)).map(|_| T::sample(rng)).collect()
    }
}

impl<T: Sample> Sample for Box<T> {
    fn sample(rng: &mut Rng) -> Self {
        Box::new(T::sample(rng))
    }
}

impl<A: Sample, B: Sample> Sample for (A, B) {
    fn sample(rng: &mut Rng) -> Self {
        (A::sample(rng), B::sample(rng))
    }
}

impl<T: Sample> Sample for [T; 2] {
    fn sample(rng: &mut Rng) -> Self {
        [T::sample(rng), T::sample(rng)]
    }
}

impl<K: Sample + Ord, T: Sample> Sample for BTreeMap<K, T> {
    fn sample(rng: &mut Rng) -> Self {
        (0..rng.below(3)).map(|_| (K::sample(rng), T::sample(rng))).collect()
    }
}

impl<K: Sample + Eq + std::hash::Hash, T: Sample> Sample for HashMap<K, T> {
    fn sample(rng: &mut Rng) -> Self {
        (0..rng.below(3)).map(|_| (K::sample(rng), T::sample(rng))).collect()
    }
}
"#;
