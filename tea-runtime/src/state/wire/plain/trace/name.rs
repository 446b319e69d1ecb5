//! The names of fields and variants.

use std::sync::atomic::{AtomicPtr, Ordering};

/// A name that a type reads, and that its `Serialize` should write.
#[derive(Debug)]
pub(in super::super) struct Name {
    text: &'static str,
    /// Where the text lies that `Serialize` wrote for it last, most often always the same one: an address is compared
    /// sooner than a text.
    written: AtomicPtr<u8>,
}

impl Name {
    pub(super) fn new(text: &'static str) -> Self {
        Self { text, written: AtomicPtr::new(text.as_ptr().cast_mut()) }
    }

    pub(super) fn text(&self) -> &'static str {
        self.text
    }

    /// Whether it is this one.
    #[inline]
    pub(in super::super) fn is(&self, name: &'static str) -> bool {
        let known = self.written.load(Ordering::Relaxed).cast_const() == name.as_ptr();
        name.len() == self.text.len() && (known || self.is_written_as(name))
    }

    #[cold]
    fn is_written_as(&self, name: &'static str) -> bool {
        let same = name == self.text;
        if same {
            self.written.store(name.as_ptr().cast_mut(), Ordering::Relaxed);
        }
        same
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
