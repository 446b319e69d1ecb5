//! The file that the report of a run from Rust is written to.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::NamedTempFile;

use super::{Ending, Given, Report};
use crate::{error::Error, event::Listener, plan::Plan};

/// A report, and where it is to be written.
pub(crate) struct ReportFile {
    report: Arc<Report>,
    inputs: Vec<Given>,
    path: PathBuf,
    /// It takes the place of what is at the path, when it is whole.
    file: NamedTempFile,
}

impl ReportFile {
    /// Starts a report.
    ///
    /// # Errors
    /// If no file can be created next to the path.
    pub(crate) fn new(path: &Path, plan: &'static Plan, inputs: Vec<Given>) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".report.").suffix(".tmp");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder)?;
        Ok(Self { report: Arc::new(Report::new(plan)), inputs, path: path.to_owned(), file })
    }

    /// What listens to the run.
    pub(crate) fn listener(&self) -> Arc<dyn Listener> {
        Arc::clone(&self.report) as _
    }

    /// Writes the report of the run, which ended with this error or none.
    ///
    /// # Errors
    /// If it cannot be written. What was at the path is then still there.
    pub(crate) fn write(mut self, error: Option<&Error>) -> io::Result<()> {
        let page = self.report.page(&Ending::of(error, &self.inputs));
        self.file.write_all(page.as_bytes())?;
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path).map(drop).map_err(|error| error.error)
    }
}
