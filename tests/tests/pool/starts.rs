//! Workers that cannot be started, or are started as something else.

use std::{fs, process::Command};

use super::*;

/// However many items wait: the failure of one must not start the next on top of itself.
#[test]
fn nothing_left_to_start_workers_with_is_one_clear_failure() {
    let script = "ulimit -n 7; exec \"$POOL\" --count 100000 -q";
    let none = shell("items", script);
    assert!(none.failure(1).contains("no worker process can be started: "), "{}", none.stderr);
    assert!(none.failure(1).contains("`--parallel-strategy thread` runs without worker processes"), "{}", none.stderr);
    // With room for one worker it is slower. What this test was started with takes none of it.
    let few = shell("items", "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; ulimit -n 16; exec \"$POOL\" --count 200 -q");
    assert_eq!(few.json()["sum"], 199 * 200 / 2, "{}", few.stderr);
}

#[test]
fn a_program_that_does_not_come_to_its_entry_as_a_worker_is_told_as_that() {
    let finished = pool("usage", &["somewhere"]).run();
    let text = finished.failure(1);
    assert!(text.contains("10 worker processes in a row ended before they were ready"), "{text}");
    assert!(text.contains("exited with status 2") && text.contains("they were started from "), "{text}");
}

/// Workers that run go on with the work when no others can be started any more.
#[test]
fn starts_that_fail_take_nothing_from_workers_that_run() {
    let flow = Logged::new(POOL, "refused");
    let finished = flow.program().env("TEA_TESTS_DIES", flow.path("dies")).run();
    let output = finished.json();
    assert_eq!(output["good"].as_array().unwrap().len(), 199, "{}", output["bad"]);
    assert_eq!((&output["bad"][0]["index"], &output["bad"][0]["kind"]), (&20.into(), &"crash".into()));
    assert!(finished.stderr.contains("can run, no more are started"), "{}", finished.stderr);
}

/// Its name may be any bytes: as an argument, and as a folder.
#[test]
fn a_name_that_is_no_text_is_no_obstacle() {
    let script = r#"
        (exec -a "$(printf '\377')" "$POOL" -q) &&
        folder="$(printf 'caf\351')" && mkdir "$folder" && cp "$POOL" "$folder/pool" && "$folder/pool" -q"#;
    let finished = shell("items", script);
    assert_eq!((finished.code, finished.stdout.matches("\"sum\": 45").count()), (Some(0), 2), "{}", finished.stderr);
}

#[test]
fn a_program_that_a_loader_started_has_workers() {
    let loader = "/lib64/ld-linux-x86-64.so.2";
    if !Path::new(loader).exists() {
        return eprintln!("this machine cannot show it: no {loader}");
    }
    let finished = Program::new(loader).arg(POOL).arg("-q").env("FLOW", "items").run();
    assert_eq!(finished.json()["sum"], 45, "{}", finished.stderr);
}

#[test]
fn without_proc_the_way_out_is_told() {
    let hide = "mount -t tmpfs none /proc && exec \"$POOL\" -q";
    let can_hide = ["-rm", "sh", "-c", "mount -t tmpfs none /proc"];
    if !Command::new("unshare").args(can_hide).status().is_ok_and(|status| status.success()) {
        return eprintln!("this machine cannot show it: no name spaces for this user");
    }
    let finished = shell("items", &format!("unshare -rm sh -c '{hide}'"));
    let text = finished.failure(1);
    assert!(text.contains("no worker process can be started: ") && text.contains("/proc"), "{text}");
    assert!(text.contains("`--parallel-strategy thread`") && !text.contains("only 1 worker"), "{text}");
}

/// A copy of the program, which `fork` makes, holds the streams to its workers open. Here the test is that copy.
#[test]
fn workers_end_with_their_parent_though_a_copy_of_it_holds_their_streams() {
    let flow = Logged::new(env!("CARGO_BIN_EXE_edges"), "behave");
    let running = flow.program().args("--first hang --second hang --third hang --max-workers 3").start();
    let program = running.pid();
    wait_for("the branches", || (flow.lines().len() == 3).then_some(()));
    let process = rustix::process::pidfd_open(
        rustix::process::Pid::from_raw(program.try_into().unwrap()).unwrap(),
        rustix::process::PidfdFlags::empty(),
    )
    .unwrap();
    let sockets = fs::read_dir(format!("/proc/{program}/fd")).unwrap().filter_map(|entry| {
        let entry = entry.unwrap();
        let target = fs::read_link(entry.path()).ok()?;
        target.to_str()?.starts_with("socket:").then(|| entry.file_name().to_str().unwrap().parse().unwrap())
    });
    let flags = rustix::process::PidfdGetfdFlags::empty();
    let held: Vec<_> = sockets.map(|socket| rustix::process::pidfd_getfd(&process, socket, flags)).collect();
    let Ok(held) = held.into_iter().collect::<Result<Vec<_>, _>>() else {
        return eprintln!("this machine cannot show it: it lets nobody take descriptors");
    };
    assert!(held.len() >= 3, "a stream to each worker");
    running.signal(rustix::process::Signal::KILL);
    assert_eq!(running.finish().signal, Some(9));
    drop(held);
}
