//! B-trees of both versions, walked from first to last record. They know nothing of what the records mean.

use super::metadata::{Fields, Metadata};
use crate::{Error, Result};
use std::collections::HashSet;

/// Trees are at most this deep: each level multiplies what a tree can hold.
const DEEPEST: u16 = 32;

/// The bytes that numbers up to `most` take.
pub(super) fn width_of(most: u64) -> usize {
    most.checked_ilog2().unwrap_or(0) as usize / 8 + 1
}

/// The nodes seen so far; a damaged tree that leads back to one of them must come to an end.
#[derive(Default)]
struct Seen(HashSet<u64>);

impl Seen {
    fn visit(&mut self, node: u64) -> Result<()> {
        if self.0.insert(node) { Ok(()) } else { Err(Error::corrupt("a B-tree goes in circles")) }
    }
}

/// Walks a tree of version 1 and gives the key and the address of each leaf's entries. `kind` is 0 for groups and 1 for
/// chunks, `key_len` the size of a key.
pub(super) fn visit_tree1(
    metadata: &Metadata<'_>,
    root: u64,
    kind: u8,
    key_len: usize,
    visit: &mut dyn FnMut(&[u8], u64) -> Result<()>,
) -> Result<()> {
    let mut seen = Seen::default();
    let mut nodes = vec![(root, None)];
    while let Some((node, expected)) = nodes.pop() {
        seen.visit(node)?;
        let head = metadata.bytes(node, 8)?;
        let mut fields = Fields::new(&head, metadata.widths);
        let (signature, found, level) = (fields.bytes(4)?, fields.u8()?, fields.u8()?);
        let entries = usize::from(fields.u16()?);
        if signature != b"TREE" || found != kind || expected.is_some_and(|expected| level != expected) {
            return Err(Error::corrupt(format!("a B-tree node at {node} is not what it should be")));
        }
        let width = metadata.widths.offset;
        let len = entries * (key_len + width);
        let body = metadata.bytes(node.saturating_add(8 + 2 * width as u64), len as u64)?;
        let mut fields = Fields::new(&body, metadata.widths);
        let start = nodes.len();
        for _ in 0..entries {
            let (key, child) = (fields.bytes(key_len)?, fields.some_address()?);
            match level.checked_sub(1) {
                None => visit(key, child)?,
                Some(below) => nodes.push((child, Some(below))),
            }
        }
        // The first child is to come next.
        nodes[start..].reverse();
    }
    Ok(())
}

/// A B-tree of version 2.
pub(super) struct Tree2<'a> {
    metadata: &'a Metadata<'a>,
    /// What the records are.
    pub(super) kind: u8,
    node_size: u64,
    /// Bytes a record.
    pub(super) record_len: usize,
    root: Option<Child>,
    /// For each depth, from the leaves up.
    levels: Vec<Level>,
}

/// How the nodes of one depth are laid out.
struct Level {
    most_records: u64,
    /// The width of a count of all records beneath a node of this depth.
    total_width: usize,
    total: u64,
}

/// A node as its parent describes it.
#[derive(Clone, Copy)]
struct Child {
    address: u64,
    records: u64,
    depth: u16,
}

impl<'a> Tree2<'a> {
    pub(super) fn read(metadata: &'a Metadata<'a>, address: u64) -> Result<Self> {
        let widths = metadata.widths;
        let len = 4 + 12 + widths.offset + 2 + widths.length + 4;
        let head = metadata.sealed(address, len as u64, b"BTHD")?;
        let mut fields = Fields::new(&head, widths);
        fields.version("a B-tree", 0..=0)?;
        let kind = fields.u8()?;
        let node_size = u64::from(fields.u32()?);
        let record_len = usize::from(fields.u16()?);
        let depth = fields.u16()?;
        fields.skip(2)?;
        let root = fields.address()?;
        let records = u64::from(fields.u16()?);
        if record_len == 0 || depth > DEEPEST {
            return Err(Error::corrupt("a B-tree has impossible sizes"));
        }
        let root = root.map(|address| Child { address, records, depth });
        let mut tree = Self { metadata, kind, node_size, record_len, root, levels: Vec::new() };
        tree.lay_out(depth);
        Ok(tree)
    }

    fn lay_out(&mut self, depth: u16) {
        let room = self.node_size.saturating_sub(10);
        let leaf = room / self.record_len as u64;
        self.levels.push(Level { most_records: leaf, total_width: 0, total: leaf });
        for level in 1..=usize::from(depth) {
            let pointer = self.pointer_len(level - 1) as u64;
            let most = room.saturating_sub(pointer) / (self.record_len as u64 + pointer);
            let below = self.levels[level - 1].total;
            let total = most.saturating_add(1).saturating_mul(below).saturating_add(most);
            self.levels.push(Level { most_records: most, total_width: width_of(total), total });
        }
    }

    /// The bytes that describe a child of depth `level`: address, its records and, above leaves, all records beneath.
    fn pointer_len(&self, level: usize) -> usize {
        self.metadata.widths.offset + width_of(self.levels[0].most_records) + self.levels[level].total_width
    }

    /// Gives every record.
    pub(super) fn visit(&self, visit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut seen = Seen::default();
        let mut nodes: Vec<Child> = self.root.into_iter().collect();
        while let Some(node) = nodes.pop() {
            seen.visit(node.address)?;
            let level = usize::from(node.depth);
            if node.records > self.levels[level].most_records {
                return Err(Error::corrupt("a B-tree node has more records than fit"));
            }
            let records_len = node.records * self.record_len as u64;
            let pointers = level.checked_sub(1).map(|below| (node.records + 1) * self.pointer_len(below) as u64);
            let signature = if level == 0 { b"BTLF" } else { b"BTIN" };
            let len = 10 + records_len + pointers.unwrap_or(0);
            let block = self.metadata.sealed(node.address, len, signature)?;
            let mut fields = Fields::new(&block, self.metadata.widths);
            fields.version("a B-tree node", 0..=0)?;
            fields.u8()?;
            for _ in 0..node.records {
                visit(fields.bytes(self.record_len)?)?;
            }
            self.children(node, &mut fields, &mut nodes)?;
        }
        Ok(())
    }

    fn children(&self, node: Child, fields: &mut Fields<'_>, nodes: &mut Vec<Child>) -> Result<()> {
        let Some(depth) = node.depth.checked_sub(1) else { return Ok(()) };
        let records_width = width_of(self.levels[0].most_records);
        for _ in 0..=node.records {
            let (address, records) = (fields.some_address()?, fields.uint(records_width)?);
            fields.skip(self.levels[usize::from(depth)].total_width)?;
            nodes.push(Child { address, records, depth });
        }
        Ok(())
    }
}
