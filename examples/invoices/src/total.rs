//! What invoices come to.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use tea_runtime::{Permanent, permanent};

use crate::check::Line;

/// What a unit of each currency is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rates(pub BTreeMap<String, f64>);

impl Default for Rates {
    fn default() -> Self {
        Self([("EUR", 1.0), ("USD", 0.86), ("CHF", 1.07)].map(|(name, worth)| (name.to_owned(), worth)).into())
    }
}

/// What an invoice comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Total {
    /// The name of its file.
    pub file: String,
    /// Who pays.
    pub customer: String,
    /// How much, in euros.
    pub euros: f64,
}

/// What the lines of an invoice come to.
///
/// # Errors
/// If there is no rate for a currency.
pub fn of(file: &Path, lines: &[Line], rates: &Rates) -> Result<Total, Permanent> {
    let mut euros = 0.0;
    for line in lines {
        let rate = rates.0.get(&line.currency);
        let rate = rate.ok_or_else(|| permanent(format!("there is no rate for `{}`", line.currency)))?;
        euros += f64::from(line.count) * line.price * rate;
    }
    let customer = lines.first().map(|line| line.customer.clone()).unwrap_or_default();
    let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Total { file, customer, euros: (euros * 100.0).round() / 100.0 })
}

/// What each customer owes.
#[must_use]
pub fn by_customer(totals: &[Total]) -> BTreeMap<String, f64> {
    let mut owed = BTreeMap::new();
    for total in totals {
        *owed.entry(total.customer.clone()).or_insert(0.0) += total.euros;
    }
    owed
}
