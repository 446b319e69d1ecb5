//! The checks, each a pass of its own over the graph. What rustc says better is left to rustc.

use crate::{
    diagnostic::Diagnostics,
    graph::{Graph, access::Access},
};

/// Runs every check.
pub(crate) fn check(_graph: &Graph<'_>, _access: &Access, _found: &mut Diagnostics) {}
