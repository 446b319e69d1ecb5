//! Pools that cannot be used: one error each, which says what to do.

use super::*;

fn told(stage: &Stage) -> String {
    let finished = stage.items(3).run();
    assert_ne!(finished.code, Some(0), "{}", finished.stdout);
    finished.stderr
}

#[test]
fn a_pool_file_with_a_mistake_is_refused_before_anything_runs() {
    let stage = Stage::new(2, 1);
    let text = fs::read_to_string(stage.path("pool.toml")).unwrap();
    fs::write(stage.path("pool.toml"), text.replace("slots", "slot") + "[host]\nfiles = \"share\"\n").unwrap();
    let finished = stage.items(3).run();
    for says in ["pool.toml:3:1: there is no entry `slot`: did you mean `slots`?", "did you mean \"shared\"?"] {
        assert!(finished.failure(2).contains(says), "{}", finished.stderr);
    }
    fs::remove_file(stage.path("pool.toml")).unwrap();
    assert!(stage.items(3).run().failure(2).contains("pool.toml` cannot be read: No such file"));
}

#[test]
fn a_command_that_leads_nowhere_is_an_error_with_its_own_words() {
    let said = told(&Stage::with(2, 1, "echo no such machine >&2; exit 3; {agent}"));
    let says = "no host of the pool can be used: `host 1`: the command that starts its agent ended with status 3: no such machine";
    assert!(said.contains(says), "{said}");
}

#[test]
fn what_a_shell_prints_before_the_agent_is_skipped() {
    let stage = Stage::with(1, 1, "echo welcome; {agent}");
    assert_eq!(stage.items(3).run().json()["out"], serde_json::json!(squares(3)));
}

#[test]
fn something_else_than_an_agent_is_refused() {
    let said = told(&Stage::with(1, 1, "yes; {agent}"));
    assert!(said.contains("what was started is no agent of this program: it wrote \"y\\ny\\n"), "{said}");
}

#[test]
fn another_build_is_refused() {
    let stage = Stage::with(1, 1, "false || exec env TEA_AGENT=1 $OTHER; {agent}");
    let other = stage.path("other");
    let mut bytes = fs::read(REMOTE).unwrap();
    bytes.extend_from_slice(b"\n");
    fs::write(&other, bytes).unwrap();
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let finished = stage.items(3).env("OTHER", &other).run();
    assert!(finished.stderr.contains("another build of this program runs there"), "{}", finished.stderr);
}

#[test]
fn a_copy_of_the_program_is_the_same_build() {
    let stage = Stage::with(1, 1, "exec env TEA_AGENT=1 $OTHER; {agent}");
    let other = stage.path("other");
    fs::copy(REMOTE, &other).unwrap();
    let finished = stage.items(3).env("OTHER", &other).run();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(3)));
}

#[test]
fn a_host_that_does_not_see_the_directory_is_not_used() {
    // As on a host with other files, the directory is gone when the agent looks for it.
    let stage = Stage::with(1, 1, "cd / && mv $GONE $GONE-moved; {agent}");
    let gone = stage.path("gone");
    fs::create_dir(&gone).unwrap();
    let finished = stage.items(3).directory(&gone).env("GONE", &gone).run();
    let says = "hosts must share the files that branches read and write, under the same paths";
    assert!(finished.failure(1).contains(says), "{}", finished.stderr);
}

#[test]
fn a_main_that_does_not_serve_is_found_out() {
    let stage = Stage::new(1, 1);
    let finished = Program::new(REMOTE).env("FLOW", "refused").env("POOL", stage.path("pool.toml")).run();
    assert!(finished.failure(1).contains("call `tea_runtime::init()` first thing in `main`"), "{}", finished.stderr);
    let agent = Program::new(REMOTE).env("FLOW", "refused").env("TEA_AGENT", "1").run();
    assert_eq!(agent.code, Some(69), "{}", agent.stderr);
}

#[test]
fn an_example_is_a_pool_file() {
    let stage = Stage::new(1, 1);
    let example = Program::new(REMOTE).env("FLOW", "items").args("pool example command").run();
    fs::write(stage.path("pool.toml"), example.stdout).unwrap();
    assert_eq!(stage.items(3).run().json()["out"], serde_json::json!(squares(3)));
}
