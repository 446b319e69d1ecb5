//! Agents that are killed, and programs that are.

use rustix::process::Signal;

use super::*;

/// 3 items run on each host, and others wait.
fn under_load(stage: &Stage) -> (Running, Vec<Note>) {
    for item in 0..6 {
        stage.hold(item);
    }
    let running = stage.items(200).start();
    let notes = stage.begun(&running, &[0, 1, 2, 3, 4, 5]);
    assert_eq!(agents(&notes).len(), 2, "{notes:?}");
    (running, notes)
}

#[test]
fn an_agent_that_is_killed_takes_nothing_with_it() {
    let stage = Stage::new(2, 3);
    let (running, notes) = under_load(&stage);
    let agent = notes[0].agent;
    let (gone, others): (Vec<_>, Vec<_>) = notes.iter().partition(|note| note.agent == agent);
    process::signal(agent, Signal::KILL).unwrap();
    // What was begun there runs again, on the other host or on a new agent, and its old workers are gone.
    wait_for("the workers to end", || gone.iter().all(|note| process::is_ended(note.worker)).then_some(()));
    for item in 0..6 {
        stage.release(item);
    }
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(200)));
    let (begun, mut ended) = (stage.noted("begin"), stage.noted("end"));
    ended.sort_unstable();
    assert_eq!(ended, (0..200).collect::<Vec<_>>(), "each item ended once");
    for note in others {
        assert_eq!(begun.iter().filter(|item| **item == note.item).count(), 1, "the other host went on");
    }
    let again: Vec<_> = gone.iter().map(|note| begun.iter().filter(|item| **item == note.item).count()).collect();
    assert_eq!(again, [2; 3]);
    let says = "is lost: its agent was ended by signal 9 (SIGKILL); 3 units that ran there run again";
    assert!(finished.stderr.contains(says), "{}", finished.stderr);
}

#[test]
fn an_item_under_which_host_after_host_is_lost_is_suspected() {
    let stage = Stage::new(2, 1);
    stage.hold(0);
    let running = stage.items(2).args("-vv").start();
    // What the program has not heard of counts as not begun.
    let heard = |attempts: usize| {
        wait_for(&format!("attempt {attempts} to be heard of\n{}", running.stderr()), || {
            let begins = |line: &&str| line.contains("[0") && line.contains("` runs");
            (running.stderr().lines().filter(begins).count() >= attempts).then_some(())
        });
    };
    let first = stage.begun(&running, &[0])[0].agent;
    heard(1);
    process::signal(first, Signal::KILL).unwrap();
    let second = stage.begun_elsewhere(&running, 0, first).agent;
    heard(2);
    process::signal(second, Signal::KILL).unwrap();
    let finished = running.finish();
    assert!(finished.failure(1).contains("its host was lost while it ran, again and again"), "{}", finished.stderr);
}

#[test]
fn a_program_that_is_killed_leaves_nothing_on_its_hosts() {
    let stage = Stage::new(2, 3);
    let (running, _) = under_load(&stage);
    running.signal(Signal::KILL);
    // This waits until no process is left.
    assert_eq!(running.finish().signal, Some(9));
}

#[test]
fn a_program_that_is_interrupted_ends_its_hosts() {
    let stage = Stage::new(2, 3);
    let (running, _) = under_load(&stage);
    running.signal(Signal::INT);
    assert_eq!(running.finish().code, Some(130));
}

#[test]
fn what_must_not_run_twice_fails_with_its_host_unless_it_may_be_tried_again() {
    for (args, kinds, attempts) in
        [("", vec!["lost"], 1), ("--set each.retry.max_retries=1 --set each.retry.retry_on=lost", vec![], 2)]
    {
        let stage = Stage::new(1, 1);
        stage.hold(0);
        let running = stage.program("once").arg("--folder").arg(stage.path("")).args(args).start();
        let agent = stage.begun(&running, &[0])[0].agent;
        process::signal(agent, Signal::KILL).unwrap();
        wait_for("the end of its worker", || {
            stage.notes().iter().all(|note| process::is_ended(note.worker)).then_some(())
        });
        stage.release(0);
        let finished = running.finish();
        let json = finished.json();
        let found: Vec<_> =
            json["failed"].as_array().unwrap().iter().map(|failed| failed["kind"].as_str().unwrap()).collect();
        assert_eq!(found, kinds, "{}", finished.stderr);
        assert_eq!(stage.attempts(4), [attempts, 1, 1, 1], "what waited was not given to it");
    }
}
