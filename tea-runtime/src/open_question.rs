//! Questions that nobody has answered, as failures and records tell them.

use serde::{Deserialize, Serialize};

/// A question that nobody has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenQuestion {
    /// The name of the node that asks, after the nodes and items that lead to it: `each[3]/approve`.
    pub name: String,
    /// What it asks.
    pub text: String,
    /// What is expected, for people.
    pub expected: String,
}
