//! Sweeps: the items of a map are all combinations of the values of several variables, the last one fastest.
//!
//! The values of each variable are shared, not copied, so they need not be `Clone`.

use std::{
    fmt,
    ops::Deref,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::items::{List, Origin, Supply, path_of};
use crate::{context::Context, failure::NodeError, state::View};

/// The values of a variable.
pub struct Axis<T>(Arc<dyn List<Item = T>>);

/// The values in a key, which stay there.
pub fn listed<C: List + 'static>(list: Arc<C>) -> Axis<C::Item> {
    Axis(list)
}

/// The values that an expression yields.
///
/// # Errors
/// Those of the expression.
pub fn collected<I>(items: impl FnOnce() -> Result<I, NodeError>) -> Result<Axis<I::Item>, NodeError>
where
    I: IntoIterator<Item: Send + Sync + 'static>,
{
    Ok(Axis(Arc::new(items()?.into_iter().collect::<Vec<_>>())))
}

/// A value of a variable in one of the combinations. It is written, compared and shown as the value itself.
pub struct Coordinate<T> {
    list: Arc<dyn List<Item = T>>,
    index: usize,
}

impl<T> Deref for Coordinate<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.list.item(self.index)
    }
}

impl<T: PartialEq> PartialEq for Coordinate<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: fmt::Debug> fmt::Debug for Coordinate<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Serialize> Serialize for Coordinate<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de> + Send + Sync + 'static> Deserialize<'de> for Coordinate<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = T::deserialize(deserializer)?;
        Ok(Self { list: Arc::new([value]), index: 0 })
    }
}

/// The values of several variables: a list in pairs, `(first, (second, ()))`.
pub trait Axes: Send + Sync + 'static {
    /// A combination, in pairs as well.
    type Item: Send + Sync + 'static;

    /// The number of combinations; `None` if it is too large.
    fn count(&self) -> Option<usize>;

    /// The combination with this index, which is less than [`count`](Self::count).
    fn item(&self, index: usize) -> Self::Item;

    /// Whether some values are paths.
    fn has_paths() -> bool;

    /// The paths in a combination.
    fn paths<'i>(item: &'i Self::Item, found: &mut Vec<&'i Path>);
}

impl Axes for () {
    type Item = ();

    fn count(&self) -> Option<usize> {
        Some(1)
    }

    fn item(&self, _: usize) {}

    fn has_paths() -> bool {
        false
    }

    fn paths<'i>((): &'i (), _: &mut Vec<&'i Path>) {}
}

impl<T: Send + Sync + 'static, R: Axes> Axes for (Axis<T>, R) {
    type Item = (Coordinate<T>, R::Item);

    fn count(&self) -> Option<usize> {
        self.0.0.count().checked_mul(self.1.count()?)
    }

    fn item(&self, index: usize) -> Self::Item {
        let inner = self.1.count().unwrap_or(1);
        let (list, rest) = (Arc::clone(&self.0.0), self.1.item(index % inner));
        (Coordinate { list, index: index / inner }, rest)
    }

    fn has_paths() -> bool {
        std::any::TypeId::of::<T>() == std::any::TypeId::of::<PathBuf>() || R::has_paths()
    }

    fn paths<'i>((first, rest): &'i Self::Item, found: &mut Vec<&'i Path>) {
        found.extend(path_of::<T>(first));
        R::paths(rest, found);
    }
}

/// See [`sweep`].
pub struct Sweep<F>(F);

/// All combinations of the values that `axes` gives.
pub const fn sweep<F, A>(axes: F) -> Sweep<F>
where
    F: Fn(&View, &Context) -> Result<A, NodeError>,
    A: Axes,
{
    Sweep(axes)
}

/// The origin of a sweep, with the type of its axes.
impl<F, A> Origin for Sweep<F>
where
    F: Swept<Axes = A>,
    A: Axes,
{
    type Item = A::Item;
    const IN_PLACE: bool = false;

    fn open(&self, view: &View, context: &Context) -> Result<Box<dyn Supply<A::Item>>, NodeError> {
        let axes = self.0.axes(view, context)?;
        let left = axes.count().ok_or_else(|| NodeError::from("there are too many combinations to count"))?;
        Ok(Box::new(Points { axes, given: 0, left }))
    }

    fn has_paths() -> bool {
        A::has_paths()
    }

    fn paths(item: &A::Item) -> Vec<&Path> {
        let mut found = Vec::new();
        A::paths(item, &mut found);
        found
    }
}

/// A function that gives the values of all variables.
pub trait Swept: Send + Sync + 'static {
    /// What it gives.
    type Axes: Axes;

    /// Calls it.
    ///
    /// # Errors
    /// If the Rust of one of the variables returns an error or panics.
    fn axes(&self, view: &View, context: &Context) -> Result<Self::Axes, NodeError>;
}

impl<F, A> Swept for F
where
    F: Fn(&View, &Context) -> Result<A, NodeError> + Send + Sync + 'static,
    A: Axes,
{
    type Axes = A;

    fn axes(&self, view: &View, context: &Context) -> Result<A, NodeError> {
        self(view, context)
    }
}

struct Points<A> {
    axes: A,
    given: usize,
    left: usize,
}

impl<A: Axes> Supply<A::Item> for Points<A> {
    fn take(&mut self, count: usize) -> Option<(Arc<dyn List<Item = A::Item>>, usize, usize)> {
        let len = count.min(self.left);
        let items: Vec<_> = (self.given..self.given + len).map(|index| self.axes.item(index)).collect();
        self.given += len;
        self.left -= len;
        (len > 0).then(|| (Arc::new(items) as Arc<dyn List<Item = A::Item>>, 0, len))
    }

    fn left(&self) -> Option<usize> {
        Some(self.left)
    }

    fn is_plain(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis<T: Send + Sync + 'static>(values: Vec<T>) -> Axis<T> {
        listed(Arc::new(values))
    }

    #[test]
    fn the_last_variable_is_the_fastest() {
        let axes = (axis(vec![1, 2]), (axis(vec!["a", "b", "c"]), ()));
        assert_eq!(axes.count(), Some(6));
        let all: Vec<_> = (0..6).map(|at| axes.item(at)).map(|(k, (mode, ()))| format!("{}{}", *k, *mode)).collect();
        assert_eq!(all, ["1a", "1b", "1c", "2a", "2b", "2c"]);
    }

    #[test]
    fn a_variable_without_values_leaves_nothing() {
        assert_eq!((axis(vec![1, 2]), (axis(Vec::<u8>::new()), ())).count(), Some(0));
        let many = || axis(vec![(); 1 << 24]);
        assert_eq!((many(), (many(), (many(), ()))).count(), None);
    }

    #[test]
    fn a_combination_is_written_as_its_values() {
        let axes = (axis(vec![7_u32]), (axis(vec!["x".to_owned()]), ()));
        let bytes = postcard::to_allocvec(&axes.item(0)).unwrap();
        assert_eq!(bytes, postcard::to_allocvec(&(7_u32, "x")).unwrap());
        let (k, (mode, ())): (Coordinate<u32>, (Coordinate<String>, ())) = postcard::from_bytes(&bytes).unwrap();
        assert_eq!((*k, &**mode), (7, "x"));
    }

    #[test]
    fn paths_are_found_in_combinations() {
        type Both = (Axis<u8>, (Axis<PathBuf>, ()));
        let axes: Both = (axis(vec![1]), (axis(vec![PathBuf::from("a")]), ()));
        let item = axes.item(0);
        let mut found = Vec::new();
        Both::paths(&item, &mut found);
        assert_eq!((Both::has_paths(), found), (true, vec![Path::new("a")]));
    }
}
