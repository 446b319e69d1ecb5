//! The completion queue: nothing is lost, nothing comes twice or out of order, and whoever waits is woken.

use std::{sync::Arc, time::Duration};

use shuttle::{
    rand::{Rng, thread_rng},
    thread,
};

use crate::{check, queue::CompletionQueue};

/// Who pushed a message, and as which.
type Message = (usize, usize);

const PUSHERS: usize = 3;
const EACH: usize = 3;

fn push_all(queue: &Arc<CompletionQueue<Message>>, urgent: impl Fn() -> bool) -> Vec<thread::JoinHandle<()>> {
    let pusher = |pusher| {
        let (queue, urgent): (_, Vec<_>) = (Arc::clone(queue), (0..EACH).map(|_| urgent()).collect());
        let push = move || urgent.into_iter().enumerate().for_each(|(at, urgent)| queue.push((pusher, at), urgent));
        thread::spawn(push)
    };
    (0..PUSHERS).map(pusher).collect()
}

/// Whoever is never woken is found by the checker as a deadlock.
#[test]
fn all_messages_come_once_and_in_the_order_of_who_pushed_them() {
    check(|| {
        let queue = Arc::new(CompletionQueue::default());
        let pushers = push_all(&queue, || thread_rng().gen_bool(0.2));
        let (mut all, mut taken) = (Vec::new(), Vec::new());
        while all.len() < PUSHERS * EACH {
            let wanted = thread_rng().gen_range(1..=PUSHERS * EACH - all.len());
            queue.wait(wanted, None, &mut taken);
            all.append(&mut taken);
        }
        for pusher in pushers {
            pusher.join().unwrap();
        }
        for pusher in 0..PUSHERS {
            let of_this = all.iter().filter(|(by, _)| *by == pusher).map(|(_, at)| *at);
            assert!(of_this.eq(0..EACH), "{all:?}");
        }
        assert_eq!(queue.len(), 0);
    });
}

#[test]
fn a_driver_is_not_woken_before_there_is_what_it_waits_for() {
    check(|| {
        let queue = Arc::new(CompletionQueue::default());
        let pushers = push_all(&queue, || false);
        let (mut left, mut taken) = (PUSHERS * EACH, Vec::new());
        while left > 0 {
            let wanted = thread_rng().gen_range(1..=left);
            queue.look(wanted, Duration::ZERO);
            queue.wait(wanted, None, &mut taken);
            assert!(taken.len() >= wanted, "{} of {wanted}", taken.len());
            left -= taken.len();
            taken.clear();
        }
        for pusher in pushers {
            pusher.join().unwrap();
        }
    });
}

#[test]
fn an_urgent_message_or_a_nudge_wakes_whatever_is_waited_for() {
    check(|| {
        let queue = Arc::new(CompletionQueue::default());
        let (urgent, nudger) = (Arc::clone(&queue), Arc::clone(&queue));
        let urgent = thread::spawn(move || urgent.push((0, 0), true));
        let mut taken = Vec::new();
        queue.wait(usize::MAX, None, &mut taken);
        assert_eq!(taken, [(0, 0)]);
        taken.clear();
        let nudger = thread::spawn(move || nudger.nudge());
        queue.wait(usize::MAX, None, &mut taken);
        assert_eq!(taken, []);
        urgent.join().unwrap();
        nudger.join().unwrap();
    });
}
