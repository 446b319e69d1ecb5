//! Fan-outs and chains in dagrs.

use std::{hint::black_box, sync::Arc};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use dagrs::{Action, Content, DefaultNode, EnvVar, Graph, InChannels, NodeId, NodeTable, OutChannels, Output};
use tokio::runtime::Runtime;

use crate::work::spin;

struct Spin(u64);

#[async_trait]
impl Action for Spin {
    async fn run(&self, input: &mut InChannels, output: &mut OutChannels, _: Arc<EnvVar>) -> Output {
        // A node of dagrs starts at once; what makes it wait for those before it is to receive from them.
        input.map(drop).await;
        black_box(spin(self.0));
        output.broadcast(Content::new(())).await;
        Output::empty()
    }
}

/// A graph that was built and not run yet.
pub(crate) struct Ready(Graph);

impl Ready {
    /// `tasks` between a node before and a node after them.
    pub(crate) fn fan_out(tasks: usize, turns: u64) -> Result<Self> {
        let last = tasks + 1;
        Self::build(
            tasks + 2,
            |index| if index == 0 || index == last { 0 } else { turns },
            |ids| {
                let (middle, ends) = (&ids[1..last], (ids[0], ids[last]));
                let out = std::iter::once((ends.0, middle.to_vec()));
                out.chain(middle.iter().map(|id| (*id, vec![ends.1]))).collect()
            },
        )
    }

    /// `steps`, one after the other.
    pub(crate) fn chain(steps: usize, turns: u64) -> Result<Self> {
        Self::build(steps, |_| turns, |ids| ids.windows(2).map(|pair| (pair[0], vec![pair[1]])).collect())
    }

    fn build(
        count: usize,
        turns: impl Fn(usize) -> u64,
        edges: impl Fn(&[NodeId]) -> Vec<(NodeId, Vec<NodeId>)>,
    ) -> Result<Self> {
        let mut table = NodeTable::default();
        let node = |index| DefaultNode::with_action(format!("node-{index}"), Spin(turns(index)), &mut table);
        let nodes: Vec<_> = (0..count).map(node).collect();
        let ids: Vec<_> = nodes.iter().map(dagrs::Node::id).collect();
        let mut graph = Graph::new();
        for node in nodes {
            graph.add_node(node).ok().context("dagrs: node")?;
        }
        for (from, to) in edges(&ids) {
            graph.add_edge(from, to).ok().context("dagrs: edge")?;
        }
        graph.set_env(EnvVar::new(table));
        Ok(Self(graph))
    }

    /// Runs it.
    pub(crate) fn run(mut self, runtime: &Runtime) -> Result<()> {
        runtime.block_on(self.0.async_start()).ok().context("dagrs: run")?;
        Ok(())
    }
}
