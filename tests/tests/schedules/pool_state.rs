//! The states of a pool: whatever happens in whatever order (units come, are cancelled and run over their time, workers
//! crash and fail to start, the pool is closed), each unit is settled exactly once, and nothing waits for ever.
//!
//! The decisions are those of `pool/state.rs`. The supervisor and the workers around them are played here, as small as they
//! can be: a worker is a thread that runs what it is sent in order, and says so, and another one that reads.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use shuttle::{
    rand::{Rng, thread_rng},
    sync::{
        Condvar, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use crate::{
    check,
    state::{Stage, State, Task},
};

const UNITS: usize = 4;

#[derive(Debug)]
struct Unit {
    id: usize,
    age: u64,
    memory_limit: Option<u64>,
    alone: bool,
    max_tasks: Option<u32>,
    /// Whether its worker has been asked to give it back.
    recalled: bool,
}

impl Task for Unit {
    fn memory_limit(&self) -> Option<u64> {
        self.memory_limit
    }

    fn alone(&self) -> bool {
        self.alone
    }

    fn kind(&self) -> usize {
        0
    }

    fn max_tasks(&self) -> Option<u32> {
        self.max_tasks
    }
}

/// What a worker has.
enum InFlight {
    Unit(Unit),
    /// It was cancelled while it waited there; the worker will answer all the same.
    Answering(usize),
}

impl InFlight {
    fn id(&self) -> usize {
        match self {
            Self::Unit(unit) => unit.id,
            Self::Answering(id) => *id,
        }
    }
}

/// What the supervisor is told.
#[derive(Clone, Copy)]
enum Event {
    Look,
    Hello(u32),
    Ended(u32, usize),
    /// A worker gives a unit back.
    Recalled(u32, usize),
    /// What waits behind another unit on a worker should run elsewhere.
    Recall,
    Gone(u32),
    Cancel(usize),
    /// What some worker runs has run over its time.
    Late,
    Close,
}

/// What a worker is told.
enum ToWorker {
    Unit(usize),
    Recall(usize),
    Goodbye,
    Kill,
}

struct Inner {
    state: State<Unit, InFlight>,
    streams: BTreeMap<u32, Sender<ToWorker>>,
    settled: [bool; UNITS],
    closing: bool,
    /// How many workers may still crash, or fail to start.
    crashes: u32,
    /// Told when all units are settled.
    done: Sender<()>,
}

impl Inner {
    fn settle(&mut self, id: usize) {
        assert!(!std::mem::replace(&mut self.settled[id], true), "unit {id} is settled twice");
        if self.settled.iter().all(|settled| *settled) {
            let _ = self.done.send(());
        }
    }

    fn submit(&mut self, unit: Unit) {
        if self.closing {
            return self.settle(unit.id);
        }
        self.state.put(unit.age, unit);
        self.give_out();
    }

    fn give_out(&mut self) {
        while let Some(place) = self.state.next_place(|_| 3, |_, _| true) {
            let (unit, worker) = self.state.take(place).expect("there is a place for it");
            assert_eq!(worker.memory_limit, unit.memory_limit);
            assert!(!unit.alone || worker.in_flight.is_empty(), "it was to be alone");
            let _ = self.streams[&place.worker].send(ToWorker::Unit(unit.id));
            worker.in_flight.push_back(InFlight::Unit(Unit { recalled: false, ..unit }));
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Look => {}
            Event::Hello(number) => {
                let worker = self.state.workers.get_mut(&number).expect("it was started");
                if worker.stage == Stage::Starting {
                    worker.stage = Stage::Ready;
                }
            }
            Event::Ended(number, id) => {
                let worker = self.state.workers.get_mut(&number).expect("it is there");
                let ended = worker.in_flight.pop_front().expect("it ran something");
                assert_eq!(ended.id(), id, "units end in their order");
                if let InFlight::Unit(unit) = ended {
                    self.settle(unit.id);
                }
            }
            Event::Recall => {
                for (number, worker) in &mut self.state.workers {
                    for in_flight in worker.in_flight.iter_mut().skip(1) {
                        if let InFlight::Unit(unit) = in_flight
                            && !std::mem::replace(&mut unit.recalled, true)
                        {
                            let _ = self.streams[number].send(ToWorker::Recall(unit.id));
                        }
                    }
                }
            }
            Event::Recalled(number, id) => {
                let worker = self.state.workers.get_mut(&number).expect("it is there");
                let at = worker.in_flight.iter().position(|in_flight| in_flight.id() == id);
                match worker.in_flight.remove(at.expect("it was there")) {
                    Some(InFlight::Unit(unit)) if self.closing => self.settle(unit.id),
                    Some(InFlight::Unit(unit)) => self.state.put(unit.age, unit),
                    _ => {}
                }
            }
            Event::Gone(number) => {
                self.streams.remove(&number);
                let worker = self.state.workers.remove(&number).expect("it goes once");
                for (at, in_flight) in worker.in_flight.into_iter().enumerate() {
                    match in_flight {
                        InFlight::Unit(unit) if at == 0 || self.closing => self.settle(unit.id),
                        InFlight::Unit(unit) => self.state.put(unit.age, unit),
                        InFlight::Answering(_) => {}
                    }
                }
            }
            Event::Cancel(id) => self.cancel(id),
            Event::Late => {
                let late = self.state.workers.iter().find(|(_, worker)| !worker.in_flight.is_empty());
                if let Some((number, _)) = late {
                    let _ = self.streams[number].send(ToWorker::Kill);
                }
            }
            Event::Close => {
                self.closing = true;
                self.state.take_all().into_iter().for_each(|unit| self.settle(unit.id));
                for (number, worker) in &mut self.state.workers {
                    if worker.stage == Stage::Starting || !worker.in_flight.is_empty() {
                        let _ = self.streams[number].send(ToWorker::Kill);
                    }
                    worker.stage = Stage::Retiring;
                }
            }
        }
    }

    fn cancel(&mut self, id: usize) {
        if let Some(unit) = self.state.remove(|unit| unit.id == id) {
            return self.settle(unit.id);
        }
        for (number, worker) in &mut self.state.workers {
            let Some(at) = worker.in_flight.iter().position(|in_flight| in_flight.id() == id) else { continue };
            if at == 0 {
                _ = self.streams[number].send(ToWorker::Kill);
            } else if let InFlight::Unit(_) = std::mem::replace(&mut worker.in_flight[at], InFlight::Answering(id)) {
                self.settle(id);
            }
            return;
        }
    }

    /// Says goodbye to workers that get nothing more and have nothing.
    fn see_off(&mut self) {
        for (number, worker) in &self.state.workers {
            if worker.stage == Stage::Retiring && worker.in_flight.is_empty() {
                let _ = self.streams[number].send(ToWorker::Goodbye);
            }
        }
    }
}

type Shared = Arc<Mutex<Inner>>;

/// Ends when the pool is closed and all of its workers are gone.
fn supervise(inner: &Shared, events: &Receiver<Event>, tell: &Sender<Event>) {
    loop {
        let event = events.recv().expect("somebody will say something");
        let mut pool = inner.lock().unwrap();
        pool.hear(event);
        if pool.closing && pool.state.workers.is_empty() {
            return;
        }
        pool.give_out();
        if !pool.closing {
            pool.state.make_room();
            for limit in pool.state.starts(false) {
                let number = pool.state.start(limit);
                let (stream, orders) = channel();
                pool.streams.insert(number, stream);
                let (inner, tell) = (Arc::clone(inner), tell.clone());
                thread::spawn(move || work(number, &inner, orders, &tell));
            }
            assert!(pool.state.workers.len() <= pool.state.limit, "too many workers");
        }
        pool.see_off();
    }
}

/// What a worker has read and not begun; `None` once it has ended.
struct Inbox {
    orders: Mutex<Option<VecDeque<ToWorker>>>,
    there: Condvar,
}

impl Inbox {
    fn read(&self, number: u32, stream: &Receiver<ToWorker>, tell: &Sender<Event>) {
        while let Ok(order) = stream.recv() {
            let mut orders = self.orders.lock().unwrap();
            let Some(orders) = &mut *orders else { return };
            if let ToWorker::Recall(unit) = order {
                let at = orders.iter().position(|order| matches!(order, ToWorker::Unit(id) if *id == unit));
                if let Some(at) = at {
                    orders.remove(at);
                    let _ = tell.send(Event::Recalled(number, unit));
                }
            } else {
                orders.push_back(order);
                self.there.notify_one();
            }
        }
    }

    fn next(&self) -> ToWorker {
        let mut orders = self.orders.lock().unwrap();
        loop {
            if let Some(order) = orders.as_mut().and_then(VecDeque::pop_front) {
                return order;
            }
            orders = self.there.wait(orders).unwrap();
        }
    }
}

/// A worker's process.
fn work(number: u32, inner: &Shared, stream: Receiver<ToWorker>, tell: &Sender<Event>) {
    let crashes = || {
        let mut pool = inner.lock().unwrap();
        let crashes = pool.crashes > 0 && thread_rng().gen_bool(0.3);
        pool.crashes -= u32::from(crashes);
        crashes
    };
    let inbox = Arc::new(Inbox { orders: Mutex::new(Some(VecDeque::new())), there: Condvar::new() });
    {
        let (inbox, tell) = (Arc::clone(&inbox), tell.clone());
        thread::spawn(move || inbox.read(number, &stream, &tell));
    }
    if !crashes() {
        let _ = tell.send(Event::Hello(number));
        while let ToWorker::Unit(id) = inbox.next() {
            if crashes() {
                break;
            }
            let _ = tell.send(Event::Ended(number, id));
        }
    }
    *inbox.orders.lock().unwrap() = None;
    let _ = tell.send(Event::Gone(number));
}

/// Units without settings, so that one worker can have them all.
fn plain_units() -> Vec<Unit> {
    let unit = |id| Unit { id, age: 0, memory_limit: None, alone: false, max_tasks: None, recalled: false };
    (0..UNITS).map(unit).collect()
}

fn some_units() -> Vec<Unit> {
    let mut random = thread_rng();
    let unit = |id| Unit {
        id,
        age: 0,
        memory_limit: random.gen_bool(0.3).then_some(1 << 30),
        alone: random.gen_bool(0.2),
        max_tasks: random.gen_bool(0.2).then_some(1),
        recalled: false,
    };
    (0..UNITS).map(unit).collect()
}

/// Runs a pool. Closes it `early`, or when all units are settled.
fn run(early: bool, workers: usize, crashes: u32, mut units: Vec<Unit>, trouble: fn() -> Event) {
    let (done, all_settled) = channel();
    let state = State::new(workers);
    let (streams, settled) = (BTreeMap::new(), [false; UNITS]);
    let inner = Arc::new(Mutex::new(Inner { state, streams, settled, closing: false, crashes, done }));
    let (tell, events) = channel();
    let supervisor = {
        let (inner, tell) = (Arc::clone(&inner), tell.clone());
        thread::spawn(move || supervise(&inner, &events, &tell))
    };
    let halves = [units.split_off(UNITS / 2), units];
    let submitters = halves.map(|units| {
        let (inner, tell) = (Arc::clone(&inner), tell.clone());
        thread::spawn(move || {
            for mut unit in units {
                let mut pool = inner.lock().unwrap();
                unit.age = pool.state.next_age();
                pool.submit(unit);
                drop(pool);
                let _ = tell.send(Event::Look);
            }
        })
    });
    let others = {
        let tell = tell.clone();
        thread::spawn(move || {
            for _ in 0..3 {
                let _ = tell.send(trouble());
            }
        })
    };
    if early {
        let _ = tell.send(Event::Close);
    }
    for submitter in submitters {
        submitter.join().unwrap();
    }
    all_settled.recv().unwrap();
    if !early {
        let _ = tell.send(Event::Close);
    }
    others.join().unwrap();
    supervisor.join().unwrap();
    let pool = inner.lock().unwrap();
    assert_eq!((pool.settled, pool.state.waits()), ([true; UNITS], false));
}

fn some_workers() -> usize {
    thread_rng().gen_range(1..=2)
}

fn any_trouble() -> Event {
    let id = thread_rng().gen_range(0..UNITS);
    match thread_rng().gen_range(0..10) {
        0..5 => Event::Cancel(id),
        5..7 => Event::Late,
        _ => Event::Recall,
    }
}

/// A unit that nobody settles is found by the checker as a deadlock.
#[test]
fn every_unit_is_settled_once_whatever_happens() {
    check(|| run(false, some_workers(), 2, some_units(), any_trouble));
}

#[test]
fn every_unit_is_settled_once_when_the_pool_is_closed_at_any_moment() {
    check(|| run(true, some_workers(), 1, some_units(), any_trouble));
}

#[test]
fn units_end_in_their_order_though_some_are_recalled() {
    check(|| run(false, 1, 0, plain_units(), || Event::Recall));
}
