//! Small helpers for text.

/// What `each` gives for every item, with `separator` between them.
pub(crate) fn join<T>(items: impl IntoIterator<Item = T>, separator: &str, each: impl FnMut(T) -> String) -> String {
    items.into_iter().map(each).collect::<Vec<_>>().join(separator)
}

/// An `Option`, also where the prelude is out of scope.
pub(super) fn option(value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(|| "tea::None".to_owned(), |value| format!("tea::Some({value})"))
}
