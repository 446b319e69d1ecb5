//! `cargo tea expand`: the Rust that a workflow compiles to.

use std::path::Path;

use tea_build::generate::{self, Surface};

use crate::{Failure, file::Compiled, print, rustfmt};

pub(crate) fn run(path: &Path) -> Result<(), Failure> {
    let compiled = Compiled::read(path)?;
    let plan = compiled.plan()?;
    let text = generate::generate(plan, &Surface::default(), &compiled.sources).items();
    print(&rustfmt::format(&text)?)
}
