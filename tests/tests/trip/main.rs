//! What arrives at a worker, and comes back from it, is what was sent.

mod types;

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

use serde_json::Value;
use tests::{
    program::{Finished, Program},
    project::Project,
};

fn trip(args: &[&str]) -> Program {
    args.iter().fold(Program::new(env!("CARGO_BIN_EXE_trip")).arg("-q"), Program::arg)
}

/// Runs it in processes and on threads, which must give the same; its output.
fn same(args: &[&str], input: &str) -> Value {
    let run = |strategy: &[&str]| {
        let finished = trip(&[&["--input", "-"], args, strategy].concat()).stdin(input).run();
        assert_eq!(finished.code, Some(0), "{args:?} {input}\n{}", finished.stderr);
        finished.stdout
    };
    let processes = run(&[]);
    assert_eq!(processes, run(&["--parallel-strategy", "thread"]), "{args:?} {input}");
    let output: Value = serde_json::from_str(&processes).unwrap();
    for (key, value) in output.as_object().unwrap() {
        if let Some(sent) = key.strip_suffix('2') {
            assert_eq!(*value, output[sent], "{key}");
        }
    }
    output
}

fn one(key: &str, json: &str) -> Value {
    same(&[], &format!("{{\"{key}\": {json}}}"))[&format!("{key}2")].clone()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Written by hand, so that what JSON has is known.
#[test]
fn values_are_the_same_from_threads_and_processes_and_from_json_and_flags_to_json() {
    for (key, values) in [
        ("stage", &[r#""Queued""#, r#""Running""#, r#""Done""#, r#"{"Failed":"x"}"#][..]),
        ("row", &[r#"{"tags":[0]}"#, r#"{"weight":1,"tags":[]}"#, r#"{"tags":[],"other":[1,{"a":null}]}"#]),
        ("host", &[r#""[fe80::1%2]:80""#, r#""127.0.0.1:1""#]),
        ("pairs", &["{}", r#"[[[1,"a"],"NaN"],[[2,"b"],"-Infinity"],[[2,"c"],0.1]]"#]),
        ("loose", &[r#"[7,"7",{"kind":"no-shape"},{"kind":"circle","radius":0.1}]"#]),
        ("raw", &[r#"{"a":[1,-1,1.5,"x",{}],"b":18446744073709551615}"#]),
        ("time", &[r#"{"secs_since_epoch":-2,"nanos_since_epoch":999999999}"#]),
        ("name", &[r#"{"Unix":[99,97,102,233]}"#]),
        (
            "times",
            &[
                r#"[{"secs_since_epoch":-2,"nanos_since_epoch":999999999},{"secs_since_epoch":1,"nanos_since_epoch":2}]"#,
            ],
        ),
        ("ratios", &[r#"["NaN",0.5,"-Infinity"]"#]),
        ("tables", &[r#"[[[[1,2],"[fe80::1%2]:80"]],{}]"#]),
        ("names", &[r#"[{"Unix":[99,97,102,233]},{"Unix":[120]}]"#]),
        (
            "visit",
            &[r#"{"at":{"secs_since_epoch":-2,"nanos_since_epoch":0},"path":{"Unix":[233]},"ratio":"Infinity"}"#],
        ),
    ] {
        for value in values {
            assert_eq!(one(key, value), json(value), "{key}");
            // A flag has the same form, but that text is as it is, and every text is a name.
            if key != "name" {
                let text: String = serde_json::from_str(value).unwrap_or_else(|_| (*value).to_owned());
                assert_eq!(same(&[&format!("--{key}={text}")], "{}")[format!("{key}2")], json(value), "--{key}={text}");
            }
        }
    }
    // The flag may also be given for each element.
    let flags = [
        r#"--times={"secs_since_epoch":-2,"nanos_since_epoch":1}"#,
        r#"--times={"secs_since_epoch":1,"nanos_since_epoch":2}"#,
    ];
    let times = same(&flags, "{}")["times2"].to_string();
    assert_eq!(
        times,
        r#"[{"nanos_since_epoch":1,"secs_since_epoch":-2},{"nanos_since_epoch":2,"secs_since_epoch":1}]"#
    );
    assert_eq!(same(&["--ratios=inf", "--ratios=NaN"], "{}")["ratios2"], json(r#"["Infinity","NaN"]"#));
    let weight = "\"weight2\": 1267650600228229401496703205376,";
    let finished = trip(&["--input", "-"]).stdin(r#"{"weight": 1267650600228229401496703205376}"#).run();
    assert!(finished.stdout.contains(weight), "{}", finished.stdout);
}

#[test]
fn names_of_files_that_are_not_utf_8_cross_as_values_items_and_results() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join(OsStr::from_bytes(b"d\xe9p"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("plain.txt"), "abc").unwrap();
    fs::write(folder.join(OsStr::from_bytes(b"caf\xe9.txt")), "abcd").unwrap();
    let bytes = |name: &[u8]| [folder.as_os_str().as_bytes(), b"/", name].concat();
    let form = |bytes: &[u8]| serde_json::json!({ "Unix": bytes });
    let output = same(&[], &serde_json::json!({"folder": form(folder.as_os_str().as_bytes())}).to_string());
    assert_eq!(output["folder2"], form(folder.as_os_str().as_bytes()));
    let [cafe, plain] = [&b"caf\xe9.txt"[..], b"plain.txt"].map(|name| form(&bytes(name)));
    assert_eq!(output["files"], serde_json::json!([cafe, plain]));
    assert_eq!(output["sizes"], serde_json::json!([[cafe, 4], [plain, 3]]));
}

#[test]
fn a_field_that_serde_skips_may_not_hold_anything_and_the_key_is_named() {
    let Finished { code, stderr, .. } = trip(&["--fill"]).run();
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("state key `cached` cannot be encoded: another value would be read"), "{stderr}");
    assert!(stderr.contains("what serde skips of it is not at its default"), "{stderr}");
    let threads = trip(&["--fill", "--parallel-strategy", "thread"]).run();
    assert_eq!(threads.code, Some(0), "{}", threads.stderr);
}

/// Also in variants of enums, and in what has no key.
#[test]
fn a_field_that_serde_skips_is_found_in_variants_items_and_results() {
    for (flag, named) in [
        ("--fill-job", "state key `job` cannot be encoded: another value would be read"),
        ("--fill-items", "item 0 of `identify` cannot be sent: another value would be read"),
        ("--fill-results", "the result of item 0 of `make` cannot be encoded: another value would be read"),
    ] {
        let Finished { code, stderr, .. } = trip(&[flag]).run();
        assert!(code == Some(1) && stderr.contains(named), "{stderr}");
        let threads = trip(&[flag, "--parallel-strategy", "thread"]).run();
        assert_eq!(threads.code, Some(0), "{}", threads.stderr);
    }
}

/// 24 types of random structs and enums with random attributes of serde, and random values of theirs; those that survive
/// JSON must survive the trip. `TEA_TYPES` is the first seed of the types, `TEA_TYPES_ROUNDS` how many there are, and
/// `TEA_TYPES_VALUES` how many runs with other values each of them has.
#[test]
fn random_types_arrive_as_they_were_sent() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let first = number("TEA_TYPES", 1);
    for seed in first..first + number("TEA_TYPES_ROUNDS", 1) {
        let (flow, main) = types::program(seed);
        let project = Project::new("random-types", &[("flow.yaml", &flow), ("main.rs", &main)]);
        project.depend("serde_json = \"1\"");
        let built = project.build();
        assert!(built.success, "TEA_TYPES={seed}\n{main}\n{}", built.output);
        for values in 0..number("TEA_TYPES_VALUES", 6) {
            let run = |strategy| {
                let program = Program::new(project.program()).args(&format!("-q --seed {values} {strategy}"));
                let finished = program.run();
                assert_eq!(finished.code, Some(0), "TEA_TYPES={seed} --seed {values}\n{}", finished.stderr);
                finished.stdout
            };
            let [processes, threads] = ["", "--parallel-strategy thread"].map(run);
            assert!(processes == threads, "TEA_TYPES={seed} --seed {values}\n{processes}\n{threads}");
            let output = json(&processes);
            assert!(output["survivors"].as_u64().unwrap() > 24, "few values survive JSON");
            assert_eq!(output["lost"], serde_json::json!([]), "TEA_TYPES={seed} --seed {values}\n{main}");
        }
    }
}
