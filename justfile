# The commands of daily work: `just NAME` (https://just.systems), or copy a line.

# What CI runs.
ci:
    .ci/run

# Format everything.
fmt:
    cargo fmt --all

# The warnings that CI refuses.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# The tests of one package: `just test tea-build`.
test package *arguments:
    cargo test -p {{package}} {{arguments}}

# Accept what the compiler, rustc and the schema test say now. Look at the difference before you commit it.
bless:
    TEA_BLESS=1 cargo test -p tea-build
    TRYBUILD=overwrite cargo test -p tests --test rustc

# `cargo tea` from this checkout: `just tea check examples/weblog/src/flow.yaml`.
tea *arguments:
    cargo run -q -p cargo-tea -- tea {{arguments}}

# Search for files that make the compiler crash or hang; needs nightly Rust and cargo-fuzz: `just fuzz yaml`.
fuzz target *arguments:
    cd fuzz && cargo +nightly fuzz run {{target}} {{arguments}}

# What the packages contain.
package-list:
    for package in tea-build tea-macros tea-runtime cargo-tea; do echo "== $package"; cargo package --list --allow-dirty -p $package; done
