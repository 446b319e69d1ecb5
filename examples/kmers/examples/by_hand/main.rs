//! The workflow of `flow.yaml`, written by hand with rayon, for comparison in the benchmarks.
//! `cargo run --release -p kmers --example by_hand -- GENOME` prints the same state. With the additional argument
//! `processes`, it counts the parts in worker processes.
#![forbid(unsafe_code)]

use std::{error::Error, path::PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use crate::{
    counts::{Counts, Spectrum},
    profile::{Replication, Window},
    sequence::Sequence,
};

#[path = "../../src/counts.rs"]
mod counts;
mod processes;
#[path = "../../src/profile.rs"]
mod profile;
#[path = "../../src/report.rs"]
mod report;
#[path = "../../src/sequence.rs"]
mod sequence;

/// The output.
#[derive(Serialize)]
struct Output {
    genome: PathBuf,
    k: usize,
    window: usize,
    spectrum: Spectrum,
    gc: Vec<Window>,
    replication: Replication,
    report: String,
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args_os().skip(1);
    let genome = PathBuf::from(arguments.next().ok_or("by_hand GENOME [processes]")?);
    if genome.as_os_str() == processes::WORKER {
        return processes::serve();
    }
    let in_processes = arguments.next().is_some_and(|argument| argument == "processes");
    let (k, window) = (21, 200_000);
    let sequence = Sequence::read(&genome)?;
    let count = || -> Outcome<Spectrum> {
        let parts = sequence.parts(16, k);
        let counts = if in_processes {
            processes::count(&parts, k)?
        } else {
            parts.par_iter().map(|part| Counts::of(part, k)).collect::<Result<Vec<_>, _>>()?
        };
        Ok(Counts::sum(&counts).spectrum())
    };
    let windows = sequence.windows(window)?;
    let profile = || windows.par_iter().map(|range| sequence.profile(range)).collect::<Vec<_>>();
    let (spectrum, (gc, replication)) =
        rayon::join(count, || rayon::join(profile, || profile::replication(&sequence.bases)));
    let spectrum = spectrum?;
    let report = report::render(&sequence, k, &spectrum, &gc, &replication);
    serde_json::to_writer(std::io::stdout(), &Output { genome, k, window, spectrum, gc, replication, report })?;
    Ok(())
}
