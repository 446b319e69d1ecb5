//! What an invoice must have.

use serde::{Deserialize, Serialize};
use tea_runtime::{Permanent, permanent};

use crate::parse::Node;

/// One line of an invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Who pays.
    pub customer: String,
    /// How many.
    pub count: u32,
    /// What one of them costs.
    pub price: f64,
    /// In this currency.
    pub currency: String,
}

/// The lines of an invoice.
///
/// # Errors
/// If something is missing, or is not what it should be. No retry helps.
pub fn lines(invoice: &Node) -> Result<Vec<Line>, Permanent> {
    let wrong = |what: &str| permanent(what.to_owned());
    let Node::List(parts) = invoice else { return Err(wrong("not an invoice")) };
    let words = |part: &Node| match part {
        Node::List(words) => words
            .iter()
            .map(|word| match word {
                Node::Word(word) => Some(word.clone()),
                Node::List(_) => None,
            })
            .collect::<Option<Vec<_>>>(),
        Node::Word(_) => None,
    };
    let parts: Vec<_> = parts.iter().filter_map(words).collect();
    let customer = parts.iter().find_map(|part| match &part[..] {
        [word, name] if word == "customer" => Some(name.clone()),
        _ => None,
    });
    let customer = customer.ok_or_else(|| wrong("no customer"))?;
    let mut lines = Vec::new();
    for part in parts.iter().filter(|part| part.first().is_some_and(|word| word == "line")) {
        let [_, count, price, currency] = &part[..] else {
            return Err(wrong("a line is not `(line COUNT PRICE CURRENCY)`"));
        };
        lines.push(Line {
            customer: customer.clone(),
            count: count.parse().map_err(|_| permanent(format!("`{count}` is not a count")))?,
            price: price.parse().map_err(|_| permanent(format!("`{price}` is not a price")))?,
            currency: currency.clone(),
        });
    }
    if lines.is_empty() { Err(wrong("no lines")) } else { Ok(lines) }
}
