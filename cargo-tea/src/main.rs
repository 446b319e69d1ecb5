//! `cargo tea`: tools for workflow files, on top of the Tea compiler.
#![forbid(unsafe_code)]

mod check;
mod expand;
mod explain;
mod file;
mod fmt;
mod graph;
mod lsp;
mod message;
mod new;
mod project;
mod rustfmt;

use std::{env, io, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

/// Tools for Tea workflows.
#[derive(Debug, Parser)]
#[command(name = "cargo tea", bin_name = "cargo tea", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a crate with a workflow that builds, runs and has a test.
    New(new::Options),
    /// Report the compiler's findings, without building anything.
    Check(check::Options),
    /// Draw a workflow.
    Graph(graph::Options),
    /// Explain an error or a warning.
    Explain {
        /// The code, such as `TEA0301`.
        code: String,
    },
    /// Print the Rust that a workflow compiles to.
    Expand(OneFile),
    /// Format workflow files, with the Rust in them.
    Fmt(fmt::Options),
    /// Run the language server, over standard input and output.
    Lsp,
}

/// A workflow file.
#[derive(Debug, Args)]
struct OneFile {
    /// The workflow file.
    file: PathBuf,
}

/// Why a command failed.
#[derive(Debug)]
enum Failure {
    /// The findings, which have been printed, are the reason.
    Found,
    /// This is the reason.
    Because(String),
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Because(reason)
    }
}

fn main() -> ExitCode {
    if let Some(code) = check::rustc::wrapper() {
        return code;
    }
    // Cargo passes the name of the subcommand on.
    let mut arguments: Vec<_> = env::args_os().collect();
    if arguments.get(1).is_some_and(|word| word == "tea") {
        arguments.remove(1);
    }
    let result = match Arguments::parse_from(arguments).command {
        Command::New(options) => new::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Graph(options) => graph::run(&options),
        Command::Explain { code } => explain::run(&code),
        Command::Expand(OneFile { file }) => expand::run(&file),
        Command::Fmt(options) => fmt::run(&options),
        Command::Lsp => lsp::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Found) => ExitCode::FAILURE,
        Err(Failure::Because(reason)) => {
            anstream::eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output. A reader that has gone away, such as `head`, is no failure.
fn print(text: &str) -> Result<(), Failure> {
    use io::Write;
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}").into())
        }
        _ => Ok(()),
    }
}
