//! Hosts behind ssh that the network cuts off without telling anybody: they are in network namespaces, and are taken out of the bridge
//! that connects them. Where these cannot be made, that is said, and nothing is tested.

use tests::{
    network::Network,
    sshd::{Host, Hosts},
};

use super::{
    ssh::{items, nothing_left, stage},
    *,
};

/// Two hosts, on each of which an item is held. Gives the note of the one on `n1`.
fn two_hosts(stage: &Stage, hosts: &Hosts) -> (Running, Note) {
    stage.order("ticks");
    (0..2).for_each(|item| stage.hold(item));
    let running = items(stage, hosts, 20).start();
    let notes = stage.begun(&running, &[0, 1]);
    let there = hosts.running("n1");
    let note = notes.iter().find(|note| there.contains(&note.agent)).expect("one is there").clone();
    (running, note)
}

fn start() -> Option<(Network, Hosts)> {
    let network = Network::start(&["n1", "n2"])?;
    let hosts = Hosts::on(Some(&network), &[Host::new("n1"), Host::new("n2")])?;
    Some((network, hosts))
}

#[test]
fn a_host_that_is_cut_off_while_it_runs_something_ends_that_before_another_begins_it() {
    let Some((network, hosts)) = start() else { return };
    // Healed after that, or never.
    for heals in [true, false] {
        let stage = stage(&["n1", "n2"], 1).times("100ms", "2s");
        let (running, note) = two_hosts(&stage, &hosts);
        network.cut("n1");
        stage.release(1 - note.item);
        stage.begun_elsewhere(&running, note.item, note.agent);
        assert!(process::is_ended(note.agent) && process::is_ended(note.worker), "{note:?}");
        if heals {
            network.heal("n1");
        }
        stage.release(note.item);
        let finished = running.finish();
        assert_eq!(finished.json()["out"], serde_json::json!(squares(20)), "{}", finished.stderr);
        assert!(stage.attempts(20)[usize::try_from(note.item).unwrap()] >= 2, "{}", finished.stderr);
        assert!(finished.stderr.contains("host `n1` is lost: nothing was heard of it for "), "{}", finished.stderr);
        network.heal("n1");
        nothing_left(&hosts, &["n1", "n2"]);
    }
}

#[test]
fn a_host_that_is_cut_off_for_less_than_its_lease_gives_its_results_later() {
    let Some((network, hosts)) = start() else { return };
    let stage = stage(&["n1", "n2"], 1).times("100ms", "50s");
    let (running, note) = two_hosts(&stage, &hosts);
    network.cut("n1");
    // It ends, and that cannot be told.
    stage.release(note.item);
    wait_for("its end", || stage.noted("end").contains(&note.item).then_some(()));
    network.heal("n1");
    stage.release(1 - note.item);
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(20)), "{}", finished.stderr);
    assert_eq!(stage.attempts(20), [1; 20], "{}", finished.stderr);
    assert!(!finished.stderr.contains("is lost"), "{}", finished.stderr);
    nothing_left(&hosts, &["n1", "n2"]);
}

#[test]
fn nothing_is_left_on_a_host_that_is_cut_off_when_its_program_ends() {
    let Some((network, hosts)) = start() else { return };
    let stage = stage(&["n1", "n2"], 1).times("100ms", "2s");
    let (running, note) = two_hosts(&stage, &hosts);
    network.cut("n1");
    running.signal(rustix::process::Signal::KILL);
    assert_eq!(running.finish().signal, Some(9));
    wait_for("the end of the agent and its worker", || {
        (process::is_ended(note.agent) && process::is_ended(note.worker)).then_some(())
    });
    network.heal("n1");
    nothing_left(&hosts, &["n1", "n2"]);
}
