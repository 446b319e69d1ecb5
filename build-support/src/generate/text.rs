//! Small helpers for text.

/// What `each` gives for every item, with `separator` between them.
pub(crate) fn join<T>(items: impl IntoIterator<Item = T>, separator: &str, each: impl FnMut(T) -> String) -> String {
    items.into_iter().map(each).collect::<Vec<_>>().join(separator)
}
