//! A terminal for a program that asks: what it shows, and what a person types.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::process::wait_for;

/// The side of a terminal at which the person is.
pub struct Terminal {
    keys: File,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    /// A new terminal, and the side at which the program is.
    ///
    /// # Panics
    /// If there can be none.
    #[must_use]
    pub fn new() -> (Self, File) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal of ours");
        let name = ptsname(&master, Vec::new()).expect("a terminal with a name");
        let path = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
        let program = OpenOptions::new().read(true).write(true).open(path).expect("the program's side");
        (Self::of(master), program)
    }

    fn of(master: OwnedFd) -> Self {
        let keys = File::from(master);
        let screen = Arc::<Mutex<String>>::default();
        let (mut from, onto) = (keys.try_clone().expect("a second descriptor"), Arc::clone(&screen));
        // It ends when the program has.
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                onto.lock().expect("no test has failed").push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { keys, screen }
    }

    /// All that has been on the screen.
    ///
    /// # Panics
    /// If its reader has failed.
    #[must_use]
    pub fn screen(&self) -> String {
        self.screen.lock().expect("its reader has not failed").clone()
    }

    /// Waits until this has been on the screen so many times.
    ///
    /// # Panics
    /// If it takes too long.
    pub fn shows(&self, text: &str, times: usize) {
        wait_for(&format!("`{text}` on the terminal"), || (self.screen().matches(text).count() >= times).then_some(()));
    }

    /// Types this.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn types(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).expect("a terminal");
    }
}
