//! Reports of runs: what is in them, that nothing in a run can run in them, and that they work in a browser.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    process::wait_for,
    program::Program,
    report::{read, row, with_script},
};

tea_runtime::include_workflow!("report.yaml", main = false);

fn halve(number: u64) -> Result<u64, String> {
    if number.is_multiple_of(2) { Ok(number / 2) } else { Err(format!("{number} is odd")) }
}

/// What no page may take for anything but text.
const HOSTILE: &str = "</script><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">\u{202e}\u{0}@@data@@<!--";

struct Stage(TempDir);

impl Stage {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn report(&self) -> PathBuf {
        self.path("run.html")
    }

    /// The program with a report, and these inputs.
    fn program(&self, inputs: &Value) -> Program {
        let mut all = json!({ "log": self.path("log"), "token": "very-secret-token" });
        all.as_object_mut().unwrap().extend(inputs.as_object().unwrap().clone());
        fs::write(self.path("inputs.json"), all.to_string()).unwrap();
        let program = Program::new(env!("CARGO_BIN_EXE_reported"));
        program
            .arg("--input")
            .arg(self.path("inputs.json"))
            .arg("--report")
            .arg(self.report())
            .arg("--state-dir")
            .arg(self.path("state"))
    }
}

#[test]
fn a_report_says_what_ran_what_it_cost_and_what_failed() {
    let stage = Stage::new();
    let orders = json!(["fine", "error no luck", "fine", "signal 11", "print last words; abort", "fine"]);
    let run = stage.program(&json!({ "orders": orders, "count": 10, "note": "hello" })).run();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let (data, page) = read(&stage.report());
    assert_eq!(data["state"], "succeeded");
    let obey = row(&data, "map", "obey");
    assert_eq!((&obey["done"], &obey["failed"], &obey["retries"]), (&json!(3), &json!(3), &json!(3)), "{obey}");
    assert_eq!(obey["node"], "obey");
    assert_eq!(row(&data, "map", "many")["done"], 10);
    assert_eq!(row(&data, "branch", "left")["done"], 1);
    assert_eq!(row(&data, "node", "end")["time"]["count"], 1);
    let failures = data["failures"].as_array().unwrap();
    let names: Vec<_> = failures.iter().map(|failure| failure["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(["obey[1]", "obey[3]", "obey[4]"].iter().all(|name| names.contains(name)), "{names:?}");
    let of = |name: &str| failures.iter().find(|failure| failure["name"] == name).unwrap();
    assert_eq!((&of("obey[1]")["kind"], &of("obey[1]")["attempts"]), (&json!("error"), &json!(2)));
    assert!(of("obey[1]")["place"]["line"].is_u64() && of("obey[1]")["cpu"].is_u64(), "{}", of("obey[1]"));
    // Labels might show a secret, so items of a workflow with secrets have none.
    assert_eq!(of("obey[1]")["label"], Value::Null);
    assert_eq!(of("obey[3]")["exit"], "signal 11");
    assert!(of("obey[4]")["output"].to_string().contains("last words"), "{}", of("obey[4]"));
    // All attempts are in the timeline, and the workers that were lost.
    let bars = data["bars"].as_array().unwrap();
    let sum = |at: usize| bars.iter().map(|bar| bar[at].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum(6), sum(7)), (6, 3), "{bars:?}");
    assert_eq!(data["marks"].as_array().unwrap().len(), 4);
    assert_eq!(data["workers_lost"], 4);
    assert!(data["cpu"].as_u64().unwrap() > 0 && data["bytes_sent"].as_u64().unwrap() > 0);
    // Inputs are told, but not secrets.
    assert!(data["inputs"].to_string().contains("hello") && !page.contains("very-secret-token"));
    assert!(
        data["inputs"].as_array().unwrap().contains(&json!({ "name": "token", "value": null, "note": "a secret" }))
    );
}

#[test]
fn nothing_in_a_run_is_more_than_text_in_its_report() {
    let stage = Stage::new();
    let order = format!("print {HOSTILE}; error {HOSTILE}");
    let orders = json!([order, format!("print {HOSTILE}; abort")]);
    let run = stage.program(&json!({ "orders": orders, "note": HOSTILE })).run();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let (data, page) = read(&stage.report());
    assert!(data.to_string().contains("pwned"), "it is told");
    // The page has its own three elements with scripts or data and no other, and nothing that loads anything.
    assert_eq!(page.matches("<script").count(), 2, "{page}");
    assert!(!page.contains("<img") && !page.contains('\u{202e}') && !page.contains('\0'));
    assert!(!page.contains("http://") || page.matches("http://").count() == page.matches("http://www.w3.org/").count());
}

#[test]
fn a_run_that_fails_or_is_interrupted_has_a_report_too() {
    let stage = Stage::new();
    let never = stage.path("never");
    let order = format!("wait {}", never.display());
    let running = stage.program(&json!({ "orders": ["fine", order] })).start();
    wait_for("the item", || (tests::trace::lines(&stage.path("log")).len() == 2).then_some(()));
    running.signal(Signal::INT);
    let finished = running.finish();
    assert_eq!(finished.code, Some(130), "{}", finished.stderr);
    let (data, _) = read(&stage.report());
    assert_eq!((&data["state"], &data["message"]), (&json!("cancelled"), &json!("interrupted by SIGINT")));
    let refused = stage.program(&json!({ "orders": ["error no"] })).args("--until nowhere").run();
    assert_eq!(refused.code, Some(2), "nothing ran");
    assert_eq!(read(&stage.report()).0["state"], "cancelled", "the last report is still there");
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_the_run_and_a_full_disk_after_it() {
    let stage = Stage::new();
    let inputs = json!({ "orders": ["fine"] });
    let refused = stage.program(&inputs).arg("--report").arg("/nowhere/run.html").run();
    assert_eq!(refused.code, Some(2), "given twice: {}", refused.stderr);
    let program = |to: &str| {
        let program = Program::new(env!("CARGO_BIN_EXE_reported"));
        stage.program(&inputs);
        program.arg("--no-state").arg("--input").arg(stage.path("inputs.json")).arg("--report").arg(to)
    };
    let refused = program("/nowhere/run.html").run();
    assert!(refused.failure(2).contains("cannot write `--report /nowhere/run.html`"), "{}", refused.stderr);
    assert!(!stage.path("log").exists(), "it did not run");
    let full = program("/dev/full").run();
    assert_eq!(full.code, Some(1));
    assert!(full.stderr.contains("cannot write `--report /dev/full`"), "{}", full.stderr);
    assert!(full.stdout.contains("\"done\""), "the output is still written: {}", full.stdout);
}

#[test]
fn a_hundred_thousand_items_are_a_small_page() {
    let stage = Stage::new();
    let run = stage.program(&json!({ "count": 100_000 })).run();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let (data, page) = read(&stage.report());
    assert_eq!(
        (&row(&data, "map", "many")["done"], &row(&data, "map", "many")["time"]["count"]),
        (&json!(100_000), &json!(100_000))
    );
    assert!(data["bars"].as_array().unwrap().len() <= 40_000 && page.len() < 8 << 20, "{} bytes", page.len());
}

#[test]
fn a_recorded_run_has_a_report_from_its_records() {
    let stage = Stage::new();
    let run = stage.program(&json!({ "orders": ["fine", "error no", "fine"], "count": 5 })).run();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let runs = |args: &str| {
        let program = Program::new(env!("CARGO_BIN_EXE_reported")).args("runs --state-dir").arg(stage.path("state"));
        program.args(args).run().stdout
    };
    let list = runs("");
    let name = list.split_whitespace().next().unwrap();
    let shown = runs(&format!("show {name} --report {}", stage.path("records.html").display()));
    assert!(shown.contains("report "), "{shown}");
    let (data, page) = read(&stage.path("records.html"));
    assert_eq!((&data["state"], &data["run"], &data["elapsed"]), (&json!("succeeded"), &json!(name), &Value::Null));
    assert_eq!((&row(&data, "map", "obey")["done"], &row(&data, "map", "obey")["failed"]), (&json!(2), &json!(1)));
    assert_eq!((&row(&data, "map", "many")["done"], &row(&data, "branch", "left")["done"]), (&json!(5), &json!(1)));
    let failures = data["failures"].as_array().unwrap();
    assert_eq!((failures.len(), &failures[0]["name"], &failures[0]["attempts"]), (1, &json!("obey[1]"), &json!(2)));
    assert!(!page.contains("very-secret-token"));
}

#[test]
fn a_run_from_rust_can_have_a_report() {
    let stage = Stage::new();
    let run = |number| halving::builder().report(stage.report()).run(halving::Input::new(number));
    assert_eq!(run(4).unwrap().half, 2);
    let (data, _) = read(&stage.report());
    assert_eq!((&data["state"], &row(&data, "node", "halve")["done"]), (&json!("succeeded"), &json!(1)));
    assert_eq!(data["inputs"], json!([{ "name": "number", "value": "4", "note": null }]));
    run(5).unwrap_err();
    let (data, _) = read(&stage.report());
    assert_eq!((&data["state"], &data["failures"][0]["message"]), (&json!("failed"), &json!("5 is odd")));
    let refused = halving::builder().report("/nowhere/run.html").run(halving::Input::new(4)).unwrap_err();
    assert!(refused.is_input() && refused.to_string().contains("/nowhere/run.html"), "{refused}");
}

/// What the page says after the clicks of a script, which puts it into the title at once: frames may come late.
fn clicked(stage: &Stage, script: &str) -> Option<String> {
    let chromium = ["chromium", "chromium-browser", "google-chrome"].into_iter();
    let Some(chromium) = chromium.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok()) else {
        eprintln!("not tested: reports in a browser, since there is no chromium");
        return None;
    };
    let page = with_script(&read(&stage.report()).1, script);
    let (path, profile) = (stage.path("clicked.html"), stage.path("profile"));
    fs::write(&path, page).unwrap();
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let title = dom.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    let title = title.unwrap_or_else(|| panic!("no title: {dom}\n{}", String::from_utf8_lossy(&output.stderr))).0;
    Some(title.to_owned())
}

/// Clicks through a report: a node, the heads of the table, the search, a failure, the zoom, and a bar of the timeline.
const CLICKS: &str = r##"
addEventListener("error", event => { document.title = `error: ${event.message}`; });
{
  drawTimeline();
  const told = [], find = selector => document.querySelector(selector);
  find('#picture .node[data-node="obey"]').dispatchEvent(new MouseEvent("click", { bubbles: true }));
  told.push(find("#rows .chosen td").textContent);
  const head = [...document.querySelectorAll("#columns button")].find(button => button.textContent === "Failed");
  head.click();
  told.push(find("#rows tr td").textContent);
  find("#find").value = "man"; find("#find").dispatchEvent(new Event("input"));
  told.push(document.querySelectorAll("#rows tr").length);
  find("details.failure summary").click();
  told.push(document.querySelectorAll("details.failure[open]").length);
  find("#colors").value = "time"; find("#colors").dispatchEvent(new Event("change"));
  for (const button of document.querySelectorAll("[data-zoom]")) button.click();
  find("#find").value = ""; find("#find").dispatchEvent(new Event("input"));
  const canvas = find("#canvas"), box = canvas.getBoundingClientRect();
  let found = false;
  for (let x = box.left + 70; x < box.right && !found; x += 2) for (let y = box.top + 30; y < box.bottom && !found; y += 9) {
    canvas.dispatchEvent(new MouseEvent("click", { clientX: x, clientY: y, bubbles: true }));
    found = find("#under").textContent.includes("obey");
  }
  told.push(found, find("#state").textContent, document.querySelectorAll("img").length);
  document.title = told.join("|");
}
"##;

#[test]
fn a_report_can_be_clicked_through_in_a_browser_and_runs_nothing_of_the_run() {
    let stage = Stage::new();
    let hostile = format!("print {HOSTILE}; error {HOSTILE}");
    let orders = json!(["fine", hostile, "signal 11", "fine"]);
    let run = stage.program(&json!({ "orders": orders, "count": 100, "note": HOSTILE })).run();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    if let Some(title) = clicked(&stage, CLICKS) {
        assert_eq!(title, "obey|obey|1|1|true|succeeded|0");
    }
}

#[test]
fn a_page_of_a_hundred_thousand_items_can_be_drawn() {
    let stage = Stage::new();
    let run = stage.program(&json!({ "count": 100_000 })).run();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let script = r##"
        look(end / 3, end / 2); drawTimeline();
        document.title = `${data.bars.length > 0} ${document.querySelectorAll("#rows tr").length}`;
    "##;
    if let Some(title) = clicked(&stage, script) {
        assert_eq!(title, "true 8");
    }
}

#[test]
fn the_path_of_a_report_may_be_anything() {
    let stage = Stage::new();
    let folder = stage.path("a <b> & \"c\"");
    fs::create_dir(&folder).unwrap();
    let program = Program::new(env!("CARGO_BIN_EXE_reported")).arg("--report").arg(folder.join("r.html"));
    let run = program.arg("--no-state").arg("--log").arg(Path::new(&folder).join("log")).run();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(read(&folder.join("r.html")).0["state"], "succeeded");
}
