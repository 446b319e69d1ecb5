//! The values of the inputs: from flags, and from the JSON object of `--input`.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    io::Read,
    path::{Path, PathBuf},
};

use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{args::Options, flags::Flag, records::Asked};
use crate::{
    plan::Plan,
    state::{Given, Shape, Value, text},
};

/// Why the inputs cannot be used.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct BadInput {
    /// One sentence.
    pub(super) message: String,
    /// The input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<String>,
    /// The type that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expected: Option<String>,
    /// What stands there instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) found: Option<String>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
    /// A way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) help: Option<String>,
}

/// The values of the inputs, by number of their key. Inputs that the caller leaves to their defaults are not among them.
///
/// # Errors
/// All that is wrong, at once.
pub(super) fn values(plan: &Plan, flags: &[Flag], options: &Options) -> Result<Vec<(u32, Value)>, Vec<BadInput>> {
    values_around(plan, flags, options, |name| std::env::var_os(name))
}

/// The same, with these environment variables.
fn values_around(
    plan: &Plan,
    flags: &[Flag],
    options: &Options,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<(u32, Value)>, Vec<BadInput>> {
    let mut found: Vec<Option<Value>> = vec![None; flags.len()];
    let mut wrong = Vec::new();
    let mut tried = vec![false; flags.len()];
    let mut settle = |index: usize, value: Result<Option<Value>, Box<BadInput>>| {
        tried[index] = true;
        match value {
            Ok(value) => found[index] = value,
            Err(bad) => wrong.push(*bad),
        }
    };
    for (index, texts) in &options.given {
        settle(*index, from_texts(&flags[*index], texts, None).map(Some));
    }
    let mut given: Vec<usize> = options.given.iter().map(|(index, _)| *index).collect();
    for (index, flag) in flags.iter().enumerate().filter(|(index, _)| !given.contains(index)).collect::<Vec<_>>() {
        let Some((name, text)) = flag.spec.flag.env.and_then(|name| Some((name, variable(name)?))) else { continue };
        given.push(index);
        settle(index, from_texts(flag, &[text], Some(name)).map(Some));
    }
    let mut strangers = Vec::new();
    if let Some(path) = &options.input {
        for (name, json) in read_object(path, flags).map_err(|bad| vec![*bad])? {
            match flags.iter().position(|flag| flag.spec.name == name) {
                Some(index) if given.contains(&index) => {}
                Some(index) => settle(index, from_json(&flags[index], &json, path)),
                None => strangers.push(stranger(plan, flags, &name, path)),
            }
        }
    }
    wrong.extend(flags.iter().flat_map(choices_are_no_values));
    wrong.extend(flags.iter().filter_map(default_is_no_choice));
    // Those of a run that goes on are known; what is never recorded is not.
    let resumes = options.records.as_ref().is_some_and(Asked::resumes);
    let known = |flag: &Flag| resumes && flag.spec.is_recorded();
    let missed = flags.iter().zip(&tried).filter(|(flag, tried)| flag.required() && !**tried && !known(flag));
    for (flag, _) in missed {
        wrong.push(missing(flag));
    }
    wrong.extend(strangers);
    if wrong.is_empty() {
        Ok(flags.iter().zip(found).filter_map(|(flag, value)| Some((flag.key, value?))).collect())
    } else {
        Err(wrong)
    }
}

/// Reads the texts of a flag, or the one of an environment variable.
fn from_texts(flag: &Flag, texts: &[OsString], variable: Option<&str>) -> Result<Value, Box<BadInput>> {
    let parse = flag.spec.kind.parse.ok_or_else(|| Box::new(unparsable(flag)))?;
    let words: Vec<OsString>;
    let texts = if flag.is_switch() {
        words = texts.iter().map(|text| word(text)).collect();
        &words
    } else {
        texts
    };
    let given = Given { texts, each: flag.spec.flag.positional && variable.is_none() };
    let chosen = texts.iter().try_for_each(|text| chosen(flag, &text.to_string_lossy()));
    chosen.and_then(|()| guarded(|| (parse.texts)(given))).map_err(|why| {
        let shown: Vec<_> = texts.iter().map(|text| format!("`{}`", shortened(&text.to_string_lossy()))).collect();
        let found = match (variable, flag.usage()) {
            (Some(variable), _) => format!("{} in the environment variable `{variable}`", shown.join(" ")),
            (None, Some(usage)) if flag.spec.flag.positional => format!("{} as {usage}", shown.join(" ")),
            (None, _) => format!("{} in `--{}`", shown.join(" and "), flag.name),
        };
        let json = variable.is_none()
            && flag.shape == Shape::Json
            && !texts.iter().any(|text| looks_like_json(&text.to_string_lossy()));
        let help = json.then(|| "this is written as JSON, in quotes for the shell".to_owned());
        let unfit = unfit(flag, found, why);
        Box::new(BadInput { help: unfit.help.or(help), ..unfit })
    })
}

/// Choices that are no values of the type, which the compiler does not know of all types.
fn choices_are_no_values(flag: &Flag) -> Vec<BadInput> {
    let (choices, Some(parse)) = (flag.spec.flag.choices, flag.spec.kind.parse) else { return Vec::new() };
    let refused = |choice: &&&str| guarded(|| (parse.texts)(Given { texts: &[choice.into()], each: false })).err();
    let wrong = choices.iter().filter_map(|choice| Some((choice, refused(&choice)?)));
    let told = wrong.map(|(choice, why)| BadInput {
        message: format!("input `{}` has a choice that is no `{}`", flag.spec.name, flag.spec.kind.name),
        input: Some(flag.spec.name.to_owned()),
        found: Some(format!("`{choice}`, one of its `choices`")),
        why: Some(why),
        help: Some("this is a mistake in the workflow file: each of `choices` must be a value of the type".to_owned()),
        ..BadInput::default()
    });
    told.collect()
}

/// A default that is none of the choices, which the compiler cannot know of all Rust.
fn default_is_no_choice(flag: &Flag) -> Option<BadInput> {
    let default = flag.spec.default.filter(|_| !flag.spec.flag.choices.is_empty())?;
    let mut json = Vec::new();
    let written =
        guarded(|| flag.spec.kind.to_json.map(|write| write(&default(), &mut json).is_ok()).ok_or_else(String::new));
    let json = written.ok().filter(|written| *written).and_then(|_| String::from_utf8(json).ok())?;
    let text = serde_json::from_str::<String>(&json).unwrap_or(json);
    if text == "null" {
        return None;
    }
    chosen(flag, &text).err().map(|why| BadInput {
        help: Some("this is a mistake in the workflow file: its `default` must be one of its `choices`".to_owned()),
        ..unfit(flag, format!("`{}`, its default", shortened(&text)), why)
    })
}

/// Refuses a text that is none of the choices.
fn chosen(flag: &Flag, text: &str) -> Result<(), String> {
    let choices = flag.spec.flag.choices;
    if choices.is_empty() || choices.contains(&text) {
        return Ok(());
    }
    let near = nearest(text, choices.iter().copied());
    Err(near
        .map_or_else(|| "it is none of them".to_owned(), |near| format!("it is none of them; did you mean `{near}`?")))
}

/// What `bool` itself takes for what people write.
fn word(text: &OsStr) -> OsString {
    match text.to_str().and_then(text::truth) {
        Some(truth) => truth.to_string().into(),
        None => text.to_owned(),
    }
}

fn looks_like_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '"'])
}

/// Calls the user's `FromStr` or `Deserialize`.
fn guarded<T>(parse: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    crate::panic::guard(parse).unwrap_or_else(|panic| Err(format!("reading it panicked: {}", panic.message)))
}

fn from_json(flag: &Flag, json: &RawValue, path: &Path) -> Result<Option<Value>, Box<BadInput>> {
    let is_null = json.get() == "null";
    let parse = flag.spec.kind.parse.ok_or_else(|| Box::new(unparsable(flag)))?;
    let text = serde_json::from_str::<String>(json.get());
    let chosen = if is_null { Ok(()) } else { chosen(flag, text.as_deref().unwrap_or(json.get())) };
    match chosen.and_then(|()| guarded(|| (parse.json)(json.get()))) {
        // To a type that has no such value, `null` says that there is none.
        Err(_) if is_null && !flag.required() => return Ok(None),
        value => value,
    }
    .map(Some)
    .map_err(|why| {
        let unfit = unfit(flag, format!("`{}` in {}", shortened(json.get()), source_name(path)), why);
        let help = unfit.help.or_else(|| json_help(flag, json.get(), text.ok()));
        Box::new(BadInput { help, expected: Some(flag.expected_in_json()), ..unfit })
    })
}

/// What was probably meant by a JSON value that is of another type than it looks like.
fn json_help(flag: &Flag, json: &str, text: Option<String>) -> Option<String> {
    match (&flag.shape, text) {
        (Shape::Unsigned | Shape::Signed | Shape::Number, Some(text)) if text.parse::<f64>().is_ok() => {
            Some(format!("write the number without quotes: `{text}`"))
        }
        (Shape::Bool, Some(text)) if text::truth(&text).is_some() => {
            Some("write `true` or `false` without quotes".to_owned())
        }
        _ if json == "null" => Some("`null` is no value: leave the entry out, or give it one".to_owned()),
        (Shape::Text | Shape::Path | Shape::Words(_), None) if !json.starts_with(['{', '[', '"']) => {
            Some(format!("write it in quotes: `\"{json}\"`"))
        }
        _ => None,
    }
}

fn unfit(flag: &Flag, found: String, why: String) -> BadInput {
    if flag.spec.secret {
        // What its type says of it may quote it.
        return BadInput {
            message: format!("the secret input `{}` has a bad value", flag.spec.name),
            input: Some(flag.spec.name.to_owned()),
            expected: Some(flag.expected()),
            help: Some(format!("a secret is not shown: look at what you give {}", flag.ways())),
            ..BadInput::default()
        };
    }
    BadInput {
        message: format!("input `{}` has a bad value", flag.spec.name),
        input: Some(flag.spec.name.to_owned()),
        expected: Some(flag.expected()),
        found: Some(found),
        why: Some(why),
        help: None,
    }
}

fn missing(flag: &Flag) -> BadInput {
    let name = flag.spec.name;
    BadInput {
        message: format!("input `{name}` is missing"),
        input: Some(name.to_owned()),
        expected: Some(flag.expected()),
        help: Some(format!("give it {}", flag.ways())),
        ..BadInput::default()
    }
}

fn unparsable(flag: &Flag) -> BadInput {
    BadInput {
        message: format!("input `{}` cannot be read from text", flag.spec.name),
        input: Some(flag.spec.name.to_owned()),
        expected: Some(flag.expected()),
        help: Some("derive `serde::Deserialize` for its type".to_owned()),
        ..BadInput::default()
    }
}

fn stranger(plan: &Plan, flags: &[Flag], name: &str, path: &Path) -> BadInput {
    let written = plan.keys.iter().any(|spec| spec.name == name);
    let nearest = nearest(name, flags.iter().map(|flag| flag.spec.name));
    BadInput {
        message: if written {
            format!("`{name}` in {} is not an input: the workflow writes it itself", source_name(path))
        } else {
            format!("`{name}` in {} is not an input of this workflow", source_name(path))
        },
        input: Some(name.to_owned()),
        help: Some(match nearest {
            Some(near) if !written => format!("did you mean `{near}`?"),
            _ if flags.is_empty() => "it has no inputs".to_owned(),
            _ => format!(
                "its inputs are {}",
                flags.iter().map(|f| format!("`{}`", f.spec.name)).collect::<Vec<_>>().join(", ")
            ),
        }),
        ..BadInput::default()
    }
}

fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .filter(|(distance, other)| *distance <= other.len().max(name.len()) / 3)
        .min()
        .map(|(_, other)| other)
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn source_name(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn read_object(path: &PathBuf, flags: &[Flag]) -> Result<Vec<(String, Box<RawValue>)>, Box<BadInput>> {
    let read = || {
        if is_stdin(path) {
            let mut text = Vec::new();
            std::io::stdin().lock().read_to_end(&mut text).map(|_| text)
        } else {
            std::fs::read(path)
        }
    };
    let text = read().map_err(|error| {
        let message = format!("cannot read {}", source_name(path));
        Box::new(BadInput { message, why: Some(error.to_string()), ..BadInput::default() })
    })?;
    // Some editors put a byte order mark before the text.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    serde_json::from_slice::<Object>(text).map(|object| object.0).map_err(|error| {
        let example = flags.first().map_or_else(|| "{}".to_owned(), |flag| format!("{{\"{}\": …}}", flag.spec.name));
        Box::new(BadInput {
            message: format!("{} does not hold a JSON object with the inputs", source_name(path)),
            expected: Some(format!("an object such as `{example}`, with a value for each input")),
            why: Some(error.to_string()),
            ..BadInput::default()
        })
    })
}

/// A JSON object that keeps its order, and refuses a key that stands there twice.
struct Object(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut entries: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, _>()? {
                    if entries.iter().any(|(other, _)| *other == name) {
                        return Err(serde::de::Error::custom(format_args!("`{name}` stands there twice")));
                    }
                    entries.push((name, value));
                }
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{
        args::{self, Action},
        flags,
        sample::READ_QC,
    };
    use crate::state::{FlagSpec, KeySpec};

    fn given(args: &[&str]) -> Result<Vec<(u32, Value)>, Vec<BadInput>> {
        let flags = flags::of(&READ_QC);
        let args: Vec<_> = ["read-qc"].iter().chain(args).map(Into::into).collect();
        let Ok(Action::Run(options)) = args::parse(&READ_QC, &flags, &args) else { panic!("bad flags") };
        values(&READ_QC, &flags, &options)
    }

    fn bad(args: &[&str]) -> Vec<String> {
        let show = |bad: &BadInput| {
            let parts =
                [Some(&bad.message), bad.expected.as_ref(), bad.found.as_ref(), bad.why.as_ref(), bad.help.as_ref()];
            parts.into_iter().flatten().cloned().collect::<Vec<_>>().join("; ")
        };
        given(args).unwrap_err().iter().map(show).collect()
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }

    #[test]
    fn flags_give_values_and_the_rest_has_defaults() {
        let values = given(&["--reads", "a.fq", "--k=-0", "--all-reads", "--input-output", "x"]);
        // `-0` is no usize: a negative number reaches the type's own parser.
        assert_eq!(values.unwrap_err()[0].found.as_deref(), Some("`-0` in `--k`"));
        let values = given(&["--reads", "a.fq", "--k", "31", "--all-reads", "--input-output", "x"]).unwrap();
        assert_eq!(values.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(values[0].1.downcast_ref::<PathBuf>().unwrap(), Path::new("a.fq"));
        assert_eq!(values[1].1.downcast_ref(), Some(&31_usize));
        assert_eq!(values[2].1.downcast_ref(), Some(&true));
        let values = given(&["--reads", "a.fq", "--all-reads=false"]).unwrap();
        assert_eq!(values.len(), 2);
        assert_eq!(values[1].1.downcast_ref(), Some(&false));
    }

    /// The compiler knows few types and literals.
    #[test]
    fn choices_and_defaults_that_mean_nothing_are_found_before_anything_runs() {
        let with = |choices: &'static [&'static str]| {
            let mut flag = flags::of(&READ_QC).swap_remove(1);
            let plain = flag.spec;
            flag.spec = Box::leak(Box::new(KeySpec { flag: FlagSpec { choices, ..plain.flag }, ..*plain }));
            flag
        };
        let found = |bad: &BadInput| bad.found.clone().unwrap();
        let wrong: Vec<_> = choices_are_no_values(&with(&["21", "many", "-1"])).iter().map(found).collect();
        assert_eq!(wrong, ["`many`, one of its `choices`", "`-1`, one of its `choices`"]);
        assert_eq!(default_is_no_choice(&with(&["31"])).as_ref().map(found).unwrap(), "`21`, its default");
        assert_eq!(default_is_no_choice(&with(&["31", "21"])), None);
    }

    #[test]
    fn says_which_what_was_expected_and_what_was_found() {
        assert_eq!(
            bad(&["--k", "2x"]),
            [
                "input `k` has a bad value; a whole number, not below zero: length of a k-mer; `2x` in `--k`; invalid digit found in string",
                "input `reads` is missing; a path: FASTQ file; \
                 give it as `--reads <PATH>`, or as `reads` in the object of `--input`",
            ]
        );
    }

    #[test]
    fn flags_win_over_the_file() {
        let file = file(r#"{"reads": "a.fq", "k": "wrong, but not used", "output": null}"#);
        let values = given(&["--input", file.path().to_str().unwrap(), "--k", "5"]).unwrap();
        assert_eq!(values.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(values[1].1.downcast_ref(), Some(&5_usize));
    }

    #[test]
    fn everything_wrong_in_the_file_is_told_at_once() {
        let file = file(r#"{"raeds": "a.fq", "k": "31", "report": "", "zebra": 1}"#);
        let path = file.path().display();
        assert_eq!(
            bad(&["--input", file.path().to_str().unwrap()]),
            [
                format!(
                    "input `k` has a bad value; a whole number, not below zero: length of a k-mer; `\"31\"` in {path}; \
                     invalid type: string \"31\", expected usize at line 1 column 4; write the number without quotes: `31`"
                ),
                "input `reads` is missing; a path: FASTQ file; \
                 give it as `--reads <PATH>`, or as `reads` in the object of `--input`"
                    .to_owned(),
                format!("`raeds` in {path} is not an input of this workflow; did you mean `reads`?"),
                format!(
                    "`report` in {path} is not an input: the workflow writes it itself; \
                     its inputs are `reads`, `k`, `all_reads`, `output`"
                ),
                format!(
                    "`zebra` in {path} is not an input of this workflow; its inputs are `reads`, `k`, `all_reads`, `output`"
                ),
            ]
        );
    }

    #[test]
    fn a_file_that_is_no_object_says_where() {
        for (text, why) in [
            ("[1]", "invalid type: sequence, expected a JSON object at line 1 column 0"),
            ("{\"k\": 1, \"k\": 2}", "`k` stands there twice at line 1 column 16"),
            ("{\"k\": 1} x", "trailing characters at line 1 column 10"),
            ("", "EOF while parsing a value at line 1 column 0"),
        ] {
            let file = file(text);
            let bad = given(&["--input", file.path().to_str().unwrap()]).unwrap_err();
            assert_eq!(bad[0].why.as_deref(), Some(why), "{text}");
        }
        assert!(bad(&["--input", "/nowhere"])[0].starts_with("cannot read /nowhere; "));
    }
}
