//! Compiles the workflow, so that rustc reports errors in its Rust at the lines and columns of `flow.yaml`.

fn main() {
    tea_build::compile("src/flow.yaml");
}
