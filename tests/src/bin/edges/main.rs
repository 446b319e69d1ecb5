//! Fan-outs on threads and in processes. The variable `FLOW` says which workflow runs.
#![forbid(unsafe_code)]

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use rayon::prelude::*;
use tests::{
    behave::{behave, gate},
    process::{cpu_seconds, peak_kilobytes},
    work::{self, Shape},
};

tea_runtime::include_workflow!("mixed.yaml", main = false);
tea_runtime::include_workflow!("nested.yaml", main = false);
tea_runtime::include_workflow!("settings_thread.yaml", main = false);
tea_runtime::include_workflow!("settings_process.yaml", main = false);
tea_runtime::include_workflow!("no_settings.yaml", main = false);
tea_runtime::include_workflow!("behave.yaml", main = false);
tea_runtime::include_workflow!("burn.yaml", main = false);
tea_runtime::include_workflow!("many.yaml", main = false);
tea_runtime::include_workflow!("within.yaml", main = false);

fn main() -> ExitCode {
    gate();
    tea_runtime::init();
    match std::env::var("FLOW").as_deref() {
        Ok("mixed") => mixed::main(),
        Ok("nested") => nested::main(),
        Ok("settings_thread") => settings_thread::main(),
        Ok("settings_process") => settings_process::main(),
        Ok("no_settings") => no_settings::main(),
        Ok("behave") => behave::main(),
        Ok("many") => many::main(),
        Ok("within") => within::main(),
        Ok("burn") => burn::main(),
        Ok("burn_by_hand") => burn_by_hand(),
        other => panic!("no workflow {other:?}"),
    }
}

/// `burn` as one would write it without Tea.
fn burn_by_hand() -> ExitCode {
    let rounds = std::env::args().next_back().and_then(|rounds| rounds.parse().ok()).expect("a number of rounds");
    let sum: u64 = [1, 2, 3, 4].into_par_iter().map(|seed| work::burn(seed, rounds)).reduce(|| 0, |a, b| a ^ b);
    println!("{{\"rounds\": {rounds}, \"sum\": {sum}, \"cpu\": {}}}", cpu_seconds());
    ExitCode::SUCCESS
}
