//! What comes from an agent may be anything.

mod recalled;

use std::{io, process::Command};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    executor::{
        breakers::{BreakerAt, BreakerCall},
        wire,
    },
    process::{
        frame::{HEADER, Header},
        identity,
        message::{MESSAGE, RECORD, RecordHead},
    },
    remote::{
        launch::{Connection, spawn},
        message::{Done, FromAgent, Hello, News, PROTOCOL},
    },
    usage::Usage,
};

/// Starts what says these bytes, and ends.
struct Says(tempfile::NamedTempFile);

impl Launcher for Says {
    fn name(&self, _: usize) -> String {
        "here".to_owned()
    }

    fn start(&self, _: usize) -> io::Result<Connection> {
        let mut command = Command::new("sh");
        command.args(["-c", "cat \"$0\""]).arg(self.0.path());
        spawn(command)
    }
}

/// What is found at a host that says this.
fn found(bytes: &[u8]) -> Result<Found, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let pool = Pool::new(&[Some(3)], Box::new(Says(file)), None, &Settings::default()).unwrap();
    let found = pool.check().remove(0).found;
    pool.close();
    found
}

/// Frames of these kinds with these payloads.
fn frames(frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, (kind, payload)) in (0..).zip(frames) {
        let mut frame = [vec![0; HEADER], payload.clone()].concat();
        Header::seal(*kind, number, &mut frame, []);
        bytes.extend(frame);
    }
    bytes
}

fn message(message: &FromAgent) -> (u8, Vec<u8>) {
    let mut bytes = Vec::new();
    wire::write(message, &mut bytes);
    (MESSAGE, bytes)
}

fn hello(protocol: u32) -> (u8, Vec<u8>) {
    message(&FromAgent::Hello(Hello { protocol, fingerprint: identity::fingerprint(), pid: 1, stderr: None }))
}

/// An agent that says this after its hello, and answers as often as it is asked.
fn says(middle: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let start = [hello(PROTOCOL), message(&FromAgent::Ready { slots: 3, memory: Some(1 << 30) })];
    let pongs = vec![message(&FromAgent::Pong); 21];
    frames(&[&start[..], middle, &pongs].concat())
}

/// Messages about what nobody asked for.
fn unasked() -> Vec<(u8, Vec<u8>)> {
    let done = Done {
        unit: u64::MAX,
        received: vec![(u64::MAX, u64::MAX)],
        failures: Vec::new(),
        refused: false,
        pid: 0,
        worker: Some(u32::MAX),
        elapsed: u64::MAX,
        received_bytes: 0,
        usage: Usage::default(),
    };
    let news = |unit| FromAgent::News { run: 9, unit, news: News::Warning { message: "x".to_owned() } };
    let mut record = Vec::new();
    wire::write(&RecordHead { unit: 7, kind: 3 }, &mut record);
    let at = BreakerAt { site: 9, index: 9 };
    let breaker = FromAgent::Breaker { ask: 1, run: 9, at, call: BreakerCall::Allows };
    let told = [FromAgent::Done(done), news(None), news(Some(4)), breaker];
    told.iter().map(message).chain([(RECORD, record)]).collect()
}

#[test]
fn what_was_not_asked_for_is_left_aside() {
    let found = found(&says(&unasked())).unwrap();
    assert_eq!((found.slots, found.memory, found.sees_files), (3, Some(1 << 30), false));
}

#[test]
fn what_is_no_agent_is_refused_with_a_reason() {
    let cases = [
        (frames(&[hello(PROTOCOL + 1)]), "another build"),
        (frames(&[message(&FromAgent::Pong)]), "its first message is not a hello"),
        (frames(&[hello(PROTOCOL), message(&FromAgent::Unable { why: "no room".to_owned() })]), "no room"),
        (says(&[hello(PROTOCOL)]), "it said hello twice"),
        (b"x".repeat(70_000), "no agent of this program: it wrote \"xxx"),
        (says(&[])[..70].to_vec(), "ended with status 0"),
    ];
    for (bytes, says) in cases {
        let wrong = found(&bytes).unwrap_err();
        assert!(wrong.contains(says), "{wrong}: {says}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn soup_ends_the_agent_and_is_no_panic(soup in vec((0..5_u8, vec(any::<u8>(), 0..60)), 1..4)) {
        let _ = found(&says(&soup));
    }

    #[test]
    fn a_damaged_stream_ends_the_agent_and_is_no_panic(
        at in any::<prop::sample::Index>(), bytes in vec(any::<u8>(), 1..12), cut in 0..20_usize,
    ) {
        let mut stream = says(&unasked());
        let at = at.index(stream.len());
        let end = (at + bytes.len()).min(stream.len());
        stream.splice(at..end, bytes);
        stream.truncate(stream.len() - cut.min(stream.len()));
        let _ = found(&stream);
    }
}
