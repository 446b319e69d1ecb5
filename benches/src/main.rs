//! Measures Tea beside its peers and beside the physical limits: `cargo run --release -p tea-benches --features full`.
//!
//! Arguments name suites; none means all of them. What a suite finds is printed, and with `--write` takes the place of
//! its block in BENCHMARKS.md. `--quick` makes few rounds, to see that everything works.

use std::{path::Path, process::ExitCode};

use anyhow::{Result, bail};

use crate::report::Report;

mod cipher;
mod harness;
mod helper;
mod machine;
mod payload;
mod peers;
mod report;
mod suites;
mod tea;
mod work;
mod workflow;

/// How thoroughly to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    quick: bool,
}

impl Effort {
    /// Whether only to see that everything works.
    pub(crate) fn is_quick(self) -> bool {
        self.quick
    }

    /// How many rounds a race takes.
    pub(crate) fn rounds(self) -> usize {
        if self.quick { 3 } else { 15 }
    }

    /// How often a small operation is repeated within a round.
    pub(crate) fn calls(self, full: u32) -> u32 {
        if self.quick { full.div_ceil(10) } else { full }
    }
}

type Suite = (&'static str, fn(Effort) -> Result<Report>);

const SUITES: &[Suite] = &[
    ("threads", suites::threads::run),
    ("processes", suites::processes::run),
    ("transfer", suites::transfer::run),
    ("remote", suites::remote::run),
    ("cold", suites::cold::run),
    ("metg", suites::metg::run),
    ("graphs", suites::graphs::run),
    ("state", suites::state::run),
    ("calls", suites::calls::run),
    ("kmers", suites::kmers::run),
    ("records", suites::records::run),
    ("resume", suites::resume::run),
    ("build", suites::build::run),
];

fn main() -> Result<ExitCode> {
    // This program is its own worker, for each of those who start some.
    tea_runtime::init();
    procspawn::init();
    if helper::play()? || tea::records::play()? || suites::calls::play()? {
        return Ok(ExitCode::SUCCESS);
    }
    let (flags, names): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    if let Some(flag) = flags.iter().find(|flag| !["--quick", "--write"].contains(&flag.as_str())) {
        bail!("unknown flag {flag}; there are --quick and --write");
    }
    if let Some(name) = names.iter().find(|name| SUITES.iter().all(|suite| suite.0 != **name)) {
        bail!("unknown suite {name}; there are {}", SUITES.iter().map(|suite| suite.0).collect::<Vec<_>>().join(", "));
    }
    let given = |flag: &str| flags.iter().any(|given| given == flag);
    let effort = Effort { quick: given("--quick") };
    for (name, run) in SUITES.iter().filter(|suite| names.is_empty() || names.iter().any(|name| name == suite.0)) {
        let machine = machine::describe();
        eprintln!("{name} …");
        let block = format!("{}\n_{machine}._\n", run(effort)?.markdown());
        println!("## {name}\n\n{block}");
        if given("--write") {
            let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../BENCHMARKS.md"));
            report::replace_block(file, name, &block)?;
            report::collect_budgets(file)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
