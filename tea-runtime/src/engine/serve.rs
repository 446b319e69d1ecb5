//! Decodes units from another process, for a worker or any other program that runs units of others.

use std::{collections::HashMap, sync::Arc};

use super::{
    MakeProcesses, Means, Options, Run, Settings,
    branches::BranchWork,
    cache::Cache,
    call::Recorded,
    items::{ItemsWork, Shared},
    records::{Names, Records},
};
use crate::{
    cancel::CancellationToken,
    context::{Context, Place},
    event::{Events, Scope},
    executor::{
        attempt::run_parts,
        breakers::Breakers,
        payload::{self, transport},
        tokens::Tokens,
        wire::{self, Bytes, PartEnd, UnitHead, ValueHead},
        work::Work,
    },
    failure::Failure,
    plan::{Plan, Registered, Site},
    position::Position,
    state::{KeySpec, View},
    store::SendRecord,
};

/// What units from other processes share.
#[derive(Default)]
pub(crate) struct Server {
    runs: HashMap<u64, Arc<Run>>,
    /// The view of the last units that came with one. The next units may come without.
    view: Option<(u32, Arc<Shared>)>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a run whose units will be sent here.
    ///
    /// # Errors
    /// If this program does not contain its workflow.
    #[expect(clippy::too_many_arguments, reason = "they are what a run is made of")]
    pub(crate) fn begin_run(
        &mut self,
        (number, id): (u64, u128),
        module: &str,
        workflow: &str,
        settings: &[u8],
        events: Events,
        tokens: Arc<Tokens>,
        breakers: Breakers,
        processes: MakeProcesses,
    ) -> Result<(), Box<Failure>> {
        let plan = plan(module, workflow)?;
        let (settings, rest) = Settings::received(settings).map_err(transport)?;
        let cache = Cache::received(rest).map_err(transport)?;
        let options = Options { settings, events, ..Options::default() };
        let means = Means {
            processes: Some(processes),
            part_of: Some((tokens, Arc::new(breakers))),
            id: Some(id),
            cache,
            ..Means::default()
        };
        self.runs.insert(number, Run::new(plan, options, means));
        Ok(())
    }

    /// The ID of a run that was announced.
    pub(crate) fn id(&self, number: u64) -> Option<u128> {
        self.runs.get(&number).map(|run| run.info.id)
    }

    /// Removes a run that has ended.
    pub(crate) fn end_run(&mut self, number: u64) {
        if let Some(run) = self.runs.remove(&number) {
            self.view = None;
            run.close();
        }
    }

    /// Decodes a unit: its view, unless it is that of the previous unit, and its items. Runs the user's `Deserialize`.
    /// What it records is passed to `send`, if there is one.
    ///
    /// # Errors
    /// A failure that says what cannot be decoded.
    pub(crate) fn decode(
        &mut self,
        run: u64,
        head: &UnitHead<'_>,
        view: Option<&[ValueHead]>,
        values: &[u8],
        send: Option<SendRecord>,
    ) -> Result<Box<dyn Work>, Box<Failure>> {
        let run = self.runs.get(&run).ok_or_else(|| transport("the unit's run was not announced"))?;
        let plan = run.plan;
        let no_such = || transport(format!("workflow `{}` has no such branch or map in the worker", plan.name));
        match plan.sites.get(head.site as usize).ok_or_else(no_such)? {
            Site::Region(region) => {
                let index = usize::try_from(head.first).ok().filter(|index| *index < region.tasks.len());
                let index = index.ok_or_else(no_such)?;
                let heads = view.ok_or_else(|| transport("what the branch reads was not received"))?;
                let view = read_view(region.keys, region.tasks[index].block.keys, heads, values)?;
                let position = Position::decode(&head.position);
                let position = position.ok_or_else(|| transport("the position of the branch is damaged"))?;
                let recorded = received(head, send)?;
                let shared = Arc::new(payload::Shared::new(region));
                Ok(Box::new(BranchWork::new(run, &shared, index, view, (position, head.reads), recorded)))
            }
            Site::Map(map) => {
                let all = head.items.iter().try_fold(0_u64, |all, length| all.checked_add(*length));
                let split = all.and_then(|all| values.len().checked_sub(usize::try_from(all).ok()?));
                let split = split.ok_or_else(|| transport("items did not arrive as a whole"))?;
                let (values, mut rest) = values.split_at(split);
                if let Some(heads) = view {
                    // If the view cannot be decoded, the following units must not get the previous one.
                    self.view = None;
                    let view = read_view(map.keys, map.reads, heads, values)?;
                    self.view = Some((head.site, Arc::new(Shared::new(map, view, head.reads))));
                }
                let shared = self.view.as_ref().filter(|(site, _)| *site == head.site).map(|(_, shared)| shared);
                let shared = shared.ok_or_else(|| transport("the state that these items read was not received"))?;
                let mut items = Vec::with_capacity(head.items.len());
                for length in &head.items {
                    let (item, after) = rest.split_at(usize::try_from(*length).expect("all of them fit"));
                    items.push(item);
                    rest = after;
                }
                if items.is_empty() {
                    return Err(no_such());
                }
                let start = usize::try_from(head.first).map_err(|_| transport("an item's index is too large"))?;
                let batch = payload::guarded(|| map.spec.decode(start, &items))
                    .map_err(|error| transport(format!("an item of `{}` cannot be decoded: {error}", map.name)))?;
                let recorded = received(head, send)?;
                let recorded = recorded.map(|(records, names)| {
                    let position = Position::decode(&head.position).unwrap_or_default().fan_out();
                    Arc::new(Recorded { records, passed: map.passed, names, position })
                });
                Ok(Box::new(ItemsWork::new(run, shared, recorded.as_ref(), batch)))
            }
        }
    }
}

/// The records of a unit, and the names of what it reads, if its steps are recorded.
fn received(head: &UnitHead<'_>, send: Option<SendRecord>) -> Result<Option<(Arc<Records>, Names)>, Box<Failure>> {
    let send = send.filter(|_| !head.records.is_empty());
    send.map(|send| Records::received(&head.records, send)).transpose().map_err(transport)
}

fn read_view(
    specs: &'static [KeySpec],
    keys: &'static [u32],
    heads: &[ValueHead],
    values: &[u8],
) -> Result<View, Box<Failure>> {
    let mut view = View::new(specs, keys);
    for (key, value) in payload::decode(specs, keys, heads, values)? {
        view.set(key, value);
    }
    Ok(view)
}

pub(super) fn plan(module: &str, name: &str) -> Result<&'static Plan, Box<Failure>> {
    let plans = inventory::iter::<Registered>().map(|registered| registered.0);
    let mut plans = plans.filter(|plan| plan.module == module && plan.name == name);
    match (plans.next(), plans.next()) {
        (Some(plan), None) => Ok(plan),
        (None, _) => Err(transport(format!("this program has no workflow `{name}` in `{module}`"))),
        // It must not run the nodes of another workflow.
        (Some(_), Some(_)) => Err(transport(format!(
            "the program has two workflows `{name}` in `{module}`, and a worker cannot tell them apart: give one of them \
             another name"
        ))),
    }
}

/// The place of a unit from another process, of the run with this ID, and the number of the branch or first item.
pub(crate) fn place(run: u128, head: &UnitHead<'_>) -> (Place, u64) {
    let position = Position::decode(&head.position).unwrap_or_default();
    (Place { run, position: position.fan_out() }, position.part().unwrap_or_default())
}

/// Runs a unit that [`Unit::encode`](crate::executor::Unit::encode) encoded in this or another process of the same
/// program, and returns the answer for [`Ticket::answer`](crate::executor::Ticket::answer). `token` cancels it.
///
/// # Errors
/// If the bytes are not those of a unit of this program.
pub fn serve(unit: &[u8], token: &CancellationToken) -> Result<Vec<u8>, String> {
    let ((head, heads, id), values): ((UnitHead<'_>, Vec<ValueHead>, u128), _) = wire::read(unit)?;
    let plan = plan(&head.module, &head.workflow).map_err(|failure| failure.message)?;
    let run = Run::new(plan, Options::default(), Means { id: Some(id), ..Means::default() });
    let mut server = Server::new();
    server.runs.insert(0, Arc::clone(&run));
    // An executor of the caller's passes on nothing but the answer.
    let work = server.decode(0, &head, Some(&heads), values, None);
    let mut answer = Vec::new();
    let mut tell = |at: usize, outcome: Result<(Bytes, wire::ResultHead), Box<Failure>>| {
        let (bytes, outcome) = match outcome {
            Ok((bytes, head)) => (bytes, Ok(head)),
            Err(failure) => (Bytes::default(), Err(failure)),
        };
        let end = PartEnd { unit: 0, at: at as u64, nanos: 0, usage: None, length: bytes.len() as u64, outcome };
        wire::write(&end, &mut answer);
        answer.extend_from_slice(&bytes.start);
        bytes.rest.iter().for_each(|piece| answer.extend_from_slice(piece));
    };
    match work {
        Ok(mut work) => {
            let (place, part) = place(id, &head);
            let (events, token) = (Events::default(), token.clone());
            let context = Context::new(events, work.name(), Scope::ROOT, head.attempt, token, Arc::new(place));
            let mut context = context.part(part, head.reads);
            run_parts(&mut *work, &mut context, 1, &mut |work, parts, failure| {
                let mut bytes = Bytes::default();
                let outcome =
                    failure.map_or_else(|| work.encode_result(parts.start, head.max_payload, &mut bytes), Err);
                tell(parts.start, outcome.map(|head| (bytes, head)));
            });
        }
        Err(failure) => (0..head.parts()).for_each(|at| tell(at, Err(failure.clone()))),
    }
    server.end_run(0);
    Ok(answer)
}
