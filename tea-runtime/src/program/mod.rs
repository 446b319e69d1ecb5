//! The generated `main`.
mod args;
mod console;
mod file;
mod flags;
mod graph;
mod history;
mod human;
mod input;
mod log;
mod output;
mod page;
mod progress;
mod report;
#[cfg(test)]
mod sample;
mod signals;
