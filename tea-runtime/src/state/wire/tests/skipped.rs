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
    encode_compared(value, &mut Vec::new(), &Compare { equal: Some(T::eq), debug: None })
}

fn shown<T: Serialize + DeserializeOwned + Debug + 'static>(value: &T) -> Result<(), String> {
    encode_compared(value, &mut Vec::new(), &Compare { equal: None, debug: Some(crate::state::kind::shown) })
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

/// The size of an enum is that of its largest variant.
#[test]
fn a_skipped_field_of_a_variant_stays_here() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Job {
        Small {
            id: u8,
            #[serde(skip)]
            cache: u8,
        },
        Pair(u8, #[serde(skip)] u8),
        One(#[serde(skip)] u8),
        Large([u64; 8]),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Inner {
        id: u64,
        job: Job,
    }
    fn both<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: &T) -> Result<(), String> {
        let compare = Compare { equal: Some(T::eq), debug: Some(crate::state::kind::shown) };
        encode_compared(value, &mut Vec::new(), &compare)
    }
    let job = |cache| [Job::Small { id: 1, cache }, Job::Pair(1, cache), Job::One(cache), Job::Large([1; 8])];
    for compared in [both::<Job>, compared::<Job>, shown::<Job>] {
        for job in job(0).iter().chain(&job(0)) {
            assert_eq!(compared(job), Ok(()));
        }
        for job in &job(1)[..3] {
            assert!(compared(job).unwrap_err().contains("another value"), "{job:?}");
        }
    }
    for job in job(1).into_iter().take(3) {
        let inner = vec![Some(Inner { id: 1, job })];
        for compared in [both, compared, shown] {
            assert!(compared(&inner).is_err(), "{inner:?}");
        }
    }
}

/// What need not be compared is not: that costs as much as sending it.
#[test]
fn enums_that_show_all_that_is_sent_are_not_compared() {
    macro_rules! whole {
        ($($ty:ty,)*) => {
            $(
                let form = Form::of::<$ty>();
                let compare = Compare::<$ty> { equal: Some(PartialEq::eq), debug: Some(crate::state::kind::shown) };
                // The first one is.
                form.is_compared(0, &compare);
                assert!(!form.is_compared(0, &compare), stringify!($ty));
            )*
        };
    }
    whole! {
        Kind, Row, Vec<Row>, Stage, Result<u8, String>, Option<(Kind, Vec<u8>)>, BTreeMap<String, Kind>, HashSet<u8>,
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

/// Names are known by where they lie in memory, and by their text where that is new.
#[test]
fn names_of_the_same_length_are_told_apart() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Step {
        #[serde(skip)]
        #[allow(dead_code)]
        Idle,
        Load,
        Make,
        Save(u8),
    }
    /// Its `Serialize` has an order of its own.
    #[derive(Debug, Clone, PartialEq, Deserialize)]
    struct Pair {
        left: u8,
        last: u8,
    }
    impl Serialize for Pair {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
            use serde::ser::SerializeStruct;
            let mut fields = serializer.serialize_struct("Pair", 2)?;
            let mut both = [("left", self.left), ("last", self.last)];
            both.sort_by_key(|(_, number)| *number);
            for (name, number) in both {
                fields.serialize_field(name, &number)?;
            }
            fields.end()
        }
    }
    for _ in 0..2 {
        for step in [Step::Load, Step::Make, Step::Save(1)] {
            plain(&step);
        }
    }
    plain(&Pair { left: 1, last: 2 });
    named(&Pair { left: 2, last: 1 });
    named(&vec![Pair { left: 1, last: 2 }, Pair { left: 2, last: 1 }]);
}
