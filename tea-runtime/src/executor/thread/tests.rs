use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use super::*;
use crate::{
    event::Events,
    executor::{
        breakers::Breakers,
        kit::{OnePart, fan_out, unit},
        run_info::RunInfo,
        tokens::{Permit, Tokens, lend, set_current},
    },
    plan::kit::PLAN,
    policy::ParallelConfig,
};

/// Says that it has begun, and waits until it is told to end.
struct Waits {
    begun: Sender<&'static str>,
    name: &'static str,
    end: Receiver<()>,
}

impl OnePart for Waits {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&mut self) {
        self.begun.send(self.name).unwrap();
        self.end.recv().unwrap();
    }
}

#[test]
fn a_thread_gives_its_token_back_between_units_to_what_has_begun() {
    let tokens = Tokens::new(1, None);
    let run = RunInfo::new(0, &PLAN, Events::default(), Arc::clone(&tokens), Arc::new(Breakers::new([])), Vec::new());
    let fan_out = fan_out(&run);
    let permit = Permit::acquire(Arc::clone(&tokens), 0, None);
    let outer = set_current(Some(Arc::clone(&permit)));
    let lent = lend();
    set_current(outer);

    let (begun, begins) = channel();
    let ends: Vec<_> = ["first", "second"]
        .into_iter()
        .map(|name| {
            let (end, ends) = channel();
            (name, end, ends)
        })
        .collect();
    let executor = ThreadExecutor::new(1);
    let mut tell = Vec::new();
    for (name, end, ends) in ends {
        tell.push(end);
        let work = Box::new(Waits { begun: begun.clone(), name, end: ends });
        executor.submit(unit(&fan_out, &ParallelConfig::DEFAULT, work));
    }
    assert_eq!(begins.recv().unwrap(), "first");
    let continues = thread::spawn({
        let begun = begun.clone();
        move || {
            // This waits for its token again.
            drop(lent);
            begun.send("what has begun").unwrap();
            drop(permit);
        }
    });
    let start = Instant::now();
    while tokens.returning() == 0 {
        assert!(start.elapsed() < Duration::from_mins(1), "it waits for a token");
        thread::yield_now();
    }
    tell[0].send(()).unwrap();
    assert_eq!(begins.recv().unwrap(), "what has begun");
    continues.join().unwrap();
    tell[1].send(()).unwrap();
    executor.close();
}
