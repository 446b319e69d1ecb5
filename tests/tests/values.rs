//! Values on their way in and out of a program: what is computed is kept, wherever it is written.

use std::{
    fs,
    io::Read,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

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
        let quiet = |args: &[&str]| kinds(args).env("RUST_BACKTRACE", "0").run();
        let printed = quiet(&["--how", how]);
        let written = quiet(&["--how", how, "--output", path.to_str().unwrap()]);
        assert_eq!((written.code, written.stdout.as_str()), (Some(1), ""), "{}", written.stderr);
        assert_eq!((printed.code, printed.stdout), (Some(1), fs::read_to_string(&path).unwrap()));
        let json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
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
