//! A program whose runs are recorded and resumed: the tests are in `tests/stored.rs`.

tea_runtime::include_workflow!("flow.yaml");

/// Another name for a path.
type Marker = std::path::PathBuf;

/// Says on standard error that a unit runs.
fn shown<T>(unit: &str, value: T) -> T {
    eprintln!("{unit} runs");
    value
}

/// Fails, or waits until it is ended, if it is told to.
fn gate(how: &str) -> Result<(), &'static str> {
    match how {
        "fail" => return Err("closed"),
        "hang" => {
            eprintln!("it hangs");
            loop {
                std::thread::park();
            }
        }
        _ => {}
    }
    Ok(())
}
