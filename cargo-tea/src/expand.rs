//! `cargo tea expand`: the Rust that a workflow compiles to.

use std::path::Path;

use tea_build::generate::{self, AllNames, Surface};

use crate::{Failure, file::Compiled, print, rustfmt};

pub(crate) fn run(path: &Path) -> Result<(), Failure> {
    let compiled = Compiled::read(path)?;
    let plan = compiled.plan()?;
    let surface = Surface::default();
    let names = AllNames::new(plan, &surface);
    let text = generate::generate(plan, &names, &surface, &compiled.sources).items();
    print(&rustfmt::format(&text)?)
}
