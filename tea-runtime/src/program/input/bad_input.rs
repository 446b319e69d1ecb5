//! What is wrong with an input, said so that it can be mended.

use std::path::Path;

use super::object::source_name;
use crate::{plan::Plan, program::flags::Flag, words::nearest};

/// Why the inputs cannot be used.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(in crate::program) struct BadInput {
    /// One sentence.
    pub(in crate::program) message: String,
    /// The input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::program) input: Option<String>,
    /// The type that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::program) expected: Option<String>,
    /// What stands there instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::program) found: Option<String>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::program) why: Option<String>,
    /// A way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::program) help: Option<String>,
}

pub(super) fn unfit(flag: &Flag, found: String, why: String) -> BadInput {
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

pub(super) fn missing(flag: &Flag) -> BadInput {
    let name = flag.spec.name;
    BadInput {
        message: format!("input `{name}` is missing"),
        input: Some(name.to_owned()),
        expected: Some(flag.expected()),
        help: Some(format!("give it {}", flag.ways())),
        ..BadInput::default()
    }
}

pub(super) fn unparsable(flag: &Flag) -> BadInput {
    BadInput {
        message: format!("input `{}` cannot be read from text", flag.spec.name),
        input: Some(flag.spec.name.to_owned()),
        expected: Some(flag.expected()),
        help: Some("derive `serde::Deserialize` for its type".to_owned()),
        ..BadInput::default()
    }
}

pub(super) fn stranger(plan: &Plan, flags: &[Flag], name: &str, path: &Path) -> BadInput {
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

pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
