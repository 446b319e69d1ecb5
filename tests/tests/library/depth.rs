//! What belongs to an item that has begun goes before the next items.

use std::{num::NonZero, sync::Mutex};

use tests::process::wait_for;

tea_runtime::include_workflow!("depth.yaml", main = false);

/// What has begun, in this order.
static BEGUN: Mutex<Vec<(&str, usize)>> = Mutex::new(Vec::new());

fn begun(what: &'static str, number: usize) -> Option<usize> {
    BEGUN.lock().unwrap().iter().position(|begun| *begun == (what, number))
}

/// The second item waits here for what runs in the place of the first.
fn read(number: usize) -> usize {
    BEGUN.lock().unwrap().push(("read", number));
    if number == 1 {
        wait_for("another one", || begun("double", 0).or(begun("read", 2)));
    }
    number
}

fn double(number: usize) -> usize {
    BEGUN.lock().unwrap().push(("double", number));
    2 * number
}

#[test]
fn an_item_that_has_begun_goes_on_before_others_begin() {
    let two = NonZero::new(2).unwrap();
    let output = depth::builder().max_workers(two).run(depth::Input::new((0..8).collect())).unwrap();
    assert_eq!(output.doubled, [0, 2, 4, 6, 8, 10, 12, 14]);
    assert!(begun("double", 0) < begun("read", 2), "{:?}", BEGUN.lock().unwrap());
}
