//! What the whole-program tests share: running programs under a deadline, looking for what they leave behind, and
//! turning published workflow graphs into workflow files.
#![forbid(unsafe_code)]

pub mod behave;
pub mod logged;
pub mod misplaced;
pub mod network;
pub mod process;
pub mod program;
pub mod project;
pub mod random;
pub mod report;
pub mod simulate;
pub mod sshd;
pub mod terminal;
pub mod trace;
pub mod wfformat;
pub mod work;
