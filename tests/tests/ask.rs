//! Questions to a person: at a terminal, on the command line of a run that goes on, and from a program of the caller's.

use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{
    process::wait_for,
    program::{Finished, Program},
    report::{read, row},
    trace::lines,
};

const WAITS: i32 = 75;

/// A program with a folder for its records and its log.
struct Flow {
    name: &'static str,
    folder: tempfile::TempDir,
}

impl Flow {
    fn new(name: &'static str) -> Self {
        Self { name, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The program, with these arguments.
    fn with(&self, args: &str) -> Program {
        Program::new(env!("CARGO_BIN_EXE_asks"))
            .env("FLOW", self.name)
            .env("TZ", "UTC")
            .args("--state-dir")
            .arg(self.path("state"))
            .args(args)
    }

    /// The same for a run that begins.
    fn anew(&self, args: &str) -> Program {
        self.with(args).arg("--log").arg(self.path("log"))
    }

    fn log(&self) -> Vec<String> {
        lines(&self.path("log"))
    }
}

/// What a run says that waits.
fn waiting(finished: &Finished) -> &str {
    let text = finished.failure(WAITS);
    assert!(text.contains("waiting: "), "{text}");
    text
}

/// The command that it says to go on with, without the program, and with these answers in place of the dots.
fn way_on(text: &str, answers: &[&str]) -> Vec<String> {
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("= to answer: `asks "))
        .unwrap_or_else(|| panic!("{text}"));
    let mut answers = answers.iter();
    let words = line.trim_end_matches('`').split(' ').map(|word| word.trim_matches('\''));
    let fill = |word: &str| match word.strip_suffix('…') {
        Some(question) => format!("{question}{}", answers.next().expect("an answer for each question")),
        None => word.to_owned(),
    };
    words.map(fill).collect()
}

fn go_on(flow: &Flow, text: &str, answers: &[&str]) -> Finished {
    let program = Program::new(env!("CARGO_BIN_EXE_asks")).env("FLOW", flow.name);
    way_on(text, answers).iter().fold(program, Program::arg).run()
}

#[test]
fn without_a_terminal_a_run_waits_and_goes_on_with_the_answer() {
    let flow = Flow::new("publish");
    let first = flow.anew("--pages 7").run();
    let text = waiting(&first);
    assert!(text.contains("`publish` waits for an answer\n"), "{text}");
    assert!(text.contains("= question `approve`: Publish 7 pages? (`yes` or `no`)\n"), "{text}");
    assert_eq!(flow.log(), ["draft", "ended: waiting"]);
    let program = Program::new(env!("CARGO_BIN_EXE_asks")).env("FLOW", flow.name);
    let listed = program.args("runs --state-dir").arg(flow.path("state")).run().stdout;
    assert!(listed.contains("waits for an answer; can be resumed"), "{listed}");

    // It waits as long as nobody answers, and does nothing again.
    let again = flow.with("--resume").run();
    assert_eq!(waiting(&again), text);
    assert_eq!(flow.log(), ["draft", "ended: waiting", "ended: waiting"]);

    let done = go_on(&flow, text, &["yes"]);
    assert_eq!(done.json(), json!({ "pages": 7, "approved": true, "published": 7 }));
    assert_eq!(flow.log()[3..], ["publish", "ended: success"]);
}

/// An answer is recorded like what any node gives: a run that is killed later does not ask again.
#[test]
fn an_answer_is_kept_and_asked_for_again_only_if_what_the_question_shows_has_changed() {
    let flow = Flow::new("publish");
    let text = waiting(&flow.anew("").run()).to_owned();
    assert_eq!(go_on(&flow, &text, &["no"]).json()["published"], 0);
    let run = way_on(&text, &["no"])[1].clone();
    let resume = |more: &str| flow.with("--resume").arg(&run).args(more).run();
    assert_eq!(resume("").json()["approved"], false);
    let changed = resume("--pages 4");
    assert!(waiting(&changed).contains("Publish 4 pages?"), "{}", changed.stderr);
}

#[test]
fn wrong_answers_are_refused_before_anything_runs() {
    let flow = Flow::new("publish");
    for (answer, why) in [
        ("approve=maybe", "`maybe` is no answer to `approve`, where `yes` or `no` is expected"),
        ("aprove=yes", "there is no question `aprove`, but `approve`"),
        ("approve/x=yes", "there is no question `approve/x`"),
        ("approve", "write `QUESTION=ANSWER`"),
    ] {
        let refused = flow.anew("").arg("--answer").arg(answer).run();
        assert!(refused.failure(2).contains(why), "{answer}: {}", refused.stderr);
    }
    assert!(flow.log().is_empty());
    // One that holds from the start.
    assert_eq!(flow.anew("--answer approve=Yes").run().json()["approved"], true);
}

#[test]
fn for_programs_a_run_that_waits_says_so_in_one_line() {
    let flow = Flow::new("publish");
    let first = flow.anew("-q --error-format json").run();
    let line: Value = serde_json::from_str(first.failure(WAITS).lines().last().unwrap()).unwrap();
    assert_eq!(line["error"], "waiting");
    let expected = json!([{ "name": "approve", "text": "Publish 3 pages?", "expected": "`yes` or `no`" }]);
    assert_eq!(line["questions"], expected);
    let run = line["run"].as_str().unwrap();
    assert_eq!(flow.with("--resume").arg(run).args("--answer approve=off").run().json()["approved"], false);
}

#[test]
fn at_a_terminal_a_person_is_asked_until_the_answer_is_one() {
    let flow = Flow::new("types");
    let program = Program::new(env!("CARGO_BIN_EXE_asks")).env("FLOW", flow.name);
    let (running, mut terminal) = program.start_at_terminal();
    terminal.shows("title: Title?", 1);
    // An empty line is no answer.
    terminal.types("\nTea & \"more\"\n");
    terminal.shows("copies: How many copies of \"Tea & \"more\"\" ({all})?", 1);
    terminal.types("many\n");
    terminal.shows("`many` is no answer", 1);
    terminal.types("-1\n");
    terminal.shows("`-1` is no answer", 1);
    terminal.types("\n12\n");
    terminal.shows("level: Which level?", 1);
    terminal.shows("one of `draft`, `final`", 1);
    terminal.types("last\n");
    terminal.shows("`last` is no answer", 1);
    terminal.types("final\n");
    terminal.shows("Copies: 12\r\nHow?\r\none of `fast`, `careful`: ", 1);
    terminal.types("slow\n");
    terminal.shows("`slow` is no answer: it is none of them", 1);
    terminal.types("careful\n");
    let output = running.finish().json();
    let expected = json!({ "title": "Tea & \"more\"", "copies": 12, "level": "final", "mode": "careful" });
    assert_eq!(output, expected, "{}", terminal.screen());
}

/// What is piped into a program is no answer of a person: a job must not go on because of what a pipe holds.
#[test]
fn without_a_terminal_nothing_is_read() {
    let flow = Flow::new("publish");
    let first = flow.anew("").stdin("yes\n").run();
    let text = waiting(&first);
    assert!(!text.contains("`yes` or `no`: "), "nobody is asked: {text}");
}

/// What a question shows may come from anywhere.
#[test]
fn questions_cannot_write_what_they_like_on_a_terminal() {
    let flow = Flow::new("types");
    let program =
        || Program::new(env!("CARGO_BIN_EXE_asks")).env("FLOW", flow.name).arg("--answer").arg("title=a\u{1b}[2Jb");
    let (running, mut terminal) = program().start_at_terminal();
    terminal.shows("How many copies of \"a", 1);
    terminal.types("\u{4}");
    assert_eq!(running.finish().code, Some(WAITS));
    let first = program().run();
    for text in [terminal.screen().as_str(), waiting(&first)] {
        assert!(!text.contains("\u{1b}[2J"), "{text:?}");
    }
}

#[test]
fn a_run_that_is_not_recorded_says_how_to_answer_from_the_start() {
    let first = Program::new(env!("CARGO_BIN_EXE_asks")).env("FLOW", "types").run();
    assert!(waiting(&first).contains("start it again, with `--answer title=…`"), "{}", first.stderr);
    let answers = "--answer title=T --answer copies=2 --answer level=draft --answer mode=fast";
    let done = Program::new(env!("CARGO_BIN_EXE_asks")).env("FLOW", "types").args(answers).run().json();
    assert_eq!(done, json!({ "title": "T", "copies": 2, "level": "draft", "mode": "fast" }));
}

#[test]
fn ctrl_c_at_a_question_ends_the_run_which_can_be_resumed() {
    let flow = Flow::new("publish");
    let (running, mut terminal) = flow.anew("").start_at_terminal();
    terminal.shows("Publish 3 pages?", 1);
    // As the terminal sends it, to all who are at it.
    terminal.types("\u{3}");
    let finished = running.finish();
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(130), ""), "{}", terminal.screen());
    terminal.shows("interrupted by SIGINT", 1);
    assert_eq!(flow.log(), ["draft", "ended: cancelled"]);
    let (running, mut terminal) = flow.with("--resume").start_at_terminal();
    terminal.shows("Publish 3 pages?", 1);
    terminal.types("perhaps\n");
    terminal.shows("`perhaps` is no answer", 1);
    terminal.types("y\n");
    assert_eq!(running.finish().json()["approved"], true);
    assert_eq!(flow.log(), ["draft", "ended: cancelled", "publish", "ended: success"]);
}

/// The end of what is typed leaves the question open.
#[test]
fn whoever_types_ctrl_d_lets_the_run_wait() {
    let flow = Flow::new("publish");
    let (running, mut terminal) = flow.anew("").start_at_terminal();
    terminal.shows("Publish 3 pages?", 1);
    terminal.types("\u{4}");
    assert_eq!(running.finish().code, Some(WAITS));
    terminal.shows("to answer", 1);
    assert_eq!(flow.with("--resume --answer approve=yes").run().json()["approved"], true);
}

#[test]
fn a_program_that_is_killed_at_a_question_asks_it_again() {
    let flow = Flow::new("publish");
    let (running, terminal) = flow.anew("").start_at_terminal();
    terminal.shows("Publish 3 pages?", 1);
    running.signal(Signal::KILL);
    assert_eq!(running.finish().signal, Some(9));
    assert_eq!(flow.with("--resume --answer approve=yes").run().json()["approved"], true);
    assert_eq!(flow.log(), ["draft", "publish", "ended: success"]);
}

/// Neither `allow_failure` nor `fail_fast` nor `retry` takes a question for a failure, and the nodes around it do not run again.
#[test]
fn branches_ask_at_the_same_time_and_each_goes_on_with_its_answer() {
    let flow = Flow::new("both");
    let first = flow.anew("").run();
    let text = waiting(&first);
    for question in ["question `ask_left`: Left?", "question `ask_right`: Right?"] {
        assert_eq!(text.matches(question).count(), 1, "{text}");
    }
    assert_eq!(flow.log(), ["prepare"]);
    let one = flow.with("--resume --answer ask_right=yes").run();
    let text = waiting(&one);
    assert!(text.contains("Left?") && !text.contains("Right?"), "{text}");
    let done = go_on(&flow, text, &["no"]).json();
    assert_eq!(done, json!({ "left": false, "right": true, "first": 1, "last": 2 }));
    assert_eq!(flow.log(), ["prepare", "close"]);
    // At a terminal, one after the other.
    let flow = Flow::new("both");
    let (running, mut terminal) = flow.anew("--max-workers 2").start_at_terminal();
    terminal.shows("`yes` or `no`: ", 1);
    let first = if terminal.screen().contains("Left?") { "no\n" } else { "yes\n" };
    terminal.types(first);
    terminal.shows("`yes` or `no`: ", 2);
    terminal.types(if first == "no\n" { "yes\n" } else { "no\n" });
    assert_eq!(running.finish().json(), done, "{}", terminal.screen());
}

#[test]
fn items_ask_by_their_names_and_what_they_had_done_is_not_done_again() {
    let flow = Flow::new("each");
    let first = flow.anew("--names a,bad,c").run();
    let text = waiting(&first);
    assert!(text.contains("question `each[0]/approve`: Take a of 7?"), "{text}");
    assert!(text.contains("question `each[2]/approve`: Take c of 7?"), "{text}");
    assert!(!text.contains("bad"), "what is allowed to fail is no question: {text}");
    assert!(text.contains("--answer 'each[0]/approve=…' --answer 'each[2]/approve=…'"), "{text}");
    let second = go_on(&flow, text, &["yes", "no"]);
    let text = waiting(&second);
    assert!(text.contains("question `each[0]/sure`") && !text.contains("approve"), "{text}");
    let done = go_on(&flow, text, &["yes", "yes"]).json();
    assert_eq!(done["texts"], json!(["a: true true", "c: false true"]));
    let failed = &done["failed"][0];
    assert_eq!((&failed["index"], &failed["place"]["line"]), (&json!(1), &json!(10)));
    assert!(failed["file"].as_str().unwrap().ends_with("asks/one.yaml"), "where that line is: {failed}");
    let mut log = flow.log();
    log.sort();
    assert_eq!(log, ["measure a", "measure c"]);
}

#[test]
fn in_a_dataflow_everything_is_done_that_does_not_need_the_answer() {
    let flow = Flow::new("dataflow");
    let first = flow.anew("--max-workers 1").run();
    let text = waiting(&first);
    assert!(text.contains("question `approve`: Take 3? (`yes` or `no`)"), "{text}");
    assert_eq!(flow.log(), ["measure", "beside", "follow"]);
    let done = go_on(&flow, text, &["yes"]).json();
    assert_eq!(done, json!({ "size": 3, "approved": true, "other": 2, "published": 5 }));
    assert_eq!(flow.log()[3..], ["publish"]);
}

/// Whoever waits for a person lets another item run.
#[test]
fn while_a_person_thinks_the_next_item_runs() {
    let flow = Flow::new("each");
    let (running, mut terminal) = flow.anew("--names a,b --max-workers 1").start_at_terminal();
    // Which of the two asks first is open.
    terminal.shows(" of 7?", 1);
    wait_for("the next item", || (flow.log() == ["measure a", "measure b"]).then_some(()));
    for asked in 1..=4 {
        terminal.shows("`yes` or `no`: ", asked);
        terminal.types("yes\n");
    }
    assert_eq!(running.finish().json()["texts"], json!(["a: true true", "b: true true"]), "{}", terminal.screen());
}

/// Items of items, branches in items, and calls in branches. That others wait does not open a circuit.
#[test]
fn questions_are_asked_at_any_depth_by_what_leads_to_them() {
    let flow = Flow::new("deep");
    let first = flow.anew("--names a,b").run();
    let text = waiting(&first);
    let parts = ["each[0]/parts[0]/good", "each[0]/parts[1]/good", "each[1]/parts[0]/good", "each[1]/parts[1]/good"];
    for (part, shown) in parts.iter().zip(["0 of a", "1 of a", "0 of b", "1 of b"]) {
        assert!(text.contains(&format!("question `{part}`: Is part {shown} good?")), "{text}");
    }
    let second = go_on(&flow, text, &["yes", "no", "no", "yes"]);
    let text = waiting(&second);
    assert!(text.contains("question `each[0]/sure`: Sure of a?") && text.contains("question `each[1]/sure`"), "{text}");
    let mut log = flow.log();
    log.sort();
    assert_eq!(log, ["left a", "left b"]);
    let third = go_on(&flow, text, &["yes", "no"]);
    let text = waiting(&third);
    assert!(text.contains("question `once/sure`: All 2?") && !text.contains("each["), "{text}");
    let done = go_on(&flow, text, &["yes"]).json();
    assert_eq!(done["texts"], json!(["a: [true, false] 1 true", "b: [false, true] 1 false"]));
    assert_eq!((&done["called"], flow.log().len()), (&json!(true), 2));
    let many = Flow::new("deep").anew("--names a,b,c,d --max-workers 1").run();
    assert!(waiting(&many).contains("question `each[3]/parts[0]/good`"), "{}", many.stderr);
    // All of them at once, on one worker.
    let answers = parts.iter().fold(flow.anew("--names a,b --max-workers 1"), |program, part| {
        program.arg("--answer").arg(format!("{part}=yes"))
    });
    let answers = answers.args("--answer each[0]/sure=no --answer each[1]/sure=no --answer once/sure=no");
    assert_eq!(answers.run().json()["texts"], json!(["a: [true, true] 1 false", "b: [true, true] 1 false"]));
}

/// An answer holds for one time that the question is asked.
#[test]
fn a_question_in_a_loop_is_asked_at_each_turn() {
    let flow = Flow::new("again");
    let mut text = waiting(&flow.with("--answer more=yes").run()).to_owned();
    assert!(text.contains("After 2, more?"), "{text}");
    text = waiting(&go_on(&flow, &text, &["yes"])).to_owned();
    assert!(text.contains("After 3, more?"), "{text}");
    assert_eq!(go_on(&flow, &text, &["no"]).json(), json!({ "turn": 3, "more": false }));
    let finished = flow.with("--answer more=no --answer more=yes").run();
    assert_eq!(finished.json()["turn"], 1);
    assert!(
        finished.stderr.contains("`more` was not asked, so the answer that was given has not been used"),
        "{}",
        finished.stderr
    );
}

#[test]
fn with_join_a_question_is_waited_for_only_if_it_is_needed() {
    let flow = Flow::new("one_of");
    assert_eq!(flow.anew("--max-workers 1").run().json()["answer"], 1);
    let flow = Flow::new("one_of");
    let first = flow.anew("--fails").run();
    let text = waiting(&first);
    assert!(text.contains("What is it?") && !text.contains("error: "), "{text}");
    let done = go_on(&flow, text, &["42"]).json();
    assert_eq!(done["answer"], 42);
}

#[test]
fn a_report_tells_what_waits_and_that_it_has_not_failed() {
    let flow = Flow::new("each");
    let report = flow.path("run.html");
    let first = flow.anew("--names a,bad,c").arg("--report").arg(&report).run();
    let (text, (data, _)) = (waiting(&first), read(&report));
    let questions = data["questions"].as_array().unwrap();
    assert_eq!(questions[0], json!({ "name": "each[0]/approve", "text": "Take a of 7?", "expected": "`yes` or `no`" }));
    assert_eq!(
        (&data["state"], questions.len(), &questions[1]["name"]),
        (&json!("waiting"), 2, &json!("each[2]/approve"))
    );
    let each = row(&data, "map", "each");
    assert_eq!((&each["done"], &each["failed"], &each["unfinished"]), (&json!(0), &json!(1), &json!(2)), "{each}");
    let failures = data["failures"].as_array().unwrap();
    assert_eq!(
        (failures.len(), &failures[0]["name"], &failures[0]["label"]),
        (1, &json!("each[1]"), &json!("bad")),
        "{failures:?}"
    );
    assert!(
        data["bars"].as_array().unwrap().iter().all(|bar| bar[9] != "each[0] (a)" || bar[6] == 0),
        "{}",
        data["bars"]
    );
    let run = data["run"].as_str().unwrap();
    let recorded = flow.path("records.html");
    let program = Program::new(env!("CARGO_BIN_EXE_asks")).env("FLOW", flow.name);
    let program = program.args("runs --state-dir").arg(flow.path("state")).args("show").arg(run);
    let shown = program.arg("--report").arg(&recorded).run();
    assert!(shown.stdout.contains("question  each[0]/approve: Take a of 7? (`yes` or `no`)\n"), "{}", shown.stdout);
    let (from_records, _) = read(&recorded);
    assert_eq!((&from_records["state"], &from_records["questions"]), (&json!("waiting"), &data["questions"]));

    let done = go_on(&flow, waiting(&go_on(&flow, text, &["yes", "no"])), &["yes", "yes"]);
    assert_eq!(done.json()["texts"], json!(["a: true true", "c: false true"]));
}

#[test]
fn drawings_and_help_tell_of_questions() {
    let flow = Flow::new("publish");
    let program = || Program::new(env!("CARGO_BIN_EXE_asks")).env("FLOW", flow.name);
    let drawn = program().args("graph").run().stdout;
    assert!(drawn.contains("approve<br/>asks a person"), "{drawn}");
    let json: Value = serde_json::from_str(&program().args("graph --format json").run().stdout).unwrap();
    assert_eq!(json["nodes"][1]["asks"], true);
    assert!(program().args("--help").run().stdout.contains("--answer <QUESTION=ANSWER>"));
    assert!(
        !Program::new(env!("CARGO_BIN_EXE_policies"))
            .env("FLOW", "plain")
            .args("--help")
            .run()
            .stdout
            .contains("--answer")
    );
}

/// In a program of one's own.
mod library {
    use std::sync::{Arc, Mutex};

    use serde_json::json;
    use tea_runtime::{CancellationToken, Question};

    tea_runtime::include_workflow!("ask.yaml", main = false, allow = [TEA0907]);

    fn doubled(count: u32) -> u32 {
        2 * count
    }

    fn input() -> ask::Input {
        ask::Input { count: 5 }
    }

    #[test]
    fn a_program_answers_by_itself_or_leaves_questions_open() {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&asked);
        let ask = move |question: &Question<'_>| {
            assert!(question.check("many").is_err() && question.check("3").is_ok());
            heard.lock().unwrap().push(format!("{}: {} ({})", question.name(), question.text(), question.expected()));
            Some("3".to_owned())
        };
        let output = ask::builder().answer("inner/sure", "on").on_question(ask).run(input()).unwrap();
        assert_eq!((output.more, output.sure), (3, true));
        assert_eq!(*asked.lock().unwrap(), ["more: How many more than 10? (a whole number, not below zero)"]);

        let error = ask::run(input()).unwrap_err();
        assert!(error.is_waiting() && !error.is_cancelled());
        let questions = serde_json::to_value(error.questions()).unwrap();
        assert_eq!(questions[0]["name"], json!("more"));
        assert_eq!(
            error.to_string(),
            "workflow `ask` is not done: node `more`: waits for an answer: How many more than 10?"
        );
        // Inside a call, also without listeners.
        let error = ask::builder().answer("more", "1").run(input()).unwrap_err();
        assert_eq!(error.questions()[0].name, "inner/sure");
    }

    #[test]
    fn what_is_no_answer_fails_the_node_and_a_wrong_name_the_run() {
        let error = ask::builder().on_question(|_| Some("many".to_owned())).run(input()).unwrap_err();
        assert!(!error.is_waiting() && error.to_string().contains("`many` is no answer to `more`"), "{error}");
        let error = ask::builder().answer("mroe", "1").run(input()).unwrap_err();
        assert!(error.is_input() && error.to_string().contains("no question `mroe`"), "{error}");
        let error = ask::builder().on_question(|_| panic!("nobody there")).run(input()).unwrap_err();
        assert!(error.to_string().contains("nobody there"), "{error}");
    }

    #[test]
    fn whoever_waits_for_an_answer_can_be_told_to_stop() {
        let token = CancellationToken::new();
        let stop = token.clone();
        let ask = move |question: &Question<'_>| {
            stop.cancel();
            assert!(question.cancellation().is_cancelled());
            None
        };
        let error = ask::builder().cancellation(token).on_question(ask).run(input()).unwrap_err();
        assert!(error.is_cancelled(), "{error}");
    }
}

/// The way to the records in a message is that of the run.
#[test]
fn the_folder_of_the_records_is_part_of_what_is_to_be_written() {
    let flow = Flow::new("publish");
    let first = flow.anew("").run();
    let folder = flow.path("state");
    assert!(waiting(&first).contains(&format!("--state-dir {} --answer approve=…`", Path::new(&folder).display())));
}
