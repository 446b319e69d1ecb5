//! The crates that the code being compiled can name, according to the arguments of rustc.

use std::{env, fs, path::Path};

/// Why `::tea_runtime` does not exist where this process expands a macro, if that is certain, and what to do.
pub(crate) fn missing_runtime() -> Option<String> {
    missing(&arguments(), |root| fs::read_to_string(root).ok())
}

/// The arguments of this process. Where it is rustc, they say how the code is compiled.
pub(crate) fn arguments() -> Vec<String> {
    env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

fn missing(arguments: &[String], read: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (mut externs, mut name, mut root) = (Vec::new(), None, None);
    let mut rest = arguments.iter().skip(1);
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--crate-name" => name = rest.next(),
            "--extern" => {
                let (names, path) = rest.next()?.split_once('=')?;
                externs.push((names.rsplit(':').next().unwrap_or(names), path));
            }
            _ if Path::new(argument).extension().is_some_and(|end| end == "rs") => root = Some(argument),
            _ => {}
        }
    }
    let is_runtime = |name: &str| name == "tea_runtime";
    // An `extern crate` in the root can give any crate that name.
    let may_be_renamed = read(root?).is_none_or(|text| text.contains("as tea_runtime"));
    if externs.is_empty() || externs.iter().any(|of| is_runtime(of.0)) || is_runtime(name?) || may_be_renamed {
        return None;
    }
    let is_file = |path: &str| {
        let file = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
        file.starts_with("libtea_runtime-") || file.starts_with("libtea_runtime.")
    };
    let there_is_none = "there is no crate `tea_runtime` here";
    Some(match externs.iter().find(|of| is_file(of.1)) {
        Some((name, _)) => format!("{there_is_none}: in this package, its name is `{name}`. Add `runtime = ::{name}`"),
        None => format!(
            "{there_is_none}. Add it to the dependencies of this package or, if another crate passes it on, say where, as in \
             `runtime = ::other_crate::tea_runtime`"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &str, root: Option<&str>) -> Option<String> {
        let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        missing(&arguments, |path| (path == "src/main.rs").then(|| root.map(str::to_owned))?)
    }

    #[test]
    fn a_runtime_that_has_no_or_another_name_is_missing() {
        let plain = Some("fn main() {}");
        let renamed = of("rustc --crate-name a src/main.rs --extern rt=/x/libtea_runtime-1f.rmeta --test", plain);
        assert_eq!(
            renamed.as_deref(),
            Some("there is no crate `tea_runtime` here: in this package, its name is `rt`. Add `runtime = ::rt`")
        );
        let passed_on = of("rustc --crate-name a src/main.rs --extern house=/x/libhouse-1f.rlib", plain);
        assert!(passed_on.is_some_and(|error| error.contains("`runtime = ::other_crate::tea_runtime`")));
    }

    #[test]
    fn a_runtime_that_may_be_there_is_not_missing() {
        let plain = Some("fn main() {}");
        for (arguments, root) in [
            ("rustc --crate-name a src/main.rs --extern tea_runtime=/x/libtea_runtime-1f.rmeta", plain),
            ("rustc --crate-name a src/main.rs --extern priv:tea_runtime=/x/libtea_runtime-1f.rmeta", plain),
            ("rustc --crate-name tea_runtime src/main.rs --extern serde=/x/libserde-1f.rmeta", plain),
            (
                "rustc --crate-name a src/main.rs --extern house=/x/libhouse.rlib",
                Some("extern crate house as tea_runtime;"),
            ),
            ("rustc --crate-name a src/main.rs --extern house=/x/libhouse.rlib", None),
            ("rustc --crate-name a src/main.rs", plain),
            ("rust-analyzer proc-macro", plain),
        ] {
            assert_eq!(of(arguments, root), None, "{arguments}");
        }
    }
}
