//! What a group holds: its links, wherever they are kept.

use super::btree::{Tree2, visit_tree1};
use super::header::{Header, kind};
use super::heap::{FractalHeap, LocalHeap};
use super::home::Home;
use super::metadata::{Fields, Metadata};
use crate::{Error, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A member of a group.
#[derive(Debug, PartialEq)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) target: Target,
    /// Its place in the order of creation, where the file keeps it.
    created: Option<u64>,
}

/// What a link leads to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    /// The object at an address.
    Object(u64),
    /// Whatever has this path in this file, if anything has.
    Soft(String),
    /// What has a path in another file.
    External { file: String, path: String },
}

/// The links of a group, in order of creation where the file keeps that, else by name.
pub(super) fn links(metadata: &Metadata<'_>, header: &Header) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    if let Some(body) = header.find(metadata, kind::SYMBOL_TABLE)? {
        old_links(metadata, &body, &mut links)?;
    }
    for message in header.all(kind::LINK) {
        links.push(parse_link(metadata, &message.resolve(metadata)?)?);
    }
    if let Some(body) = header.find(metadata, kind::LINK_INFO)? {
        dense_links(metadata, &body, &mut links)?;
    }
    check_size(metadata, &links)?;
    if links.iter().all(|link| link.created.is_some()) {
        links.sort_by_key(|link| link.created);
    } else {
        links.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(links)
}

/// Each link has a place of its own, so that all are no longer than the file unless it is damaged.
fn check_size(metadata: &Metadata<'_>, links: &[Link]) -> Result<()> {
    let len = links.iter().fold(0u64, |len, link| len.saturating_add(link.name.len() as u64 + 4));
    if len <= metadata.file_len() {
        Ok(())
    } else {
        Err(Error::corrupt("a group has more links than its file has room for"))
    }
}

/// Soft links that lead to soft links are followed this far.
const LONGEST_CHAIN: usize = 8;

/// The most names that are looked up to follow one soft link.
const MOST_STEPS: usize = 1000;

/// Groups through which links were followed are kept until they hold so many names.
const MOST_NAMES: usize = 1 << 18;

/// What the groups hold through which links were followed: many links lead through few groups, and listing one for each link
/// would take a time that grows with the square of their number.
#[derive(Debug, Default)]
pub(super) struct Listed(Mutex<HashMap<u64, Arc<Members>>>);

/// What the links of a group lead to, by name.
type Members = HashMap<String, Target>;

impl Listed {
    fn members(&self, metadata: &Metadata<'_>, group: u64) -> Result<Arc<Members>> {
        let mut listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(members) = listed.get(&group) {
            return Ok(Arc::clone(members));
        }
        let mut members = HashMap::new();
        for link in links(metadata, &Header::read(metadata, group)?)? {
            members.entry(link.name).or_insert(link.target);
        }
        if listed.values().map(|members| members.len()).sum::<usize>() + members.len() > MOST_NAMES {
            listed.clear();
        }
        let members = Arc::new(members);
        listed.insert(group, Arc::clone(&members));
        Ok(members)
    }

    /// Forgets all: the links of the file have been followed.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Where a path leads.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// To an object of the same file.
    Here(u64),
    /// To a path in another file.
    There { file: String, path: String },
}

/// What has a path, seen from the group `from`, or from the root if it starts with a slash; `None` if nothing has.
pub(super) fn follow(home: &Home, metadata: &Metadata<'_>, from: u64, path: &str) -> Result<Option<Found>> {
    Follower { home, metadata, steps: MOST_STEPS }.follow(from, path, LONGEST_CHAIN)
}

/// Goes from group to group.
struct Follower<'a> {
    home: &'a Home,
    metadata: &'a Metadata<'a>,
    /// The steps that may still be taken.
    steps: usize,
}

impl Follower<'_> {
    fn follow(&mut self, from: u64, path: &str, chain: usize) -> Result<Option<Found>> {
        let mut at = if path.starts_with('/') { self.home.root } else { from };
        let mut names = path.split('/').filter(|name| !name.is_empty() && *name != ".");
        while let Some(name) = names.next() {
            // Soft links through soft links could multiply without an end.
            self.steps =
                self.steps.checked_sub(1).ok_or_else(|| Error::corrupt("a soft link leads through too many groups"))?;
            let members = self.home.listed.members(self.metadata, at)?;
            let found = match members.get(name) {
                Some(Target::Object(address)) => Found::Here(*address),
                Some(Target::Soft(path)) if chain > 0 => match self.follow(at, path, chain - 1)? {
                    Some(found) => found,
                    None => return Ok(None),
                },
                Some(Target::External { file, path }) => Found::There { file: file.clone(), path: path.clone() },
                Some(Target::Soft(_)) | None => return Ok(None),
            };
            match found {
                Found::Here(address) => at = address,
                Found::There { file, path } => {
                    let path = names.fold(path, |path, name| path + "/" + name);
                    return Ok(Some(Found::There { file, path }));
                }
            }
        }
        Ok(Some(Found::Here(at)))
    }
}

/// Whether an object is a group.
pub(super) fn is_group(header: &Header) -> bool {
    [kind::SYMBOL_TABLE, kind::LINK_INFO, kind::LINK].iter().any(|kind| header.all(*kind).next().is_some())
}

fn old_links(metadata: &Metadata<'_>, body: &[u8], links: &mut Vec<Link>) -> Result<()> {
    let mut fields = Fields::new(body, metadata.widths);
    let (tree, heap) = (fields.some_address()?, fields.some_address()?);
    let heap = LocalHeap::read(metadata, heap)?;
    visit_tree1(metadata, tree, 0, metadata.widths.length, &mut |_, node| old_node(metadata, &heap, node, links))
}

fn old_node(metadata: &Metadata<'_>, heap: &LocalHeap, node: u64, links: &mut Vec<Link>) -> Result<()> {
    let head = metadata.bytes(node, 8)?;
    if !head.starts_with(b"SNOD") {
        return Err(Error::corrupt("a group's node has the wrong signature"));
    }
    let count = Fields::new(&head[6..], metadata.widths).u16()?;
    let entry_len = 2 * metadata.widths.offset + 24;
    let body = metadata.bytes(node.saturating_add(8), u64::from(count) * entry_len as u64)?;
    for entry in body.chunks_exact(entry_len) {
        let mut fields = Fields::new(entry, metadata.widths);
        let name = heap.name(fields.uint(metadata.widths.offset)?)?;
        let address = fields.address()?;
        let soft = fields.u32()? == 2;
        fields.skip(4)?;
        let target = match address {
            Some(address) if !soft => Target::Object(address),
            Some(_) | None => Target::Soft(heap.name(fields.u32()?.into())?),
        };
        links.push(Link { name, target, created: None });
    }
    Ok(())
}

fn dense_links(metadata: &Metadata<'_>, body: &[u8], links: &mut Vec<Link>) -> Result<()> {
    let mut fields = Fields::new(body, metadata.widths);
    fields.version("a group", 0..=0)?;
    if fields.u8()? & 1 != 0 {
        fields.skip(8)?;
    }
    let (Some(heap), Some(tree)) = (fields.address()?, fields.address()?) else { return Ok(()) };
    let heap = FractalHeap::read(metadata, heap)?;
    Tree2::read(metadata, tree)?.visit(&mut |record| {
        // A hash of the name, then the id.
        let id = record.get(4..).ok_or_else(|| Error::corrupt("a link's record is too short"))?;
        links.push(parse_link(metadata, &heap.get(id)?)?);
        Ok(())
    })
}

fn parse_link(metadata: &Metadata<'_>, body: &[u8]) -> Result<Link> {
    let mut fields = Fields::new(body, metadata.widths);
    fields.version("a link", 1..=1)?;
    let flags = fields.u8()?;
    let kind = if flags & 0x08 == 0 { 0 } else { fields.u8()? };
    let created = if flags & 0x04 == 0 { None } else { Some(fields.uint(8)?) };
    if flags & 0x10 != 0 {
        fields.skip(1)?;
    }
    let len = fields.uint(1 << (flags & 3))?;
    let len = usize::try_from(len).map_err(|_| Error::corrupt("a link's name is too long"))?;
    let name = crate::formats::text_of(fields.bytes(len)?);
    let target = match kind {
        0 => Target::Object(fields.some_address()?),
        1 => {
            let len = usize::from(fields.u16()?);
            Target::Soft(crate::formats::text_of(fields.bytes(len)?))
        }
        64 => {
            // A byte of version and flags, then both names, each with a zero at its end.
            let len = usize::from(fields.u16()?);
            let (_, names) = fields.bytes(len)?.split_first().ok_or_else(|| Error::corrupt("a link has no names"))?;
            let mut names = names.split(|byte| *byte == 0).map(crate::formats::text_of);
            Target::External { file: names.next().unwrap_or_default(), path: names.next().unwrap_or_default() }
        }
        other => return Err(Error::unsupported(format!("a link of the unknown kind {other}"))),
    };
    Ok(Link { name, target, created })
}
