//! `cargo tea graph`: a workflow as a drawing, without building it.
//!
//! `drawing` says what is drawn, and `tea-graph` knows the formats.

mod drawing;
mod html;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use tea_graph as graph;

use crate::{Failure, file::Compiled, print};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The workflow file.
    file: PathBuf,
    /// The format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The format of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// A picture.
    #[default]
    Svg,
    /// A page with the picture, to zoom, search and look at what each node reads and writes.
    Html,
    /// Mermaid, which GitHub and GitLab draw in Markdown.
    Mermaid,
    /// DOT, for Graphviz.
    Dot,
    /// JSON, for other programs.
    Json,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let compiled = Compiled::read(&options.file)?;
    let drawing = drawing::drawing(compiled.plan()?, &compiled.sources);
    let text = match options.format {
        Format::Svg => drawing.render(graph::Format::Svg),
        Format::Html => html::render(&drawing),
        Format::Mermaid => drawing.render(graph::Format::Mermaid),
        Format::Dot => drawing.render(graph::Format::Dot),
        Format::Json => drawing.render(graph::Format::Json),
    };
    print(&text)
}
