//! Cargo projects of a user's, outside of this workspace, built as a user would.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

/// A project in a temporary directory that depends on `tea-runtime` by path.
///
/// Builds share this workspace's target directory and lock file: what the workspace has built is not built again, and
/// nothing is fetched.
pub struct Project {
    directory: TempDir,
    name: String,
}

/// What Cargo is told with every subcommand.
const COMMON: &[&str] = &["--offline", "--quiet", "--color", "never"];

/// How a build ended.
pub struct Built {
    /// Whether it succeeded.
    pub success: bool,
    /// All that Cargo and rustc said.
    pub output: String,
}

impl Built {
    fn of(output: &Output) -> Self {
        let text = [&output.stdout[..], &output.stderr].concat();
        Self { success: output.status.success(), output: String::from_utf8_lossy(&text).into_owned() }
    }
}

impl Project {
    /// A project called `name` with these files under `src`. `name` must be unique among all tests.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = workspace();
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"7.1.0\"\nedition = \"2024\"\n\n[dependencies]\n\
             serde = {{ version = \"1\", features = [\"derive\"] }}\ntea-runtime = {{ path = \"{}\" }}\n\n[workspace]\n",
            root.join("tea-runtime").display()
        );
        let project = Self { directory, name: name.to_owned() };
        project.write("../Cargo.toml", &manifest);
        fs::copy(root.join("Cargo.lock"), project.path("../Cargo.lock")).expect("the workspace's lock file");
        for (file, text) in files {
            project.write(file, text);
        }
        project
    }

    /// Has the feature that `remote` needs.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn with_remote(self) -> Self {
        let manifest = fs::read_to_string(self.path("../Cargo.toml")).expect("the manifest");
        let with = manifest.replace("tea-runtime = { ", "tea-runtime = { features = [\"remote\"], ");
        assert_ne!(with, manifest, "it depends on tea-runtime");
        self.write("../Cargo.toml", &with);
        self
    }

    /// Does without the command line.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn without_default_features(&self) {
        let manifest = fs::read_to_string(self.path("../Cargo.toml")).expect("the manifest");
        let without = manifest.replace("tea-runtime = { ", "tea-runtime = { default-features = false, ");
        assert_ne!(without, manifest, "it depends on tea-runtime");
        self.write("../Cargo.toml", &without);
    }

    /// Adds a line to its dependencies: a package that the workspace knows, too, but may not have downloaded.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn depend(&self, line: &str) {
        // Where that fails, the build says what is missing.
        let _ = Command::new(env!("CARGO")).args(["fetch", "--quiet", "--locked"]).current_dir(workspace()).status();
        let manifest = fs::read_to_string(self.path("../Cargo.toml")).expect("the manifest");
        self.write("../Cargo.toml", &manifest.replace("[dependencies]\n", &format!("[dependencies]\n{line}\n")));
    }

    /// Adds a benchmark with a `main` of its own.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn benchmark(&self, name: &str, text: &str) {
        self.write(&format!("../benches/{name}.rs"), text);
        let manifest = fs::read_to_string(self.path("../Cargo.toml")).expect("the manifest");
        self.write("../Cargo.toml", &format!("{manifest}\n[[bench]]\nname = \"{name}\"\nharness = false\n"));
    }

    /// Writes a file under `src`.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, file: &str, text: &str) {
        // A path such as `../tests/it.rs` leads through `src`.
        fs::create_dir_all(self.path("")).expect("a writable directory");
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a writable directory");
        fs::write(self.path(file), text).expect("a writable file");
    }

    /// Gives it a build script that compiles the workflow at this path.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn compile_in_build_script(&self, workflow: &str) {
        self.write("../build.rs", &format!("fn main() {{\n    tea_build::compile({workflow:?});\n}}\n"));
        let manifest = fs::read_to_string(self.path("../Cargo.toml")).expect("the manifest");
        let tea_build = workspace().join("build-support");
        let dependency = format!(
            "[build-dependencies]\ntea-build = {{ path = {:?} }}\n\n[workspace]",
            tea_build.display().to_string()
        );
        self.write("../Cargo.toml", &manifest.replace("[workspace]", &dependency));
    }

    /// Gives it another version.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn set_version(&self, version: &str) {
        let manifest = fs::read_to_string(self.path("../Cargo.toml")).expect("the manifest");
        let lines = manifest.lines().map(|line| match line.strip_prefix("version = ") {
            Some(_) => format!("version = {version:?}\n"),
            None => format!("{line}\n"),
        });
        self.write("../Cargo.toml", &lines.collect::<String>());
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join("src").join(file)
    }

    /// Runs `cargo build`.
    ///
    /// # Panics
    /// If Cargo cannot be started.
    #[must_use]
    pub fn build(&self) -> Built {
        self.cargo("build")
    }

    /// Runs `cargo build` as somebody else would, on a machine of another name, where that can be changed. With `own`, Cargo keeps
    /// what it downloads and builds there, so that everything is built again.
    ///
    /// # Panics
    /// If Cargo cannot be started.
    #[must_use]
    pub fn build_elsewhere(&self, own: Option<&Path>) -> Built {
        let renamed = ["--uts", "sh", "-c", "hostname elsewhere && exec \"$@\"", "sh"];
        let may_rename = Command::new("unshare").args(&renamed[..4]).status().is_ok_and(|status| status.success());
        let mut command = Command::new(if may_rename { "unshare" } else { env!("CARGO") });
        if may_rename {
            command.args(renamed).arg(env!("CARGO"));
        }
        self.configure(command.arg("build").args(COMMON));
        let home = tempfile::tempdir().expect("a temporary directory");
        let names = [
            ("USER", "somebody"),
            ("LOGNAME", "somebody"),
            ("HOSTNAME", "elsewhere"),
            ("TZ", "Asia/Tokyo"),
            ("LANG", "C"),
        ];
        command.envs(names).env("HOME", home.path());
        let kept = |variable: &str, folder: &str| {
            let of_home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(folder);
            env::var_os(variable).map_or_else(of_home, PathBuf::from)
        };
        command.env("RUSTUP_HOME", kept("RUSTUP_HOME", ".rustup"));
        let cargo = kept("CARGO_HOME", ".cargo");
        match own {
            None => drop(command.env("CARGO_HOME", cargo)),
            Some(own) => {
                fs::create_dir_all(own.join("cargo")).expect("a writable directory");
                let _ = std::os::unix::fs::symlink(cargo.join("registry"), own.join("cargo/registry"));
                command.env("CARGO_HOME", own.join("cargo")).env("CARGO_TARGET_DIR", own.join("target"));
            }
        }
        Built::of(&command.output().expect("cargo runs"))
    }

    /// Runs `cargo rustc` with these flags for the program itself.
    ///
    /// # Panics
    /// If Cargo cannot be started.
    #[must_use]
    pub fn build_with(&self, flags: &[&str]) -> Built {
        self.cargo_with(&[&["rustc"], COMMON, &["--"], flags].concat())
    }

    /// The number of functions for which rustc generates code when it builds the program itself, without dependencies: its own, and
    /// those of libraries that are generic, for its types.
    ///
    /// # Panics
    /// If it cannot be built.
    #[must_use]
    pub fn compiled_functions(&self) -> usize {
        let path = self.path("../program.ll");
        let built = self.build_with(&["-Ccodegen-units=1", &format!("--emit=llvm-ir={}", path.display())]);
        assert!(built.success, "{}", built.output);
        let text = fs::read_to_string(path).expect("what rustc wrote");
        text.lines().filter(|line| line.starts_with("define ")).count()
    }

    /// Runs `cargo test`, or `cargo nextest run` where that is installed.
    ///
    /// # Panics
    /// If Cargo cannot be started.
    #[must_use]
    pub fn test(&self, runner: &[&str]) -> Built {
        self.cargo_with(&[runner, &["--offline", "--color", "never"]].concat())
    }

    /// Runs `cargo check`.
    ///
    /// # Panics
    /// If Cargo cannot be started.
    #[must_use]
    pub fn check(&self) -> Built {
        self.cargo("check")
    }

    /// Runs `cargo clippy`.
    ///
    /// # Panics
    /// If Cargo cannot be started.
    #[must_use]
    pub fn clippy(&self) -> Built {
        self.cargo("clippy")
    }

    /// The names of all crates that become part of the program.
    ///
    /// # Panics
    /// If Cargo cannot tell.
    #[must_use]
    pub fn dependencies(&self) -> Vec<String> {
        let asked = ["tree", "--edges", "normal,no-proc-macro", "--prefix", "none"];
        let tree = self.cargo_with(&[&asked[..], COMMON].concat());
        assert!(tree.success, "{}", tree.output);
        tree.output.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    }

    fn cargo(&self, subcommand: &str) -> Built {
        self.cargo_with(&[&[subcommand], COMMON].concat())
    }

    fn cargo_with(&self, arguments: &[&str]) -> Built {
        let mut command = Command::new(env!("CARGO"));
        self.configure(command.args(arguments));
        Built::of(&command.output().expect("cargo runs"))
    }

    fn configure(&self, command: &mut Command) {
        command
            .current_dir(self.directory.path())
            .env("CARGO_TARGET_DIR", target())
            // As in the workspace, so that its dependencies serve.
            .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
    }

    /// The program that [`build`](Self::build) made.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        target().join("debug").join(&self.name)
    }
}

/// The root of Tea's workspace.
fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("`tests` lies in the workspace")
}

/// The target directory that the running test was built in: it is `TARGET/PROFILE/deps/TEST`.
fn target() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    test.ancestors().nth(3).expect("a target directory").to_owned()
}
