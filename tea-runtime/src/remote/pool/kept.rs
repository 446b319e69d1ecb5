//! What the agent of a host keeps: bytes that several units read, for as long as they are in this process.

use std::{collections::HashMap, sync::Arc};

use crate::state::{Value, WeakValue};

/// What an agent keeps.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The numbers of values, by where they are.
    values: HashMap<usize, (u64, WeakValue)>,
    last: u64,
}

impl Kept {
    /// The number under which the agent keeps a value, and whether it does already.
    pub(super) fn number(&mut self, value: &Value) -> (u64, bool) {
        let at = Arc::as_ptr(value).addr();
        if let Some((number, _)) = self.values.get(&at) {
            return (*number, true);
        }
        self.last += 1;
        self.values.insert(at, (self.last, Arc::downgrade(value)));
        (self.last, false)
    }

    /// The numbers of values that are gone, which are not kept any more.
    pub(super) fn gone(&mut self) -> Vec<u64> {
        let gone = self.values.extract_if(|_, (_, value)| value.strong_count() == 0);
        gone.map(|(_, (number, _))| number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_kept_under_one_number_until_it_is_gone() {
        let mut kept = Kept::default();
        let values = [1, 1].map(|value: u64| Arc::new(value) as Value);
        assert_eq!(values.each_ref().map(|value| kept.number(value)), [(1, false), (2, false)]);
        assert_eq!(values.each_ref().map(|value| kept.number(&Arc::clone(value))), [(1, true), (2, true)]);
        let [first, second] = values;
        drop(second);
        assert_eq!((kept.gone(), kept.gone()), (vec![2], vec![]));
        assert_eq!(kept.number(&first), (1, true));
        for _ in 0..100 {
            assert!(!kept.number(&(Arc::new(3_u64) as Value)).1, "another one is not taken for one that was there");
        }
    }
}
