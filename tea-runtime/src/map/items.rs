//! The origin of a map's items: a key that is read in place, or an iterator that yields owned items as they are needed.

use std::{
    any::{Any, TypeId},
    collections::VecDeque,
    iter::Fuse,
    marker::PhantomData,
    ops::{Range, RangeInclusive},
    path::{Path, PathBuf},
    sync::Arc,
    vec,
};

use crate::{
    context::Context,
    failure::NodeError,
    state::{Key, View},
};

/// A collection that `items` of a `dynamic_parallel` node can name without a copy: it holds its items in order.
#[diagnostic::on_unimplemented(
    message = "the items of a `{Self}` cannot be read in place",
    note = "let `items` give them by value, as in `items: key.iter().cloned().collect::<Vec<_>>()`"
)]
pub trait List: Send + Sync {
    /// The type of an item.
    type Item;

    /// The number of items.
    fn count(&self) -> usize;

    /// The item at `index`, which is less than [`count`](Self::count).
    fn item(&self, index: usize) -> &Self::Item;
}

impl<T: Send + Sync> List for Vec<T> {
    type Item = T;
    fn count(&self) -> usize {
        self.len()
    }
    fn item(&self, index: usize) -> &T {
        &self[index]
    }
}

impl<T: Send + Sync> List for Box<[T]> {
    type Item = T;
    fn count(&self) -> usize {
        self.len()
    }
    fn item(&self, index: usize) -> &T {
        &self[index]
    }
}

impl<T: Send + Sync> List for Arc<[T]> {
    type Item = T;
    fn count(&self) -> usize {
        self.len()
    }
    fn item(&self, index: usize) -> &T {
        &self[index]
    }
}

impl<T: Send + Sync, const N: usize> List for [T; N] {
    type Item = T;
    fn count(&self) -> usize {
        N
    }
    fn item(&self, index: usize) -> &T {
        &self[index]
    }
}

impl<T: Send + Sync> List for VecDeque<T> {
    type Item = T;
    fn count(&self) -> usize {
        self.len()
    }
    fn item(&self, index: usize) -> &T {
        &self[index]
    }
}

impl<T: Send + Sync> List for Option<T> {
    type Item = T;
    fn count(&self) -> usize {
        usize::from(self.is_some())
    }
    fn item(&self, _: usize) -> &T {
        self.as_ref().expect("an index is below the count")
    }
}

/// The origin of a map's items.
pub trait Origin: Send + Sync + 'static {
    /// The type of an item.
    type Item: Send + Sync + 'static;

    /// Whether the items are those of a key.
    const IN_PLACE: bool;

    #[doc(hidden)]
    fn open(&self, view: &View, context: &Context) -> Result<Box<dyn Supply<Self::Item>>, NodeError>;

    /// Whether items are paths, or contain some.
    #[must_use]
    fn has_paths() -> bool {
        TypeId::of::<Self::Item>() == TypeId::of::<PathBuf>()
    }

    /// The paths in an item.
    #[must_use]
    fn paths(item: &Self::Item) -> Vec<&Path> {
        path_of(item).into_iter().collect()
    }
}

/// A value, if it is a path.
pub(super) fn path_of<T: 'static>(value: &T) -> Option<&Path> {
    (value as &dyn Any).downcast_ref::<PathBuf>().map(|path| &**path)
}

/// Items that are handed out in order.
#[doc(hidden)]
pub trait Supply<T>: Send {
    /// At most `count` more items: a list, the index of the first one in it, and their number.
    fn take(&mut self, count: usize) -> Option<(Arc<dyn List<Item = T>>, usize, usize)>;

    /// The number of items that are left, if it is known.
    fn left(&self) -> Option<usize>;

    /// Whether [`take`](Self::take) runs no user code.
    fn is_plain(&self) -> bool;
}

/// See [`in_place`].
pub struct InPlace<C>(Key<C>);

/// The items of a key, read in place.
#[must_use]
pub const fn in_place<C>(key: Key<C>) -> InPlace<C> {
    InPlace(key)
}

impl<C: List<Item: Send + Sync + 'static> + 'static> Origin for InPlace<C> {
    type Item = C::Item;
    const IN_PLACE: bool = true;

    fn open(&self, view: &View, _: &Context) -> Result<Box<dyn Supply<C::Item>>, NodeError> {
        let list = view.share(self.0);
        Ok(Box::new(Shared { left: list.count(), list, given: 0 }))
    }
}

struct Shared<T> {
    list: Arc<dyn List<Item = T>>,
    given: usize,
    left: usize,
}

impl<T> Supply<T> for Shared<T> {
    fn take(&mut self, count: usize) -> Option<(Arc<dyn List<Item = T>>, usize, usize)> {
        let (from, len) = (self.given, count.min(self.left));
        self.given += len;
        self.left -= len;
        (len > 0).then(|| (Arc::clone(&self.list), from, len))
    }

    fn left(&self) -> Option<usize> {
        Some(self.left)
    }

    fn is_plain(&self) -> bool {
        true
    }
}

/// See [`given`].
pub struct Given<F, I> {
    items: F,
    marker: PhantomData<fn() -> I>,
}

/// The items that the expression `items` yields: an iterator, or something that can be turned into one.
pub const fn given<F, I>(items: F) -> Given<F, I>
where
    F: Fn(&View, &Context) -> Result<I, NodeError>,
    I: IntoIterator,
{
    Given { items, marker: PhantomData }
}

impl<F, I> Origin for Given<F, I>
where
    F: Fn(&View, &Context) -> Result<I, NodeError> + Send + Sync + 'static,
    I: IntoIterator<IntoIter: Send + 'static, Item: Send + Sync + 'static> + 'static,
{
    type Item = I::Item;
    const IN_PLACE: bool = false;

    fn open(&self, view: &View, context: &Context) -> Result<Box<dyn Supply<I::Item>>, NodeError> {
        Ok(Box::new(Made((self.items)(view, context)?.into_iter().fuse())))
    }
}

struct Made<I>(Fuse<I>);

impl<I: Iterator<Item: Send + Sync + 'static> + Send + 'static> Supply<I::Item> for Made<I> {
    fn take(&mut self, count: usize) -> Option<(Arc<dyn List<Item = I::Item>>, usize, usize)> {
        let items: Vec<_> = self.0.by_ref().take(count).collect();
        let len = items.len();
        (len > 0).then(|| (Arc::new(items) as Arc<dyn List<Item = I::Item>>, 0, len))
    }

    fn left(&self) -> Option<usize> {
        let (least, most) = self.0.size_hint();
        most.filter(|&most| most == least)
    }

    fn is_plain(&self) -> bool {
        is_plain::<I>()
    }
}

/// Whether an iterator is known to run no user code, so that it cannot block: the items of a list, or a range of numbers.
fn is_plain<I: Iterator<Item: 'static> + 'static>() -> bool {
    macro_rules! ranges {
        ($($number:ty),*) => {
            [$(TypeId::of::<Range<$number>>(), TypeId::of::<RangeInclusive<$number>>()),*]
        };
    }
    let ranges = ranges![u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize];
    let iterator = TypeId::of::<I>();
    iterator == TypeId::of::<vec::IntoIter<I::Item>>() || ranges.contains(&iterator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iterator_that_may_run_user_code_is_not_plain() {
        fn of<I: Iterator<Item: 'static> + 'static>(_: &I) -> bool {
            is_plain::<I>()
        }
        assert!(of(&(0..3)) && of(&(0..=3_u64)) && of(&vec!["a".to_owned()].into_iter()));
        assert!(!of(&(0..3).map(|n| n + 1)) && !of(&std::iter::repeat(1)) && !of(&std::iter::from_fn(|| Some(1))));
    }
}
