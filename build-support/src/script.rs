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
pub(crate) fn find(path: &Path, bytes: &[u8]) -> Option<Vec<(String, PathBuf)>> {
    let place = Place::of(path)?;
    let index = fs::read_to_string(place.index()).ok()?;
    // The results of an earlier run of the build script do not count.
    let macros = index.strip_prefix(&header(bytes))?.strip_prefix('\n')?;
    Some(macros.lines().enumerate().map(|(number, macros)| (macros.to_owned(), place.sheet(number))).collect())
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
    path: &Path,
    plan: &Plan,
    surface: &Surface,
    sources: &Sources,
) -> io::Result<Option<Vec<(String, PathBuf)>>> {
    let Some(directory) = env::var_os(SHEETS) else { return Ok(None) };
    let path = std::path::absolute(path)?;
    let folder = PathBuf::from(directory).join(hash(path.as_os_str().as_encoded_bytes()));
    // This is how the place of an error is traced back to the workflow file.
    write(&folder.join(SHEET_SOURCE), &path.display().to_string())?;
    let mut written = Vec::new();
    for (number, sheet) in generate::sheets(plan, surface, sources).into_iter().enumerate() {
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
fn header(workflow: &[u8]) -> String {
    format!("// tea-build {}, {}", env!("CARGO_PKG_VERSION"), hash(workflow))
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

    /// The index: for each sheet, a line with what precedes it.
    fn index(&self) -> PathBuf {
        self.folder.join(format!("{}.index", self.file))
    }

    /// The user's Rust. The files of all sheets have the same name.
    fn sheet(&self, number: usize) -> PathBuf {
        let file = format!("{}.rs", self.file);
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
        match crate::plan(&sources, file, &mut found) {
            Some(plan) => self.write(&generate::sheets(&plan, &Surface::default(), &sources), &bytes),
            None => match fs::remove_file(self.index()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }

    fn write(&self, sheets: &[Sheet], bytes: &[u8]) -> io::Result<()> {
        for (number, sheet) in sheets.iter().enumerate() {
            write(&self.sheet(number), &sheet.text)?;
        }
        let macros = join(sheets, "", |sheet| format!("{}\n", sheet.macros));
        write(&self.index(), &format!("{}\n{macros}", header(bytes)))
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}
