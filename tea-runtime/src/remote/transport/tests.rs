//! What arrives before somebody has proved to be the agent may be anything, and from anybody.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    thread,
};

use proptest::{collection::vec, prelude::*, sample::Index};
use rustix::event::poll;

use super::{
    cipher::{CONFIRMATION, GREETING, Handshake},
    dial::dial,
    secret::{Bootstrap, Secret},
    *,
};

fn here() -> Listen {
    Listen { address: Some(Ipv4Addr::LOCALHOST.into()), ports: None }
}

fn listener() -> (Listener, Bootstrap) {
    Listener::new(&here(), Lifeline::Input).unwrap()
}

/// Serves what comes until `until` holds, or the agent is there.
fn serve(listener: &mut Listener, mut until: impl FnMut(&Listener) -> bool) -> Option<Channel> {
    loop {
        let channel = listener.step();
        if channel.is_some() || until(listener) {
            return channel;
        }
        let mut fds = Vec::new();
        listener.fds(&mut fds);
        // What ends the wait may be no event here.
        let limit = rustix::event::Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
        poll(&mut fds, Some(&limit)).unwrap();
    }
}

/// A connection that is there, from both sides: the program's and the agent's.
fn connected() -> (Channel, Channel) {
    let (mut listener, bootstrap) = listener();
    let agent = thread::spawn(move || dial(&bootstrap).unwrap());
    let program = serve(&mut listener, |_| false).unwrap();
    (program, agent.join().unwrap())
}

/// Somebody who knows where the program listens.
fn somebody(bootstrap: &Bootstrap) -> TcpStream {
    TcpStream::connect(bootstrap.address).unwrap()
}

fn is_closed(mut stream: &TcpStream) -> bool {
    matches!(stream.read(&mut [0; 99]), Ok(0) | Err(_))
}

#[test]
fn an_agent_that_knows_the_secret_is_let_in_and_nobody_after_it() {
    let (mut listener, bootstrap) = listener();
    let told = bootstrap.clone();
    let agent = thread::spawn(move || dial(&told).is_ok());
    assert!(serve(&mut listener, |_| false).is_some());
    assert!(agent.join().unwrap());
    drop(listener);
    assert!(TcpStream::connect(bootstrap.address).is_err(), "the port is closed");
}

#[test]
fn who_has_another_secret_is_refused_and_told() {
    let (mut listener, bootstrap) = listener();
    let other = Bootstrap { secret: Secret::fresh().unwrap(), ..bootstrap.clone() };
    let mut stranger = somebody(&other);
    stranger.write_all(&Handshake::dialling(&other.secret).greet()).unwrap();
    let mut told = Vec::new();
    assert!(serve_until_told(&mut listener, &mut told).is_none());
    assert!(is_closed(&stranger));
    assert!(told[0].contains("connected without knowing the secret, and was refused"), "{told:?}");
    let agent = thread::spawn(move || dial(&bootstrap).is_ok());
    assert!(serve(&mut listener, |_| false).is_some() && agent.join().unwrap(), "the agent is let in all the same");
}

fn serve_until_told(listener: &mut Listener, told: &mut Vec<String>) -> Option<Channel> {
    loop {
        let channel = serve(listener, |_| true);
        told.extend(listener.refused());
        if channel.is_some() || !told.is_empty() {
            return channel;
        }
        thread::yield_now();
    }
}

#[test]
fn who_repeats_what_an_agent_sent_is_refused() {
    let (mut listener, bootstrap) = listener();
    // An agent's connection that somebody listens to, and which is cut before the program has read the end.
    let mut agent = somebody(&bootstrap);
    let mut handshake = Handshake::dialling(&bootstrap.secret);
    let greeting = handshake.greet();
    agent.write_all(&greeting).unwrap();
    serve(&mut listener, |listener| listener.half_open() == 1);
    let mut answer = [0; GREETING];
    let reads = thread::spawn(move || {
        agent.read_exact(&mut answer).unwrap();
        answer
    });
    serve(&mut listener, |_| reads.is_finished());
    handshake.greeted(&reads.join().unwrap()).unwrap();
    let confirmation = handshake.keys().confirmation();
    assert_eq!(confirmation.len(), CONFIRMATION);
    let mut replay = somebody(&bootstrap);
    replay.write_all(&greeting).unwrap();
    replay.write_all(&confirmation).unwrap();
    let mut told = Vec::new();
    assert!(serve_until_told(&mut listener, &mut told).is_none());
    assert!(told[0].contains("without knowing the secret"), "{told:?}");
}

#[test]
fn two_hundred_who_say_nothing_do_not_keep_the_agent_out() {
    let (mut listener, bootstrap) = listener();
    let silent: Vec<_> = (0..200)
        .map(|_| {
            let stream = somebody(&bootstrap);
            assert!(listener.step().is_none());
            stream
        })
        .collect();
    assert!(serve(&mut listener, |listener| listener.half_open() == 16).is_none());
    let agent = thread::spawn(move || dial(&bootstrap).is_ok());
    assert!(serve(&mut listener, |listener| listener.half_open() > 16).is_some());
    assert!(agent.join().unwrap());
    let told = listener.refused();
    assert!(told.len() < 16 && told[0].contains("many connections came at once"), "{told:?}");
    drop(silent);
}

#[test]
fn an_agent_may_come_byte_by_byte() {
    let (mut listener, bootstrap) = listener();
    let agent = thread::spawn(move || {
        let mut stream = somebody(&bootstrap);
        let mut handshake = Handshake::dialling(&bootstrap.secret);
        let slowly = |mut stream: &TcpStream, bytes: &[u8]| {
            for byte in bytes {
                stream.write_all(&[*byte]).unwrap();
                thread::yield_now();
            }
        };
        slowly(&stream, &handshake.greet());
        let mut answer = [0; GREETING];
        stream.read_exact(&mut answer).unwrap();
        handshake.greeted(&answer).unwrap();
        slowly(&stream, &handshake.keys().confirmation());
    });
    assert!(serve(&mut listener, |_| false).is_some());
    agent.join().unwrap();
}

#[test]
fn an_agent_does_not_take_somebody_else_for_its_program() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let bootstrap = Bootstrap { lifeline: Lifeline::None, secret: Secret::fresh().unwrap(), address };
    let other = thread::spawn(move || {
        let (mut stream, _) = socket.accept().unwrap();
        stream.write_all(&[7; GREETING]).unwrap();
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read);
        read.len()
    });
    let error = dial::attempt(address, &bootstrap).err().unwrap();
    assert!(error.to_string().contains("somebody else answers there"), "{error}");
    assert_eq!(other.join().unwrap(), GREETING, "it told nothing but its greeting");
}

#[test]
fn what_does_not_fit_is_sent_later_and_in_order() {
    let (program, agent) = connected();
    let (sender, _) = sealed(program);
    let (_, mut receiver) = sealed(agent);
    let mut frames = FrameReader::new(u64::MAX >> 1);
    let bytes: Vec<Vec<u8>> =
        [10, 3 << 20, 5, 70_000].map(|length| vec![u8::try_from(length % 251).unwrap(); length]).into();
    let expected = bytes.concat();
    let sends = thread::spawn(move || {
        let (mut sealing, bytes) = (Sealing::default(), bytes.concat());
        let mut sent = 0;
        while sent < bytes.len() || sealing.is_waiting() {
            match sender.send(&mut sealing, &bytes[sent..]) {
                Ok(more) => sent += more,
                Err(Errno::AGAIN) => thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
    });
    let mut bytes_there = Vec::new();
    while bytes_there.len() < expected.len() {
        receiver.fill(&mut frames).unwrap();
        bytes_there.extend(frames.skip_noise());
    }
    sends.join().unwrap();
    assert!(bytes_there == expected);
}

#[test]
fn a_port_of_the_range_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let listen = Listen { address: Some(Ipv4Addr::LOCALHOST.into()), ports: Some(port..=port) };
    let error = listen.bind().unwrap_err().to_string();
    assert!(error.contains(&format!("127.0.0.1, port {port}")) && error.contains("`listen` in `[network]`"), "{error}");
    drop(taken);
    assert_eq!(listen.bind().unwrap().local_addr().unwrap().port(), port);
    let foreign = Listen { address: Some(IpAddr::from([192, 0, 2, 7])), ports: None };
    assert!(foreign.bind().unwrap_err().to_string().contains("192.0.2.7"));
}

#[test]
fn the_secret_is_not_printed() {
    let (_, bootstrap) = listener();
    let hex = bootstrap.line().trim_end().rsplit(' ').next().unwrap().to_owned();
    assert!(hex.len() == 64 && !format!("{bootstrap:?}").contains(&hex[..8]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn soup_lets_nobody_in(soup in vec(vec(any::<u8>(), 0..120), 1..6)) {
        let (mut listener, bootstrap) = listener();
        let streams: Vec<_> = soup.iter().map(|bytes| {
            let mut stream = somebody(&bootstrap);
            let _ = stream.write_all(bytes);
            stream
        }).collect();
        let long = soup.iter().filter(|bytes| bytes.len() >= GREETING).count();
        // Each that is long enough is refused, and the others have not said enough.
        prop_assert!(serve(&mut listener, |listener| listener.half_open() == soup.len() - long).is_none());
        drop(streams);
        prop_assert!(serve(&mut listener, |listener| listener.half_open() == 0).is_none());
    }

    #[test]
    fn a_greeting_that_was_changed_lets_nobody_in(at in any::<Index>(), bit in 0..8_u8) {
        let (mut listener, bootstrap) = listener();
        let mut greeting = Handshake::dialling(&bootstrap.secret).greet();
        // The last bit of a key is not read.
        let at = at.index(greeting.len());
        prop_assume!((at, bit) != (31, 7));
        greeting[at] ^= 1 << bit;
        let mut stream = somebody(&bootstrap);
        stream.write_all(&greeting).unwrap();
        let mut told = Vec::new();
        prop_assert!(serve_until_told(&mut listener, &mut told).is_none());
        prop_assert!(told[0].contains("without knowing the secret"));
    }

    #[test]
    fn what_was_changed_on_the_way_is_noticed(
        pieces in vec(vec(any::<u8>(), 0..300), 1..6), at in any::<Index>(), bit in 0..8_u8, cut in any::<Index>(),
    ) {
        let (program, agent) = keys();
        let mut sealing = Sealing::default();
        let mut wire = Vec::new();
        for piece in &pieces {
            sealing.seal(&program, piece);
            sealing.send(|bytes| { wire.extend_from_slice(bytes); Ok(bytes.len()) }).unwrap();
        }
        let whole = pieces.concat();
        let cut = cut.index(wire.len() + 1);
        let read = |wire: &[u8]| {
            let (mut opening, mut opened) = (Opening::default(), Vec::new());
            let first = opening.open(&wire[..cut], &agent, |plain| opened.extend_from_slice(plain));
            let ended = first.and_then(|()| opening.open(&wire[cut..], &agent, |plain| opened.extend_from_slice(plain)));
            (ended.is_ok(), opened)
        };
        prop_assert_eq!(read(&wire), (true, whole.clone()));
        if !wire.is_empty() {
            let at = at.index(wire.len());
            wire[at] ^= 1 << bit;
            let (intact, opened) = read(&wire);
            prop_assert!(whole.starts_with(&opened) && (!intact || opened.len() < whole.len()));
        }
    }

    #[test]
    fn soup_is_not_how_to_dial_back(soup in vec(any::<u8>(), 0..700)) {
        prop_assert!(Bootstrap::read(&*soup).is_err());
    }

    #[test]
    fn how_to_dial_back_is_read_as_it_was_written(ip in any::<[u8; 16]>(), port in any::<u16>(), at in any::<Index>(), with in any::<u8>()) {
        let bootstrap = Bootstrap {
            lifeline: Lifeline::Input,
            secret: Secret::fresh().unwrap(),
            address: SocketAddr::new(ip.into(), port),
        };
        let mut line = bootstrap.line().into_bytes();
        let rest = [&line[..], b"more"].concat();
        prop_assert_eq!(Bootstrap::read(&*rest), Ok(bootstrap));
        let at = at.index(line.len());
        line[at] = with;
        let _ = Bootstrap::read(&*line);
    }

    #[test]
    fn soup_is_no_place_to_listen(text in "[0-9a-f:.\\[\\]-]{0,40}") {
        if let Ok(Listen { ports: Some(ports), .. }) = text.parse() {
            prop_assert!(*ports.start() > 0 && ports.start() <= ports.end());
        }
    }
}

/// The keys of both sides, without a connection.
fn keys() -> (Cipher, Cipher) {
    let secret = Secret::fresh().unwrap();
    let (mut dialling, mut dialled) = (Handshake::dialling(&secret), Handshake::dialled(&secret));
    dialled.greeted(&dialling.greet()).unwrap();
    dialling.greeted(&dialled.greet()).unwrap();
    (dialled.keys(), dialling.keys())
}
