//! Walks the groups of a file and reads the header of every dataset. What cannot be read is noted and left out.

use super::attributes::{RawAttribute, attributes};
use super::dataset::Dataset;
use super::header::Header;
use super::links::{Link, Target, follow, is_group, links};
use super::metadata::Metadata;
use crate::Result;
use std::collections::HashSet;

/// A dataset with its place in the file.
#[derive(Debug)]
pub(super) struct Object {
    /// Full path without a leading slash.
    pub(super) path: String,
    /// The address of its header, by which others refer to it.
    pub(super) address: u64,
    pub(super) dataset: Dataset,
    pub(super) attributes: Vec<RawAttribute>,
}

impl Object {
    /// The path of the group it is in; empty for the root.
    pub(super) fn group(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(group, _)| group)
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&RawAttribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}

/// All that a file holds.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Group by group, parents before children.
    pub(super) objects: Vec<Object>,
    /// The attributes of the root group.
    pub(super) attributes: Vec<RawAttribute>,
    pub(super) problems: Vec<String>,
}

impl Tree {
    /// Reads everything from the root group on.
    pub(super) fn read(metadata: &Metadata<'_>, root: u64) -> Result<Self> {
        let header = Header::read(metadata, root)?;
        let mut tree = Self::default();
        tree.attributes = attributes(metadata, &header, &mut tree.problems);
        // Groups may lead back to each other: each is walked once.
        let mut walk = Walk { metadata, root, seen: HashSet::from([root]) };
        let mut groups = vec![Group { path: String::new(), address: root, header }];
        while let Some(group) = groups.pop() {
            let found = match links(metadata, &group.header) {
                Ok(found) => found,
                Err(error) if group.path.is_empty() => return Err(error),
                Err(error) => {
                    tree.problems.push(format!("group {} cannot be read: {error}", group.path));
                    continue;
                }
            };
            let mut children = Vec::new();
            for link in found {
                if let Err(error) = tree.member(&mut walk, &group, &link, &mut children) {
                    tree.problems.push(format!("{} cannot be read: {error}", group.path_of(&link.name)));
                }
            }
            groups.extend(children.into_iter().rev());
        }
        Ok(tree)
    }

    fn member(&mut self, walk: &mut Walk<'_>, group: &Group, link: &Link, children: &mut Vec<Group>) -> Result<()> {
        let metadata = walk.metadata;
        let path = group.path_of(&link.name);
        let address = match &link.target {
            Target::Object(address) => *address,
            // HDF-EOS gives its fields their usual names this way. One that leads nowhere is left out, as by netCDF.
            Target::Soft(to) => match follow(metadata, walk.root, group.address, to)? {
                Some(address) => address,
                None => return Ok(()),
            },
            Target::External => {
                self.problems.push(format!("{path} is in another file and left out"));
                return Ok(());
            }
        };
        let header = Header::read(metadata, address)?;
        if let Some(dataset) = Dataset::parse(metadata, &header)? {
            let mut problems = Vec::new();
            let attributes = attributes(metadata, &header, &mut problems);
            self.problems.extend(problems.iter().map(|problem| format!("{path}: {problem}")));
            self.objects.push(Object { path, address, dataset, attributes });
        } else if is_group(&header) && walk.seen.insert(address) {
            children.push(Group { path, address, header });
        }
        Ok(())
    }
}

/// A group that is yet to be walked.
struct Group {
    path: String,
    address: u64,
    header: Header,
}

impl Group {
    fn path_of(&self, member: &str) -> String {
        if self.path.is_empty() { member.to_owned() } else { format!("{}/{member}", self.path) }
    }
}

/// The walk through a file.
struct Walk<'a> {
    metadata: &'a Metadata<'a>,
    root: u64,
    seen: HashSet<u64>,
}
