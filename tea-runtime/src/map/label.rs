//! The labels of items: short texts by which people recognize them in failures.

use std::{
    any::Any,
    borrow::Cow,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The number of characters that a label has at most.
const LONGEST: usize = 60;

/// The label of an item: its text, if it is a text, a path, a number or a `char`. The index alone is no label.
pub(super) fn of<T: 'static>(item: &T, index: usize) -> Option<String> {
    let item = item as &dyn Any;
    macro_rules! first {
        ($($ty:ty => $label:expr;)*) => {
            $(if let Some(item) = item.downcast_ref::<$ty>() {
                let label: fn(&$ty) -> String = $label;
                return Some(label(item)).filter(|label| !label.is_empty() && *label != index.to_string());
            })*
        };
    }
    first! {
        String => |text| start(text);
        &'static str => |text| start(text);
        Cow<'static, str> => |text| start(text);
        Box<str> => |text| start(text);
        Arc<str> => |text| start(text);
        PathBuf => |path| end(path);
        OsString => |path| end(path.as_ref());
        char => |char| char.to_string();
        u8 => |number| number.to_string();
        u16 => |number| number.to_string();
        u32 => |number| number.to_string();
        u64 => |number| number.to_string();
        u128 => |number| number.to_string();
        usize => |number| number.to_string();
        i8 => |number| number.to_string();
        i16 => |number| number.to_string();
        i32 => |number| number.to_string();
        i64 => |number| number.to_string();
        i128 => |number| number.to_string();
        isize => |number| number.to_string();
    }
    None
}

/// The start of a text's first line.
fn start(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(LONGEST).collect();
    if cut.len() < text.trim_end().len() { cut + "…" } else { cut }
}

/// The end of a path, which says more than its start.
fn end(path: &Path) -> String {
    let text = path.to_string_lossy();
    match text.char_indices().rev().nth(LONGEST - 1) {
        Some((at, _)) if at > 0 => format!("…{}", &text[at..]),
        _ => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_paths_and_numbers_are_labels() {
        assert_eq!(of(&"b.csv".to_owned(), 1).as_deref(), Some("b.csv"));
        assert_eq!(of(&PathBuf::from("data/b.csv"), 1).as_deref(), Some("data/b.csv"));
        assert_eq!(of(&40u64, 1).as_deref(), Some("40"));
        assert_eq!((of(&1u64, 1), of(&String::new(), 1), of(&vec![1u8], 1)), (None, None, None));
    }

    #[test]
    fn long_ones_are_cut() {
        let text = "x".repeat(100);
        assert_eq!(of(&text, 0), Some("x".repeat(60) + "…"));
        assert_eq!(of(&PathBuf::from(text), 0), Some("…".to_owned() + &"x".repeat(60)));
        assert_eq!(of(&"one\ntwo", 0).as_deref(), Some("one…"));
        assert_eq!(of(&"é".repeat(60), 0), Some("é".repeat(60)));
    }
}
