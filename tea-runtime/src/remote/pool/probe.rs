//! Whether a host sees the program's files: it is shown one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::remote::message::Probe;

/// A file in the program's current directory, until this is dropped.
pub(super) struct ProbeFile {
    path: PathBuf,
    probe: Probe,
}

impl ProbeFile {
    fn new(folder: &Path) -> io::Result<Self> {
        let random = || fastrand::u128(..);
        let probe = Probe { name: format!(".tea-probe-{:032x}", random()), text: format!("{:032x}", random()) };
        let path = folder.join(&probe.name);
        fs::write(&path, &probe.text)?;
        Ok(Self { path, probe })
    }

    /// The file in this directory: the one that is there already, or a new one.
    ///
    /// # Errors
    /// If it cannot be written: why.
    pub(super) fn shown(this: &mut Option<Self>, folder: &Path) -> Result<Probe, String> {
        if let Some(file) = this.as_ref().filter(|file| file.path.parent() == Some(folder)) {
            return Ok(file.probe.clone());
        }
        let file = Self::new(folder).map_err(|error| {
            let folder = folder.display();
            format!("`files = \"shared\"` cannot be probed, since no file can be written in `{folder}`: {error}")
        })?;
        Ok(this.insert(file).probe.clone())
    }
}

impl Drop for ProbeFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
