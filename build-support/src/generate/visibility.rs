//! The caller's visibility, as it is written in modules of ours.

use syn::Visibility;

/// What `written` means where the macro is called, `levels` modules deeper. Empty is private to the caller's module.
pub(crate) fn within(written: &str, levels: usize) -> String {
    let segments: Vec<_> = match syn::parse_str(written) {
        Ok(Visibility::Inherited) => Vec::new(),
        Ok(Visibility::Restricted(restricted)) => {
            restricted.path.segments.iter().map(|segment| segment.ident.to_string()).collect()
        }
        Ok(Visibility::Public(_)) | Err(_) => return written.to_owned(),
    };
    if segments.first().is_some_and(|first| first == "crate") {
        return written.to_owned();
    }
    let rest = segments.iter().map(String::as_str).filter(|segment| *segment != "self");
    let path: Vec<_> = std::iter::repeat_n("super", levels).chain(rest).collect();
    match path[..] {
        ["super"] => "pub(super)".to_owned(),
        _ => format!("pub(in {})", path.join("::")),
    }
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn a_path_is_that_of_the_module_that_it_stands_in() {
        for (written, once, twice) in [
            ("", "pub(super)", "pub(in super::super)"),
            ("pub(self)", "pub(super)", "pub(in super::super)"),
            ("pub (super)", "pub(in super::super)", "pub(in super::super::super)"),
            ("pub (in super::super)", "pub(in super::super::super)", "pub(in super::super::super::super)"),
            ("pub (crate)", "pub (crate)", "pub (crate)"),
            ("pub (in crate :: flows)", "pub (in crate :: flows)", "pub (in crate :: flows)"),
            ("pub", "pub", "pub"),
        ] {
            assert_eq!([within(written, 1), within(written, 2)], [once, twice], "{written}");
        }
    }
}
