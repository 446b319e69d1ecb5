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
    cell::RefCell,
    sync::{
        OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use rustc_hash::{FxBuildHasher, FxHashMap};
use serde::{Serialize, de::DeserializeOwned};

use self::{
    read::Reader,
    trace::{Seen, Shape},
};
use super::{Compare, Error, FIRST, Result, too_many};
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
        type Forms = FxHashMap<TypeId, &'static Form>;
        static ALL: RwLock<Forms> = RwLock::new(Forms::with_hasher(FxBuildHasher));
        thread_local! {
            // Those that this thread has asked for, so that it need not ask for the lock.
            static MET: RefCell<Forms> = const { RefCell::new(Forms::with_hasher(FxBuildHasher)) };
        }
        let id = TypeId::of::<T>();
        if let Some(form) = MET.with_borrow(|met| met.get(&id).copied()) {
            return form;
        }
        let known = ALL.read().unwrap_or_else(PoisonError::into_inner).get(&id).copied();
        let form = known.unwrap_or_else(|| {
            let form = Self::found::<T>();
            // It is kept as long as the program runs, as the type is.
            ALL.write().unwrap_or_else(PoisonError::into_inner).entry(id).or_insert_with(|| Box::leak(Box::new(form)))
        });
        MET.with_borrow_mut(|met| met.insert(id, form));
        form
    }

    fn found<T: DeserializeOwned>() -> Self {
        let seen = Seen::default();
        // A type may not be made for values that it never writes.
        let shape = guard(|| Shape::of::<T>(&seen)).ok().flatten();
        Self {
            named: AtomicBool::new(false),
            holds_more: seen.holds_more.get(),
            may_hold_more: seen.has_variants.get() || shape.is_none(),
            shows_all: OnceLock::new(),
            compared: AtomicBool::new(false),
            shape,
        }
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
        left => Err(too_many(left)),
    }
}
