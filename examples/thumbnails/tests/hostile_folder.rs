//! Tests the whole program on a folder that `src/bin/folder.rs` creates.

use std::{fs, path::Path};

use rustix::process::Signal;
use serde_json::Value;
use tests::{
    process::wait_for,
    program::{Program, recorded_bytes},
};

/// The expected result for each hostile file: the kind of failure, the number of attempts, and the message.
const BROKEN: [(&str, &str, u64, &str); 7] = [
    ("bomb.png", "out_of_memory", 2, "ran out of memory: its `memory_limit` is 256 MiB"),
    ("cut.jpg", "error", 1, "Format error decoding Jpeg"),
    ("cut.png", "error", 1, "unexpected end of file"),
    ("empty.png", "error", 1, "unexpected end of file"),
    ("endless.png", "timeout", 1, "ran over its `timeout` of 5s"),
    ("magic.png", "crash", 2, "was ended by signal 11 (SIGSEGV)"),
    ("no-image.jpg", "error", 1, "Format error decoding Jpeg"),
];

#[test]
fn what_is_hostile_costs_its_own_thumbnail_only() {
    let directory = tempfile::tempdir().unwrap();
    let pictures = directory.path().join("pictures");
    let made = folder(&pictures, directory.path());
    assert!(made.starts_with("24 drawn images\n7 hostile files\nno real images"), "{made}");

    let sheet = directory.path().join("sheet.png");
    let trace = directory.path().join("trace.json");
    let mut program = Program::new(env!("CARGO_BIN_EXE_thumbnails")).arg("--no-state");
    for (flag, value) in [("--folder", &pictures), ("--sheet", &sheet), ("--timing", &trace)] {
        program = program.arg(flag).arg(value);
    }
    let finished = program.run();
    let output = finished.json();
    let shown = output["shown"].as_array().unwrap();
    let drawn: Vec<_> = shown.iter().filter_map(|shown| shown["file"].as_str()).collect();
    assert_eq!((drawn.len(), drawn[0], drawn[23]), (24, "drawn-00.png", "drawn-23.jpg"));

    let broken = output["broken"].as_array().unwrap();
    assert_eq!(broken.len(), BROKEN.len(), "{broken:#?}");
    let report = output["report"].as_str().unwrap();
    for (broken, (file, kind, attempts, why)) in broken.iter().zip(BROKEN) {
        let expected: [Value; 3] = [file.into(), kind.into(), attempts.into()];
        assert_eq!([&broken["file"], &broken["kind"], &broken["attempts"]], expected.each_ref());
        assert!(broken["why"].as_str().unwrap().contains(why), "{broken}");
        let line = report.lines().find(|line| line.contains(file)).unwrap_or_else(|| panic!("{file} in {report}"));
        assert!(line.contains(kind) && line.contains(why), "{line}");
    }

    check_trace(&trace);

    // Five columns and five rows of 96 pixels, 8 between them; the first thumbnail fills its cell from left to right.
    let sheet = image::open(sheet).unwrap().into_rgb8();
    assert_eq!(sheet.dimensions(), (5 * 104 + 8, 5 * 104 + 8));
    let background = sheet.get_pixel(0, 0);
    let differ = |column: u32, row: u32| sheet.get_pixel(column * 104 + 56, row * 104 + 56) != background;
    for cell in 0..24 {
        assert!(differ(cell % 5, cell / 5), "cell {cell} is empty");
    }
    assert!(!differ(4, 4), "the last cell is not");
}

/// Killed while it makes thumbnails, it is resumed, and makes only those that it had not made.
#[test]
fn a_killed_run_is_resumed() {
    let directory = tempfile::tempdir().unwrap();
    let pictures = directory.path().join("pictures");
    let _ = folder(&pictures, directory.path());
    let [sheet, trace, state] = ["sheet.png", "trace.json", "state"].map(|name| directory.path().join(name));
    let program = || Program::new(env!("CARGO_BIN_EXE_thumbnails")).arg("--state-dir").arg(&state);

    let running = program().arg("--folder").arg(&pictures).arg("--sheet").arg(&sheet).start();
    wait_for("a few thumbnails", || (recorded_bytes(&state) >= 100_000).then_some(()));
    running.signal(Signal::KILL);
    assert_eq!(running.finish().signal, Some(9));
    assert!(!sheet.exists());

    let output = program().arg("--resume").arg("--timing").arg(&trace).run().json();
    let len = |key: &str| output[key].as_array().map(Vec::len);
    assert_eq!((len("shown"), len("broken")), (Some(24), Some(BROKEN.len())), "{output:#}");
    assert!(sheet.exists());
    let trace: Value = serde_json::from_slice(&fs::read(trace).unwrap()).unwrap();
    let entries = trace["traceEvents"].as_array().unwrap().iter();
    let made = entries.filter(|entry| entry["cat"] == "attempt" && entry["args"]["failure"].is_null()).count();
    assert!((1..24).contains(&made), "{made} thumbnails were made after the kill");
}

/// The trace contains every attempt with its item and its bytes, including those that fail and are retried.
fn check_trace(trace: &Path) {
    let trace: Value = serde_json::from_slice(&fs::read(trace).unwrap()).unwrap();
    let entries = trace["traceEvents"].as_array().unwrap();
    let attempts: Vec<_> = entries.iter().filter(|entry| entry["cat"] == "attempt").collect();
    for attempt in &attempts {
        let (name, bytes) = (attempt["name"].as_str().unwrap(), &attempt["args"]);
        assert!(name.starts_with("shrink[") && bytes["sent_bytes"].as_u64() > Some(0), "{attempt}");
        let is_well = bytes["failure"].is_null();
        assert!(!is_well || bytes["received_bytes"].as_u64() > Some(1_000), "{attempt}");
    }
    // Two items had two attempts.
    let kinds: Vec<_> = attempts.iter().filter_map(|attempt| attempt["args"]["failure"]["kind"].as_str()).collect();
    let count = |kind: &str| kinds.iter().filter(|found| **found == kind).count();
    assert_eq!((count("crash"), count("out_of_memory"), count("timeout")), (2, 2, 1), "{kinds:?}");
    assert_eq!(entries.iter().filter(|entry| entry["name"].as_str().unwrap().starts_with("retry ")).count(), 2);
}

/// Creates the folder, without real images, and returns what the program prints.
fn folder(pictures: &Path, without: &Path) -> String {
    let made = Program::new(env!("CARGO_BIN_EXE_folder")).arg(pictures).arg(without.join("none")).run();
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert_eq!(fs::read_dir(pictures).unwrap().count(), 31);
    made.stdout
}
