//! Types as other languages write them, and how Rust does.

use syn::{
    Type, TypePath,
    visit::{self, Visit},
};

use crate::{codes, diagnostic::Diagnostic, source::Span};

/// Types of other languages, in lower case, and what Rust calls them.
const WORDS: &[(&str, &str)] = &[
    ("any", "serde_json::Value"),
    ("boolean", "bool"),
    ("bytes", "Vec<u8>"),
    ("double", "f64"),
    ("float", "f64"),
    ("int", "i64"),
    ("integer", "i64"),
    ("long", "i64"),
    ("number", "f64"),
    ("object", "serde_json::Value"),
    ("path", "std::path::PathBuf"),
    ("string", "String"),
    ("text", "String"),
];

/// Those that hold others.
const CONTAINERS: &[(&str, &str)] = &[
    ("array", "Vec"),
    ("dict", "std::collections::HashMap"),
    ("list", "Vec"),
    ("map", "std::collections::HashMap"),
    ("optional", "Option"),
    ("sequence", "Vec"),
    ("set", "std::collections::HashSet"),
    ("tuple", ""),
];

fn of<'a>(table: &'a [(&str, &str)], word: &str) -> Option<&'a str> {
    table.iter().find(|(other, _)| word.eq_ignore_ascii_case(other)).map(|(_, rust)| *rust)
}

/// A type as another language writes it.
pub(super) struct Foreign {
    /// The word that Rust has no type for, in a type that could be Rust.
    word: Option<String>,
    /// How Rust writes the type, if it is understood.
    rust: Option<String>,
}

/// Longer types are nobody's habit.
const LONGEST: usize = 200;

/// Whether a type is one of another language.
pub(super) fn find(text: &str) -> Option<Foreign> {
    let words = text.split(|char: char| char != '_' && !char.is_alphanumeric());
    let mut lower = words.filter(|word| word.starts_with(|char: char| char.is_ascii_lowercase()));
    if text.len() > LONGEST || !(text.contains(['[', '?', '|']) || lower.any(is_foreign)) {
        return None;
    }
    match syn::parse_str(text) {
        Ok(ty) => word(&ty).map(|word| Foreign { word: Some(word), rust: in_rust(text) }),
        Err(_) => in_rust(text).map(|rust| Foreign { word: None, rust: Some(rust) }),
    }
}

impl Foreign {
    pub(super) fn error(self, what: &str, place: Span) -> Diagnostic {
        let message = match self.word.as_deref() {
            Some("str") => {
                format!("{what} cannot be `str`, which is always borrowed: a state key owns its value")
            }
            Some(word) => format!("{what} is not a Rust type: Rust has no `{word}`"),
            None => format!("{what} is not a Rust type"),
        };
        let mut error =
            Diagnostic::error(codes::BAD_TYPE, place, message).label("other languages write types like this");
        if let Some(rust) = self.rust {
            error = error.help(format!("write `{rust}`"));
        }
        match self.word.as_deref() {
            Some("str") | None => error,
            Some(word) => error.help(format!("or `self::{word}` for a type of your own that has this name")),
        }
    }
}

fn is_foreign(word: &str) -> bool {
    word == "str" || of(WORDS, word).is_some() || of(CONTAINERS, word).is_some()
}

/// A word in a type that parses which Rust has no type for: a lower-case one of another language, without a path, or
/// `str` where it is the whole type.
fn word(ty: &Type) -> Option<String> {
    struct Words(Option<String>);
    impl<'ast> Visit<'ast> for Words {
        fn visit_type_path(&mut self, ty: &'ast TypePath) {
            if ty.qself.is_none()
                && let Some(word) = ty.path.get_ident().map(ToString::to_string)
                && word != "str"
                && word.starts_with(|char: char| char.is_ascii_lowercase())
                && is_foreign(&word)
            {
                self.0.get_or_insert(word);
            }
            visit::visit_type_path(self, ty);
        }
    }
    if matches!(ty, Type::Path(path) if path.path.is_ident("str")) {
        return Some("str".to_owned());
    }
    let mut words = Words(None);
    words.visit_type(ty);
    words.0
}

/// The type as Rust writes it, if it is understood.
fn in_rust(text: &str) -> Option<String> {
    let mut reader = Reader { text, at: 0, foreign: false };
    let ty = reader.ty()?;
    (reader.foreign && reader.rest().is_empty()).then_some(ty)
}

/// Reads names, arguments in either kind of brackets, `T?`, `T[]` and `T | None`.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Something was read that Rust writes differently.
    foreign: bool,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text[self.at..].trim_start()
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at = self.text.len() - self.rest().len() + word.len();
        }
        found
    }

    fn word(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let end = rest.find(|char: char| !(char == '_' || char == ':' || char.is_alphanumeric())).unwrap_or(rest.len());
        let start = self.text.len() - rest.len();
        self.at = start + end;
        (end > 0).then_some(&self.text[start..start + end])
    }

    fn ty(&mut self) -> Option<String> {
        let mut alternatives = vec![self.alternative()?];
        while self.eat("|") {
            self.foreign = true;
            alternatives.push(self.alternative()?);
        }
        let count = alternatives.len();
        alternatives.retain(|ty| !ty.eq_ignore_ascii_case("none") && ty != "null" && ty != "undefined");
        match &alternatives[..] {
            [only] if count == 1 => Some(only.clone()),
            [only] if count == 2 => Some(format!("Option<{only}>")),
            _ => None,
        }
    }

    fn alternative(&mut self) -> Option<String> {
        let mut ty = self.named()?;
        loop {
            if self.eat("?") {
                ty = format!("Option<{ty}>");
            } else if self.eat("[]") {
                ty = format!("Vec<{ty}>");
            } else {
                return Some(ty);
            }
            self.foreign = true;
        }
    }

    fn named(&mut self) -> Option<String> {
        let word = self.word()?;
        let arguments = if self.eat("[") && !self.rest().starts_with(']') {
            self.foreign = true;
            self.arguments("]")?
        } else if self.text[..self.at].ends_with('[') {
            // `T[]`, which is read after this.
            self.at -= 1;
            Vec::new()
        } else if self.eat("<") {
            self.arguments(">")?
        } else {
            Vec::new()
        };
        let container = of(CONTAINERS, word);
        // Types of the user's may be called `List` or `Map`.
        self.foreign |= word.starts_with(|char: char| char.is_ascii_lowercase()) && is_foreign(word);
        Some(match (container, &arguments[..]) {
            (Some(""), types) => format!("({})", types.join(", ")),
            (Some(map @ "std::collections::HashMap"), []) => format!("{map}<String, String>"),
            (Some(container), []) => format!("{container}<String>"),
            (Some(container), types) => format!("{container}<{}>", types.join(", ")),
            (None, []) if word == "str" => "String".to_owned(),
            (None, []) => of(WORDS, word).unwrap_or(word).to_owned(),
            (None, types) => format!("{word}<{}>", types.join(", ")),
        })
    }

    fn arguments(&mut self, close: &str) -> Option<Vec<String>> {
        let mut types = vec![self.ty()?];
        while self.eat(",") {
            types.push(self.ty()?);
        }
        self.eat(close).then_some(types)
    }
}

#[cfg(test)]
mod tests {
    use super::{in_rust, word};

    #[test]
    fn types_of_other_languages_are_translated() {
        for (foreign, rust) in [
            ("int", "i64"),
            ("str", "String"),
            ("list[str]", "Vec<String>"),
            ("List[Chunk]", "Vec<Chunk>"),
            ("dict[str, list[int]]", "std::collections::HashMap<String, Vec<i64>>"),
            ("dict", "std::collections::HashMap<String, String>"),
            ("String?", "Option<String>"),
            ("my::Type[]", "Vec<my::Type>"),
            ("float | None", "Option<f64>"),
            ("Optional[u32]", "Option<u32>"),
            ("tuple[int, str]", "(i64, String)"),
            ("Vec<int>", "Vec<i64>"),
            ("Map<string, u8>", "std::collections::HashMap<String, u8>"),
        ] {
            assert_eq!(in_rust(foreign).as_deref(), Some(rust), "{foreign}");
            assert!(syn::parse_str::<syn::Type>(rust).is_ok(), "{rust}");
        }
    }

    #[test]
    fn what_rust_could_mean_is_not() {
        for rust in ["String", "Vec<String>", "List<u8>", "Map<String, Any>", "a::int", "Box<str>", "u64", "text::Text"]
        {
            let ty = syn::parse_str(rust).expect(rust);
            assert_eq!(word(&ty), None, "{rust}");
        }
        for nothing in ["", "[", "list[", "a + b", "int | str | None", "None"] {
            assert_eq!(in_rust(nothing), None, "{nothing}");
        }
    }
}
