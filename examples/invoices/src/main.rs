//! What each customer owes, according to a folder of invoices: `cargo run -p invoices -- examples/invoices/data`.

use std::{collections::BTreeMap, path::PathBuf};

use invoices::{
    Refused,
    check::{self, Line},
    files_in,
    parse::{self, Node},
    total::{self, Rates, Total},
};
use tea_runtime::ItemFailure;

tea_runtime::include_workflow!("flow.yaml");
