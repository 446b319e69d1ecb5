//! What agents find on a host: `[host]` of a pool file.

use super::*;

/// A pool of one agent with these entries in `[host]`.
fn stage(script: &str, entries: &str) -> Stage {
    let stage = Stage::with(1, 1, script);
    let text = fs::read_to_string(stage.path("pool.toml")).unwrap();
    fs::write(stage.path("pool.toml"), format!("{text}[host]\n{entries}\n")).unwrap();
    stage
}

/// The environment of the worker that runs item 0.
fn environment(stage: &Stage, program: Program) -> Vec<String> {
    stage.hold(0);
    let running = program.start();
    let worker = stage.begun(&running, &[0])[0].worker;
    let variables = fs::read(format!("/proc/{worker}/environ")).unwrap();
    for pid in running.workers() {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&line).contains("a value that nobody shows"), "in the arguments of {pid}");
    }
    stage.release(0);
    assert_eq!(running.finish().code, Some(0));
    String::from_utf8(variables).unwrap().split('\0').map(str::to_owned).collect()
}

#[test]
fn workers_get_the_variables_that_are_named_and_no_others() {
    let entries = "env = [\"TEA_TESTS_ONE\", \"TEA_TESTS_UNSET\"]\nbefore = \"true\"";
    let stage = stage("unset TEA_TESTS_ONE TEA_TESTS_TWO; {agent}", entries);
    let value = "a value that nobody shows";
    let program = stage.items(2).env("TEA_TESTS_ONE", value).env("TEA_TESTS_TWO", value);
    let variables = environment(&stage, program);
    let told: Vec<_> = variables.iter().filter(|variable| variable.ends_with(value)).collect();
    assert_eq!(told, [&format!("TEA_TESTS_ONE={value}")]);
    let is_odd = |variable: &String| ["TEA_TESTS_UNSET", "TEA_AGENT"].iter().any(|name| variable.starts_with(name));
    assert!(!variables.iter().any(is_odd), "{variables:?}");
}

#[test]
fn a_line_comes_before_the_agent() {
    let stage = stage("{agent}", "before = \"echo \\\"it's welcome\\\"; export TEA_TESTS_BEFORE='a b'\"");
    let variables = environment(&stage, stage.items(2));
    assert!(variables.iter().any(|variable| variable == "TEA_TESTS_BEFORE=a b"), "{variables:?}");
}

#[test]
fn a_line_that_fails_is_an_error_with_its_own_words_and_its_status() {
    for (line, says) in [
        (
            "echo no such module >&2; (exit 3)",
            "no such module / `echo no such module >&2; (exit 3)` ended with status 3",
        ),
        ("false", "`false` ended with status 1"),
        ("exit 5", "`exit 5` ended with status 5"),
        ("echo 'it''s' | grep -q \"$HOME\"", "`echo 'it''s' | grep -q \"$HOME\"` ended with status 1"),
    ] {
        let stage = stage("{agent}", &format!("before = {}", serde_json::json!(line)));
        let finished = stage.items(2).run();
        let says = format!("the line `before` of the pool file failed there: {says}");
        assert!(finished.failure(1).contains(&says), "{}", finished.stderr);
    }
}

#[test]
fn a_host_that_sees_another_directory_of_the_same_name_is_refused() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run: a test of a host with other files, which only root can make");
        return;
    }
    let other = "mount -t tmpfs none \"$PLACE\" && eval \"$AGENT\"";
    let script = format!("export AGENT=$(cat <<'END'\n{{agent}}\nEND\n); exec unshare -m sh -c '{other}'");
    let stage = stage(&script, "files = \"shared\"");
    let place = stage.path("place");
    fs::create_dir(&place).unwrap();
    let finished = stage.items(2).directory(&place).env("PLACE", &place).run();
    let says = "it does not see the files of the program: not `.tea-probe-";
    assert!(finished.failure(1).contains(says), "{}", finished.stderr);
}

#[test]
fn a_host_that_sees_the_files_is_used_and_nothing_is_left_in_them() {
    let stage = stage("{agent}", "files = \"shared\"");
    let place = stage.path("place");
    fs::create_dir(&place).unwrap();
    assert_eq!(stage.items(5).directory(&place).run().json()["out"], serde_json::json!(squares(5)));
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
}

#[test]
fn a_build_for_the_hosts_is_what_runs_there() {
    let stage = Stage::new(1, 1);
    let (pool, other) = (stage.path("pool.toml"), stage.path("other"));
    let text = fs::read_to_string(&pool).unwrap();
    fs::write(&pool, format!("{text}[host]\nbinary = {other:?}\n")).unwrap();
    let finished = stage.items(3).run();
    assert!(finished.failure(1).contains("other"), "it is not there: {}", finished.stderr);
    // Another file, as it is for other libraries, from the same sources.
    let mut bytes = fs::read(REMOTE).unwrap();
    bytes.extend_from_slice(b"\n");
    fs::write(&other, bytes).unwrap();
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    stage.hold(0);
    let running = stage.items(3).start();
    let agent = stage.begun(&running, &[0])[0].agent;
    assert_eq!(fs::read_link(format!("/proc/{agent}/exe")).unwrap(), other);
    stage.release(0);
    assert_eq!(running.finish().json()["out"], serde_json::json!(squares(3)));
}

#[test]
fn a_build_with_other_workflows_is_refused() {
    let stage = stage("{agent}", &format!("binary = {:?}", env!("CARGO_BIN_EXE_rows")));
    let finished = stage.items(3).run();
    assert!(finished.failure(1).contains("the build for hosts has other workflows"), "{}", finished.stderr);
}
