//! Tasks that use a key at the same time: two writers without `reduce`, or a writer and a reader.
//!
//! Without `reduce`, the writers of a key must follow one another, and each reader must come between two of them.
//! With `reduce`, writers that do not read may run at the same time, but a reader must come after or before each.

use std::collections::{HashMap, HashSet};

use super::reach::Reach;
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{
        Graph, KeyId,
        access::{Access, Read, Write},
    },
};

/// The tasks of a region that use a key, ascending.
#[derive(Default)]
struct Users {
    writers: Vec<usize>,
    readers: Vec<usize>,
}

/// Reports one race a key and region; `settled` gets the keys.
pub(super) fn check(graph: &Graph<'_>, access: &Access, settled: &mut HashSet<KeyId>, found: &mut Diagnostics) {
    for (index, region) in graph.regions.iter().enumerate() {
        if region.tasks.len() < 2 || graph.doubtful[index] {
            continue;
        }
        let mut users: HashMap<KeyId, Users> = HashMap::new();
        for (task, own) in access.regions[index].tasks.iter().enumerate() {
            for write in &own.writes {
                users.entry(write.key).or_default().writers.push(task);
            }
        }
        for (task, own) in access.regions[index].tasks.iter().enumerate() {
            for read in &own.reads {
                if let Some(users) = users.get_mut(&read.key) {
                    users.readers.push(task);
                }
            }
        }
        let mut keys: Vec<_> =
            users.iter().filter(|(_, users)| users.writers.len() + users.readers.len() > 1).collect();
        keys.sort_unstable_by_key(|(key, _)| **key);
        keys.retain(|(key, users)| graph.keys.entry(**key).reduce.is_none() || !users.readers.is_empty());
        if keys.is_empty() {
            continue;
        }
        let reach = Reach::new(region);
        let (reduced, plain): (Vec<_>, Vec<_>) =
            keys.into_iter().partition(|(key, _)| graph.keys.entry(**key).reduce.is_some());
        let mut races: Vec<_> = reduced
            .into_iter()
            .filter_map(|(key, users)| Some((key, users, reach.unordered_reads(&users.writers, &users.readers)?)))
            .collect();
        let pairs: Vec<_> = plain.iter().map(|(_, users)| users.neighbours(region.join.is_some())).collect();
        let all: Vec<_> = pairs.iter().flatten().copied().collect();
        let unordered: HashSet<_> = reach.unordered(&all).into_iter().collect();
        for ((key, users), pairs) in plain.into_iter().zip(pairs) {
            races.extend(pairs.into_iter().find(|pair| unordered.contains(pair)).map(|pair| (key, users, pair)));
        }
        for (key, users, pair) in races {
            if settled.insert(*key) {
                found.push(Race { graph, access, region: index, key: *key }.report(users, pair));
            }
        }
    }
}

impl Users {
    /// Without `reduce`: the pairs that must be ordered so that all others are. With `join`, one of the writers wins.
    fn neighbours(&self, join: bool) -> Vec<(usize, usize)> {
        let mut pairs: Vec<_> = self.writers.windows(2).map(|pair| (pair[0], pair[1])).filter(|_| !join).collect();
        for reader in &self.readers {
            let before = self.writers.partition_point(|writer| writer < reader);
            if let Some(writer) = before.checked_sub(1).map(|index| self.writers[index]) {
                pairs.push((writer, *reader));
            }
            if let Some(writer) = self.writers[before..].iter().find(|writer| *writer != reader) {
                pairs.push((*reader, *writer));
            }
        }
        pairs
    }
}

struct Race<'a, 'g> {
    graph: &'g Graph<'a>,
    access: &'g Access,
    region: usize,
    key: KeyId,
}

impl Race<'_, '_> {
    fn report(&self, users: &Users, (one, other): (usize, usize)) -> Diagnostic {
        let name = self.graph.keys.name(self.key);
        let writes = |task| users.writers.contains(&task).then(|| self.write(task)).flatten();
        let reduced = self.graph.keys.entry(self.key).reduce.is_some();
        let joined = self.graph.regions[self.region].join.is_some();
        let reads = |task| (reduced || joined) && users.readers.contains(&task);
        let error = match (writes(one), writes(other)) {
            (Some(write), _) if reads(other) => self.reader(name, (one, write), other),
            (_, Some(write)) if reads(one) => self.reader(name, (other, write), one),
            (Some(first), Some(second)) => {
                let (first, second) =
                    if first.span < second.span { ((one, first), second) } else { ((other, second), first) };
                let later = if first.0 == one { other } else { one };
                Diagnostic::error(
                    codes::CONCURRENT_WRITES,
                    second.span,
                    format!("`{name}` is written by two branches at the same time"),
                )
                .label(format!("written by `{}`", self.branch(later)))
                .also(first.1.span, format!("and by `{}`", self.branch(first.0)))
                .help(format!("say how the values combine: `reduce` on `{name}` in `state_schema`"))
                .help("or write different keys, and combine them where the branches meet")
            }
            (Some(write), None) => self.reader(name, (one, write), other),
            (None, Some(write)) => self.reader(name, (other, write), one),
            (None, None) => unreachable!("one of the two writes"),
        };
        error.note(self.why(one, other))
    }

    fn reader(&self, name: &str, (writer, write): (usize, Write), reader: usize) -> Diagnostic {
        let read = self.read(reader).map_or(write.span, |read| read.span);
        let error = Diagnostic::error(
            codes::READ_RACE,
            read,
            format!("`{name}` is read by one branch while another one writes it"),
        )
        .label(format!("read by `{}`", self.branch(reader)))
        .also(write.span, format!("written by `{}`", self.branch(writer)));
        let order = if self.graph.dataflow {
            format!("add `{}` to the `needs` of `{}`", self.branch(writer), self.branch(reader))
        } else {
            format!("read `{name}` where the branches meet")
        };
        error.help(order).help("or let the branch write its own key")
    }

    fn why(&self, one: usize, other: usize) -> String {
        let (one, other) = (self.branch(one), self.branch(other));
        if self.graph.dataflow {
            format!("neither `{one}` nor `{other}` needs the other")
        } else {
            let from = self.graph.name(self.graph.regions[self.region].from);
            format!("`{one}` and `{other}` run in the same fan-out, from `{from}`")
        }
    }

    fn branch(&self, task: usize) -> &str {
        self.graph.name(self.graph.regions[self.region].tasks[task].head)
    }

    fn write(&self, task: usize) -> Option<Write> {
        let writes = &self.access.blocks[self.graph.regions[self.region].tasks[task].block].writes;
        writes.iter().find(|write| write.key == self.key).copied()
    }

    fn read(&self, task: usize) -> Option<Read> {
        let reads = &self.access.blocks[self.graph.regions[self.region].tasks[task].block].reads;
        reads.iter().find(|read| read.key == self.key).copied()
    }
}
