use super::state::*;

#[derive(Debug, PartialEq)]
struct Unit(u32, Option<u64>);

impl Task for Unit {
    fn memory_limit(&self) -> Option<u64> {
        self.1
    }
    fn alone(&self) -> bool {
        false
    }
    fn kind(&self) -> usize {
        0
    }
    fn max_tasks(&self) -> Option<u32> {
        None
    }
}

fn push(state: &mut State<Unit, Unit>, unit: Unit) {
    let age = state.next_age();
    state.put(age, unit);
}

fn ready(state: &mut State<Unit, Unit>, limit: Option<u64>) -> u32 {
    let number = state.start(limit);
    state.workers.get_mut(&number).unwrap().stage = Stage::Ready;
    number
}

fn give(state: &mut State<Unit, Unit>) -> Option<(u32, u32)> {
    let place = state.next_place(|_| 2, |_, _| true)?;
    let (unit, worker) = state.take(place).unwrap();
    let number = unit.0;
    worker.in_flight.push_back(unit);
    Some((number, place.worker))
}

#[test]
fn the_oldest_unit_goes_to_the_least_busy_worker_that_fits() {
    let mut state = State::new(3);
    (0..5).for_each(|n| push(&mut state, Unit(n, None)));
    push(&mut state, Unit(9, Some(7)));
    let (first, second) = (ready(&mut state, None), ready(&mut state, None));
    let given: Vec<_> = std::iter::from_fn(|| give(&mut state)).collect();
    assert_eq!(given, [(0, first), (1, second), (2, first), (3, second)]);
    assert_eq!(state.starts(false), [None], "the oldest that waits is for a worker without a limit");
}

#[test]
fn a_unit_with_another_limit_is_served_by_age_and_not_when_all_others_are_done() {
    let mut state = State::new(2);
    let (first, second) = (ready(&mut state, None), ready(&mut state, None));
    (0..3).for_each(|n| push(&mut state, Unit(n, None)));
    push(&mut state, Unit(9, Some(7)));
    (10..20).for_each(|n| push(&mut state, Unit(n, None)));
    while give(&mut state).is_some() {}
    assert!(state.starts(false).is_empty());
    state.make_room();
    let retiring = |state: &State<Unit, Unit>, n| state.workers[&n].stage == Stage::Retiring;
    assert!(retiring(&state, first) ^ retiring(&state, second), "one makes room");
    state.make_room();
    assert!(retiring(&state, first) ^ retiring(&state, second), "one is enough");
}

#[test]
fn failed_starts_are_tried_again_one_at_a_time() {
    let mut state: State<Unit, Unit> = State::new(4);
    (0..9).for_each(|n| push(&mut state, Unit(n, None)));
    assert_eq!(state.starts(false).len(), 4);
    assert_eq!(state.starts(true).len(), 1);
    state.start(None);
    assert!(state.starts(true).is_empty());
}
