//! Compiles the workflow, so that rustc reports errors in its Rust at their place in `flow.yaml`.

fn main() {
    tea_build::compile("src/flow.yaml");
}
