//! Fan-outs and chains in graph-flow.

use std::{hint::black_box, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use graph_flow::{ExecutionStatus, Graph, GraphBuilder, NextAction, Session, Task, TaskResult, fanout::FanOutTask};
use tokio::runtime::Runtime;

use crate::work::spin;

struct Spin {
    name: String,
    turns: u64,
    next: NextAction,
}

#[async_trait]
impl Task for Spin {
    fn id(&self) -> &str {
        &self.name
    }

    async fn run(&self, _: graph_flow::Context) -> graph_flow::Result<TaskResult> {
        black_box(spin(self.turns));
        Ok(TaskResult::new(None, self.next.clone()))
    }
}

fn task(index: usize, turns: u64, next: NextAction) -> Arc<dyn Task> {
    Arc::new(Spin { name: format!("node-{index}"), turns, next })
}

/// A graph that can be run again and again.
pub(crate) struct Ready(Graph);

impl Ready {
    /// One node whose tasks run concurrently: the fan-out that graph-flow has.
    pub(crate) fn fan_out(tasks: usize, turns: u64) -> Result<Self> {
        let children = (0..tasks).map(|index| task(index, turns, NextAction::End)).collect();
        let node = FanOutTask::new("fan-out", children).with_next_action(NextAction::End);
        Ok(Self(GraphBuilder::new("fan-out").add_task(node).build()?))
    }

    /// `steps`, one after the other.
    pub(crate) fn chain(steps: usize, turns: u64) -> Result<Self> {
        let builder = GraphBuilder::new("chain").with_max_execution_steps(steps + 1);
        let next = |index| if index + 1 == steps { NextAction::End } else { NextAction::ContinueAndExecute };
        let add = |builder: GraphBuilder, index| builder.add_task(task(index, turns, next(index)));
        let tasks = (0..steps).fold(builder, add);
        let edge =
            |builder: GraphBuilder, index| builder.add_edge(format!("node-{}", index - 1), format!("node-{index}"));
        Ok(Self((1..steps).fold(tasks, edge).set_start_task("node-0").build()?))
    }

    /// Runs it in a new session.
    pub(crate) fn run(&self, runtime: &Runtime) -> Result<()> {
        let start = self.0.start_task_id().context("graph-flow: no start")?;
        let mut session = Session::new_from_task("bench".into(), start);
        let result = runtime.block_on(self.0.execute_session(&mut session))?;
        ensure!(matches!(result.status, ExecutionStatus::Completed), "graph-flow ended as {:?}", result.status);
        Ok(())
    }
}
