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
    TEA_BLESS=1 cargo test -p tests --test api
    TRYBUILD=overwrite cargo test -p tests --test rustc

# `cargo tea` from this checkout: `just tea check examples/weblog/src/flow.yaml`.
tea *arguments:
    cargo run -q -p cargo-tea -- tea {{arguments}}

# Search for what makes Tea crash or hang; needs cargo-fuzz: `just fuzz yaml -- -max_total_time=60`.
fuzz target *arguments:
    cd fuzz && RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir . --sanitizer none {{target}} {{arguments}}

# Licenses, sources and duplicates of what Tea depends on; needs cargo-deny. Add `advisories` where its database can be fetched.
deny:
    cargo deny --locked check --hide-inclusion-graph bans licenses sources

# What the packages contain.
package-list:
    for package in tea-graph tea-build tea-macros tea-runtime cargo-tea; do echo "== $package"; cargo package --list --allow-dirty -p $package; done

# Build and run a program from nothing but the packed crates.
packages:
    .ci/packages
