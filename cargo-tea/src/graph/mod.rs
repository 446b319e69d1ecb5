//! `cargo tea graph`: a workflow as a drawing, without building it.
//!
//! A [`Drawing`] says what is drawn. Each format says only how. For the SVG, `layout` computes where everything goes.

mod dot;
mod drawing;
mod html;
mod json;
mod layout;
mod mermaid;
mod svg;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::drawing::Drawing;
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
    let drawing = Drawing::new(compiled.plan()?, &compiled.sources);
    let text = match options.format {
        Format::Svg => svg::render(&drawing),
        Format::Html => html::render(&drawing),
        Format::Mermaid => mermaid::render(&drawing),
        Format::Dot => dot::render(&drawing),
        Format::Json => json::render(&drawing),
    };
    print(&text)
}
