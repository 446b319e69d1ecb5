//! Questions on the command line: `--answer`, the terminal, and the report of a run that waits.

use std::{
    io::{self, BufRead, IsTerminal},
    sync::{
        Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use clap::{Arg, ArgAction, ArgMatches};
use serde_json::json;

use super::{args::Style, console::Console, page};
use crate::{failure::OpenQuestion, plan::Plan, question::Question, sync::lock};

/// The exit code of a run that waits for an answer: `EX_TEMPFAIL`, which says to try again later.
pub(super) const WAITS: u8 = 75;

const FLAG: &str = "answer";

/// Whether a program has this flag.
pub(super) fn has_flag(plan: &Plan, name: &str) -> bool {
    name == FLAG && plan.asks()
}

/// The flag.
pub(super) fn flag() -> Arg {
    Arg::new(FLAG)
        .long(FLAG)
        .value_name("QUESTION=ANSWER")
        .action(ArgAction::Append)
        .value_parser(answer)
        .conflicts_with("explain-settings")
        .help("Answers a question, as in `approve=yes` or `each[3]/approve=yes`, so that nobody is asked")
}

/// `QUESTION=ANSWER`.
fn answer(text: &str) -> Result<(String, String), String> {
    let (name, answer) = text.split_once('=').ok_or("write `QUESTION=ANSWER`, as in `approve=yes`")?;
    Ok((name.to_owned(), answer.to_owned()))
}

/// The answers on the command line.
pub(super) fn answers(matches: &ArgMatches) -> Vec<(String, String)> {
    matches.try_get_many(FLAG).ok().flatten().into_iter().flatten().cloned().collect()
}

/// A person at a terminal, who answers one question after the other.
pub(super) struct Person {
    console: Console,
    /// Held by whoever asks.
    heard: Mutex<Heard>,
}

struct Heard {
    say: Sender<Said>,
    said: Receiver<Said>,
    /// How many questions there were.
    count: u64,
    /// Whether a line is being read, which nothing can end.
    reads: bool,
}

enum Said {
    /// A line without its end.
    Line(String),
    /// There is nothing more to read.
    End,
    /// Nobody needs the answer to the question with this number any more.
    NotNeeded(u64),
}

impl Person {
    /// The one at the terminal, if there is one.
    pub(super) fn at(console: &Console) -> Option<Self> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let (say, said) = channel();
        Some(Self { console: console.clone(), heard: Mutex::new(Heard { say, said, count: 0, reads: false }) })
    }

    /// Asks until there is an answer. `None` if there will be none.
    pub(super) fn ask(&self, question: &Question<'_>) -> Option<String> {
        let mut heard = lock(&self.heard);
        heard.count += 1;
        let (number, say) = (heard.count, heard.say.clone());
        question.cancellation().on_cancel(move |_| _ = say.send(Said::NotNeeded(number)));
        let _silent = self.console.without_bars();
        let (name, text) = (page::plain(question.name()), page::plain(question.text()));
        self.console.print(&format!("{name}: {text}\n"));
        loop {
            self.console.print(&format!("{}: ", question.expected()));
            let answer = match heard.next(number) {
                Said::Line(line) => line,
                Said::End | Said::NotNeeded(_) => {
                    self.console.print("\n");
                    return None;
                }
            };
            if answer.trim().is_empty() {
                continue;
            }
            match question.check(&answer) {
                Ok(()) => return Some(answer),
                Err(why) => {
                    self.console.print(&format!("`{}` is no answer: {}\n", page::plain(&answer), page::plain(&why)));
                }
            }
        }
    }
}

impl Heard {
    /// What is said next, to the question with this number.
    fn next(&mut self, number: u64) -> Said {
        if !self.reads {
            let say = self.say.clone();
            let read = move || _ = say.send(line());
            self.reads = thread::Builder::new().name("tea-answers".to_owned()).spawn(read).is_ok();
            if !self.reads {
                return Said::End;
            }
        }
        loop {
            match self.said.recv() {
                Ok(Said::NotNeeded(other)) if other != number => {}
                Ok(said) => {
                    self.reads &= matches!(said, Said::NotNeeded(_));
                    return said;
                }
                Err(_) => return Said::End,
            }
        }
    }
}

/// A line of standard input.
fn line() -> Said {
    let mut line = Vec::new();
    match io::stdin().lock().read_until(b'\n', &mut line) {
        Ok(0) | Err(_) => Said::End,
        Ok(_) => Said::Line(String::from_utf8_lossy(&line).trim().to_owned()),
    }
}

/// A run that waits.
pub(super) struct Waits<'a> {
    pub(super) plan: &'a Plan,
    pub(super) questions: Vec<&'a OpenQuestion>,
    /// The name of the run, if it is recorded.
    pub(super) run: Option<&'a str>,
    /// How it can be resumed, given what is to be written after that.
    pub(super) way_on: &'a dyn Fn(&str) -> Option<String>,
}

impl Waits<'_> {
    pub(super) fn render(&self, style: Style) -> String {
        let answers =
            self.questions.iter().fold(String::new(), |answers, question| answers + " " + &shell(&question.name));
        let way_on = (self.way_on)(&answers);
        match style {
            Style::Text => self.text(way_on.as_deref(), &answers),
            Style::Json => {
                let questions: Vec<_> = self.questions.iter().map(|question| json!(question)).collect();
                let line = json!({
                    "error": "waiting",
                    "workflow": self.plan.name,
                    "file": self.plan.file,
                    "questions": questions,
                    "run": self.run,
                });
                format!("{line}\n")
            }
        }
    }

    fn text(&self, way_on: Option<&str>, answers: &str) -> String {
        let mut page = page::Page::default();
        let what = if self.questions.len() == 1 { "an answer" } else { "answers" };
        page.headline("waiting", &format!("`{}` waits for {what}", self.plan.name));
        for OpenQuestion { name, text, expected } in &self.questions {
            page.note(&format!("question `{name}`"), &format!("{text} ({expected})"));
        }
        match way_on {
            Some(way_on) => page.note("to answer", way_on),
            None => {
                page.note("to answer", &format!("this run is not recorded: start it again, with `{}`", answers.trim()));
            }
        }
        page.into_text()
    }
}

/// An answer to be filled in, as a shell takes it.
fn shell(name: &str) -> String {
    if name.contains('[') { format!("--answer '{name}=…'") } else { format!("--answer {name}=…") }
}
