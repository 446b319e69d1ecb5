//! An executor of your own: units travel as bytes, as they would to another machine, and come back as bytes.
//!
//! `cargo run -p tea-runtime --example own_executor`

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use tea_runtime::{
    ParallelExecutor,
    engine::serve,
    executor::{Ticket, Unit},
    failure::{Failure, FailureKind},
};

tea_runtime::include_workflow!("flow.yaml", main = false, visibility = pub(crate));

fn count(from: u64, below: u64) -> u64 {
    (from.max(2)..below).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count() as u64
}

/// Sends units to servers, here threads that know nothing but bytes.
pub(crate) struct Remote {
    servers: Vec<mpsc::Sender<Parcel>>,
    next: AtomicUsize,
}

/// A unit on its way.
struct Parcel {
    unit: Vec<u8>,
    cancel: tea_runtime::CancellationToken,
    /// The right to answer.
    ticket: Ticket,
}

impl Remote {
    /// Starts so many servers.
    pub(crate) fn start(servers: usize) -> Self {
        let start = |_| {
            let (send, receive) = mpsc::channel::<Parcel>();
            thread::spawn(move || receive.iter().for_each(answer));
            send
        };
        Self { servers: (0..servers).map(start).collect(), next: AtomicUsize::new(0) }
    }
}

/// What a server does with a unit.
fn answer(Parcel { unit, cancel, ticket }: Parcel) {
    match serve(&unit, &cancel) {
        Ok(answer) => ticket.answer(answer),
        Err(error) => ticket.fail(&Failure::new(FailureKind::Transport, error)),
    }
}

impl ParallelExecutor for Remote {
    fn name(&self) -> &'static str {
        "remote"
    }

    fn max_workers(&self) -> usize {
        self.servers.len()
    }

    fn crosses(&self) -> bool {
        true
    }

    fn submit(&self, unit: Unit) {
        let cancel = unit.cancellation().clone();
        // If it cannot be sent, its run has been told so.
        let Ok((unit, ticket)) = unit.encode() else { return };
        let server = self.next.fetch_add(1, Ordering::Relaxed) % self.servers.len();
        // A server that is gone drops the ticket, and the unit fails as lost.
        drop(self.servers[server].send(Parcel { unit, cancel, ticket }));
    }
}

fn main() {
    let remote = Arc::new(Remote::start(3));
    // One executor serves several runs, also at once.
    let runs: Vec<_> = [1_000, 10_000, 100_000]
        .into_iter()
        .map(|below| {
            let remote = Arc::clone(&remote);
            thread::spawn(move || primes::builder().executor(remote).run(primes::Input::new(below)))
        })
        .collect();
    for run in runs {
        match run.join().expect("a run does not panic") {
            Ok(output) => println!("{} and {} primes, {:?}", output.small, output.large, output.counts),
            Err(error) => println!("{error}"),
        }
    }
}
