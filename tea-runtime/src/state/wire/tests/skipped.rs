//! Fields that serde skips: in no bytes, and so found by comparing.

use super::*;

/// Fields that serde skips, compared by `PartialEq`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Cached {
    id: u32,
    #[serde(skip)]
    cache: Option<String>,
}

fn compared<T: Serialize + DeserializeOwned + PartialEq + 'static>(value: &T) -> Result<(), String> {
    encode_compared(value, &mut Vec::new(), &Compare::Equal(|a, b| a == b))
}

fn shown<T: Serialize + DeserializeOwned + Debug + 'static>(value: &T) -> Result<(), String> {
    encode_compared(value, &mut Vec::new(), &Compare::Shown(|value| format!("{value:?}")))
}

#[test]
fn a_skipped_field_that_holds_something_stays_here() {
    let (empty, full) = (Cached::default(), Cached { id: 1, cache: Some("x".into()) });
    for _ in 0..2 {
        assert_eq!(compared(&empty), Ok(()));
        assert!(compared(&full).unwrap_err().contains("another value"));
        assert_eq!(shown(&empty), Ok(()));
        assert!(shown(&full).unwrap_err().contains("another value"));
        assert!(compared(&vec![(1, Some(empty.clone())), (2, Some(full.clone()))]).is_err());
        assert!(shown(&HashMap::from([(1, empty.clone()), (2, full.clone())])).is_err());
        assert_eq!(shown(&HashMap::from([(1, empty.clone()), (2, empty.clone()), (3, empty.clone())])), Ok(()));
    }
}

/// One so small that the size of its struct does not tell of it: only the first value shows it.
#[test]
fn the_first_value_of_each_type_is_compared() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Small {
        id: u32,
        count: u16,
        #[serde(skip)]
        seen: bool,
    }
    let small = Small { id: 1, count: 1, seen: true };
    assert!(compared(&small).is_err());
    assert_eq!(compared(&small), Ok(()));
    assert_eq!(compared(&(f64::NAN, 1u8)), Ok(()));
}

#[test]
fn plain_types_do_not_hold_more_than_they_say() {
    macro_rules! whole {
        ($($ty:ty,)*) => {
            $(assert!(!Form::of::<$ty>().holds_more, stringify!($ty));)*
        };
    }
    whole! {
        Row, Point, Meters, Kind, Stage, Tree, (u8, u64, u8), [u16; 3], Option<(u8, f64)>, Duration, SystemTime, PathBuf,
        Result<u8, String>, std::ops::Range<u8>, Vec<(u8, u128)>, Box<Row>, NonZeroU8, OsString, SocketAddr,
    }
    assert!(Form::of::<Cached>().holds_more);
    assert!(Form::of::<(u8, Vec<Cached>)>().holds_more);
}
