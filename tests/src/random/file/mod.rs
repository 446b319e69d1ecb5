//! Evaluates a workflow file, as `docs/reference.md` says what it means and with nothing of the compiler: the file is read
//! with another YAML library, and what runs when is found out here. Branches run one after the other, each on its own
//! copy of the state.

mod order;
mod run;
mod text;

pub use run::run;
pub use text::File;
