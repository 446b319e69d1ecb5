//! What a worker is told to do, ready to be done.

use std::sync::Arc;

use crate::{
    engine::map::Batch,
    failure::Failure,
    plan::{Map, Plan, Region, Registered, Site},
    process::{
        message::{self, ToWorker, ValueHead},
        payload::{self, transport},
    },
    state::View,
};

/// A message from the parent that stands in the order of its work.
pub(crate) enum Order<'a> {
    Branch(Branch<'a>),
    Items(Items<'a>),
    Goodbye,
}

/// A branch to run.
pub(crate) struct Branch<'a> {
    pub(crate) head: message::Branch<'a>,
    /// What it runs on; or why that could not be read.
    pub(crate) ready: Result<Ready<Region, View>, Box<Failure>>,
}

/// Items to run.
pub(crate) struct Items<'a> {
    pub(crate) head: message::Items<'a>,
    /// What they run on, and they themselves; or why those could not be read.
    pub(crate) ready: Result<ReadyItems, Box<Failure>>,
}

/// A map, what its body reads, and items.
pub(crate) type ReadyItems = (Ready<Map, Arc<View>>, Box<dyn Batch>);

/// A place in a plan, and what was sent for it.
pub(crate) struct Ready<S: 'static, V> {
    pub(crate) plan: &'static Plan,
    pub(crate) site: &'static S,
    pub(crate) view: V,
}

/// Reads orders. It keeps the last view that items came with: the next items may come without.
#[derive(Default)]
pub(crate) struct Orders {
    view: Option<Arc<View>>,
}

impl Orders {
    /// Reads a message and the values behind it.
    pub(crate) fn read<'a>(&mut self, payload: &'a [u8]) -> Result<Order<'a>, String> {
        let (message, values) = message::decode(payload)?;
        Ok(match message {
            ToWorker::Branch(head) => {
                let ready = branch(&head, values);
                Order::Branch(Branch { head, ready })
            }
            ToWorker::Items(head) => {
                let ready = self.items(&head, values);
                Order::Items(Items { head, ready })
            }
            ToWorker::Goodbye => Order::Goodbye,
            ToWorker::Setup(_) | ToWorker::Cancel { .. } => return Err("a message came as work that is none".into()),
        })
    }

    fn items(&mut self, head: &message::Items<'_>, bytes: &[u8]) -> Result<ReadyItems, Box<Failure>> {
        let plan = plan(head.module, head.workflow)?;
        let Some(&Site::Map(map)) = plan.sites.get(head.map as usize) else {
            return Err(transport(format!("workflow `{}` has no such map in the worker", plan.name)));
        };
        let all = head.lengths.iter().try_fold(0_u64, |all, length| all.checked_add(*length));
        let split = all.and_then(|all| bytes.len().checked_sub(usize::try_from(all).ok()?));
        let (values, mut rest) = bytes.split_at(split.ok_or_else(|| transport("items did not arrive as a whole"))?);
        if let Some(heads) = &head.view {
            // If it cannot be read, the items that come without must not get the one before it.
            self.view = None;
            self.view = Some(Arc::new(view(plan, map.reads, heads, values)?));
        }
        let view = self.view.clone().ok_or_else(|| transport("the state that these items read was not received"))?;
        let mut items = Vec::with_capacity(head.lengths.len());
        for length in &head.lengths {
            let (item, after) = rest.split_at(usize::try_from(*length).expect("all of them fit"));
            items.push(item);
            rest = after;
        }
        let start = usize::try_from(head.start).map_err(|_| transport("an item's index is too large"))?;
        let batch = payload::guarded(|| map.spec.decode(start, &items))
            .map_err(|error| transport(format!("an item of `{}` cannot be decoded: {error}", map.name)))?;
        Ok((Ready { plan, site: map, view }, batch))
    }
}

fn branch(head: &message::Branch<'_>, values: &[u8]) -> Result<Ready<Region, View>, Box<Failure>> {
    let plan = plan(head.module, head.workflow)?;
    match plan.sites.get(head.region as usize) {
        Some(Site::Region(region)) if (head.index as usize) < region.tasks.len() => {
            let view = view(plan, region.tasks[head.index as usize].block.keys, &head.values, values)?;
            Ok(Ready { plan, site: region, view })
        }
        _ => Err(transport(format!("workflow `{}` has no such branch in the worker", plan.name))),
    }
}

fn plan(module: &str, name: &str) -> Result<&'static Plan, Box<Failure>> {
    let plans = inventory::iter::<Registered>().map(|registered| registered.0);
    let mut plans = plans.filter(|plan| plan.module == module && plan.name == name);
    match (plans.next(), plans.next()) {
        (Some(plan), None) => Ok(plan),
        (None, _) => Err(transport(format!("the worker's program has no workflow `{name}` in `{module}`"))),
        // It must not run the nodes of another one.
        (Some(_), Some(_)) => Err(transport(format!(
            "the program has two workflows `{name}` in `{module}`, and a worker cannot tell them apart: give one of them \
             another name"
        ))),
    }
}

fn view(plan: &'static Plan, keys: &'static [u32], heads: &[ValueHead], values: &[u8]) -> Result<View, Box<Failure>> {
    let mut view = View::new(plan, keys);
    for (key, value) in payload::decode(plan, keys, heads, values)? {
        view.set(key, value);
    }
    Ok(view)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::process::tests::{MAP, PLAN, REGION};

    fn orders() -> [Vec<u8>; 2] {
        let (module, workflow) = (PLAN.module, PLAN.name);
        let values = vec![ValueHead { key: 0, length: 5 }];
        let branch = message::Branch {
            task: 7,
            module,
            workflow,
            region: REGION.id,
            index: 0,
            attempt: 1,
            max_payload: 1 << 20,
            values,
        };
        let numbers = [3usize, 4, 133].map(|number| {
            let mut bytes = Vec::new();
            crate::state::wire::encode(&number, &mut bytes).unwrap();
            bytes
        });
        let items = message::Items {
            task: 8,
            module,
            workflow,
            map: MAP.id,
            first: 0,
            start: 3,
            attempt: 1,
            max_payload: 1 << 20,
            view: Some(Vec::new()),
            lengths: numbers.iter().map(|bytes| bytes.len() as u64).collect(),
        };
        [
            [message::encode(&ToWorker::Branch(branch)), b"\x04echo".to_vec()].concat(),
            [message::encode(&ToWorker::Items(items)), numbers.concat()].concat(),
        ]
    }

    #[test]
    fn orders_are_read() {
        let [branch, items] = orders();
        assert!(matches!(Orders::default().read(&branch), Ok(Order::Branch(Branch { ready: Ok(_), .. }))));
        assert!(matches!(Orders::default().read(&items), Ok(Order::Items(Items { ready: Ok(_), .. }))));
    }

    proptest! {
        #[test]
        fn row_24_a_message_of_soup_is_no_panic(bytes in vec(any::<u8>(), 0..300)) {
            let _ = Orders::default().read(&bytes);
        }

        #[test]
        fn row_24_a_damaged_message_is_no_panic(
            which in 0..2_usize, at in any::<prop::sample::Index>(), bytes in vec(any::<u8>(), 1..12), cut in 0..20_usize,
        ) {
            let mut message = orders()[which].clone();
            let at = at.index(message.len());
            let end = (at + bytes.len()).min(message.len());
            message.splice(at..end, bytes);
            message.truncate(message.len() - cut.min(message.len()));
            let _ = Orders::default().read(&message);
        }
    }
}
