//! Agents that are stopped, and programs that are: what an agent runs ends with its lease, and only then is it begun elsewhere.
//!
//! Leases are short where a test waits for their end. A busy machine may let others end too, so that there are more attempts than
//! need be, but never two at once.

use rustix::process::Signal;

use super::*;

/// As many items as there are slots run on two hosts, and others wait. Gives their notes, those of one agent first.
fn under_load(stage: &Stage, slots: u32) -> (Running, Vec<Note>) {
    let held: Vec<u64> = (0..u64::from(2 * slots)).collect();
    for item in &held {
        stage.hold(*item);
    }
    let running = stage.items(100).start();
    let mut notes = stage.begun(&running, &held);
    let first = notes[0].agent;
    notes.sort_by_key(|note| note.agent != first);
    assert_eq!(notes.iter().filter(|note| note.agent == first).count(), slots as usize, "{notes:?}");
    (running, notes)
}

/// Lets all items end, and checks that each gave what it should. Gives the number of attempts at each, which were never two at once.
fn ends_well(stage: &Stage, running: Running, held: &[Note]) -> (Vec<usize>, String) {
    for note in held {
        stage.release(note.item);
    }
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(100)));
    (stage.attempts(100), finished.stderr)
}

#[test]
fn an_agent_that_is_stopped_for_less_than_its_lease_goes_on() {
    let stage = Stage::new(2, 3).times("50ms", "50s");
    let (running, notes) = under_load(&stage, 3);
    process::signal(notes[0].agent, Signal::STOP).unwrap();
    // What its workers are running goes on.
    for note in &notes {
        stage.release(note.item);
    }
    let ended = |note: &Note| stage.noted("end").contains(&note.item);
    wait_for("the end of what had begun", || notes.iter().all(ended).then_some(()));
    process::signal(notes[0].agent, Signal::CONT).unwrap();
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(100)));
    assert_eq!(stage.attempts(100), [1; 100]);
    assert!(!finished.stderr.contains("is lost"), "{}", finished.stderr);
}

#[test]
fn an_agent_that_is_stopped_for_longer_ends_with_all_that_it_runs() {
    for order in ["ticks", "child"] {
        let stage = Stage::new(2, 3).times("100ms", "1s");
        stage.order(order);
        let (running, notes) = under_load(&stage, 3);
        let gone = &notes[..3];
        process::signal(notes[0].agent, Signal::STOP).unwrap();
        for note in gone {
            stage.begun_elsewhere(&running, note.item, note.agent);
            assert!(process::is_ended(note.agent) && process::is_ended(note.worker), "{note:?}");
        }
        let (attempts, stderr) = ends_well(&stage, running, &notes);
        for note in gone {
            assert!(attempts[usize::try_from(note.item).unwrap()] >= 2, "{note:?}");
        }
        // One that was late with what it was granted has ended sooner after it was heard of.
        let ways = ["it ended itself: an agent holds nine tenths of its lease of 1s", "was ended by signal 9"];
        assert!(ways.iter().any(|way| stderr.contains(way)), "{stderr}");
    }
}

#[test]
fn a_host_that_is_stopped_as_a_whole_runs_nothing_when_it_wakes() {
    let stage = Stage::new(2, 2).times("100ms", "1s");
    stage.order("ticks");
    let (running, notes) = under_load(&stage, 2);
    let gone = &notes[..2];
    for pid in gone.iter().map(|note| note.worker).chain([notes[0].agent]) {
        process::signal(pid, Signal::STOP).unwrap();
    }
    for note in gone {
        stage.begun_elsewhere(&running, note.item, note.agent);
        assert!(process::is_ended(note.agent) && process::is_ended(note.worker), "{note:?}");
    }
    let (attempts, _) = ends_well(&stage, running, &notes);
    assert!(attempts.iter().sum::<usize>() >= 102);
}

/// Stops a program until an agent has ended, and waits for another attempt at item 0. Gives its agent; `None` if the program has ended.
fn stopped_for_longer(stage: &Stage, running: &Running, agent: u32) -> Option<u32> {
    running.signal(Signal::STOP);
    wait_for("the end of the agent", || process::is_ended(agent).then_some(()));
    running.signal(Signal::CONT);
    wait_for("another attempt", || {
        let begun = stage.notes().into_iter().rfind(|note| note.what == "begin" && note.item == 0);
        let another = begun.map(|note| note.agent).filter(|begun| *begun != agent);
        another.map(Some).or_else(|| process::is_ended(running.pid()).then_some(None))
    })
}

#[test]
fn a_program_that_is_stopped_for_longer_blames_nobody() {
    let stage = Stage::new(1, 1).times("100ms", "2s");
    stage.hold(0);
    let running = stage.items(3).start();
    let mut agent = stage.begun(&running, &[0])[0].agent;
    // More often than a host may be lost under an item.
    for _ in 0..3 {
        agent = stopped_for_longer(&stage, &running, agent).unwrap();
    }
    stage.release(0);
    assert_eq!(running.finish().json()["out"], serde_json::json!(squares(3)));
    assert!(stage.attempts(3)[0] >= 4);
}

#[test]
fn a_program_that_is_stopped_again_and_again_gives_up() {
    let stage = Stage::new(1, 1).times("100ms", "1s");
    stage.hold(0);
    let running = stage.items(3).start();
    let mut agent = Some(stage.begun(&running, &[0])[0].agent);
    let mut stops = 0;
    while let Some(of) = agent {
        agent = stopped_for_longer(&stage, &running, of);
        stops += 1;
    }
    assert!(stops <= 10);
    let finished = running.finish();
    let said = finished.failure(1);
    assert!(said.contains("times in a row it lost its lease of 1s because this program was stopped"), "{said}");
}
