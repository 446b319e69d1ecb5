//! What `flow.yaml` says, written by hand with rayon, on threads only: the benchmarks set the workflow beside it.
//! `cargo run --release -p kmers --example by_hand -- GENOME` prints the same state.
#![forbid(unsafe_code)]

use std::{error::Error, path::PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use crate::{
    counts::{Counts, Spectrum},
    profile::{Replication, Window},
    sequence::Sequence,
};

#[path = "../src/counts.rs"]
mod counts;
#[path = "../src/profile.rs"]
mod profile;
#[path = "../src/report.rs"]
mod report;
#[path = "../src/sequence.rs"]
mod sequence;

/// What is printed.
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

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let genome = PathBuf::from(std::env::args_os().nth(1).ok_or("by_hand GENOME")?);
    let (k, window) = (21, 200_000);
    let sequence = Sequence::read(&genome)?;
    let count = || -> Result<Spectrum, String> {
        let parts = sequence.parts(16, k);
        let counts: Vec<_> = parts.par_iter().map(|part| Counts::of(part, k)).collect::<Result<_, _>>()?;
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
