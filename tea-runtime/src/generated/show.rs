//! How items of a map are shown, as far as their type can: it has no name in generated code.

use std::fmt::Display;

/// An item. Its method `show` is the one of the first trait here whose bounds hold, if it is called on `&&Item`.
pub struct Item<'v, T>(pub &'v T);

/// By `Display`.
pub trait ByDisplay<'v> {
    /// As it is.
    fn show(&self) -> Option<&'v dyn Display>;
}

/// Not at all.
pub trait NotShown<'v> {
    /// Nothing.
    fn show(&self) -> Option<&'v dyn Display>;
}

impl<'v, T: Display> ByDisplay<'v> for &Item<'v, T> {
    fn show(&self) -> Option<&'v dyn Display> {
        Some(self.0)
    }
}

impl<'v, T> NotShown<'v> for Item<'v, T> {
    fn show(&self) -> Option<&'v dyn Display> {
        None
    }
}
