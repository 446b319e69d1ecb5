//! Records on a file system that is full, can only be read, or is on a disk that breaks. Such a file system is mounted where
//! the tests run as root; elsewhere there is nothing to test.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{kit::*, scratch::Scratch};
use crate::{plan::Plan, state::Key};

/// A small file system in memory. It goes away with the test.
struct Disk(PathBuf);

impl Disk {
    /// `None` if this process may not mount one.
    fn new(name: &str, size: &str) -> Option<Self> {
        let path = std::env::temp_dir().join(format!("tea-disk-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let disk = Self(path);
        if disk.mount(&format!("size={size}")) {
            return Some(disk);
        }
        println!("this process may not mount a file system: nothing is tested");
        None
    }

    fn mount(&self, options: &str) -> bool {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&self.0).output();
        mount.is_ok_and(|mount| mount.status.success())
    }

    /// A file system with files that are being written cannot be made read-only, and a run that succeeded leaves the last sync
    /// of its log to a thread of its own.
    fn change(&self, options: &str) {
        let start = Instant::now();
        while !self.mount(&format!("remount,{options}")) {
            assert!(start.elapsed() < Duration::from_mins(1), "what can be mounted can be changed");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn store(&self) -> Scratch {
        Scratch::at(self.0.join("state"))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.0);
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// A small ext4 on a device of its own, which can lose most of its blocks. It goes away with the test.
struct Device {
    name: String,
    image: PathBuf,
    path: PathBuf,
}

impl Device {
    const SIZE: u64 = 8 << 20;

    /// `None` if this process may not mount one.
    fn new() -> Option<Self> {
        let path = std::env::temp_dir().join(format!("tea-device-{}", std::process::id()));
        let image = path.with_extension("image");
        std::fs::create_dir_all(&path).unwrap();
        std::fs::File::create(&image).and_then(|file| file.set_len(Self::SIZE)).unwrap();
        let mut device = Self { name: String::new(), image, path };
        let made = command("mkfs.ext4", &["-q", "-F", "-O", "^has_journal", &name(&device.image)])
            .and_then(|_| command("losetup", &["--find", "--show", &name(&device.image)]));
        device.name = made.unwrap_or_default().trim().to_owned();
        if !device.name.is_empty() && device.mount() {
            return Some(device);
        }
        println!("this process may not mount a device: nothing is tested");
        None
    }

    fn mount(&self) -> bool {
        command("mount", &[&self.name, &name(&self.path)]).is_some()
    }

    /// What was written is on the disk, and what is written from now on cannot be.
    fn breaks(&self) {
        command("sync", &["--file-system", &name(&self.path)]).unwrap();
        std::fs::copy(&self.image, self.saved()).unwrap();
        let image = std::fs::OpenOptions::new().write(true).open(&self.image);
        image.and_then(|image| image.set_len(64 << 10)).unwrap();
        command("losetup", &["--set-capacity", &self.name]).unwrap();
    }

    /// It works again after a new start, with what was on it.
    fn is_mended(&self) {
        std::fs::write(&self.image, std::fs::read(self.saved()).unwrap()).unwrap();
        command("losetup", &["--set-capacity", &self.name]).unwrap();
        command("umount", &[&name(&self.path)]).unwrap();
        assert!(self.mount());
    }

    fn saved(&self) -> PathBuf {
        self.path.with_extension("saved")
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        unmount(&self.path);
        if !self.name.is_empty() {
            command("losetup", &["--detach", &self.name]);
        }
        let _ = std::fs::remove_file(&self.image);
        let _ = std::fs::remove_file(self.saved());
        let _ = std::fs::remove_dir(&self.path);
    }
}

/// Unmounts, also if the thread that synced the records of a run that succeeded is just about to end.
fn unmount(path: &Path) {
    command("umount", &["--lazy", &name(path)]);
}

/// What a command prints that succeeds.
fn command(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// Five nodes, each of which writes a text of 40 kB that cannot be compressed.
fn large() -> &'static Plan {
    let mut kit = Kit::default();
    let steps = ["a", "b", "c", "d", "e"].map(|name| {
        let key: Key<String> = kit.key(name);
        kit.wired(key);
        let mut rng = fastrand::Rng::with_seed(7);
        let text: String = std::iter::repeat_with(|| rng.alphanumeric()).take(40_000).collect();
        puts(name, key, text)
    });
    let root = kit.block(chain(steps.into()));
    kit.plan(root)
}

#[test]
fn a_full_disk_ends_recording_and_what_was_recorded_is_reused_once_there_is_room() {
    let Some(disk) = Disk::new("full", "128k") else { return };
    let (store, plan) = (disk.store(), large());
    let ran = store.run(plan, false);
    assert_eq!(ran.nodes, ["a", "b", "c", "d", "e"]);
    assert_eq!(ran.warnings.len(), 1, "{:?}", ran.warnings);
    assert!(ran.warnings[0].contains("no longer recorded") && ran.warnings[0].contains("space"), "{:?}", ran.warnings);
    ran.view();
    disk.change("size=10m");
    let resumed = store.run(plan, true);
    assert!((1..5).contains(&resumed.nodes.len()), "{:?}", resumed.nodes);
    assert_eq!((resumed.nodes.last().map(String::as_str), resumed.warnings.len()), (Some("e"), 1), "a damaged end");
    resumed.view();
    assert!(store.run(plan, true).outcome.unwrap_err().to_string().contains("all of them succeeded"));
}

#[test]
fn a_full_disk_ends_a_run_that_must_be_recorded() {
    let Some(disk) = Disk::new("required", "128k") else { return };
    let ran = disk.store().run_with(large(), Vec::new(), |session| session.require_state = true);
    let error = ran.outcome.unwrap_err().to_string();
    assert!(error.contains("can no longer be recorded") && ran.nodes.len() < 5, "{error} after {:?}", ran.nodes);
}

#[test]
fn a_disk_that_breaks_ends_recording_and_what_was_on_it_is_reused() {
    static WORKS: AtomicBool = AtomicBool::new(false);
    let Some(device) = Device::new() else { return };
    let device = Arc::new(device);
    let mut kit = Kit::default();
    let text: Key<String> = kit.key("text");
    kit.wired(text);
    let breaks = {
        // A plan is for ever, and the device is not.
        let device = Arc::downgrade(&device);
        node("breaks", move |_, _| {
            if !WORKS.load(Ordering::Relaxed) {
                device.upgrade().expect("the test has it").breaks();
            }
            Ok(())
        })
    };
    let fails = node("d", |_, _| if WORKS.load(Ordering::Relaxed) { Ok(()) } else { Err("not yet".into()) });
    let steps = vec![puts("a", text, "a".repeat(40_000)), breaks, puts("c", text, "c".repeat(40_000)), fails];
    let root = kit.block(chain(steps));
    let plan = kit.plan(root);
    let store = Scratch::at(device.path.join("state"));
    let ran = store.run(plan, false);
    assert_eq!(ran.nodes, ["a", "breaks", "c", "d"]);
    assert_eq!(ran.warnings.len(), 1, "{:?}", ran.warnings);
    let warning = &ran.warnings[0];
    assert!(warning.contains("no longer recorded") && warning.contains("Input/output error"), "{warning}");
    device.is_mended();
    WORKS.store(true, Ordering::Relaxed);
    let resumed = store.run(plan, true);
    assert_eq!(resumed.nodes, ["breaks", "c", "d"]);
    assert_eq!(*resumed.view().get(text), "c".repeat(40_000));
    assert!(store.run(plan, true).outcome.unwrap_err().to_string().contains("all of them succeeded"));
}

#[test]
fn nothing_runs_where_a_store_can_only_be_read() {
    let Some(disk) = Disk::new("readonly", "1m") else { return };
    let (store, plan) = (disk.store(), large());
    store.run(plan, false).view();
    disk.change("ro");
    let ran = store.run(plan, false);
    let error = ran.outcome.unwrap_err().to_string();
    assert!(error.contains("Read-only file system") && error.contains(&name(&disk.0)), "{error}");
    assert!(ran.nodes.is_empty());
}

fn name(path: &Path) -> String {
    path.display().to_string()
}
