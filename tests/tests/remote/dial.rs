//! Agents that dial back: how they learn where, and who else may come.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use rustix::process::Signal;

use super::*;

/// What a program tells an agent, of which a script has made a copy.
struct Told {
    address: String,
    secret: String,
}

fn told(stage: &Stage) -> Told {
    let line = wait_for("what the agent is told", || {
        fs::read_to_string(stage.path("told")).ok().filter(|line| line.ends_with('\n'))
    });
    let words: Vec<_> = line.split_whitespace().collect();
    let ["tea-dial-1", "input", address, secret] = words[..] else { panic!("{line}") };
    assert_eq!(secret.len(), 64);
    Told { address: address.to_owned(), secret: secret.to_owned() }
}

/// A script that makes a copy of what the agent is told, and starts it when there is a file `go`, after it has changed that.
fn held(change: &str) -> Stage {
    let script = format!(
        "head -n 1 > told; while [ ! -e go ]; do sleep 0.01; done; {{ {change} told; cat; }} | {{ {{agent}}; }}"
    );
    Stage::with(1, 2, &script)
}

fn items(stage: &Stage, count: u64) -> Program {
    stage.items(count).directory(&stage.path(""))
}

#[test]
fn the_secret_is_in_no_argument_and_no_variable() {
    let stage = held("cat");
    stage.hold(0);
    let running = items(&stage, 4).start();
    let Told { secret, .. } = told(&stage);
    fs::write(stage.path("go"), "").unwrap();
    stage.begun(&running, &[0]);
    let all = running.workers();
    assert!(all.len() >= 3, "the shell, the agent and a worker: {all:?}");
    for pid in all.into_iter().chain([running.pid()]) {
        for file in ["cmdline", "environ"] {
            let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            assert!(!bytes.windows(16).any(|part| part == &secret.as_bytes()[..16]), "{file} of {pid}");
        }
    }
    stage.release(0);
    assert_eq!(running.finish().json()["out"], serde_json::json!(squares(4)));
}

#[test]
fn an_agent_with_another_secret_is_refused_and_told_of() {
    let stage = held("sed 's/0$/1/;t;s/.$/0/'");
    let running = items(&stage, 4).start();
    told(&stage);
    fs::write(stage.path("go"), "").unwrap();
    wait_for("the warning", || {
        running.stderr().contains("connected without knowing the secret, and was refused").then_some(())
    });
    assert!(stage.notes().is_empty(), "nothing has run");
    running.signal(Signal::INT);
    assert_eq!(running.finish().code, Some(130));
}

#[test]
fn two_hundred_connections_do_not_keep_the_agent_out_and_the_port_is_closed_behind_it() {
    let stage = held("cat");
    stage.hold(0);
    let running = items(&stage, 4).start();
    let Told { address, .. } = told(&stage);
    let strangers: Vec<_> = (0..200_usize)
        .map(|stranger| {
            let mut stream = TcpStream::connect(&address).unwrap();
            // Some say nothing, some something, some all too much.
            let _ = stream.write_all(&vec![7; stranger % 3 * 47]);
            stream
        })
        .collect();
    fs::write(stage.path("go"), "").unwrap();
    stage.begun(&running, &[0]);
    for mut stream in strangers {
        assert!(matches!(stream.read(&mut [0; 9]), Ok(0) | Err(_)), "it is closed, and nothing was told");
    }
    assert!(TcpStream::connect(&address).is_err());
    stage.release(0);
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(4)));
    assert!(finished.stderr.contains("64 connections were refused that are not its agent's"), "{}", finished.stderr);
    assert!(finished.stderr.lines().count() < 20, "{}", finished.stderr);
}

#[test]
fn a_launcher_without_an_input_is_given_a_file_which_is_gone_when_the_agent_is_there() {
    let script = "ls -l $TEA_TESTS_FOLDER/.tea-lease-* | cut -c 1-10 > mode; exec < /dev/null; {agent}";
    let stage = Stage::with(1, 1, script);
    let pool = fs::read_to_string(stage.path("pool.toml")).unwrap();
    fs::write(stage.path("pool.toml"), pool.replace("transport", "secret = \"file\"\ntransport")).unwrap();
    stage.hold(0);
    let running = items(&stage, 5).env("TEA_TESTS_FOLDER", stage.path("")).start();
    stage.begun(&running, &[0]);
    let left = fs::read_dir(stage.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with(".tea-lease")).collect();
    assert!(left.is_empty(), "{left:?}");
    stage.release(0);
    assert_eq!(running.finish().json()["out"], serde_json::json!(squares(5)));
    assert_eq!(fs::read_to_string(stage.path("mode")).unwrap(), "-rw-------\n");
}

/// A pool whose command only asks for an agent, which `job` is for a shell, and whose other command ends it.
fn asked(job: &str) -> Stage {
    let stage = Stage::new(1, 1);
    let launch = format!("cat > $0; {{ {job}; }} < $0 > $0.out 2>&1 & echo $! > $0.pid");
    let cancel = "kill -9 $(cat $0.pid); touch $0.cancelled";
    let place = stage.path("{lease}");
    let place = place.display();
    let text = format!(
        "engine = \"command\"\n[command]\nlaunch = [\"sh\", \"-c\", {launch:?}, \"{place}\"]\n\
         cancel = [\"sh\", \"-c\", {cancel:?}, \"{place}\"]\n{TRANSPORT}"
    );
    fs::write(stage.path("pool.toml"), text).unwrap();
    stage
}

fn cancelled(stage: &Stage) -> bool {
    fs::read_dir(stage.path(""))
        .unwrap()
        .any(|entry| entry.unwrap().path().extension().is_some_and(|end| end == "cancelled"))
}

#[test]
fn a_command_that_only_asks_for_an_agent_may_end_before_it() {
    let stage = asked("{agent}");
    assert_eq!(stage.items(5).run().json()["out"], serde_json::json!(squares(5)));
    assert!(!cancelled(&stage), "it has ended by itself");
}

#[test]
fn what_was_asked_for_and_has_not_come_is_cancelled() {
    let stage = asked("exec sleep 1000; {agent}");
    let running = stage.items(5).start();
    wait_for("the job", || {
        let mut files = fs::read_dir(stage.path("")).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|end| end == "pid"))
    });
    running.signal(Signal::INT);
    assert_eq!(running.finish().code, Some(130));
    assert!(cancelled(&stage));
}

#[test]
fn a_command_that_cannot_ask_is_an_error_with_its_own_words() {
    let stage = Stage::with(1, 1, "echo no such queue >&2; exit 3; {agent}");
    let finished = stage.items(5).run();
    let says = "the command that starts its agent ended with status 3: no such queue";
    assert!(finished.failure(1).contains(says), "{}", finished.stderr);
}

#[test]
fn an_address_that_is_not_here_is_an_error_with_a_way_out() {
    let stage = Stage::new(1, 1);
    let pool = fs::read_to_string(stage.path("pool.toml")).unwrap();
    fs::write(stage.path("pool.toml"), pool.replace("127.0.0.1", "192.0.2.7")).unwrap();
    let finished = stage.items(5).run();
    let says = "it cannot be listened for agents at 192.0.2.7: ";
    assert!(
        finished.failure(1).contains(says) && finished.stderr.contains("`listen` in `[network]`"),
        "{}",
        finished.stderr
    );
}

/// Two hosts, each an agent in a session of its own: it outlives its command. `script` starts it there. Gives the notes of items 0 and 1,
/// which are held.
fn apart(script: &str, lease: &str) -> (Stage, Running, [Note; 2]) {
    let words = ["setsid", "--wait", "sh", "-c", script];
    let stage = Stage::launching(2, 1, |_| words.map(str::to_owned).into()).times("100ms", lease);
    stage.order("ticks");
    (0..2).for_each(|item| stage.hold(item));
    let running = stage.items(20).start();
    let notes = stage.begun(&running, &[0, 1]);
    assert_eq!(agents(&notes).len(), 2, "{notes:?}");
    (stage, running, notes.try_into().unwrap())
}

/// The standard error of an agent that the program can see the end of, and of one that it cannot.
const APART: [&str; 2] = ["{agent}", "exec 2> /dev/null; {agent}"];

#[test]
fn the_end_of_its_command_is_not_taken_for_the_end_of_an_agent() {
    for script in APART {
        // It goes on, or cannot notice anything.
        for stopped in [false, true] {
            let (stage, running, [one, _]) = apart(script, "2s");
            if stopped {
                process::signal(one.agent, Signal::STOP).unwrap();
            }
            let command = process::parent(one.agent).unwrap();
            process::signal(command, Signal::KILL).unwrap();
            stage.release(1);
            stage.begun_elsewhere(&running, one.item, one.agent);
            assert!(process::is_ended(one.agent) && process::is_ended(one.worker), "{script} {stopped}");
            stage.release(0);
            let finished = running.finish();
            assert_eq!(finished.json()["out"], serde_json::json!(squares(20)), "{}", finished.stderr);
            assert!(stage.attempts(20)[0] >= 2, "{script} {stopped}: {}", finished.stderr);
            let waits = finished.stderr.contains("what it had begun runs elsewhere when its lease is over here, in ");
            assert_eq!(waits, script != "{agent}", "{}", finished.stderr);
        }
    }
}

#[test]
fn an_agent_that_is_given_up_ends_before_its_lease_does() {
    let (_stage, running, [one, _]) = apart(APART[1], "10m");
    let command = process::parent(one.agent).unwrap();
    process::signal(command, Signal::KILL).unwrap();
    wait_for("the end of the agent and its worker", || {
        (process::is_ended(one.agent) && process::is_ended(one.worker)).then_some(())
    });
    // Its lease is waited for all the same.
    running.signal(Signal::INT);
    assert_eq!(running.finish().code, Some(130));
}

#[test]
fn what_an_agent_kills_when_its_input_ends_has_not_failed() {
    let stage = Stage::with(2, 1, "cat | { {agent}; }");
    (0..2).for_each(|item| stage.hold(item));
    let running = stage.items(20).start();
    let one = stage.begun(&running, &[0, 1])[0].clone();
    let beside = process::children(process::parent(one.agent).unwrap());
    // Its connection goes on.
    for pid in beside.into_iter().filter(|pid| *pid != one.agent) {
        process::signal(pid, Signal::KILL).unwrap();
    }
    stage.begun_elsewhere(&running, one.item, one.agent);
    (0..2).for_each(|item| stage.release(item));
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(20)), "{}", finished.stderr);
    assert!(stage.attempts(20)[0] >= 2);
}
