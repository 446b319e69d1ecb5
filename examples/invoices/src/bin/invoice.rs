//! What one invoice comes to: `cargo run -p invoices --bin invoice -- examples/invoices/data/0001.invoice`.

use std::path::PathBuf;

use invoices::{
    check::{self, Line},
    parse::{self, Node},
    total::{self, Rates, Total},
};

tea_runtime::include_workflow!("../invoice.yaml");
