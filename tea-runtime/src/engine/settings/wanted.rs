//! Settings that a caller asks for by name: `thumbnails.timeout`, `parallel.max_workers`.

use std::{fs, path::Path};

use serde_json::Value as Json;

use crate::{
    policy::{
        settings::{SETTINGS, SHARED, Setting},
        text::Given,
    },
    words::nearest,
};

/// A setting that a caller asks for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Its name, with what it holds for.
    pub(super) name: String,
    /// Its value; `None` for what holds if a workflow file says nothing.
    pub(super) value: Option<Given>,
    /// Who asks, as it is shown: `--set`, or the name of a file.
    pub(super) by: String,
}

impl Wanted {
    /// A setting and its value as text.
    pub(crate) fn text(name: &str, value: &str, by: &str) -> Self {
        let value = (value != "none").then(|| Given::Plain(value.to_owned()));
        Self { name: name.trim().to_owned(), value, by: by.to_owned() }
    }

    /// The settings in a JSON file, or what is wrong with it.
    pub(crate) fn file(path: &Path) -> Vec<Result<Self, String>> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| format!("cannot read the settings in {name}: {error}"));
        match text.and_then(|text| Self::json(&text, &name)) {
            Ok(wanted) => wanted.into_iter().map(Ok).collect(),
            Err(wrong) => vec![Err(wrong)],
        }
    }

    /// The settings in a JSON object, in the layout of the workflow file: `{"thumbnails": {"timeout": "20s"}}`.
    ///
    /// # Errors
    /// If it is no such object.
    fn json(text: &str, by: &str) -> Result<Vec<Self>, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let example = "write an object such as `{\"thumbnails\": {\"timeout\": \"20s\"}}`";
        let json: Json = serde_json::from_str(text).map_err(|error| format!("{by} is not JSON: {error}: {example}"))?;
        let Json::Object(places) = json else { return Err(format!("{by} holds no settings: {example}")) };
        let mut wanted = Vec::new();
        for (name, value) in places {
            flatten(name, value, by, &mut wanted)?;
        }
        Ok(wanted)
    }
}

/// The recursion is bounded by the parser's.
fn flatten(name: String, value: Json, by: &str, wanted: &mut Vec<Wanted>) -> Result<(), String> {
    let value = match value {
        Json::Object(entries) => {
            for (entry, value) in entries {
                flatten(format!("{name}.{entry}"), value, by, wanted)?;
            }
            return Ok(());
        }
        Json::Null => None,
        Json::Bool(value) => Some(Given::Plain(value.to_string())),
        Json::Number(value) => Some(Given::Plain(value.to_string())),
        Json::String(text) => Some(Given::Quoted(text)),
        Json::Array(items) => {
            let word = |item: Json| match item {
                Json::String(word) => Ok(word),
                other => Err(format!("`{name}` in {by} must be a list of words, and `{other}` is not one")),
            };
            Some(Given::List(items.into_iter().map(word).collect::<Result<_, _>>()?))
        }
    };
    wanted.push(Wanted { name, value, by: by.to_owned() });
    Ok(())
}

/// What a name means.
pub(super) struct Asked<'a> {
    /// What it holds for; `None` for `parallel`, everything that has no setting of its own.
    pub(super) path: Option<Way<'a>>,
    pub(super) which: Which,
}

/// The way to a node.
pub(super) struct Way<'a> {
    /// The nodes that call workflows, from the outside in; `*` for any number of them.
    pub(super) callers: Vec<&'a str>,
    pub(super) name: &'a str,
    /// Whether the edge that leads to it is meant.
    pub(super) edge: bool,
}

/// A setting.
#[derive(Clone, Copy)]
pub(super) enum Which {
    /// Of each branch, item or node.
    Each(&'static Setting),
    /// `retry` or `circuit_breaker` as a whole, which can only be taken back.
    Whole(&'static str),
    /// Of a fan-out or map as a whole.
    Shared(&'static str),
}

impl Which {
    /// Its name, and the entry that it is written in.
    pub(super) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Each(setting) => (setting.name, setting.entry()),
            Self::Whole(name) | Self::Shared(name) => (name, name),
        }
    }
}

impl<'a> Asked<'a> {
    /// # Errors
    /// If there is no such setting.
    pub(super) fn of(wanted: &'a Wanted) -> Result<Self, String> {
        let name = &wanted.name;
        let (first, setting) = name.split_once('.').filter(|(first, _)| !first.is_empty()).ok_or_else(|| {
            format!(
                "`{name}` does not say what is set: write `NODE.SETTING`, as in `{name}.timeout`, or `parallel.SETTING`"
            )
        })?;
        if matches!(first, "settings" | "checkpoint" | "state_schema" | "nodes") {
            return Err(format!(
                "`{name}` cannot be changed without a build: only parallel settings can, of a node (`NODE.SETTING`), of an edge, or of \
                 everything (`parallel.SETTING`)"
            ));
        }
        if first == "parallel" {
            let which = match setting {
                "parallel_strategy" => return Err("`parallel_strategy` is called `strategy` in `parallel`".to_owned()),
                "strategy" => setting_called("parallel_strategy", wanted)?,
                other => setting_called(other, wanted)?,
            };
            return Ok(Self { path: None, which });
        }
        let (edge, path, setting) = match setting.split_once('.') {
            Some((path, rest)) if first == "edges" => (true, path, rest),
            _ => (false, first, setting),
        };
        let mut callers: Vec<&str> = path.split('/').collect();
        let name = callers.pop().unwrap_or_default();
        Ok(Self { path: Some(Way { callers, name, edge }), which: setting_called(setting, wanted)? })
    }
}

fn setting_called(name: &str, wanted: &Wanted) -> Result<Which, String> {
    if let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) {
        return Ok(Which::Each(setting));
    }
    if let Some(shared) = SHARED.iter().find(|shared| **shared == name) {
        return Ok(Which::Shared(shared));
    }
    let entries = ["retry", "circuit_breaker"];
    if let Some(whole) = entries.iter().find(|entry| **entry == name) {
        let first = SETTINGS.iter().find(|setting| setting.entry() == *whole).map_or("", |setting| setting.name);
        return match wanted.value {
            None => Ok(Which::Whole(whole)),
            Some(_) => Err(format!("`{name}` has entries: set one of them, such as `{first}`")),
        };
    }
    let known: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).chain(SHARED).chain(["strategy"]).collect();
    let help = match nearest(name, known.iter().copied()) {
        Some("strategy") => "did you mean `parallel_strategy`?".to_owned(),
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the settings are `{}`", known[..known.len() - 1].join("`, `")),
    };
    Err(format!("there is no setting `{name}`: {help}"))
}
