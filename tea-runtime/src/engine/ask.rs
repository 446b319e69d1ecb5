//! Nodes that ask a person.

use std::sync::Arc;

use super::Run;
use crate::{
    context::Context,
    executor::tokens,
    failure::Failure,
    plan::{Ask, Body},
    question::Question,
    state::View,
};

/// The question of a node, in a run.
pub(super) struct Asking<'a> {
    pub(super) run: &'a Arc<Run>,
    pub(super) ask: &'static Ask,
}

impl Body for Asking<'_> {
    fn run(&self, view: &mut View, context: &Context) -> Result<(), Box<Failure>> {
        let text = (self.ask.question)(view, context)?;
        let name = context.shown(context.node);
        let spec = &view.specs()[self.ask.key as usize];
        let question = Question { name: &name, text: text.trim_end(), spec, cancel: context.token() };
        // Others run while a person thinks.
        let lent = tokens::lend();
        let value = self.run.questions().answer(&question);
        drop(lent);
        view.write(self.ask.key, value?)
    }
}
