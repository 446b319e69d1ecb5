//! Values without names and tags, for types that need none.
//!
//! What a type asks for when it is read is found once, by [trying](trace). What its `Serialize` gives is held against
//! that: the same fields in the same order, none left out, the same types, variants that are known by their names. Where
//! that does not fit, the type needs [names](super::named) after all.

mod read;
mod trace;
mod write;

use std::{
    any::TypeId,
    cell::Cell,
    collections::HashMap,
    sync::{
        OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Serialize, de::DeserializeOwned};

use self::{
    read::Reader,
    trace::{Seen, Shape},
};
use super::{Compare, Error, FIRST, Result};
use crate::panic::guard;

/// Whether a type needs names. Decided for all of its values in this program.
pub(super) struct Form {
    shape: Option<Shape>,
    /// A value did not fit the shape.
    named: AtomicBool,
    /// Its values are larger than all that is read for them: there are fields that serde skips.
    pub(super) holds_more: bool,
    /// Its size does not tell: it is an enum or holds one, whose variants are all of the size of the largest, or it is not
    /// known what is read for it.
    may_hold_more: bool,
    /// Whether `Debug` tells that there are no fields that serde skips.
    shows_all: OnceLock<bool>,
    compared: AtomicBool,
}

impl Form {
    /// That of `T`.
    pub(super) fn of<T: DeserializeOwned + 'static>() -> &'static Self {
        static KNOWN: RwLock<Option<HashMap<TypeId, &'static Form>>> = RwLock::new(None);
        thread_local! {
            static LAST: Cell<Option<(TypeId, &'static Form)>> = const { Cell::new(None) };
        }
        let id = TypeId::of::<T>();
        if let Some((last, form)) = LAST.get()
            && last == id
        {
            return form;
        }
        let known =
            KNOWN.read().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|known| known.get(&id)).copied();
        let form = known.unwrap_or_else(|| {
            // A type may not be made for values that it never writes.
            let seen = Seen::default();
            let shape = guard(|| Shape::of::<T>(&seen)).ok().flatten();
            let is_known = shape.is_some();
            let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
            // It is kept as long as the program runs, as the type is.
            let form = || {
                &*Box::leak(Box::new(Self {
                    shape,
                    named: AtomicBool::new(false),
                    holds_more: seen.holds_more.get(),
                    may_hold_more: seen.has_variants.get() || !is_known,
                    shows_all: OnceLock::new(),
                    compared: AtomicBool::new(false),
                }))
            };
            known.get_or_insert_default().entry(id).or_insert_with(form)
        });
        LAST.set(Some((id, form)));
        form
    }

    /// Whether to compare a value of so many bytes with what is read from them.
    pub(super) fn is_compared<T: DeserializeOwned>(&self, bytes: usize, compare: &Compare<T>) -> bool {
        match compare {
            Compare { equal: None, debug: None } => false,
            _ if self.holds_more => true,
            Compare { equal: None, debug: Some(debug) } => self.shape.is_some() && self.may_hide(Some(*debug)),
            Compare { equal: Some(_), debug } => self.may_hide(*debug) || bytes <= FIRST && self.is_new(),
        }
    }

    fn may_hide<T: DeserializeOwned>(&self, debug: Option<fn(&T, bool) -> String>) -> bool {
        let shows_all = |debug| guard(|| trace::shows_all::<T>(debug)).unwrap_or(false);
        self.may_hold_more && !*self.shows_all.get_or_init(|| debug.is_some_and(shows_all))
    }

    /// Whether it is the first time that this is asked.
    fn is_new(&self) -> bool {
        !self.compared.load(Ordering::Relaxed) && !self.compared.swap(true, Ordering::Relaxed)
    }

    /// Appends the bytes of a value, unless its type needs names.
    pub(super) fn write<T: Serialize>(&self, value: &T, to: &mut Vec<u8>) -> bool {
        let Some(shape) = self.shape.as_ref().filter(|_| !self.named.load(Ordering::Relaxed)) else { return false };
        let before = to.len();
        let fits = write::write(value, shape, to).is_ok();
        if !fits {
            to.truncate(before);
            self.named.store(true, Ordering::Relaxed);
        }
        fits
    }
}

/// Reads a value that [`Form::write`] wrote.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut reader = Reader { bytes, packed: false };
    let value = T::deserialize(&mut reader)?;
    match reader.bytes.len() {
        0 => Ok(value),
        left => Err(Error(format!("{left} bytes too many"))),
    }
}
