//! Tokens: never do more run than there are tokens, whoever waits gets one, and all come back.

use std::{
    collections::VecDeque,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicIsize, AtomicUsize, Ordering},
    },
};

use shuttle::{
    rand::{Rng, thread_rng},
    sync::{
        Barrier, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use crate::{
    check,
    tokens::{Lent, Permit, Token, Tokens, Upstream, lend, set_current},
};

/// Counts what runs at once.
#[derive(Default)]
struct Running(AtomicIsize);

impl Running {
    fn begin(&self, most: usize) {
        let running = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(running <= isize::try_from(most).unwrap(), "{running} run at once, and there are {most} tokens");
    }

    fn end(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Lends a permit as its thread would. (The checker's threads share thread-locals, so another may set its own at once.)
fn lend_this(permit: &Arc<Permit>) -> Lent {
    drop(set_current(Some(Arc::clone(permit))));
    let lent = lend();
    drop(set_current(None));
    lent
}

/// Runs something that has parts of its own, as deep as `depth` says.
fn run(tokens: &Arc<Tokens>, running: &Arc<Running>, most: usize, depth: usize) {
    let permit = Permit::acquire(Arc::clone(tokens), 0, None);
    running.begin(most);
    thread::yield_now();
    if depth > 0 {
        running.end();
        let lent = lend_this(&permit);
        let parts = (0..2).map(|_| {
            let (tokens, running) = (Arc::clone(tokens), Arc::clone(running));
            thread::spawn(move || run(&tokens, &running, most, depth - 1))
        });
        for part in parts.collect::<Vec<_>>() {
            part.join().unwrap();
        }
        drop(lent);
        running.begin(most);
    }
    running.end();
}

/// All tokens are free again, and no more than there were.
fn assert_free(tokens: &Arc<Tokens>, expected: usize) {
    let free: Vec<_> = (0..=expected).map_while(|_| tokens.try_acquire()).collect();
    assert_eq!(free.len(), expected);
}

#[test]
fn nesting_does_not_deadlock_and_never_more_run_than_there_are_tokens() {
    check(|| {
        let most = thread_rng().gen_range(1..=2);
        let (tokens, running) = (Tokens::new(most, None), Arc::new(Running::default()));
        let units = (0..2).map(|_| {
            let (tokens, running) = (Arc::clone(&tokens), Arc::clone(&running));
            thread::spawn(move || run(&tokens, &running, most, 1))
        });
        for unit in units.collect::<Vec<_>>() {
            unit.join().unwrap();
        }
        assert_free(&tokens, most);
    });
}

/// Hands requests to a thread that plays the parent.
struct Parent(Mutex<Sender<Asked>>);

enum Asked {
    One,
    Returned,
    End,
}

impl Upstream for Parent {
    fn request(&self) {
        self.0.lock().unwrap().send(Asked::One).unwrap();
    }

    fn give_back(&self) {
        self.0.lock().unwrap().send(Asked::Returned).unwrap();
    }
}

/// Grants what it has, one request after the other, until all that was granted is back.
fn grant(tokens: &Arc<Tokens>, asked: &Receiver<Asked>, had: usize) {
    let (mut has, mut waiting, mut ended) = (had, 0, false);
    while !(ended && has == had && waiting == 0) {
        match asked.recv().unwrap() {
            Asked::One => waiting += 1,
            Asked::Returned => has += 1,
            Asked::End => ended = true,
        }
        assert!(has <= had, "more came back than was granted");
        while waiting > 0 && has > 0 {
            (waiting, has) = (waiting - 1, has - 1);
            tokens.grant();
        }
    }
}

#[test]
fn what_a_parent_grants_bounds_what_runs_and_all_of_it_comes_back() {
    check(|| {
        let granted = thread_rng().gen_range(1..=2);
        let (sender, asked) = channel();
        let end = sender.clone();
        let tokens = Tokens::new(1, Some(Box::new(Parent(Mutex::new(sender)))));
        let giver = Arc::clone(&tokens);
        let parent = thread::spawn(move || grant(&giver, &asked, granted));
        let running = Arc::new(Running::default());
        // The unit that the worker runs, with a fan-out in it.
        let permit = Permit::acquire(Arc::clone(&tokens), 0, None);
        let lent = lend_this(&permit);
        let parts = (0..3).map(|_| {
            let (tokens, running) = (Arc::clone(&tokens), Arc::clone(&running));
            thread::spawn(move || run(&tokens, &running, 1 + granted, 0))
        });
        for part in parts.collect::<Vec<_>>() {
            part.join().unwrap();
        }
        drop(lent);
        drop(permit);
        end.send(Asked::End).unwrap();
        parent.join().unwrap();
    });
}

/// Asks for a token and does something else until it comes, as the supervisor of workers does.
fn ask(tokens: &Arc<Tokens>) -> Receiver<Token> {
    let (tell, told) = channel();
    tokens.acquire_later(0, Box::new(move |token| _ = tell.send(token)));
    told
}

#[test]
fn whoever_asks_for_a_token_gets_one() {
    check(|| {
        let (tokens, running) = (Tokens::new(1, None), Arc::new(Running::default()));
        let thread = {
            let (tokens, running) = (Arc::clone(&tokens), Arc::clone(&running));
            thread::spawn(move || (0..2).for_each(|_| run(&tokens, &running, 1, 0)))
        };
        let supervisors = (0..2).map(|_| {
            let (tokens, running) = (Arc::clone(&tokens), Arc::clone(&running));
            thread::spawn(move || {
                let token = ask(&tokens).recv().unwrap();
                running.begin(1);
                thread::yield_now();
                running.end();
                drop(token);
            })
        });
        let supervisors: Vec<_> = supervisors.collect();
        thread.join().unwrap();
        for supervisor in supervisors {
            supervisor.join().unwrap();
        }
        assert_free(&tokens, 1);
    });
}

/// What has begun, and has lent its token, continues before anything else begins, however long that has waited.
#[test]
fn what_has_begun_is_ended_before_more_is_begun() {
    check(|| {
        let tokens = Tokens::new(1, None);
        let permit = Permit::acquire(Arc::clone(&tokens), 0, None);
        let lent = lend_this(&permit);
        let part = Permit::acquire(Arc::clone(&tokens), 0, None);
        // These wait to begin, the one as a thread does and the other as the supervisor of workers does.
        let asked = ask(&tokens);
        let continued = Arc::new(AtomicUsize::new(0));
        let unit = {
            let (tokens, continued) = (Arc::clone(&tokens), Arc::clone(&continued));
            thread::spawn(move || {
                let _permit = Permit::acquire(tokens, 0, None);
                assert_eq!(continued.load(Ordering::SeqCst), 1);
            })
        };
        let outer = {
            let continued = Arc::clone(&continued);
            thread::spawn(move || {
                drop(lent);
                continued.fetch_add(1, Ordering::SeqCst);
                drop(permit);
            })
        };
        while tokens.returning() == 0 {
            thread::yield_now();
        }
        drop(part);
        let token = asked.recv().unwrap();
        assert_eq!(continued.load(Ordering::SeqCst), 1);
        drop(token);
        outer.join().unwrap();
        unit.join().unwrap();
        assert_free(&tokens, 1);
    });
}

/// What is a part of more items goes before what has waited longer.
#[test]
fn what_belongs_to_items_that_have_begun_begins_first() {
    check(|| {
        let tokens = Tokens::new(1, None);
        let permit = Permit::acquire(Arc::clone(&tokens), 0, None);
        let order = Arc::new(Mutex::new(Vec::new()));
        for (number, depth) in [0, 2, 1, 2, 0].into_iter().enumerate() {
            let order = Arc::clone(&order);
            let take = Box::new(move |token: Token| {
                order.lock().unwrap().push(number);
                drop(token);
            });
            tokens.acquire_later(depth, take);
        }
        thread::spawn(move || drop(permit)).join().unwrap();
        assert_eq!(*order.lock().unwrap(), [1, 3, 2, 0, 4]);
        assert_free(&tokens, 1);
    });
}

/// Those that begin are not kept waiting for ever by those that continue: each of these runs on until it lends its token or ends.
#[test]
fn whoever_begins_gets_a_token_beside_units_that_lend_theirs_again_and_again() {
    check(|| {
        let (tokens, running) = (Tokens::new(1, None), Arc::new(Running::default()));
        let lenders = (0..2).map(|_| {
            let (tokens, running) = (Arc::clone(&tokens), Arc::clone(&running));
            thread::spawn(move || {
                let permit = Permit::acquire(Arc::clone(&tokens), 0, None);
                for _ in 0..2 {
                    let lent = lend_this(&permit);
                    run(&tokens, &running, 1, 0);
                    drop(lent);
                }
            })
        });
        let lenders: Vec<_> = lenders.collect();
        drop(ask(&tokens).recv().unwrap());
        for lender in lenders {
            lender.join().unwrap();
        }
        assert_free(&tokens, 1);
    });
}

/// Two tokens become free at once: neither must lie idle while somebody waits.
#[test]
fn each_token_that_comes_back_serves_somebody() {
    check(|| {
        let tokens = Tokens::new(2, None);
        let both = [(); 2].map(|()| Permit::acquire(Arc::clone(&tokens), 0, None));
        let together = Arc::new(Barrier::new(2));
        let (waits, meets) = (Arc::clone(&tokens), Arc::clone(&together));
        let thread = thread::spawn(move || {
            let _permit = Permit::acquire(waits, 0, None);
            meets.wait();
        });
        let (asks, meets) = (Arc::clone(&tokens), Arc::clone(&together));
        let supervisor = thread::spawn(move || {
            let _token = ask(&asks).recv().unwrap();
            meets.wait();
        });
        drop(both);
        thread.join().unwrap();
        supervisor.join().unwrap();
        assert_free(&tokens, 2);
    });
}

/// The parent as a worker sees it, without the stream between the two.
struct Stream {
    parent: Arc<Tokens>,
    granted: Arc<Mutex<VecDeque<Token>>>,
    worker: Arc<OnceLock<Weak<Tokens>>>,
}

impl Upstream for Stream {
    fn request(&self) {
        let (granted, worker) = (Arc::clone(&self.granted), Arc::clone(&self.worker));
        self.parent.acquire_later(
            0,
            Box::new(move |token| {
                if let Some(worker) = worker.get().and_then(Weak::upgrade) {
                    granted.lock().unwrap().push_back(token);
                    worker.grant();
                }
            }),
        );
    }

    fn give_back(&self) {
        let token = self.granted.lock().unwrap().pop_front();
        assert!(token.is_some(), "more came back than was granted");
    }
}

/// The tokens of a worker process, whose unit has lent its own.
fn worker(parent: &Arc<Tokens>) -> Arc<Tokens> {
    let place = Arc::new(OnceLock::new());
    let (parent, granted, worker) = (Arc::clone(parent), Arc::default(), Arc::clone(&place));
    let tokens = Tokens::new(1, Some(Box::new(Stream { parent, granted, worker })));
    place.set(Arc::downgrade(&tokens)).unwrap();
    tokens
}

/// In one worker, units that asked for tokens went to others meanwhile. Another worker has units that wait for each other:
/// whoever keeps a token that it does not need is found by the checker as a deadlock.
#[test]
fn a_token_that_is_no_longer_needed_goes_to_whoever_waits() {
    check(|| {
        let parent = Tokens::new(1, None);
        let (sated, hungry) = (worker(&parent), worker(&parent));
        let first = {
            let tokens = Arc::clone(&sated);
            thread::spawn(move || {
                let permit = Permit::acquire(Arc::clone(&tokens), 0, None);
                let asked = [ask(&tokens), ask(&tokens)];
                drop(permit);
                for token in asked {
                    drop(token.recv().unwrap());
                }
            })
        };
        let together = Arc::new(Barrier::new(2));
        let others = [(); 2].map(|()| {
            let (tokens, together) = (Arc::clone(&hungry), Arc::clone(&together));
            thread::spawn(move || {
                let _permit = Permit::acquire(tokens, 0, None);
                together.wait();
            })
        });
        first.join().unwrap();
        for other in others {
            other.join().unwrap();
        }
        assert_free(&sated, 1);
        assert_free(&hungry, 1);
        assert_free(&parent, 1);
    });
}

/// A unit is left behind at its deadline, whatever it is doing with its token then.
#[test]
fn a_permit_that_is_taken_away_gives_its_token_back_once() {
    check(|| {
        let tokens = Tokens::new(1, None);
        let ran = Arc::new(AtomicUsize::new(0));
        let permit = Permit::acquire(Arc::clone(&tokens), 0, None);
        let (left, after) = (Arc::clone(&permit), Arc::clone(&ran));
        let unit = thread::spawn(move || {
            drop(lend_this(&left));
            after.fetch_add(1, Ordering::SeqCst);
        });
        permit.revoke();
        // Another has the token now, also while that unit waits for it in vain.
        drop(Permit::acquire(Arc::clone(&tokens), 0, None));
        unit.join().unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 1);
        drop(permit);
        assert_free(&tokens, 1);
    });
}
