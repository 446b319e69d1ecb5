//! `cargo tea explain`: an entry of the error catalogue.

use tea_build::{codes, suggest};

use crate::{Failure, print};

/// The catalogue, `docs/errors.md`.
const CATALOGUE: &str = include_str!("../errors.md");

pub(crate) fn run(code: &str) -> Result<(), Failure> {
    let wanted = normal(code);
    if let Some(entry) = entry(&wanted) {
        return print(&format!("{entry}\n"));
    }
    let all: Vec<_> = codes::ALL.iter().map(|entry| entry.code.to_string()).collect();
    let near = suggest::nearest(&wanted, all.iter().map(String::as_str));
    let advice =
        near.map_or_else(|| "`docs/errors.md` lists all of them".to_owned(), |near| format!("did you mean `{near}`?"));
    Err(format!("there is no error `{code}`; {advice}").into())
}

/// The entry of a code as Markdown, without its heading's marks.
pub(crate) fn entry(code: &str) -> Option<&'static str> {
    let (_, rest) = CATALOGUE.split_once(&format!("\n### {code}: "))?;
    let start = CATALOGUE.len() - rest.len() - code.len() - ": ".len();
    let end = ["\n### ", "\n## "].iter().filter_map(|heading| rest.find(heading)).min().unwrap_or(rest.len());
    Some(CATALOGUE[start..start + code.len() + ": ".len() + end].trim_end())
}

/// `301`, `tea301` and `TEA0301` are the same code.
fn normal(code: &str) -> String {
    let upper = code.trim().to_uppercase();
    let number = upper.strip_prefix("TEA").unwrap_or(&upper);
    number.parse::<u16>().map_or(upper.clone(), |number| format!("TEA{number:04}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_an_entry_that_ends_before_the_next() {
        for code in codes::ALL {
            let name = code.code.to_string();
            let entry = entry(&name).unwrap_or_else(|| panic!("{name} has no entry"));
            assert!(entry.starts_with(&format!("{name}: {}", code.title)), "{entry}");
            assert!(!entry.contains("\n### ") && !entry.contains("\n## "), "{entry}");
        }
    }

    #[test]
    fn codes_can_be_written_short() {
        assert_eq!([normal("301"), normal("tea0301"), normal("TEA301")], ["TEA0301", "TEA0301", "TEA0301"]);
    }
}
