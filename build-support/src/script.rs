//! Build-script mode: writes the generated code to `OUT_DIR`, with the user's Rust at the lines and columns of the
//! workflow file, so that rustc's errors point there.

use std::{
    env, fs, io,
    path::{Component, Path, PathBuf},
};

use crate::{
    diagnostic::Diagnostics,
    expand,
    generate::{self, Sheet, Surface, join},
    plan::Plan,
    source::Sources,
};

/// Compiles the workflow at `path` (relative to the package) for `include_workflow!` with the same file, which finds
/// the result by itself. Call this in `build.rs`:
///
/// ```no_run
/// tea_build::compile("src/flow.yaml");
/// ```
///
/// rustc then reports errors in embedded Rust at `…/flow.yaml.rs:17:22`, say, and 17:22 is the position in the YAML.
/// Errors in the workflow itself are reported by the macro, as without a build script.
///
/// # Panics
/// If this is not a build script, or `OUT_DIR` cannot be written.
pub fn compile(path: impl AsRef<Path>) {
    let path = path.as_ref();
    println!("cargo::rerun-if-changed={}", path.display());
    let place = Place::of(path).expect("`tea_build::compile` is called from a build script");
    if let Err(error) = place.fill(path) {
        panic!("{}: {error}", place.folder.display());
    }
}

/// The location of the generated code of a workflow file.
struct Place {
    folder: PathBuf,
    file: String,
}

/// The files with the user's Rust that the build script of this package generated from the current version of the file
/// at `path`, each with what precedes it, if there are any.
pub(crate) fn find(path: &Path, sources: &Sources) -> Option<Vec<(String, PathBuf)>> {
    let place = Place::of(path)?;
    let index = fs::read_to_string(place.index()).ok()?;
    // The results of an earlier run of the build script do not count.
    let lines = index.strip_prefix(&header(sources))?.strip_prefix('\n')?;
    let sheet = |(number, line): (usize, &str)| {
        let (file, macros) = line.split_once('\t')?;
        Some((macros.to_owned(), place.sheet(number, file)))
    };
    lines.lines().enumerate().map(sheet).collect()
}

/// The environment variable with the directory in which `cargo tea check --rust` wants the user's Rust, at the lines and
/// columns of the workflow files.
pub const SHEETS: &str = "TEA_SHEETS";

/// Whether `cargo tea check --rust` has called rustc.
pub(crate) fn is_requested() -> bool {
    env::var_os(SHEETS).is_some()
}

/// The same as [`find`], for `cargo tea check --rust`: written now. `None` if that has not called rustc.
pub(crate) fn requested(
    plan: &Plan,
    surface: &Surface,
    sources: &Sources,
) -> io::Result<Option<Vec<(String, PathBuf)>>> {
    let Some(directory) = env::var_os(SHEETS) else { return Ok(None) };
    let mut written = Vec::new();
    for (number, sheet) in generate::sheets(plan, surface, sources).into_iter().enumerate() {
        let path = std::path::absolute(&sources.get(sheet.file).path)?;
        // Another workflow may call the same file.
        let root = std::path::absolute(&sources.get(plan.name.span.file).path)?;
        let both = [root.as_os_str().as_encoded_bytes(), b"\0", path.as_os_str().as_encoded_bytes()].concat();
        let folder = PathBuf::from(&directory).join(hash(&both));
        // This is how the place of an error is traced back to the workflow file.
        write(&folder.join(SHEET_SOURCE), &path.display().to_string())?;
        let file = folder.join(format!("{number}.rs"));
        write(&file, &sheet.text)?;
        written.push((sheet.macros, file));
    }
    Ok(Some(written))
}

/// The file with the path of the workflow that the files next to it were made from.
const SHEET_SOURCE: &str = "source";

/// The workflow file whose Rust is in `sheet`, a file in the directory of [`SHEETS`].
#[must_use]
pub fn sheet_source(sheet: &Path) -> Option<PathBuf> {
    fs::read_to_string(sheet.with_file_name(SHEET_SOURCE)).ok().map(PathBuf::from)
}

/// The first line of an index: what the sheets were generated from, and by which compiler.
fn header(sources: &Sources) -> String {
    let hashes = join(sources.iter(), " ", |source| hash(source.text.as_bytes()));
    format!("// tea-build {}, {hashes}", env!("CARGO_PKG_VERSION"))
}

/// FNV-1a is sufficient, because this only has to distinguish what is there, and not to withstand attacks.
fn hash(bytes: &[u8]) -> String {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

impl Place {
    /// `None` if there is no build script.
    fn of(path: &Path) -> Option<Self> {
        let out = PathBuf::from(env::var_os("OUT_DIR")?);
        let manifest = expand::manifest_dir()?;
        let path = manifest.join(std::path::absolute(path).ok()?);
        let relative = path.strip_prefix(&manifest).unwrap_or(&path);
        let mut folder = out.join("tea");
        for component in relative.parent()?.components() {
            match component {
                Component::Normal(name) => folder.push(name),
                Component::ParentDir => folder.push("__"),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        Some(Self { folder, file: path.file_name()?.to_str()?.to_owned() })
    }

    /// The index: for each sheet, a line with the name of its workflow file, and with what precedes it.
    fn index(&self) -> PathBuf {
        self.folder.join(format!("{}.index", self.file))
    }

    /// The user's Rust in a workflow file. The sheets of a file have the same name.
    fn sheet(&self, number: usize, file: &str) -> PathBuf {
        let file = format!("{file}.rs");
        if number == 0 {
            self.folder.join(file)
        } else {
            self.folder.join(format!("{}.{number}", self.file)).join(file)
        }
    }

    fn fill(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut sources = Sources::default();
        let mut found = Diagnostics::default();
        // The macro reports what cannot be read or compiled.
        let bytes = fs::read(path).unwrap_or_default();
        let file = sources.add(path, String::from_utf8_lossy(&bytes).into_owned());
        let plan = crate::plan(&mut sources, file, &mut found);
        for called in sources.iter().skip(1) {
            println!("cargo::rerun-if-changed={}", called.path.display());
        }
        match plan {
            Some(plan) => self.write(&generate::sheets(&plan, &Surface::default(), &sources), &sources),
            None => match fs::remove_file(self.index()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }

    fn write(&self, sheets: &[Sheet], sources: &Sources) -> io::Result<()> {
        let name = |sheet: &Sheet| sources.get(sheet.file).path.file_name().unwrap_or_default().to_string_lossy();
        for (number, sheet) in sheets.iter().enumerate() {
            write(&self.sheet(number, &name(sheet)), &sheet.text)?;
        }
        let lines = join(sheets, "", |sheet| format!("{}\t{}\n", name(sheet), sheet.macros));
        write(&self.index(), &format!("{}\n{lines}", header(sources)))
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}
