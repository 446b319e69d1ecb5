//! The whole programs: on a folder with files that end a worker, that are wrong for good and that are right, and killed on the
//! way.

use std::{fs, path::Path};

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{
    process::wait_for,
    program::{Program, recorded_bytes},
};

/// Writes this many invoices, of which every tenth overflows the parser's stack and every seventh has no customer.
fn folder(path: &Path, count: usize) {
    fs::create_dir(path).unwrap();
    for number in 1..=count {
        let text = match number {
            _ if number.is_multiple_of(10) => "(".repeat(300_000),
            _ if number.is_multiple_of(7) => "(invoice (line 1 5.00 EUR))".to_owned(),
            _ => format!("(invoice (customer c{}) (line {number} 0.50 EUR) (line 1 1 EUR))", number % 3),
        };
        fs::write(path.join(format!("{number:04}.invoice")), text).unwrap();
    }
}

/// What comes out for [`folder`].
fn expected(count: usize) -> (Value, Value) {
    let mut owed = serde_json::Map::new();
    let mut refused = Vec::new();
    for number in 1..=count {
        let why = match number {
            _ if number.is_multiple_of(10) => "the worker process was ended by signal 6 (SIGABRT): a stack overflowed",
            _ if number.is_multiple_of(7) => "no customer",
            _ => {
                let sum = owed.entry(format!("c{}", number % 3)).or_insert(json!(0.0));
                *sum = json!(sum.as_f64().unwrap() + f64::from(u32::try_from(number).unwrap()) * 0.5 + 1.0);
                continue;
            }
        };
        refused.push(json!({ "file": format!("{number:04}.invoice"), "why": why }));
    }
    (owed.into(), refused.into())
}

fn program(name: &str) -> Program {
    match name {
        "invoice" => Program::new(env!("CARGO_BIN_EXE_invoice")),
        _ => Program::new(env!("CARGO_BIN_EXE_invoices")),
    }
}

#[test]
fn each_file_goes_through_the_workflow_and_what_is_wrong_costs_its_own_file_only() {
    let directory = tempfile::tempdir().unwrap();
    let invoices = directory.path().join("invoices");
    folder(&invoices, 60);
    let (owed, refused) = expected(60);
    for more in ["", "--max-workers 1"] {
        let output = program("invoices").arg(&invoices).args("--no-state").args(more).run().json();
        assert_eq!((&output["owed"], &output["refused"]), (&owed, &refused));
    }
    // The same workflow, as a program of its own.
    let output = program("invoice").arg(invoices.join("0001.invoice")).run().json();
    assert_eq!(output["total"], json!({ "file": "0001.invoice", "customer": "c1", "euros": 1.5 }));
    let finished = program("invoice").arg(invoices.join("0007.invoice")).run();
    let error = finished.failure(1);
    assert!(error.contains("error: no customer") && error.contains("invoice.yaml:22:11, node `check`"), "{error}");
}

/// Killed on the way, it is resumed and gives what it would have given. Of files of which one node was done, only the others
/// run again.
#[test]
fn a_killed_run_goes_on_with_the_files_that_it_had_not_done() {
    const COUNT: usize = 400;
    let directory = tempfile::tempdir().unwrap();
    let [invoices, state] = ["invoices", "state"].map(|name| directory.path().join(name));
    folder(&invoices, COUNT);
    let run = || program("invoices").arg("--state-dir").arg(&state);
    let running = run().arg(&invoices).start();
    wait_for("some records", || (recorded_bytes(&state) >= 60_000).then_some(()));
    running.signal(Signal::KILL);
    assert_eq!(running.finish().signal, Some(9));

    let resumed = run().args("--resume -v").run();
    let output = resumed.json();
    let (owed, refused) = expected(COUNT);
    assert_eq!((&output["owed"], &output["refused"]), (&owed, &refused));
    assert!(resumed.stderr.contains(" restored)"), "{}", resumed.stderr);
}

/// Also what its nodes had done in a worker, by itself, before it changed.
#[test]
fn a_file_that_has_changed_is_parsed_again_and_the_others_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let [invoices, state] = ["invoices", "state"].map(|name| directory.path().join(name));
    folder(&invoices, 5);
    let run = || program("invoices").arg("--state-dir").arg(&state);
    let before = run().arg(&invoices).run().json();
    assert_eq!(before["owed"], expected(5).0);
    let mut names = fs::read_dir(state.join("runs")).unwrap();
    let name = names.next().unwrap().unwrap().file_name();
    fs::write(invoices.join("0001.invoice"), "(invoice (customer c1) (line 2 50.00 EUR))").unwrap();
    let resumed = run().arg("--resume").arg(name).arg("-vv").run();
    let mut owed = before["owed"].clone();
    owed["c1"] = json!(owed["c1"].as_f64().unwrap() - 1.5 + 100.0);
    assert_eq!(resumed.json()["owed"], owed, "{}", resumed.stderr);
    let parsed = resumed.stderr.lines().filter(|line| line.ends_with("/parse` starts") && line.contains("node"));
    assert_eq!(parsed.count(), 1, "{}", resumed.stderr);
}

/// A node of a file is named by the file that it is a node of.
#[test]
fn a_report_names_what_failed_by_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let invoices = directory.path().join("invoices");
    folder(&invoices, 14);
    let strict = ["--no-state", "--set", "each.allow_failure=false"];
    let finished = strict.iter().fold(program("invoices").arg(&invoices), Program::arg).run();
    let report = finished.failure(1);
    for told in ["= in: branch `each[9]/parse`", "= in: item `each[6]` (", "= done: `list`\n"] {
        assert_eq!(report.matches(told).count(), 1, "{told}: {report}");
    }
    assert!(report.contains("= in all: 14 branches (1 failed), 14 items (3 failed)"), "{report}");
}

/// With one worker, files do not pile up between their nodes.
#[test]
fn the_first_file_is_added_up_before_the_last_one_is_parsed() {
    let directory = tempfile::tempdir().unwrap();
    let invoices = directory.path().join("invoices");
    folder(&invoices, 6);
    let finished = program("invoices").arg(&invoices).args("--no-state -vv --max-workers 1").run();
    let at = |what: &str| {
        finished.stderr.lines().position(|line| line.contains(what)).unwrap_or_else(|| panic!("{}", finished.stderr))
    };
    assert!(at("node `each[0]/add` ended") < at("node `each[5]/parse` starts"), "{}", finished.stderr);
}

#[test]
fn messages_name_a_step_by_the_items_and_nodes_that_lead_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let invoices = directory.path().join("invoices");
    folder(&invoices, 3);
    let trace = directory.path().join("trace.json");
    let finished = program("invoices").arg(&invoices).args("--no-state -vv --timing").arg(&trace).run();
    for line in [
        "branch `each[2]/parse` starts",
        "`each[2]/parse` runs",
        "node `each[2]/parse` starts",
        "node `each[2]/parse` ended",
        "branch `each[2]/parse` is done",
        "node `each[2]/check` ended",
    ] {
        assert!(finished.stderr.contains(line), "{line}: {}", finished.stderr);
    }
    let trace: Value = serde_json::from_slice(&fs::read(trace).unwrap()).unwrap();
    let slices = trace["traceEvents"].as_array().unwrap();
    for kind in ["attempt", "node"] {
        let named = |entry: &&Value| entry["cat"] == kind && entry["name"] == "each[2]/parse";
        assert_eq!(slices.iter().filter(named).count(), 1, "{kind}");
    }
}
