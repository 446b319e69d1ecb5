//! How values of an inferred type are compared, as far as the type can. For items and results of maps, whose types have no
//! names in generated code.

use std::fmt::Debug;

use crate::state::{Compare, kind::shown};

/// A value of the type. Its method `compare` is the one of the first trait here whose bounds hold, if it is called on
/// `&&&&Comparing`: method lookup takes away one `&` after the other.
pub struct Comparing<'v, T>(pub &'v T);

/// By `PartialEq` and `Debug`.
pub trait ByBoth<T> {
    /// Both.
    fn compare(&self) -> Compare<T>;
}

/// By `PartialEq`.
pub trait ByEqual<T> {
    /// This.
    fn compare(&self) -> Compare<T>;
}

/// By `Debug`.
pub trait ByDebug<T> {
    /// This.
    fn compare(&self) -> Compare<T>;
}

/// Not at all.
pub trait ByNothing<T> {
    /// Nothing.
    fn compare(&self) -> Compare<T>;
}

impl<T: PartialEq + Debug> ByBoth<T> for &&&Comparing<'_, T> {
    fn compare(&self) -> Compare<T> {
        Compare { equal: Some(T::eq), debug: Some(shown) }
    }
}

impl<T: PartialEq> ByEqual<T> for &&Comparing<'_, T> {
    fn compare(&self) -> Compare<T> {
        Compare { equal: Some(T::eq), debug: None }
    }
}

impl<T: Debug> ByDebug<T> for &Comparing<'_, T> {
    fn compare(&self) -> Compare<T> {
        Compare { equal: None, debug: Some(shown) }
    }
}

impl<T> ByNothing<T> for Comparing<'_, T> {
    fn compare(&self) -> Compare<T> {
        Compare::NO
    }
}
