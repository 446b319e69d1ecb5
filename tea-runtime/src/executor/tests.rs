use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::queue::CompletionQueue;

#[test]
fn messages_come_out_in_the_order_in_which_they_were_pushed() {
    let queue = CompletionQueue::default();
    (0..5).for_each(|message| queue.push(message, false));
    let mut taken = Vec::new();
    queue.wait(3, None, &mut taken);
    assert_eq!((taken, queue.len()), (vec![0, 1, 2, 3, 4], 0));
}

#[test]
fn a_driver_sleeps_until_enough_is_there_or_it_is_nudged() {
    let queue = Arc::new(CompletionQueue::default());
    let pusher = Arc::clone(&queue);
    let thread = thread::spawn(move || (0..100).for_each(|message| pusher.push(message, false)));
    let mut taken = Vec::new();
    queue.wait(100, None, &mut taken);
    thread.join().unwrap();
    assert_eq!(taken, (0..100).collect::<Vec<_>>());
    let nudger = Arc::clone(&queue);
    let thread = thread::spawn(move || nudger.nudge());
    taken.clear();
    queue.wait(1, None, &mut taken);
    thread.join().unwrap();
    assert!(taken.is_empty());
}

#[test]
fn an_urgent_message_and_a_deadline_end_the_wait() {
    let queue = CompletionQueue::default();
    queue.push("failed", true);
    let mut taken = Vec::new();
    queue.wait(10, None, &mut taken);
    assert_eq!(taken, ["failed"]);
    taken.clear();
    queue.wait(1, Some(Instant::now() + Duration::from_millis(1)), &mut taken);
    assert!(taken.is_empty());
}
