use std::collections::HashMap;

use anyhow::{Context, Result};

/// The target of a digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Target {
    /// This value for all further digits. `Leaf(0)` means no value.
    Leaf(u8),
    Node(u32),
}

/// The value of a number that ends here, and the target of each further digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) value: u8,
    pub(crate) next: [Target; 10],
}

/// A minimal acyclic automaton over digits. It stores equal nodes once.
#[derive(Debug, Default)]
pub(crate) struct Automaton {
    nodes: Vec<Node>,
    known: HashMap<Node, u32>,
}

impl Automaton {
    /// Returns the target of an equal node, or adds the node. Children must come before their parents.
    pub(crate) fn intern(&mut self, node: Node) -> Result<Target> {
        if node.next.iter().all(|target| *target == Target::Leaf(node.value)) {
            return Ok(Target::Leaf(node.value));
        }
        if let Some(known) = self.known.get(&node) {
            return Ok(Target::Node(*known));
        }
        let id = u32::try_from(self.nodes.len())?;
        self.nodes.push(node);
        self.known.insert(node, id);
        Ok(Target::Node(id))
    }

    /// Returns the bytes that `shared/core/src/delivery/toll_fraud/numbers.rs` walks: one node after the other,
    /// the root last. A node is its value, then the ten digits in runs of one target. A run begins with a
    /// byte whose low half is the run's last digit. The high half is 0 for a leaf (its value in one byte
    /// follows) or 1 for a node (its offset in three bytes, big-endian).
    pub(crate) fn encode(&self, root: Target) -> Result<Encoded> {
        let mut bytes = Vec::new();
        let mut offsets: Vec<usize> = Vec::new();
        for node in &self.nodes {
            offsets.push(bytes.len());
            bytes.push(node.value);
            let mut digits = (0_u8..10).zip(node.next).peekable();
            while let Some((digit, target)) = digits.next() {
                if digits.peek().is_some_and(|(_, next)| *next == target) {
                    continue;
                }
                match target {
                    Target::Leaf(value) => bytes.extend([digit, value]),
                    Target::Node(child) => {
                        let offset =
                            *offsets.get(usize::try_from(child)?).context("a child after its parent")?;
                        let [zero, offset @ ..] = u32::try_from(offset)?.to_be_bytes();
                        anyhow::ensure!(zero == 0, "more than 16 MiB");
                        bytes.push(digit | 0x10);
                        bytes.extend(offset);
                    }
                }
            }
        }
        let Target::Node(root) = root else { anyhow::bail!("a plan that is one leaf") };
        let root = *offsets.get(usize::try_from(root)?).context("no root")?;
        Ok(Encoded { root: u32::try_from(root)?, nodes: self.nodes.len(), bytes })
    }
}

pub(crate) struct Encoded {
    pub(crate) root: u32,
    pub(crate) nodes: usize,
    pub(crate) bytes: Vec<u8>,
}
