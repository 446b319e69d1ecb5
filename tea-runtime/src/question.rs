//! Questions to people: what nodes with `ask` ask, and the answers that a run has been given.

use std::{
    ffi::OsString,
    fmt,
    sync::{Arc, Mutex},
};

use crate::{
    cancel::CancellationToken,
    failure::{Failure, FailureKind, OpenQuestion, cancelled},
    panic::guard,
    plan::{Block, Plan, Work},
    state::{Given, KeySpec, Parse, Shape, Value, text},
    sync::lock,
};

/// A question, as whoever answers it sees it.
pub struct Question<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    pub(crate) spec: &'static KeySpec,
    pub(crate) cancel: &'a CancellationToken,
}

impl Question<'_> {
    /// The name of the node that asks, after the nodes and items that lead to it: `approve`, `each[3]/approve`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name
    }

    /// What it asks.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text
    }

    /// What is expected, for people: `yes` or `no`, a number, one of some words.
    #[must_use]
    pub fn expected(&self) -> String {
        expected(self.spec)
    }

    /// Says why this is no answer to the question, if it is none.
    ///
    /// # Errors
    /// If it is no answer: a sentence.
    pub fn check(&self, answer: &str) -> Result<(), String> {
        read(self.spec, answer).map(drop)
    }

    /// Whether nobody needs the answer any more, because the run is cancelled or the time of the branch is over. Whoever waits for a
    /// person should return then.
    #[must_use]
    pub fn cancellation(&self) -> &CancellationToken {
        self.cancel
    }

    fn open(&self) -> OpenQuestion {
        OpenQuestion { name: self.name.to_owned(), text: self.text.to_owned(), expected: self.expected() }
    }
}

impl fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("name", &self.name).field("text", &self.text).finish_non_exhaustive()
    }
}

/// What an answer to a question whose node writes this key looks like.
fn expected(spec: &KeySpec) -> String {
    match (spec.flag.choices, spec.kind.parse.map(Parse::shape)) {
        ([], Some(Shape::Bool)) => "`yes` or `no`".to_owned(),
        ([], Some(Shape::Own) | None) => format!("`{}`", spec.kind.name),
        ([], Some(Shape::Json)) => format!("`{}`, as JSON", spec.kind.name),
        ([], Some(shape)) => shape.expected(),
        (choices, _) => Shape::Words(choices).expected(),
    }
}

/// The value of a key that an answer gives.
fn read(spec: &KeySpec, answer: &str) -> Result<Value, String> {
    let parse = spec.kind.parse;
    let parse = parse.ok_or_else(|| format!("nothing is: derive `serde::Deserialize` for `{}`", spec.kind.name))?;
    if !spec.flag.choices.is_empty() && !spec.flag.choices.contains(&answer) {
        return Err("it is none of them".to_owned());
    }
    let truth = |answer: &str| match answer {
        "y" => Some(true),
        "n" => Some(false),
        answer => text::truth(answer),
    };
    let truth = (parse.shape() == Shape::Bool).then(|| truth(&answer.to_lowercase())).flatten();
    let answer: OsString = truth.map_or_else(|| answer.into(), |truth| truth.to_string().into());
    let texts = [answer];
    guard(|| (parse.texts)(Given { texts: &texts, each: false }))
        .unwrap_or_else(|panic| Err(format!("reading it panicked: {}", panic.message)))
}

/// Answers questions, or leaves them open.
pub(crate) type Asker = dyn Fn(&Question<'_>) -> Option<String> + Send + Sync;

/// What a run is told about the questions that it will ask.
#[derive(Clone, Default)]
pub(crate) struct Answers {
    /// Answers by the names of the questions.
    pub(crate) given: Vec<(String, String)>,
    /// Who is asked for others.
    pub(crate) asker: Option<Arc<Asker>>,
}

impl Answers {
    /// Checks the answers.
    ///
    /// # Errors
    /// If one is for a question that the plan does not ask, or is no answer to it.
    pub(crate) fn check(&self, plan: &'static Plan) -> Result<(), String> {
        for (name, answer) in &self.given {
            let Some(spec) = asked(plan, name) else {
                let known = names(plan);
                return Err(match &known[..] {
                    [] => format!("there is no question `{name}`: no node of the workflow asks"),
                    _ => format!("there is no question `{name}`, but {}", known.join(", ")),
                });
            };
            read(spec, answer).map_err(|why| refused(name, answer, spec, &why))?;
        }
        Ok(())
    }
}

/// Why an answer is none.
fn refused(name: &str, answer: &str, spec: &KeySpec, why: &str) -> String {
    format!("`{answer}` is no answer to `{name}`, where {} is expected: {why}", expected(spec))
}

/// The questions of a run.
#[derive(Default)]
pub(crate) struct Questions {
    /// The answers that have not been used.
    given: Mutex<Vec<(String, String)>>,
    asker: Option<Arc<Asker>>,
    /// Whether the plan has any.
    are_asked: bool,
}

impl Questions {
    pub(crate) fn new(plan: &Plan, answers: Answers) -> Self {
        Self { given: Mutex::new(answers.given), asker: answers.asker, are_asked: plan.asks() }
    }

    /// Whether there are any.
    pub(crate) fn are_asked(&self) -> bool {
        self.are_asked
    }

    /// Who is asked.
    pub(crate) fn asker(&self) -> Option<Arc<Asker>> {
        self.asker.clone()
    }

    /// The answers to questions that were not asked.
    pub(crate) fn unused(&self) -> Vec<String> {
        lock(&self.given).iter().map(|(name, _)| name.clone()).collect()
    }

    /// The answer that was given for this time that a question is asked: each holds once.
    fn take(&self, name: &str) -> Option<String> {
        let mut given = lock(&self.given);
        let at = given.iter().position(|(of, _)| of == name)?;
        Some(given.remove(at).1)
    }

    /// The answer to a question.
    ///
    /// # Errors
    /// If there is none, or the one who was asked gave another one than was asked for.
    pub(crate) fn answer(&self, question: &Question<'_>) -> Result<Value, Box<Failure>> {
        let ask = |asker: &Arc<Asker>| guard(|| asker(question));
        let answer = match self.take(question.name) {
            Some(given) => Some(given),
            None => self.asker.as_ref().map_or(Ok(None), ask)?,
        };
        if let Some(reason) = question.cancel.reason() {
            return Err(cancelled(reason));
        }
        let Some(answer) = answer else {
            let message = format!("waits for an answer: {}", question.text);
            let waits =
                Failure { question: Some(Box::new(question.open())), ..Failure::new(FailureKind::Waiting, message) };
            return Err(Box::new(waits));
        };
        read(question.spec, &answer).map_err(|why| {
            let why = refused(question.name, &answer, question.spec, &why);
            Box::new(Failure::new(FailureKind::Error, why))
        })
    }
}

/// The key that gets the answer to the question of this name.
fn asked(plan: &'static Plan, name: &str) -> Option<&'static KeySpec> {
    let (mut block, mut keys, mut names) = (plan.root, plan.keys, name.split('/').peekable());
    loop {
        let name = names.next()?;
        let (node, item) = name.split_once('[').map_or((name, None), |(node, rest)| (node, Some(rest)));
        let work = step(block, node)?;
        if item.is_some_and(|item| item.strip_suffix(']').is_none_or(|index| index.parse::<u64>().is_err())) {
            return None;
        }
        let called = match (work, item, names.peek()) {
            (Work::Ask(ask), None, None) => return keys.get(ask.key as usize),
            (Work::Call(call), None, Some(_)) => call.workflow,
            (Work::Map(map), Some(_), Some(_)) => map.workflow?,
            _ => return None,
        };
        (block, keys) = (called.root, called.keys);
    }
}

/// The work of a node of a workflow, wherever it is in it.
fn step(block: &Block, node: &str) -> Option<Work> {
    block.steps.iter().find_map(|step| match step.work {
        Work::FanOut(region) => region.tasks.iter().find_map(|task| self::step(task.block, node)),
        work => (step.name == node).then_some(work),
    })
}

/// The names of all questions, each as `each[…]/approve`.
fn names(plan: &'static Plan) -> Vec<String> {
    fn collect(block: &Block, path: &str, names: &mut Vec<String>) {
        for step in block.steps {
            match step.work {
                Work::Ask(_) => names.push(format!("`{path}{}`", step.name)),
                Work::Call(call) => collect(call.workflow.root, &format!("{path}{}/", step.name), names),
                Work::Map(map) => {
                    let items = format!("{path}{}[…]/", step.name);
                    map.workflow.iter().for_each(|workflow| collect(workflow.root, &items, names));
                }
                Work::FanOut(region) => region.tasks.iter().for_each(|task| collect(task.block, path, names)),
                Work::Run(_) => {}
            }
        }
    }
    let mut found = Vec::new();
    collect(plan.root, "", &mut found);
    found
}
