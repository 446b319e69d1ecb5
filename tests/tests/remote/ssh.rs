//! Hosts behind ssh: real servers on this machine. Where there is none, that is said, and nothing is tested.

use rustix::process::Signal;
use tests::sshd::{Host, Hosts};

use super::*;

/// A pool of these hosts.
pub(crate) fn stage(names: &[&str], slots: u32) -> Stage {
    let stage = Stage::new(1, 1);
    let hosts: Vec<_> = names.iter().map(|name| format!("[[ssh.host]]\nname = {name:?}\n")).collect();
    fs::write(stage.path("pool.toml"), format!("engine = \"ssh\"\nslots = {slots}\n{}", hosts.concat())).unwrap();
    stage
}

/// Items that leave notes, on these hosts.
pub(crate) fn items(stage: &Stage, hosts: &Hosts, count: u64) -> Program {
    stage.items(count).env("PATH", hosts.search_path())
}

fn copied(hosts: &Hosts, name: &str) -> Vec<PathBuf> {
    let folder = hosts.path(&format!("cache-{name}")).join("tea");
    let folders = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|file| file.unwrap().path())).collect()
}

pub(crate) fn nothing_left(hosts: &Hosts, names: &[&str]) {
    wait_for("the end of everything on the hosts", || {
        names.iter().all(|name| hosts.running(name).is_empty()).then_some(())
    });
}

#[test]
fn two_hosts_give_the_same_and_are_sent_the_program_once() {
    let noisy = Host { runs: "echo 'welcome to n2'; eval \"$SSH_ORIGINAL_COMMAND\"", ..Host::new("n2") };
    let Some(hosts) = Hosts::start(&[Host::new("n1"), noisy]) else { return };
    let stage = stage(&["n1", "n2"], 1);
    stage.hold(0);
    stage.hold(1);
    let running = items(&stage, &hosts, 50).start();
    assert_eq!(agents(&stage.begun(&running, &[0, 1])).len(), 2);
    assert!(["n1", "n2"].iter().all(|name| hosts.running(name).len() == 2), "an agent and a worker");
    stage.release(0);
    stage.release(1);
    assert_eq!(running.finish().json()["out"], serde_json::json!(squares(50)));
    nothing_left(&hosts, &["n1", "n2"]);
    let files: Vec<_> = ["n1", "n2"].iter().flat_map(|name| copied(&hosts, name)).collect();
    assert_eq!(files.len(), 2, "one on each: {files:?}");
    let times = || files.iter().map(|file| fs::metadata(file).unwrap().modified().unwrap()).collect::<Vec<_>>();
    let before = times();
    assert_eq!(items(&stage, &hosts, 9).run().json()["out"], serde_json::json!(squares(9)));
    assert_eq!(times(), before, "it is not copied again");
}

#[test]
fn a_line_comes_before_a_program_that_was_copied() {
    let Some(hosts) = Hosts::start(&[Host::new("n1")]) else { return };
    let stage = stage(&["n1"], 1);
    let text = fs::read_to_string(stage.path("pool.toml")).unwrap();
    fs::write(stage.path("pool.toml"), format!("{text}[host]\nbefore = \"echo welcome\"\n")).unwrap();
    assert_eq!(items(&stage, &hosts, 5).run().json()["out"], serde_json::json!(squares(5)));
    assert_eq!(copied(&hosts, "n1").len(), 1);
}

#[test]
fn a_host_that_sees_the_same_files_is_sent_no_program() {
    let Some(hosts) = Hosts::start(&[Host::new("n1")]) else { return };
    let stage = stage(&["n1"], 2);
    let text = fs::read_to_string(stage.path("pool.toml")).unwrap();
    fs::write(stage.path("pool.toml"), format!("{text}[host]\nbinary = \"shared\"\n")).unwrap();
    assert_eq!(items(&stage, &hosts, 5).run().json()["out"], serde_json::json!(squares(5)));
    assert!(copied(&hosts, "n1").is_empty());
}

#[test]
fn a_connection_that_is_cut_ends_the_agent_and_its_work_goes_on_elsewhere() {
    let Some(hosts) = Hosts::start(&[Host::new("n1"), Host::new("n2")]) else { return };
    let stage = stage(&["n1", "n2"], 2).times("100ms", "1s");
    (0..4).for_each(|item| stage.hold(item));
    let running = items(&stage, &hosts, 100).start();
    let notes = stage.begun(&running, &[0, 1, 2, 3]);
    let there = hosts.running("n1");
    for connection in hosts.connections("n1") {
        process::signal(connection, Signal::KILL).unwrap();
    }
    wait_for("the agent and its workers to end", || there.iter().all(|pid| process::is_ended(*pid)).then_some(()));
    (0..4).for_each(|item| stage.release(item));
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(100)));
    let mut ended = stage.noted("end");
    ended.sort_unstable();
    assert_eq!(ended, (0..100).collect::<Vec<_>>(), "each item ended once");
    let again = notes.iter().filter(|note| there.contains(&note.agent)).count();
    assert_eq!((again, stage.noted("begin").len()), (2, 102), "{}", finished.stderr);
    assert!(finished.stderr.contains("host `n1` is lost"), "{}", finished.stderr);
    nothing_left(&hosts, &["n1", "n2"]);
}

#[test]
fn a_program_that_is_killed_leaves_nothing_behind_ssh() {
    let Some(hosts) = Hosts::start(&[Host::new("n1")]) else { return };
    let stage = stage(&["n1"], 2);
    (0..2).for_each(|item| stage.hold(item));
    let running = items(&stage, &hosts, 10).start();
    stage.begun(&running, &[0, 1]);
    running.signal(Signal::KILL);
    assert_eq!(running.finish().signal, Some(9));
    nothing_left(&hosts, &["n1"]);
}

/// What is said when nothing can run.
fn refusal(stage: &Stage, hosts: &Hosts) -> String {
    let finished = items(stage, hosts, 3).run();
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""), "{}", finished.stderr);
    finished.stderr
}

#[test]
fn each_lack_is_one_error_that_names_the_host_and_the_cause() {
    let Some(hosts) = Hosts::start(&[Host::new("n1")]) else { return };
    let said = refusal(&stage(&["nowhere.invalid"], 1), &hosts);
    assert!(said.contains("`nowhere.invalid`: ") && said.contains("Could not resolve hostname"), "{said}");
    assert_eq!(said.matches("nowhere.invalid").count(), 2, "in one error, twice: the name, and what ssh says");

    fs::copy(hosts.path("stranger.pub"), hosts.path("authorized")).unwrap();
    let said = refusal(&stage(&["n1"], 1), &hosts);
    assert!(said.contains("`n1`: ") && said.contains("Permission denied (publickey)"), "{said}");
    fs::copy(hosts.path("user.pub"), hosts.path("authorized")).unwrap();

    let stranger = fs::read_to_string(hosts.path("stranger.pub")).unwrap();
    fs::write(hosts.path("known"), format!("n1 {stranger}")).unwrap();
    let said = refusal(&stage(&["n1"], 1), &hosts);
    assert!(said.contains("`n1`: ") && said.contains("Host key verification failed"), "{said}");

    let stage = stage(&["n1"], 1);
    let program = Program::new("env").arg("PATH=/nonexistent").arg(REMOTE).env("FLOW", "items");
    let finished = program.arg("--pool").arg(stage.path("pool.toml")).run();
    assert!(finished.failure(1).contains("`n1`: `ssh` cannot be started: No such file"), "{}", finished.stderr);
}

#[test]
fn a_program_that_cannot_be_copied_is_an_error_with_the_cause() {
    let read_only = Host { cache: "/proc/no", ..Host::new("n1") };
    let full = Host { runs: "ulimit -f 8; eval \"$SSH_ORIGINAL_COMMAND\"", ..Host::new("n2") };
    let Some(hosts) = Hosts::start(&[read_only, full]) else { return };
    let said = refusal(&stage(&["n1"], 1), &hosts);
    assert!(
        said.contains("`n1`: the program cannot be copied there (status 1): mkdir: cannot create directory"),
        "{said}"
    );
    let said = refusal(&stage(&["n2"], 1), &hosts);
    assert!(said.contains("`n2`: the program cannot be copied there"), "{said}");
    assert!(copied(&hosts, "n2").is_empty(), "no part of it is left");
}

#[test]
fn a_host_with_other_libraries_is_an_error_with_a_way_out() {
    let lacks = "/lib/libc.so.6: version GLIBC_2.99 not found (required by program)";
    let runs = format!("case \"$SSH_ORIGINAL_COMMAND\" in *TEA_AGENT*) echo \"{lacks}\" >&2; exit 1;; esac");
    let Some(hosts) = Hosts::start(&[Host { runs: &runs, ..Host::new("n1") }]) else { return };
    let said = refusal(&stage(&["n1"], 1), &hosts);
    assert!(said.contains("GLIBC_2.99") && said.contains("--target x86_64-unknown-linux-musl"), "{said}");
}

#[test]
fn many_hosts_are_dialled_a_few_at_a_time() {
    let names: Vec<_> = (0..20).map(|host| format!("h{host}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    // Each counts how many of its kind are under way before their agents have come.
    let runs = "echo x >> \"$XDG_CACHE_HOME-dials\"; eval \"$SSH_ORIGINAL_COMMAND\"";
    let hosts: Vec<_> = names.iter().map(|name| Host { runs, ..Host::new(name) }).collect();
    let Some(hosts) = Hosts::start(&hosts) else { return };
    let stage = stage(&names, 1);
    (0..20).for_each(|item| stage.hold(item));
    let running = items(&stage, &hosts, 20).start();
    let all: Vec<_> = (0..20).collect();
    assert_eq!(agents(&stage.begun(&running, &all)).len(), 20, "{}", running.stderr());
    (0..20).for_each(|item| stage.release(item));
    assert_eq!(running.finish().json()["out"], serde_json::json!(squares(20)));
    nothing_left(&hosts, &names);
}

#[test]
fn a_check_says_of_each_host_whether_it_can_be_used() {
    let Some(hosts) = Hosts::start(&[Host::new("n1")]) else { return };
    let stage = stage(&["n1", "nowhere.invalid"], 3);
    let check = |args: &[&str]| {
        let program = args.iter().fold(Program::new(REMOTE).env("FLOW", "items").args("pool check"), Program::arg);
        program.env("PATH", hosts.search_path())
    };
    let pool = stage.path("pool.toml");
    let finished = check(&[pool.to_str().unwrap()]).run();
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let lines: Vec<_> = finished.stdout.lines().collect();
    assert!(lines[0].starts_with("n1: ready after ") && lines[0].contains("; 3 at once; "), "{lines:?}");
    assert!(lines[1].starts_with("nowhere.invalid: cannot be used: ") && lines[1].contains("resolve"), "{lines:?}");
    nothing_left(&hosts, &["n1"]);
    assert!(check(&[]).run().failure(2).contains("no pool file is given"));
    fs::write(&pool, "engine = \"ssh\"\n[[ssh.host]]\nname = \"n1\"\n").unwrap();
    let finished = check(&[]).env("TEA_POOL", &pool).run();
    assert_eq!((finished.code, finished.stdout.lines().count()), (Some(0), 1), "{}", finished.stderr);
}
