//! `docs/workflow.schema.json` is what the parser's tables say. `TEA_BLESS=1` writes it.

use std::{fs, path::Path};

use tea_build::syntax;

#[test]
fn the_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/workflow.schema.json");
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
