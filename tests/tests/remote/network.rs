//! Networks that delay, stall and cut. The agents are behind one that the program does not see through: it knows only what arrives.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::*;

/// A pool of agents on this machine, behind a network that can be disturbed.
fn behind_a_network(hosts: u32, slots: u32) -> Stage {
    Stage::launching(hosts, slots, |folder| {
        [env!("CARGO_BIN_EXE_proxy"), folder, "sh", "-c", "{agent}"].map(str::to_owned).into()
    })
}

/// Two hosts, on each of which an item is held. Gives the notes of both.
fn two_hosts(stage: &Stage, count: u64) -> (Running, [Note; 2]) {
    stage.order("ticks");
    (0..2).for_each(|item| stage.hold(item));
    let running = stage.items(count).start();
    let notes = stage.begun(&running, &[0, 1]);
    assert_eq!(agents(&notes).len(), 2);
    (running, notes.try_into().unwrap())
}

fn ends_well(stage: &Stage, running: Running, count: u64) -> (Vec<usize>, String) {
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(count)), "{}", finished.stderr);
    (stage.attempts(count), finished.stderr)
}

#[test]
fn a_network_that_delays_loses_nothing() {
    let stage = behind_a_network(2, 2).times("100ms", "50s");
    fs::write(stage.path("delay"), "30").unwrap();
    assert_eq!(stage.items(100).run().json()["out"], serde_json::json!(squares(100)));
    assert_eq!(stage.attempts(100), [1; 100]);
}

#[test]
fn a_network_that_heals_before_the_lease_is_over_loses_nothing() {
    for way in ["", "in-", "out-"] {
        let stage = behind_a_network(2, 1).times("50ms", "50s");
        let (running, [one, _]) = two_hosts(&stage, 20);
        stage.order(&format!("stall-{way}{}", one.agent));
        // The result is on its way while nothing passes, or is on its way back.
        stage.release(0);
        stage.release(1);
        wait_for("the end of its item", || stage.noted("end").contains(&0).then_some(()));
        stage.withdraw(&format!("stall-{way}{}", one.agent));
        let (attempts, stderr) = ends_well(&stage, running, 20);
        assert_eq!(attempts, [1; 20], "{way}: {stderr}");
    }
}

#[test]
fn a_network_that_stalls_for_longer_costs_the_host_that_is_behind_it() {
    for way in ["", "in-", "out-"] {
        let stage = behind_a_network(2, 1).times("100ms", "1s");
        let (running, [one, _]) = two_hosts(&stage, 20);
        stage.order(&format!("stall-{way}{}", one.agent));
        stage.release(1);
        stage.begun_elsewhere(&running, one.item, one.agent);
        assert!(
            process::is_ended(one.agent) && process::is_ended(one.worker),
            "{way}: its lease is over there as well"
        );
        // What arrives late is of an agent that is given up.
        stage.withdraw(&format!("stall-{way}{}", one.agent));
        stage.release(0);
        let (attempts, stderr) = ends_well(&stage, running, 20);
        assert!(attempts[0] >= 2, "{way}: {attempts:?}");
        assert!(stderr.contains("its lease"), "{stderr}");
    }
}

#[test]
fn a_result_that_is_under_way_when_the_network_stalls_comes_once() {
    let stage = behind_a_network(2, 1).times("100ms", "1s");
    let (running, [one, _]) = two_hosts(&stage, 20);
    stage.order(&format!("stall-out-{}", one.agent));
    // It ends, and that cannot be told.
    stage.release(0);
    stage.release(1);
    wait_for("its end", || stage.noted("end").contains(&0).then_some(()));
    let again = stage.begun_elsewhere(&running, one.item, one.agent);
    stage.withdraw(&format!("stall-out-{}", one.agent));
    let (attempts, _) = ends_well(&stage, running, 20);
    assert!(attempts[0] >= 2, "{again:?}");
}

#[test]
fn an_idle_host_that_is_cut_off_ends_by_itself_and_costs_nothing() {
    let stage = behind_a_network(2, 1).times("100ms", "1s");
    let (running, [one, _]) = two_hosts(&stage, 2);
    stage.release(0);
    wait_for("the end of its item", || stage.noted("end").contains(&0).then_some(()));
    stage.order(&format!("stall-{}", one.agent));
    wait_for("the end of its agent", || process::is_ended(one.agent).then_some(()));
    stage.withdraw(&format!("stall-{}", one.agent));
    stage.release(1);
    ends_well(&stage, running, 2);
}

#[test]
fn a_connection_that_is_cut_ends_its_agent_at_once_and_its_lease_is_waited_for() {
    let stage = behind_a_network(2, 1).times("100ms", "2s");
    let (running, [one, _]) = two_hosts(&stage, 20);
    fs::write(stage.path(&format!("cut-{}", one.agent)), "0").unwrap();
    wait_for("the end of its worker", || process::is_ended(one.worker).then_some(()));
    stage.release(1);
    stage.begun_elsewhere(&running, one.item, one.agent);
    stage.release(0);
    let (attempts, stderr) = ends_well(&stage, running, 20);
    assert!(attempts[0] >= 2);
    assert!(stderr.contains("runs elsewhere when its lease is over here, in "), "{stderr}");
}

#[test]
fn a_value_that_takes_several_leases_to_send_costs_none() {
    for (read, given) in [(8, 0), (0, 8)] {
        let stage = behind_a_network(1, 1).times("200ms", "3s");
        // For each 64 KiB.
        fs::write(stage.path("delay"), "75").unwrap();
        let program = stage.program("large").arg("--folder").arg(stage.path("")).args("--count 1");
        let started = Instant::now();
        let finished = program.args(&format!("--read {read} --megabytes {given}")).run();
        assert_eq!(finished.json()["out"], serde_json::json!([given << 20]), "{}", finished.stderr);
        assert!(started.elapsed() > Duration::from_secs(9), "it was not slow: {:?}", started.elapsed());
        assert_eq!(stage.attempts(1), [1], "{}", finished.stderr);
    }
}

#[test]
fn a_connection_that_is_cut_in_the_middle_of_a_large_result_gives_it_once() {
    let stage = behind_a_network(2, 1);
    (0..2).for_each(|item| stage.hold(item));
    let program = stage.program("large").arg("--folder").arg(stage.path("")).args("--count 4 --megabytes 64");
    let running = program.start();
    let notes = stage.begun(&running, &[0, 1]);
    fs::write(stage.path(&format!("cut-{}", notes[0].agent)), (20 << 20).to_string()).unwrap();
    (0..2).for_each(|item| stage.release(item));
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(vec![64_usize << 20; 4]), "{}", finished.stderr);
    assert!(stage.attempts(4)[usize::try_from(notes[0].item).unwrap()] >= 2, "{}", finished.stderr);
}

#[test]
fn a_program_that_is_gone_leaves_nothing_behind_a_network_that_is_cut_off() {
    let stage = behind_a_network(2, 1).times("100ms", "1s");
    let (running, notes) = two_hosts(&stage, 20);
    for note in &notes {
        stage.order(&format!("stall-{}", note.agent));
    }
    running.signal(Signal::KILL);
    for note in &notes {
        wait_for("the end of the agent and its worker", || {
            (process::is_ended(note.agent) && process::is_ended(note.worker)).then_some(())
        });
    }
    for note in &notes {
        stage.withdraw(&format!("stall-{}", note.agent));
    }
    // This waits until no process is left.
    assert_eq!(running.finish().signal, Some(9));
}
