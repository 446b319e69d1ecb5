//! Values of the standard library's types that serde's own forms do not hold: paths that are not UTF-8, times before
//! 1970, flow information of addresses.
//!
//! Such a value is found by its type. That works for fields, for what is in an `Option`, a tuple or a newtype, and for the
//! collections that are listed here: of others serde shows references only, whose type cannot be told. All other values
//! of the types keep serde's form.
//!
//! All of this is compiled anew for each type that is written or read. So where the size of a type, or what its `drop` does,
//! says that it cannot be one of these, a constant says so: rustc compiles nothing for a branch that a constant rules out.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    ffi::OsString,
    marker::PhantomData,
    mem::needs_drop,
    net::{SocketAddr, SocketAddrV6},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use try_specialize::{Specialization, TrySpecialize, type_eq};

/// A value in the form that it has here.
pub(in crate::state) enum Special<'a> {
    One(Part<'a>),
    List(Vec<Part<'a>>),
    Map(Vec<(Part<'a>, Part<'a>)>),
}

/// A value by itself, an element of a list, or a key or value of a map.
pub(in crate::state) enum Part<'a> {
    Text(&'a str),
    /// As `OsString` has it, if it is not UTF-8: `{"Unix": [99, 97, 102, 233]}`.
    Path(&'a Path),
    Paths(&'a [PathBuf]),
    Time(SystemTime),
    Unsigned(u64),
    Float(f64),
    Bool(bool),
}

/// As serde has it, but the seconds may be below 0.
#[derive(Serialize, Deserialize)]
#[serde(rename = "SystemTime")]
pub(in crate::state) struct Time {
    secs_since_epoch: i64,
    nanos_since_epoch: u32,
}

/// The form of a value, if serde's own does not hold it.
#[inline]
pub(in crate::state) fn special<T: ?Sized>(value: &T) -> Option<Special<'_>> {
    macro_rules! find {
        ($form:ident: $($special:ty)*) => {
            $(if let Some(same) = Specialization::<T, $special>::try_new() {
                return $form(same.specialize_ref(value));
            })*
        };
    }
    macro_rules! maps {
        ($($key:ty => $value:ty)*) => {
            find!(entries: $(BTreeMap<$key, $value> HashMap<$key, $value>)*);
        };
    }
    if const { !is_thin::<T>() } {
        find!(one: Path);
        return None;
    }
    if const { !needs_drop::<T>() } {
        find!(one: SystemTime);
        return None;
    }
    find!(one: PathBuf Box<Path>);
    find!(list: Vec<PathBuf> VecDeque<PathBuf> BTreeSet<PathBuf> HashSet<PathBuf> Box<[PathBuf]>);
    find!(list: Vec<SystemTime> VecDeque<SystemTime> BTreeSet<SystemTime> HashSet<SystemTime> Box<[SystemTime]>);
    maps! {
        String => SystemTime
        PathBuf => SystemTime
        String => PathBuf
        String => Vec<PathBuf>
        PathBuf => String
        PathBuf => PathBuf
        PathBuf => Vec<PathBuf>
        PathBuf => u32
        PathBuf => u64
        PathBuf => usize
        PathBuf => f64
        PathBuf => bool
    }
    None
}

/// Whether a reference to a `T` is a pointer and no more.
const fn is_thin<T: ?Sized>() -> bool {
    size_of::<&T>() == size_of::<usize>()
}

/// Whether the size of a `T` allows it to be a `U`.
pub(super) const fn may_be<T, U>() -> bool {
    size_of::<T>() == size_of::<U>()
}

fn is_special(path: &Path) -> bool {
    path.to_str().is_none()
}

fn one<T: AsPart + ?Sized>(value: &T) -> Option<Special<'_>> {
    Some(value.part()).filter(Part::is_special).map(Special::One)
}

fn list<'a, T: AsPart + 'a>(list: impl IntoIterator<Item = &'a T> + Copy) -> Option<Special<'a>> {
    let parts = || list.into_iter().map(T::part);
    parts().any(|part| part.is_special()).then(|| Special::List(parts().collect()))
}

fn entries<'a, K: AsPart + 'a, V: AsPart + 'a>(map: impl IntoIterator<Item = (&'a K, &'a V)>) -> Option<Special<'a>> {
    let entries: Vec<_> = map.into_iter().map(|(key, value)| (key.part(), value.part())).collect();
    let special = entries.iter().any(|(key, value)| key.is_special() || value.is_special());
    special.then_some(Special::Map(entries))
}

/// What can be a part.
trait AsPart {
    fn part(&self) -> Part<'_>;
}

macro_rules! parts {
    ($($ty:ty: $this:ident => $part:expr;)*) => {
        $(impl AsPart for $ty {
            fn part(&self) -> Part<'_> {
                let $this = self;
                $part
            }
        })*
    };
}

parts! {
    String: text => Part::Text(text);
    Path: path => Part::Path(path);
    Box<Path>: path => Part::Path(path);
    PathBuf: path => Part::Path(path);
    Vec<PathBuf>: paths => Part::Paths(paths);
    SystemTime: time => Part::Time(*time);
    u32: number => Part::Unsigned((*number).into());
    u64: number => Part::Unsigned(*number);
    usize: number => Part::Unsigned(*number as u64);
    f64: number => Part::Float(*number);
    bool: truth => Part::Bool(*truth);
}

impl Part<'_> {
    fn is_special(&self) -> bool {
        match self {
            Self::Path(path) => is_special(path),
            Self::Paths(paths) => paths.iter().any(|path| is_special(path)),
            Self::Time(time) => Time::before_1970(*time).is_some(),
            _ => false,
        }
    }
}

impl Serialize for Special<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(part) => part.serialize(serializer),
            Self::List(parts) => serializer.collect_seq(parts),
            Self::Map(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
        }
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Path(path) => match path.to_str() {
                Some(text) => serializer.serialize_str(text),
                None => path.as_os_str().serialize(serializer),
            },
            Self::Paths(paths) => serializer.collect_seq(paths.iter().map(|path| Part::Path(path))),
            Self::Time(time) => match Time::before_1970(*time) {
                Some(time) => time.serialize(serializer),
                None => time.serialize(serializer),
            },
            Self::Unsigned(number) => serializer.serialize_u64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
        }
    }
}

impl Time {
    fn before_1970(time: SystemTime) -> Option<Self> {
        let before = time.duration_since(SystemTime::UNIX_EPOCH).err()?.duration();
        let seconds = i64::try_from(before.as_secs()).ok()?;
        Some(match before.subsec_nanos() {
            0 => Self { secs_since_epoch: -seconds, nanos_since_epoch: 0 },
            nanos => Self { secs_since_epoch: -seconds - 1, nanos_since_epoch: 1_000_000_000 - nanos },
        })
    }

    fn time(&self) -> Option<SystemTime> {
        let whole = Duration::from_secs(self.secs_since_epoch.unsigned_abs());
        let seconds = if self.secs_since_epoch < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(whole)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(whole)
        };
        seconds?.checked_add(Duration::from_nanos(self.nanos_since_epoch.into()))
    }
}

/// Whether `S` stands for a time, which [`time`] reads.
#[inline]
pub(super) fn is_time<S>() -> bool {
    type_eq::<S, PhantomData<SystemTime>>()
}

/// Reads a time, before 1970 or after, as a `T`.
pub(super) fn time<'de, T, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let time = Time::deserialize(deserializer)?.time();
    let time = time.ok_or_else(|| D::Error::custom("it is a time that a `SystemTime` does not reach"))?;
    let value = T::try_specialize_from(time).or_else(|time| T::try_specialize_from(Some(time)));
    value.map_err(|_| D::Error::custom("a time before 1970 is read as something else than a `SystemTime`"))
}

/// Reads a path that is not UTF-8, as a `T`.
pub(super) fn read_path<'de, T, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let path = PathBuf::from(OsString::deserialize(deserializer)?);
    T::try_specialize_from(path).map_err(|_| D::Error::custom("it is read as something else than a `PathBuf`"))
}

/// An address with flow information, which its text has not.
#[inline]
pub(super) fn with_flow<T: ?Sized>(value: &T) -> Option<SocketAddrV6> {
    if const { needs_drop::<T>() || !is_thin::<T>() } {
        return None;
    }
    let address = match value.try_specialize_ref::<SocketAddr>() {
        Some(SocketAddr::V6(address)) => *address,
        Some(SocketAddr::V4(_)) => return None,
        None => *value.try_specialize_ref::<SocketAddrV6>()?,
    };
    (address.flowinfo() != 0).then_some(address)
}

/// An address, as a `T`.
pub(super) fn address<T>(address: SocketAddrV6) -> Option<T> {
    if const { !may_be::<T, SocketAddrV6>() && !may_be::<T, SocketAddr>() } {
        return None;
    }
    T::try_specialize_from(address).or_else(|address| T::try_specialize_from(SocketAddr::V6(address))).ok()
}
