//! What a node runs.

use crate::{
    context::Context,
    failure::{Failure, NodeError},
    state::{Key, View},
};

/// The Rust of a node, with its output.
pub trait Body: Sync {
    /// Runs the node on `view` and writes its output there.
    ///
    /// # Errors
    /// If the Rust of the node returns an error or panics, or a reducer fails.
    fn run(&self, view: &mut View, context: &Context) -> Result<(), Box<Failure>>;
}

/// A node: its function, and the keys that receive its value (`()`, one [`Key`], or a tuple of
/// them).
pub struct Run<K: Output>(pub fn(&View, &Context) -> Result<K::Value, NodeError>, pub K);

impl<K: Output> Body for Run<K> {
    fn run(&self, view: &mut View, context: &Context) -> Result<(), Box<Failure>> {
        let value = (self.0)(view, context)?;
        self.1.put(value, view)
    }
}

/// A node that asks a person.
pub struct Ask {
    /// Gives the text of the question.
    pub question: fn(&View, &Context) -> Result<String, NodeError>,
    /// The key that gets the answer.
    pub key: u32,
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The keys that receive the value of a node.
pub trait Output: Copy + Sync {
    /// The value of the node.
    type Value;
    /// Writes the value.
    ///
    /// # Errors
    /// If a reducer fails.
    fn put(self, value: Self::Value, view: &mut View) -> Result<(), Box<Failure>>;
}

impl Output for () {
    type Value = ();
    fn put(self, (): (), _: &mut View) -> Result<(), Box<Failure>> {
        Ok(())
    }
}

impl<T> Output for Key<T> {
    type Value = T;
    fn put(self, value: T, view: &mut View) -> Result<(), Box<Failure>> {
        view.put(self, value)
    }
}

macro_rules! tuple_output {
    ($($key:ident $index:tt),+) => {
        impl<$($key: Output),+> Output for ($($key,)+) {
            type Value = ($($key::Value,)+);
            fn put(self, value: Self::Value, view: &mut View) -> Result<(), Box<Failure>> {
                $(self.$index.put(value.$index, view)?;)+
                Ok(())
            }
        }
    };
}

tuple_output!(A 0);
tuple_output!(A 0, B 1);
tuple_output!(A 0, B 1, C 2);
tuple_output!(A 0, B 1, C 2, D 3);
tuple_output!(A 0, B 1, C 2, D 3, E 4);
tuple_output!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple_output!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple_output!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple_output!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple_output!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple_output!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple_output!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
