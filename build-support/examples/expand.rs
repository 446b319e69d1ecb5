//! Prints what the macro makes of a workflow file: `cargo run -p tea-build --example expand -- flow.yaml`. With a second
//! argument `sheets`, what a build script makes of it.

use std::path::Path;

use tea_build::{diagnostic::Diagnostics, generate::generate, render::render, source::Sources};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("the path of a workflow file");
    if arguments.next().is_none() {
        return print!("{}", tea_build::expand(&format!("{path:?}"), Path::new("")));
    }
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let file = sources.add(&path, std::fs::read_to_string(&path).expect("a file that can be read"));
    match tea_build::plan(&sources, file, &mut found) {
        Some(plan) => generate(&plan, &sources).sheets().iter().for_each(|sheet| print!("{sheet}")),
        None => eprintln!("{}", render(&sources, &found.into_sorted(), false)),
    }
}
