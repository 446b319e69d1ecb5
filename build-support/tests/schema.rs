//! `docs/workflow.schema.json` is what the parser's tables say. `TEA_BLESS=1` writes it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use tea_build::syntax;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn the_schema_is_current() {
    let path = root().join("docs/workflow.schema.json");
    let made = format!("{:#}\n", syntax::schema());
    if std::env::var_os("TEA_BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        made,
        "`TEA_BLESS=1 cargo test -p tea-build --test schema` writes it"
    );
}

/// What an editor says of a file by the schema.
struct Editor {
    schemas: Schemas,
    schema: SchemaIndex,
}

impl Editor {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("workflow.json", syntax::schema()).unwrap();
        let schema = compiler.compile("workflow.json", &mut schemas).unwrap();
        Self { schemas, schema }
    }

    fn check(&self, file: &Path) -> Result<(), String> {
        let text = fs::read_to_string(file).unwrap();
        let value: Value = serde_saphyr::from_str(&text).map_err(|error| error.to_string())?;
        self.schemas.validate(&value, self.schema).map_err(|error| error.to_string())
    }
}

/// The YAML files below a directory.
fn workflows(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            workflows(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

#[test]
fn editors_find_nothing_wrong_with_the_examples() {
    let editor = Editor::new();
    let mut files = Vec::new();
    for directory in ["examples", "tests/src", "tests/tests/library", "tea-runtime/tests"] {
        workflows(&root().join(directory), &mut files);
    }
    let examples = fs::read_dir(root().join("examples")).unwrap().count();
    let of_examples = files.iter().filter(|file| file.starts_with(root().join("examples"))).count();
    assert!(of_examples >= examples, "every example has its workflow: {files:?}");
    for file in files {
        if let Err(error) = editor.check(&file) {
            panic!("{}: {error}", file.display());
        }
    }
}

/// Files with an unknown entry, a wrong shape, a word that is not allowed there.
#[test]
fn editors_find_mistakes() {
    let editor = Editor::new();
    for name in ["0005-node", "0005-top", "0005-strategy", "0006-run", "0006-nodes", "0007-nodes"] {
        let file = root().join(format!("build-support/tests/golden/{name}.yaml"));
        assert!(editor.check(&file).is_err(), "{name}");
    }
}
