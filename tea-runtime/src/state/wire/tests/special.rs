//! Values of types of std that serde does not hold whole, and numbers.

use super::*;

fn bad_path() -> PathBuf {
    OsString::from_vec(b"caf\xe9".to_vec()).into()
}

#[test]
fn paths_of_any_bytes_make_the_trip() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct File {
        path: PathBuf,
        other: Option<Box<Path>>,
        name: OsString,
        newtype: Wrapped,
        files: Vec<PathBuf>,
        sizes: HashMap<PathBuf, u64>,
    }
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Wrapped(PathBuf);
    let path = bad_path();
    let file = File {
        path: path.clone(),
        other: Some(path.clone().into()),
        name: path.clone().into(),
        newtype: Wrapped(path.clone()),
        files: vec![path.clone(), "ok".into()],
        sizes: HashMap::from([(path.clone(), 1), ("ok".into(), 2)]),
    };
    named(&path);
    named(&vec![path.clone(), "ok".into()]);
    named(&(path.clone(), 1));
    named(&vec![(Some(path.clone()), 1)]);
    named(&std::collections::BTreeSet::from([path.clone()]));
    named(&BTreeMap::from([("a".to_owned(), vec![path.clone()])]));
    named(&BTreeMap::from([(path.clone(), path.clone())]));
    named(&vec![file]);
    named(&path.clone().into_os_string());
    // Of a collection that is not known, the reason is told.
    let error = encode(&std::collections::LinkedList::from([path]), &mut Vec::new()).unwrap_err();
    assert_eq!(error, "its `Serialize` says: path contains invalid UTF-8 characters");
}

#[test]
fn times_before_1970_and_addresses_with_all_their_parts_make_the_trip() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Visit {
        at: SystemTime,
        before: Option<SystemTime>,
        from: SocketAddr,
        to: SocketAddrV6,
    }
    let time = SystemTime::UNIX_EPOCH - Duration::new(5, 1);
    let scoped: SocketAddrV6 = "[fe80::1%2]:80".parse().unwrap();
    let flow = SocketAddrV6::new(*scoped.ip(), 80, 7, 2);
    let visit = Visit { at: time, before: Some(time), from: flow.into(), to: scoped };
    named(&time);
    named(&(time, SystemTime::UNIX_EPOCH, SystemTime::now()));
    named(&vec![time, SystemTime::UNIX_EPOCH]);
    named(&vec![Some(time), None]);
    named(&std::collections::BTreeSet::from([time, SystemTime::UNIX_EPOCH]));
    named(&HashMap::from([(PathBuf::from("a"), time), (bad_path(), SystemTime::UNIX_EPOCH)]));
    named(&BTreeMap::from([("a".to_owned(), time)]));
    // Of a collection that is not known, the reason is told.
    let error = encode(&std::collections::LinkedList::from([time]), &mut Vec::new()).unwrap_err();
    assert_eq!(error, "its `Serialize` says: SystemTime must be later than UNIX_EPOCH");
    named(&SocketAddr::from(scoped));
    named(&vec![visit]);
    plain(&(SystemTime::UNIX_EPOCH, Some(1)));
    #[derive(Debug, Serialize, Deserialize)]
    struct Wrapped(SystemTime);
    let error = decode::<Wrapped>(&bytes(&Wrapped(time))).map(|wrapped| wrapped.0);
    assert!(error.is_err() || error == Ok(time), "equal, or it fails");
}

#[test]
fn other_types_of_std_make_the_trip() {
    use std::{
        cell::RefCell,
        cmp::Reverse,
        ffi::CString,
        net::{IpAddr, Ipv4Addr, Ipv6Addr},
        num::Wrapping,
        ops::Bound,
        sync::Arc,
    };
    round_trip(&CString::new(b"caf\xe9".to_vec()).unwrap());
    round_trip(&(
        Wrapping(i8::MIN),
        Reverse(u16::MAX),
        1..3u8,
        1..=i128::MAX,
        [Bound::Excluded('x'), Bound::Unbounded],
    ));
    round_trip(&(IpAddr::from(Ipv6Addr::LOCALHOST), Ipv4Addr::BROADCAST, SocketAddr::from(([127, 0, 0, 1], 80))));
    round_trip(&(Duration::MAX, RefCell::new(vec![0.5f32]), Arc::<str>::from("grüße")));
    round_trip(&vec![Ok(1u8), Err("no".to_owned())]);
}

#[test]
fn numbers_that_are_none_make_the_trip_bit_by_bit() {
    let odd = [f64::NAN, -f64::NAN, f64::from_bits(0x7ff4_0000_dead_beef), f64::NEG_INFINITY, -0.0];
    let bits = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&decode::<[f64; 5]>(&bytes(&odd)).unwrap()), bits(&odd));
    let mixed = (odd.to_vec(), json!(1));
    assert_eq!(bits(&decode::<(Vec<f64>, serde_json::Value)>(&bytes(&mixed)).unwrap().0), bits(&odd));
    let narrow = (f32::from_bits(0xffc0_0001), json!(1));
    assert_eq!(decode::<(f32, serde_json::Value)>(&bytes(&narrow)).unwrap().0.to_bits(), 0xffc0_0001);
}

#[test]
fn vectors_of_numbers_are_read_by_whatever_type() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Numbers {
        Few(u8, i64),
        Many {
            all: Vec<i64>,
            half: Box<[f64]>,
        },
        #[serde(with = "crate::packed")]
        Packed(Vec<f32>),
    }
    named(&Numbers::Few(1, -1));
    named(&Numbers::Many { all: vec![1, -1, i64::MIN], half: vec![0.5].into() });
    named(&Numbers::Packed(vec![0.1, -0.5]));
    #[derive(Debug, Serialize)]
    struct Writes {
        bytes: Vec<u8>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Reads {
        #[serde(with = "as_bytes")]
        bytes: Vec<u8>,
    }
    mod as_bytes {
        pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
            struct Bytes;
            impl serde::de::Visitor<'_> for Bytes {
                type Value = Vec<u8>;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("bytes")
                }
                fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                    Ok(bytes.to_vec())
                }
            }
            deserializer.deserialize_bytes(Bytes)
        }
    }
    let mut written = Vec::from([NAMED]);
    named::write(&Writes { bytes: vec![1, 2] }, &mut written).unwrap();
    assert_eq!(decode::<Reads>(&written).unwrap().bytes, [1, 2]);
}
