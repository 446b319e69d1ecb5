use std::{
    any::Any,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use super::*;
use crate::{
    cancel::CancellationToken,
    context::{CallPath, Context},
    event::{Events, Scope},
    executor::{
        breakers::Breakers,
        fan_out::FanOut,
        queue::CompletionQueue,
        run_info::RunInfo,
        tokens::{Permit, Tokens, lend, set_current},
        wire::{Bytes, Encoded, ResultHead},
        work::{Unencodable, Work},
    },
    plan::{Block, Next, Plan, Target},
    policy::ParallelConfig,
    position::Position,
};

static PLAN: Plan = Plan {
    name: "test",
    description: "",
    file: "test.yaml",
    module: module_path!(),
    package: None,
    version: None,
    panics_abort: false,
    keys: &[],
    root: &Block { entry: Next::Go(Target::End), steps: &[], keys: &[] },
    finally: &[],
    sites: &[],
    workflows: &[],
    max_workers: None,
    checkpoint: None,
    identities: None,
};

/// Says that it has begun, and waits until it is told to end.
struct Waits {
    begun: Sender<&'static str>,
    name: &'static str,
    end: Receiver<()>,
}

impl Work for Waits {
    fn parts(&self) -> usize {
        1
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn label(&self, _: usize, _: usize) -> String {
        self.name.to_owned()
    }

    fn kind(&self) -> usize {
        0
    }

    fn run(&mut self, _: usize, _: usize, _: &mut Context) -> (usize, Option<Box<Failure>>) {
        self.begun.send(self.name).unwrap();
        self.end.recv().unwrap();
        (1, None)
    }

    fn encode(&self, _: u32, _: u64) -> Result<Encoded, Unencodable> {
        unreachable!("it stays in this process")
    }

    fn part(&self, _: usize) -> Box<dyn Work> {
        unreachable!("nothing is tried again")
    }

    fn split_off(&mut self, _: usize) -> Box<dyn Work> {
        unreachable!("it is one part")
    }

    fn encode_result(&self, _: usize, _: u64, _: &mut Bytes) -> Result<ResultHead, Box<Failure>> {
        unreachable!("it stays in this process")
    }

    fn accept(&mut self, _: usize, _: &ResultHead, _: &[u8]) -> Result<(), Box<Failure>> {
        unreachable!("it stays in this process")
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[test]
fn a_thread_gives_its_token_back_between_units_to_what_has_begun() {
    let tokens = Tokens::new(1, None);
    let run = RunInfo::new(0, &PLAN, Events::default(), Arc::clone(&tokens), Arc::new(Breakers::new([])), Vec::new());
    let fan_out = Arc::new(FanOut {
        run,
        queue: CompletionQueue::default(),
        cancel: CancellationToken::new(),
        position: Position::ROOT,
        path: CallPath::default(),
    });
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
        executor.submit(Unit {
            ticket: Ticket::new(Arc::clone(&fan_out)),
            scope: Scope::ROOT,
            attempt: 1,
            config: &ParallelConfig::DEFAULT,
            deadline: None,
            cancel: None,
            index: 0,
            work: Box::new(Waits { begun: begun.clone(), name, end: ends }),
            encoded: None,
        });
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
