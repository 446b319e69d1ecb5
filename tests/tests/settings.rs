//! Settings that are changed without a build, compared with what the compiler makes of the same text in the workflow file.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Map, Value, json};
use tea_build::{
    diagnostic::Diagnostics,
    plan::{Plan, Policy, Work},
    source::Sources,
};
use tests::program::Program;

tea_runtime::include_workflow!("settings.yaml", main = false);
tea_runtime::include_workflow!("settings_why.yaml", main = false);

/// Texts for the settings of each kind: right ones, and wrong ones of all sorts.
const TEXTS: &[(&str, &[&str])] = &[
    ("parallel_strategy", &["thread", "process", "gpu", "Thread"]),
    ("timeout", TIMES),
    ("timeout_total", TIMES),
    ("grace", TIMES),
    ("allow_failure", TRUTHS),
    ("memory_limit", SIZES),
    ("max_payload", SIZES),
    ("max_tasks_per_worker", COUNTS),
    ("idempotent", TRUTHS),
    ("retry.max_retries", COUNTS),
    ("retry.base_delay", TIMES),
    ("retry.backoff_multiplier", &["1", "1.5", "1e3", "0.5", "nan", "inf", "1e7", "two", "-2"]),
    ("retry.max_delay", TIMES),
    ("retry.jitter", TRUTHS),
    ("retry.retry_on", &["error", "error,panic", "timeout", "crash", "crash,timeout", "lost", "segfault", "Error"]),
    ("circuit_breaker.failure_threshold", COUNTS),
    ("circuit_breaker.reset_timeout", TIMES),
    ("circuit_breaker.half_open_max_calls", COUNTS),
    ("max_workers", COUNTS),
    ("fail_fast", TRUTHS),
];

const TIMES: &[&str] = &[
    "20s", "1m30s", "1m 30s", "100ms", "2h", "7d", "0s", "0", "20", "1.5", "1.5s", "-1s", "5M", "3w", "1y", "2months",
    "200000d", "s", "soon", "1us", "12ns", "1month", "36500d", "36501d",
];
const TRUTHS: &[&str] = &["true", "false", "yes", "no", "True", "1", "maybe"];
const SIZES: &[&str] = &[
    "512MiB", "1GB", "64KiB", "1.5GiB", "0B", "0", "12", "1.5", "12B", "1kB", "2EiB", "1PiB", "huge", "MiB", "-1MiB",
    "512 MiB", "512mib", "1g",
];
const COUNTS: &[&str] = &[
    "0",
    "1",
    "7",
    "-1",
    "1.5",
    "4294967295",
    "4294967296",
    "1_000",
    "1,000",
    "99999999999999999999",
    "0x10",
    "many",
    "+3",
    "007",
];

/// A value in YAML as it would be written there.
fn yaml(name: &str, text: &str) -> Value {
    if name == "retry.retry_on" {
        return text.split(',').collect();
    }
    Value::String(text.to_owned())
}

/// The file with a setting of one node; scalars are written plainly.
fn with(file: &str, node: &str, setting: &str, text: &str) -> String {
    let value = match yaml(setting, text) {
        Value::String(text) => text,
        list => list.to_string(),
    };
    let entry = match setting.split_once('.') {
        Some(("retry", "max_retries")) => format!("retry: {{ max_retries: {value} }}"),
        Some(("retry", entry)) => format!("retry: {{ max_retries: 1, {entry}: {value} }}"),
        Some((outer, entry)) => format!("{outer}: {{ {entry}: {value} }}"),
        None => format!("{setting}: {value}"),
    };
    let old = format!("name: {node}, type: dynamic_parallel, items: numbers, run: item / 2, output: halves");
    let without = file.replace("parallel_strategy: process, timeout: 1m }", "KEPT }");
    let kept: Vec<_> = [("parallel_strategy", "process"), ("timeout", "1m")]
        .iter()
        .filter(|(name, _)| *name != setting)
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let without = without.replace("KEPT", &kept.join(", "));
    let new = without.replace(&old, &format!("{old}, {entry}"));
    assert_ne!(new, without);
    new
}

fn compiled(path: &Path, text: &str) -> Result<Plan, String> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let file = sources.add(path, text.to_owned());
    let plan = tea_build::plan(&mut sources, file, &mut found);
    let wrong = found.into_sorted().into_iter().map(|found| found.message).collect::<Vec<_>>().join("; ");
    plan.ok_or(wrong)
}

/// What the compiler makes of a setting, as the program shows it.
fn shown(policy: &Policy, max_workers: Option<u32>, fail_fast: bool, setting: &str) -> String {
    let time = |time: std::time::Duration| humantime::format_duration(time).to_string().replace(' ', "");
    let none = || "none".to_owned();
    let retry = policy.retry.clone().unwrap_or_default();
    let breaker = policy.circuit_breaker.clone();
    match setting {
        "parallel_strategy" => format!("{:?}", policy.strategy).to_lowercase(),
        "timeout" => policy.timeout.map_or_else(none, time),
        "timeout_total" => policy.timeout_total.map_or_else(none, time),
        "grace" => time(policy.grace.unwrap()),
        "allow_failure" => policy.allow_failure.unwrap_or(false).to_string(),
        "idempotent" => policy.idempotent.is_none_or(|given| given.0).to_string(),
        "memory_limit" => policy.memory_limit.unwrap().to_string(),
        "max_payload" => policy.max_payload.unwrap().to_string(),
        "max_tasks_per_worker" => policy.max_tasks_per_worker.unwrap().to_string(),
        "retry.max_retries" => retry.max_retries.to_string(),
        "retry.base_delay" => time(retry.base_delay),
        "retry.backoff_multiplier" => retry.backoff_multiplier.to_string(),
        "retry.max_delay" => time(retry.max_delay),
        "retry.jitter" => retry.jitter.to_string(),
        "retry.retry_on" => format!("{:?}", retry.retry_on).to_lowercase().replace(['[', ']', ' '], ""),
        "circuit_breaker.failure_threshold" => breaker.unwrap().failure_threshold.to_string(),
        "circuit_breaker.reset_timeout" => time(breaker.unwrap().reset_timeout),
        "circuit_breaker.half_open_max_calls" => breaker.unwrap().half_open_max_calls.to_string(),
        "max_workers" => max_workers.unwrap().to_string(),
        "fail_fast" => fail_fast.to_string(),
        other => panic!("{other}"),
    }
}

/// The value of a setting among those that hold.
fn held(explained: &str, setting: &str) -> String {
    let (value, _) = explained_as(explained, setting);
    value.to_owned()
}

/// The value of a setting, and where it comes from.
fn explained_as<'e>(explained: &'e str, setting: &str) -> (&'e str, &'e str) {
    let line = explained.lines().find_map(|line| line.strip_prefix(setting)?.strip_prefix(' ')).expect(setting);
    let (value, why) = line.trim_start().split_once(' ').unwrap();
    (value, why.trim())
}

#[test]
fn the_program_reads_values_as_the_compiler_does() {
    let file = include_str!("settings.yaml");
    for (setting, texts) in TEXTS {
        for text in *texts {
            let name = format!("halve.{setting}");
            // As for the compiler, retries need a number of them.
            let mut builder = settings::builder();
            if setting.starts_with("retry.") && *setting != "retry.max_retries" {
                builder = builder.set("halve.retry.max_retries", "1");
            }
            let ours = builder.set(&name, text).explain_settings();
            let theirs = compiled(Path::new("settings.yaml"), &with(file, "halve", setting, text));
            match (ours, theirs) {
                (Ok(ours), Ok(plan)) => {
                    let halve = plan.root.steps.iter().find_map(|step| match &step.work {
                        Work::Map(map) => Some(map),
                        _ => None,
                    });
                    let halve = halve.unwrap();
                    let theirs = shown(&halve.policy, halve.max_workers, halve.fail_fast, setting);
                    let ours = held(&ours, &name);
                    let bytes = |size: &str| size.parse::<bytesize::ByteSize>().unwrap().as_u64().to_string();
                    let ours = if texts == &SIZES { bytes(&ours) } else { ours };
                    assert_eq!(ours, theirs, "{name}={text}");
                }
                (Err(_), Err(_)) => {}
                // Only the compiler can prove that keys may stay unset.
                (Err(ours), Ok(_)) if *setting == "allow_failure" && *text == "true" => {
                    assert!(ours.to_string().contains("only the compiler"), "{ours}");
                }
                (ours, theirs) => panic!("{name}={text}: {ours:?}, and the compiler {:?}", theirs.map(|_| "takes it")),
            }
        }
    }
}

#[test]
fn the_tables_of_settings_are_the_same() {
    let ours: Vec<_> = TEXTS.iter().map(|(name, _)| name.split('.').next().unwrap()).collect();
    let explained = settings::builder().explain_settings().unwrap();
    let all = explained.lines().filter_map(|line| line.strip_prefix("halve.")?.split(' ').next()).collect::<Vec<_>>();
    assert_eq!(all, TEXTS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let schema: Value = serde_json::from_str(include_str!("../../docs/workflow.schema.json")).unwrap();
    let mut theirs: Vec<&str> = Vec::new();
    let parallel = schema.pointer("/$defs/settings-parallel/properties").expect("the schema");
    for name in parallel.as_object().unwrap().keys() {
        theirs.push(if name == "strategy" { "parallel_strategy" } else { name });
    }
    let sorted = |mut names: Vec<&'static str>| {
        names.sort_unstable();
        names.dedup();
        names
    };
    theirs.sort_unstable();
    assert_eq!(sorted(ours), theirs);
}

#[test]
fn what_a_run_does_changes() {
    let input = || settings::Input::new(vec![2, 4]);
    assert_eq!(
        settings::builder()
            .set("parallel.max_workers", "1")
            .set("halve.parallel_strategy", "thread")
            .run(input())
            .unwrap()
            .sum,
        3
    );
    let error = settings::builder().set("halve.timeout", "none").set("halve.timeuot", "3s").run(input()).unwrap_err();
    assert!(error.to_string().contains("did you mean `timeout`?"), "{error}");
}

#[test]
fn what_belongs_to_a_fan_out_has_one_value() {
    let one = settings::builder().set("add.max_workers", "2").explain_settings().unwrap();
    assert_eq!([held(&one, "add.max_workers"), held(&one, "size.max_workers")], ["2", "2"]);
    settings::builder().set("add.max_workers", "2").set("size.max_workers", "2").explain_settings().unwrap();
    let error = settings::builder().set("add.max_workers", "2").set("size.max_workers", "3").explain_settings();
    assert!(error.unwrap_err().to_string().contains("`add` and `size` disagree about `max_workers`"));
}

#[test]
fn settings_say_where_they_come_from() {
    let plain = why::builder().explain_settings().unwrap();
    for (setting, value, from) in [
        ("near.timeout", "2m", "settings_why.yaml:10:"),
        ("far.timeout", "1m", "settings_why.yaml:3:"),
        ("near.max_workers", "3", "settings_why.yaml:3:"),
        ("*/step.grace", "3s", "settings_inner.yaml:6:"),
        ("left.grace", "1s", "default"),
        ("middle.timeout", "1m", "the branches before it"),
    ] {
        let (held, why) = explained_as(&plain, setting);
        assert!(held == value && why.contains(from), "{setting}: {held}, {why}");
        assert_eq!(why.ends_with(", `settings.parallel`"), from.contains("why.yaml:3"), "{setting}: {why}");
    }
    // What is nearest wins, in any order.
    let changed = why::builder().set("far.timeout", "6m").set("parallel.timeout", "5m").set("*/step.grace", "4s");
    let changed = changed.explain_settings().unwrap();
    assert_eq!(explained_as(&changed, "near.timeout").0, "2m");
    assert_eq!(explained_as(&changed, "far.timeout"), ("6m", "set"));
    assert_eq!(explained_as(&changed, "left.timeout"), ("5m", "set parallel.timeout"));
    assert_eq!(explained_as(&changed, "*/step.grace"), ("4s", "set"));
}

#[test]
fn settings_that_are_not_of_one_node_alone_say_whose_they_are() {
    let both = why::builder().set("left.timeout", "9s").set("right.timeout", "9s").explain_settings().unwrap();
    assert_eq!(explained_as(&both, "middle.timeout").0, "9s");
    for (setting, value, why) in [
        ("left.timeout", "9s", "it is not clear with which settings `middle` runs"),
        ("middle.timeout", "9s", "set those of `left` and `right`"),
        ("far/step.grace", "4s", "`*/step` sets it for all of them"),
        ("near.retry.base_delay", "1s", "`retry` of `near` tries nothing again"),
    ] {
        let error = why::builder().set(setting, value).explain_settings().unwrap_err().to_string();
        assert!(error.contains(why), "{setting}: {error}");
    }
}

#[test]
fn a_file_has_the_layout_of_the_workflow_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let with = |text: &str| {
        fs::write(&file, text).unwrap();
        settings::builder().settings_file(file.path())
    };
    let text = r#"{"parallel": {"max_workers": 3}, "halve": {"timeout": null, "retry": {"max_retries": 2, "retry_on": ["crash"]}}}"#;
    let explained = with(text).set("halve.retry.max_retries", "4").explain_settings().unwrap();
    for (name, value) in [
        ("halve.timeout", "none"),
        ("halve.retry.max_retries", "4"),
        ("halve.retry.retry_on", "crash"),
        ("halve.max_workers", "3"),
        ("add.max_workers", "3"),
    ] {
        assert_eq!(held(&explained, name), value, "{name}");
    }
    for (text, why) in [
        ("halve: 3", "is not JSON"),
        ("[]", "holds no settings"),
        (r#"{"halve": {"timeout": 20}}"#, "a duration needs its unit: `20s`"),
        (r#"{"halve": {"max_workers": "3"}}"#, "write it without quotes"),
        (r#"{"halve": 3}"#, "does not say what is set"),
        (r#"{"halve": {"retry": 3}}"#, "`retry` has entries: set one of them, such as `retry.max_retries`"),
        (r#"{"settings": {"checkpoint": true}}"#, "cannot be changed without a build"),
        (r#"{"sizes": {"timeout": "3s"}}"#, "there is no node `sizes`: did you mean `size`?"),
        (r#"{"first": {"timeout": "3s"}}"#, "runs where the workflow runs"),
        (r#"{"halve/x": {"timeout": "3s"}}"#, "the node `halve` calls no workflow"),
    ] {
        let error = with(text).explain_settings().unwrap_err().to_string();
        assert!(error.contains(why) && error.contains(file.path().to_str().unwrap()), "{text}: {error}");
    }
}

/// The settings of each example, by its folder and program.
const EXAMPLES: &[(&str, &str)] = &[
    ("converge", "converge"),
    ("invoices", "invoices"),
    ("kmers", "kmers"),
    ("strategies", "strategies"),
    ("thumbnails", "thumbnails"),
    ("weblog", "weblog"),
];

/// Values that are tried for each setting, right and wrong ones.
fn tried(setting: &str) -> &'static [&'static str] {
    match setting {
        "parallel_strategy" => &["thread", "process", "gpu"],
        "timeout" => &["20s", "3h", "20"],
        "timeout_total" => &["2h", "1s", "0s"],
        "grace" => &["0s", "2"],
        "allow_failure" | "retry.jitter" | "fail_fast" => &["true", "false", "yes"],
        "memory_limit" | "max_payload" => &["2GiB", "12"],
        "retry.base_delay" => &["10ms", "2m", "soon"],
        "retry.max_delay" => &["5s", "1ms"],
        "retry.backoff_multiplier" => &["1.5", "0.5"],
        "retry.retry_on" => &["error,panic", "crash", "timeout", "segfault"],
        "circuit_breaker.reset_timeout" => &["1m", "0s"],
        _ => &["2", "0", "many"],
    }
}

/// The workflow files of an example, as JSON, which is YAML, too.
struct Files {
    folder: tempfile::TempDir,
    files: Vec<(String, Value)>,
}

impl Files {
    fn of(example: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let entries = fs::read_dir(example.join("src")).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).map(|path| {
            let mut value: Value = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            one_edge_for_each_branch(&mut value);
            (path.file_name().unwrap().to_str().unwrap().to_owned(), value)
        });
        Self { files: files.collect(), folder }
    }

    /// What the compiler says of the files if `change` has changed one.
    fn compiled(&self, file: &str, change: impl FnOnce(&mut Value)) -> Result<(), String> {
        let mut change = Some(change);
        for (name, value) in &self.files {
            let mut value = value.clone();
            if name == file {
                change.take().expect("one file")(&mut value);
            }
            fs::write(self.folder.path().join(name), value.to_string()).unwrap();
        }
        let path = self.folder.path().join("flow.yaml");
        compiled(&path, &fs::read_to_string(&path).unwrap()).map(drop)
    }
}

fn one_edge_for_each_branch(file: &mut Value) {
    let Some(edges) = file.get_mut("edges").and_then(Value::as_array_mut) else { return };
    let split = std::mem::take(edges).into_iter().flat_map(|edge| match edge.get("to") {
        Some(Value::Array(to)) if edge.get("parallel").is_some() => {
            let one = |to: &Value| {
                let mut edge = edge.clone();
                edge["to"] = json!([to]);
                edge
            };
            to.iter().map(one).collect::<Vec<_>>()
        }
        _ => vec![edge],
    });
    *edges = split.collect();
}

/// The entry in a file that has the settings of `name`.
fn place<'v>(file: &'v mut Value, name: &str) -> &'v mut Map<String, Value> {
    if name == "parallel" {
        let settings = file.as_object_mut().unwrap().entry("settings").or_insert(json!({}));
        return settings.as_object_mut().unwrap().entry("parallel").or_insert(json!({})).as_object_mut().unwrap();
    }
    let (name, edge) = name.strip_prefix("edges.").map_or((name, false), |name| (name, true));
    let leads_here = |edge: &Value| match &edge["to"][0] {
        Value::Array(nodes) => nodes[0] == name,
        one => one == name,
    };
    let is_branch = file.get("edges").is_some_and(|edges| edges.as_array().unwrap().iter().any(leads_here));
    let node = file["nodes"].as_array().unwrap().iter().position(|node| node["name"] == name).unwrap();
    let has_own = ["parallel_strategy", "timeout", "type"].iter().any(|entry| file["nodes"][node].get(entry).is_some());
    if edge || is_branch && !has_own {
        let edges = file["edges"].as_array_mut().unwrap();
        return edges.iter_mut().find(|edge| leads_here(edge)).unwrap().as_object_mut().unwrap();
    }
    file["nodes"][node].as_object_mut().unwrap()
}

fn set(place: &mut Map<String, Value>, setting: &str, text: &str) {
    let value = match text {
        _ if setting == "retry.retry_on" => text.split(',').collect(),
        "true" | "false" => json!(text == "true"),
        _ => text.parse::<f64>().map_or(json!(text), |number| {
            if number.fract() == 0.0 { json!(text.parse::<i64>().unwrap()) } else { json!(number) }
        }),
    };
    match setting.split_once('.') {
        Some((outer, entry)) => place.entry(outer).or_insert(json!({}))[entry] = value,
        None => _ = place.insert(setting.to_owned(), value),
    }
}

#[test]
fn every_setting_of_every_example_can_be_changed_and_is_checked_as_in_the_file() {
    let examples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let packages = EXAMPLES.iter().flat_map(|(package, _)| ["-p", package]);
    let test = env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--quiet", "--bins", "--target-dir"])
        .arg(target)
        .args(packages)
        .current_dir(&examples)
        .status();
    assert!(built.unwrap().success());
    let (mut taken, mut refused) = (0, 0);
    for (example, program) in EXAMPLES {
        let files = Files::of(&examples.join(example));
        let run = |args: &[&str]| {
            let program = Program::new(target.join("debug").join(program)).arg("--explain-settings=all");
            args.iter().fold(program, Program::arg).run()
        };
        let explained = run(&[]).stdout;
        // The short form leaves out what holds by default, and counts that.
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let short = Program::new(target.join("debug").join(program)).arg("--explain-settings").run().stdout;
        let all: Vec<_> = explained.lines().map(words).collect();
        let told: Vec<_> = short.lines().map(words).collect();
        let (count, told) = told.split_last().expect("a line that counts");
        assert!(told.iter().all(|line| all.contains(line) && line[2] != "default"), "{short}");
        assert_eq!(count[0].parse::<usize>().unwrap() + told.len(), all.len(), "{short}");
        let mut names: Vec<(&str, &str)> = explained
            .lines()
            .map(|line| {
                let whole = line.split(' ').next().unwrap();
                let start = if whole.starts_with("edges.") { "edges.".len() } else { 0 };
                let dot = start + whole[start..].find('.').unwrap();
                (&whole[..dot], &whole[dot + 1..])
            })
            .collect();
        assert!(!names.is_empty(), "{example}");
        names.extend(TEXTS.iter().map(|(setting, _)| ("parallel", *setting)));
        for (name, setting) in names {
            for text in tried(setting) {
                let said = match (name, setting) {
                    ("parallel", "parallel_strategy") => "parallel.strategy".to_owned(),
                    _ => format!("{name}.{setting}"),
                };
                let finished = run(&["--set", &format!("{said}={text}")]);
                let (file, inner) = match name.split_once('/') {
                    Some((_, inner)) => ("invoice.yaml", inner),
                    None => ("flow.yaml", name),
                };
                let setting = if name == "parallel" && setting == "parallel_strategy" { "strategy" } else { setting };
                let theirs = files.compiled(file, |file| set(place(file, inner), setting, text));
                let case = format!("{example}: {said}={text}: {theirs:?}\n{}", finished.stderr);
                match (finished.code, theirs) {
                    (Some(0), Ok(())) => {
                        taken += 1;
                        let shows = |line: &str| line.split_whitespace().take(2).eq([said.as_str(), text]);
                        assert!(name == "parallel" || finished.stdout.lines().any(shows), "{case}{}", finished.stdout);
                    }
                    (Some(2), Err(_)) => refused += 1,
                    // `failures` then stays empty, which would be a mistake in a file.
                    (Some(0), Err(_)) if setting == "allow_failure" && *text == "false" => {}
                    // What only the compiler can prove, and what changes nothing.
                    (Some(2), Ok(())) => {
                        let known = ["only the compiler can prove", "has no effect: nothing is parallel here"];
                        assert!(known.iter().any(|known| finished.stderr.contains(known)), "{case}");
                    }
                    _ => panic!("{case}"),
                }
            }
        }
    }
    println!("{taken} changes were taken, {refused} refused as by the compiler");
    assert!(taken > 100 && refused > 100);
}
