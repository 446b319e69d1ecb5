//! `wfformat GRAPH.json[.gz] NAME DIRECTORY`: writes `flow.yaml` and `main.rs` of a Tea program for a `WfFormat` graph.
#![forbid(unsafe_code)]

use std::{env, error::Error, fs, path::Path};

use tests::wfformat::Graph;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [graph, name, directory] = arguments.as_slice() else {
        return Err("usage: wfformat GRAPH.json[.gz] NAME DIRECTORY".into());
    };
    let graph = Graph::read(Path::new(graph))?;
    fs::create_dir_all(directory)?;
    fs::write(Path::new(directory).join("flow.yaml"), graph.flow(name))?;
    fs::write(Path::new(directory).join("main.rs"), graph.main())?;
    Ok(())
}
