//! Compiles the C library.

fn main() {
    println!("cargo::rerun-if-changed=native/levels.c");
    cc::Build::new().file("native/levels.c").compile("levels");
}
