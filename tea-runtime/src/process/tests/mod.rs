//! The pool against real workers: this test program, re-executed. A branch does what its input says.

mod branches;
mod guarded;
pub(super) mod kit;
mod starts;

use self::kit::{ACTS, DOUBLES};
use super::TestEntry;
use crate::plan::Registered;

#[test]
fn tea_worker() {
    super::test_entry();
}

inventory::submit!(TestEntry(concat!(module_path!(), "::tea_worker"), || std::any::type_name_of_val(&tea_worker)));
inventory::submit!(Registered(&ACTS));
inventory::submit!(Registered(&DOUBLES));
