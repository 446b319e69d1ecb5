//! The examples for launchers of MPI, where these are installed.

use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::*;

/// A pool of two agents by the example of this name, if its launcher is there. `from` and `to` are words of it, and what stands for them.
fn by(example: &str, launcher: &str, words: &[(&str, &str)]) -> Option<Stage> {
    let mut version = Command::new(launcher);
    version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if !version.status().is_ok_and(|status| status.success()) {
        eprintln!("not run: a test of the example `{example}`, for which there is no `{launcher}`");
        return None;
    }
    let stage = Stage::new(2, 2);
    let shown = Program::new(REMOTE).env("FLOW", "items").args(&format!("pool example {example}")).run();
    let mut text = shown.stdout;
    for (from, to) in words {
        assert!(text.contains(from), "{from}: {text}");
        text = text.replace(from, to);
    }
    fs::write(stage.path("pool.toml"), format!("slots = 2\n{text}[network]\nlisten = \"127.0.0.1\"\n")).unwrap();
    Some(stage)
}

fn recipes() -> Vec<Stage> {
    let here = ("node{host}", "localhost");
    let root = ("\"-n\"", "\"--allow-run-as-root\", \"-n\"");
    let mpich = by("mpich", "mpiexec.mpich", &[("\"mpiexec\"", "\"mpiexec.mpich\""), here]);
    let open = by("openmpi", "mpirun.openmpi", &[("\"mpirun\"", "\"mpirun.openmpi\""), here, root]);
    mpich.into_iter().chain(open).collect()
}

#[test]
fn what_a_recipe_starts_works_and_nothing_is_left() {
    for stage in recipes() {
        (0..4).for_each(|item| stage.hold(item));
        let running = stage.items(100).start();
        assert_eq!(agents(&stage.begun(&running, &[0, 1, 2, 3])).len(), 2);
        (0..4).for_each(|item| stage.release(item));
        let finished = running.finish();
        assert_eq!(finished.json()["out"], serde_json::json!(squares(100)), "{}", finished.stderr);
        assert_eq!(stage.attempts(100), [1; 100]);
    }
}

#[test]
fn what_a_recipe_starts_ends_with_the_program() {
    for signal in [Signal::INT, Signal::KILL] {
        for stage in recipes() {
            (0..4).for_each(|item| stage.hold(item));
            let running = stage.items(100).start();
            stage.begun(&running, &[0, 1, 2, 3]);
            running.signal(signal);
            // This waits until no process is left.
            let finished = running.finish();
            assert!(finished.code == Some(130) || finished.signal == Some(9), "{}", finished.stderr);
        }
    }
}
