//! Records on a file system that is full or can only be read. Such a file system is mounted where the tests run as root;
//! elsewhere there is nothing to test.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{kit::*, records::Scratch};
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

    fn change(&self, options: &str) {
        assert!(self.mount(&format!("remount,{options}")), "what can be mounted can be changed");
    }

    fn store(&self) -> Scratch {
        Scratch::at(self.0.join("state"))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
        let _ = std::fs::remove_dir(&self.0);
    }
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
