//! Values on their way in and out of a program: what is computed is kept, wherever it is written.

use std::{
    fs,
    io::Read,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tests::program::Program;

const KINDS: &str = env!("CARGO_BIN_EXE_kinds");

fn kinds(args: &[&str]) -> Program {
    args.iter().fold(Program::new(KINDS), Program::arg)
}

/// Runs a shell's script in which `$KINDS` is the program, in an empty directory; what the script wrote.
fn shell(script: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let finished =
        Program::new("/bin/bash").arg("-c").arg(script).env("KINDS", KINDS).directory(directory.path()).run();
    assert_eq!(finished.code, Some(0), "{script}\n{}", finished.stderr);
    (directory, finished.stdout)
}

/// What a run gives by default.
const OUTPUT: &str = r#"{
  "how": 0,
  "size": 0,
  "label": null,
  "limit": null,
  "wait": {"secs":90,"nanos":0},
  "mode": "fast",
  "tags": [],
  "dedupe": true,
  "offset": 0,
  "path": null,
  "zone": "here",
  "note": "kept",
  "level": 1,
  "any": 1,
  "bytes": [],
  "twice": 0,
  "first": 0,
  "second": 2,
  "text": "",
  "report": "hours of work"
}
"#;

/// Whether its `Serialize` gives an error or panics.
#[test]
fn a_key_that_cannot_be_written_costs_that_key_alone_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.json");
    for (how, lost, why) in [("1", "first", "one is too few"), ("2", "second", "its `Serialize` panicked: four is")] {
        let [rest] = ["first", "second"].into_iter().filter(|key| *key != lost).collect::<Vec<_>>()[..] else {
            panic!()
        };
        let run = |args: &[&str]| kinds(args).run();
        let printed = run(&["--how", how]);
        let written = run(&["--how", how, "--output", path.to_str().unwrap()]);
        assert_eq!((written.code, written.stdout.as_str()), (Some(1), ""), "{}", written.stderr);
        assert_eq!((printed.code, printed.stdout), (Some(1), fs::read_to_string(&path).unwrap()));
        let json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((json.get(lost), &json["report"]), (None, &"hours of work".into()));
        assert!(json[rest].is_number(), "{json}");
        let named = format!("error: `{lost}` is not in the output, since it cannot be written as JSON: {why}");
        assert!(written.stderr.starts_with(&named), "{}", written.stderr);
        assert!(!written.stderr.contains("panicked at") && !written.stderr.contains("done in"), "{}", written.stderr);
    }
}

#[test]
fn paths_that_name_standard_output_are_standard_output() {
    for path in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        assert_eq!(kinds(&["-q", "--output", path]).run().stdout, OUTPUT, "{path}");
        let script = format!(
            "echo kept >log; $KINDS -q --output {path} >>log && cat log; rm log
             {{ echo a; $KINDS -q --output {path}; echo b; }} >two && cat two; rm two; ls"
        );
        assert_eq!(shell(&script).1, format!("kept\n{OUTPUT}a\n{OUTPUT}b\n"), "{path}");
    }
}

#[test]
fn other_descriptors_and_links_are_followed() {
    let (_directory, said) = shell(
        "echo kept >log; $KINDS -q --output /dev/stderr 2>>log && cat log
         $KINDS -q --output /dev/fd/3 3>third && cat third
         ln -s target link; $KINDS -q --output link && cat target && test -L link
         $KINDS -q --output >(cat >piped) && while ! test -s piped; do sleep 0.01; done; cat piped",
    );
    assert_eq!(said, format!("kept\n{OUTPUT}{OUTPUT}{OUTPUT}{OUTPUT}"));
}

#[test]
fn two_outputs_in_one_place_are_refused() {
    for args in [&["--timing", "-"][..], &["--output", "same", "--timing", "./same"]] {
        let directory = tempfile::tempdir().unwrap();
        let refused = kinds(args).directory(directory.path()).run();
        assert!(refused.failure(2).contains("written to the same place"), "{}", refused.stderr);
    }
    let directory = tempfile::tempdir().unwrap();
    let trace = kinds(&["--output", "state", "--timing", "-"]).directory(directory.path()).run().json();
    assert!(trace["traceEvents"].is_array(), "{trace}");
}

/// As a container has it whose user mounts one file into it.
#[test]
fn a_file_that_another_is_mounted_on_is_written() {
    let script = "touch out other && mount --bind other out && $KINDS -q --output out && cat out";
    let directory = tempfile::tempdir().unwrap();
    let may_mount = Command::new("unshare")
        .args(["-rm", "bash", "-c", "touch a b && mount --bind b a"])
        .current_dir(&directory)
        .stderr(Stdio::null())
        .status();
    if may_mount.is_ok_and(|status| status.success()) {
        assert_eq!(shell(&format!("unshare -rm bash -c '{script}'")).1, OUTPUT);
    } else {
        eprintln!("not tested: this machine lets nothing be mounted");
    }
}

/// Several MiB through a pipe that was set not to block, which nobody reads at first.
#[test]
fn output_that_does_not_block_arrives_whole() {
    let size = 4 << 20;
    let (mut reader, writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let stderr = writer.try_clone().unwrap();
    let mut command = Command::new(KINDS);
    command.args(["-q", "--size", &size.to_string()]).stdin(Stdio::null()).stdout(writer).stderr(stderr);
    let mut child = command.process_group(0).spawn().unwrap();
    // It holds the other ends.
    drop(command);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!((child.wait().unwrap().code(), text.len() - OUTPUT.len()), (Some(0), size + size.to_string().len() - 1));
}

#[test]
fn a_reader_that_left_is_no_failure() {
    let (_directory, said) = shell(
        "$KINDS -q --size 4000000 | head -c 3; echo \"${PIPESTATUS[0]}\"
         $KINDS -q --size 4000000 --output /dev/stdout | head -c 3; echo \"${PIPESTATUS[0]}\"
         mkfifo pipe; head -c 3 pipe & $KINDS -q --size 4000000 --output pipe; echo $?; wait",
    );
    assert_eq!(said.matches("{\n ").count(), 3, "{said}");
    assert_eq!(said.lines().filter(|line| line.trim() == "0").count(), 3, "{said}");
}

/// The value of one key, given as arguments, or as the program's refusal.
fn given(key: &str, args: &[&str]) -> Result<Value, String> {
    let finished = kinds(args).arg("-q").run();
    match finished.code {
        Some(0) => Ok(finished.json()[key].clone()),
        _ => Err(finished.failure(2).to_owned()),
    }
}

#[test]
fn a_flag_takes_text_as_it_is_typed() {
    for text in ["abc", "123", "true", "null", "nul", "\"x\"", "[1]"] {
        assert_eq!(given("label", &["--label", text]), Ok(text.into()));
        assert_eq!(given("name", &["-n", text]), Ok(text.into()));
        assert_eq!(given("path", &["--path", text]), Ok(text.into()));
    }
    assert_eq!(given("label", &["--label=-5"]), Ok("-5".into()));
    assert_eq!(given("name", &[]), Ok(Value::Null), "left out, it is unset");
}

#[test]
fn numbers_times_words_and_lists_need_no_json() {
    assert_eq!(given("limit", &["--limit", "+007"]), Ok(json!(7)));
    assert_eq!(given("offset", &["--offset", "-7"]), Ok(json!(-7)));
    assert_eq!(given("wait", &["--wait", "1h 1ms"]), Ok(json!({"secs": 3600, "nanos": 1_000_000})));
    assert_eq!(given("mode", &["--mode", "very-exact"]), Ok("very-exact".into()));
    assert_eq!(given("mode", &["--mode", "{\"within\":{\"percent\":5}}"]), Ok(json!({"within": {"percent": 5}})));
    let tags = |args: &[&str]| given("tags", args).unwrap();
    assert_eq!(tags(&["--tags", "a,b"]), json!(["a", "b"]));
    assert_eq!(tags(&["--tags", "a,b", "--tags", "c"]), json!(["a,b", "c"]));
    assert_eq!(tags(&["--tags", "[\"a,b\"]"]), json!(["a,b"]));
    assert_eq!(given("bytes", &["a", "bcd", "--path", "ef"]), Ok(json!([1, 3, 2])));
    // A comma is part of a path, and of every argument without a flag.
    assert_eq!(given("bytes", &["a,b.txt"]), Ok(json!([7])));
    assert_eq!(given("bytes", &["--more", "a,b"]), Ok(json!([3])));
    assert_eq!(given("bytes", &["--more", "a,b", "--more", "c"]), Ok(json!([3, 1])));
    assert_eq!(given("bytes", &["--more", "[\"a,b\", \"c\"]"]), Ok(json!([3, 1])));
    for (args, told) in [
        (&["--wait", "90"][..], "a time with its unit, such as `1m30s`"),
        (&["--mode", "slow"], "one of `fast`, `very-exact`, `within`"),
        (&["--offset", "1", "--offset", "2"], "it takes one value, and is given 2"),
        (&["--limit", "null"], "`null` in `--limit`"),
    ] {
        let refused = given("", args).unwrap_err();
        assert!(refused.contains(told), "{refused}");
    }
}

#[test]
fn a_switch_takes_what_people_type() {
    for (args, value) in [
        (&["--dedupe", "false"][..], false),
        (&["--dedupe=no"], false),
        (&["--dedupe", "off"], false),
        (&["--dedupe=0"], false),
        (&["--no-dedupe"], false),
        (&["--dedupe"], true),
        (&["--dedupe", "yes"], true),
    ] {
        assert_eq!(given("dedupe", args), Ok(value.into()), "{args:?}");
    }
    // What follows a switch is no value of it, unless it is such a word.
    assert_eq!(given("bytes", &["--dedupe", "file"]), Ok(json!([4])));
    for value in ["-x", "-1s", "-qx", "-q", "--x"] {
        let refused = given("label", &["--label", value]).unwrap_err();
        assert!(refused.contains(&format!("write `--label={value}`")), "{refused}");
    }
    for args in [&["--label", "--"][..], &["--label", "--", "-q"]] {
        let refused = given("label", args).unwrap_err();
        assert!(refused.contains("write `--label=--`"), "{refused}");
    }
    assert_eq!(given("label", &["--label=--"]), Ok("--".into()));
}

#[test]
fn help_and_completions_speak_no_rust() {
    let help = kinds(&["--help"]).run().stdout;
    for line in [
        "-n, --name <WHO>",
        "--wait <TIME>",
        "[default: 1m 30s]",
        "--mode <fast|very-exact|within>",
        "how to go [default: fast]",
        "--tags <TEXT,…>",
        "--path <PATH>",
        "[PATH]...",
    ] {
        assert!(help.contains(line), "{line}\n{help}");
    }
    for rust in ["Option<", "Vec", "PathBuf", "u32", "String", "null"] {
        assert!(!help.contains(rust), "{rust}\n{help}");
    }
    assert!(kinds(&["completions", "bash"]).run().stdout.contains("very-exact"));
}

/// A path with bytes that are no text, as a flag and as an argument.
#[test]
fn a_path_of_any_bytes_can_be_given() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    let name = OsStr::from_bytes(b"caf\xe9");
    let finished = kinds(&["-q"]).arg(name).arg(name).run();
    assert_eq!(finished.json()["bytes"], json!([4, 4]));
    // The output names the key that JSON cannot hold, if it cannot; all else is there.
    let finished = kinds(&["-q", "--path"]).arg(name).run();
    let output: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(output["bytes"], json!([4]), "{}", finished.stderr);
    let refused = kinds(&["-q", "--label"]).arg(name).run();
    assert!(refused.failure(2).contains("`--label`") && refused.stderr.contains("UTF-8"), "{}", refused.stderr);
}

#[test]
fn json_inputs_are_exact_and_may_have_a_byte_order_mark() {
    let weight = 1_267_650_600_228_229_401_496_703_205_376_u128;
    let text = format!("\u{feff}{{\"limit\": {weight}, \"label\": null}}");
    let finished = kinds(&["-q", "--input", "-"]).stdin(text).run();
    assert!(finished.stdout.contains(&format!("\"limit\": {weight},")), "{}\n{}", finished.stdout, finished.stderr);
}

/// Whatever it is called: it counts what the type itself makes of it.
#[test]
fn null_is_a_value_to_the_types_that_have_it_and_none_to_all_others() {
    let object = r#"{"note": null, "level": null, "any": null, "label": null, "offset": null, "extra": null}"#;
    let output = kinds(&["-q", "--input", "-"]).stdin(object).run().json();
    for key in ["note", "level", "any", "label"] {
        assert_eq!(output.get(key), Some(&Value::Null), "{key}");
    }
    assert_eq!((&output["offset"], output.get("extra")), (&json!(0), None), "as if they were left out");
}

/// A flag wins over the variable, and that over `--input`.
#[test]
fn an_input_may_come_from_an_environment_variable() {
    let zone = |args: &[&str], variable: Option<&str>| {
        let program = kinds(args).arg("-q");
        variable.into_iter().fold(program, |program, zone| program.env("KINDS_ZONE", zone)).run().json()["zone"].clone()
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("in.json");
    fs::write(&file, r#"{"zone": "file"}"#).unwrap();
    let file = ["--input", file.to_str().unwrap()];
    assert_eq!(zone(&[], None), "here");
    assert_eq!(zone(&file, None), "file");
    assert_eq!(zone(&file, Some("variable")), "variable");
    assert_eq!(zone(&["--zone", "flag"], Some("variable")), "flag");
    assert_eq!(zone(&[], Some("")), "", "a variable that is set is given, whatever is in it");
    assert!(kinds(&["--help"]).run().stdout.contains("[env: KINDS_ZONE]"));
}

#[test]
fn a_secret_has_no_flag_and_stands_in_no_message_and_no_output() {
    let found = kinds(&["-q"]).env("KINDS_PIN", "4242").run();
    assert_eq!(found.json()["twice"], 8484);
    assert!(!found.stdout.contains("pin") && !found.stdout.contains("4242"), "{}", found.stdout);

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("in.json");
    fs::write(&file, r#"{"pin": "hush-1"}"#).unwrap();
    for format in ["text", "json"] {
        let args = ["--error-format", format, "--input", file.to_str().unwrap()];
        for refused in [kinds(&args).run(), kinds(&args).env("KINDS_PIN", "hush-2").run()] {
            assert_eq!(refused.code, Some(2));
            assert!(refused.stderr.contains("the secret input `pin` has a bad value"), "{}", refused.stderr);
            assert!(!refused.stderr.contains("hush"), "{}", refused.stderr);
        }
    }
    assert_eq!(kinds(&["--pin", "4242"]).run().code, Some(2), "there is no such flag");
    let help = kinds(&["--help"]).run().stdout;
    let told = "Secrets:\n  pin: of four digits [optional], in the environment variable `KINDS_PIN`, or as `pin` in the object";
    assert!(help.contains(told), "{help}");
}

#[test]
fn inputs_with_choices_take_nothing_else() {
    let out = |args: &str| kinds(&[]).args(args).run();
    assert!(out("--pace careful --way fast --often 2").json().is_object());
    let help = out("--help").stdout;
    assert!(help.contains("--pace <fast|careful>") && help.contains("--way <fast|very-exact>"), "{help}");
    let completions = out("completions bash").stdout;
    assert!(completions.contains("fast careful"), "{completions}");
    for (args, says) in [
        ("--pace carefull", "did you mean `careful`?"),
        ("--pace slow", "one of `fast`, `careful`"),
        // A variant of its type, but not one of the choices.
        ("--way within", "one of `fast`, `very-exact`"),
        ("--often 3", "one of `1`, `2`"),
    ] {
        let finished = out(args);
        assert!(finished.failure(2).contains(says), "{args}: {}", finished.stderr);
    }
    let json = |text: &str| kinds(&["--input", "-"]).stdin(text).run();
    assert!(json(r#"{"pace": "careful", "often": null, "way": "fast"}"#).json().is_object());
    assert!(json(r#"{"pace": "slow"}"#).failure(2).contains("it is none of them"));
    assert!(json(r#"{"often": 3}"#).failure(2).contains("it is none of them"));
    assert!(json(r#"{"dedupe": "yes"}"#).failure(2).contains("without quotes"));
    // What is expected is what is taken there.
    for (object, says) in [
        (r#"{"wait": "90s"}"#, r#"a time as in `{"secs": 90, "nanos": 0}`"#),
        (r#"{"tags": "a,b"}"#, "= expected: a list, each text"),
    ] {
        assert!(json(object).failure(2).contains(says), "{object}: {}", json(object).stderr);
    }
    assert!(!json(r#"{"zone": "\ud800"}"#).failure(2).contains("in quotes"), "it is");
    assert!(json(r#"{"zone": 5}"#).failure(2).contains("write it in quotes: `\"5\"`"));
}
