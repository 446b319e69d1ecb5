//! Compiles the workflow, so that rustc's errors in its Rust have the lines and columns of `flow.yaml`.

fn main() {
    tea_build::compile("src/flow.yaml");
}
