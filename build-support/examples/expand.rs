//! Prints what the macro makes of a workflow file: `cargo run -p tea-build --example expand -- flow.yaml`.

fn main() {
    let path = std::env::args().nth(1).expect("the path of a workflow file");
    print!("{}", tea_build::expand(&format!("{path:?}"), &tea_build::Caller::at("")));
}
