//! Walks the groups of a file and reads the header of every dataset. What cannot be read is noted and left out.

use super::attributes::{RawAttribute, attributes};
use super::dataset::Dataset;
use super::header::Header;
use super::home::Home;
use super::links::{Found, Link, Target, follow, is_group, links};
use super::metadata::{Metadata, allowance};
use crate::io::ReadAt;
use crate::{Error, Result};
use std::collections::HashSet;
use std::sync::Arc;

/// Groups within groups are followed this far, and links to other files from what such links lead to.
const DEEPEST_GROUP: usize = 512;
const MOST_FILES_DEEP: usize = 8;

/// So many bytes attributes may always have.
const FEW_BYTES: u64 = 1 << 20;

/// Where an object is: the number of its file, and its address there.
pub(super) type Address = (usize, u64);

/// A dataset with its place in the file.
#[derive(Debug)]
pub(super) struct Object {
    /// Full path without a leading slash.
    pub(super) path: String,
    /// Where its header is, by which others refer to it.
    pub(super) address: Address,
    pub(super) dataset: Dataset,
    pub(super) attributes: Vec<RawAttribute>,
}

impl Object {
    /// The path of the group it is in; empty for the root.
    pub(super) fn group(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// Whether no file holds it.
    pub(super) fn is_computed(&self) -> bool {
        self.address.1 == u64::MAX
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
    /// The files in which the objects are; the first is the one that was opened.
    pub(super) homes: Vec<Arc<Home>>,
    /// The bytes of all attributes.
    pub(super) attribute_bytes: u64,
    /// The bytes read to follow links to other files.
    pub(super) spent: u64,
}

impl Tree {
    /// Reads everything from the root group on.
    pub(super) fn read(home: &Arc<Home>, metadata: &Metadata<'_>) -> Result<Self> {
        let header = Header::read(metadata, home.root)?;
        let mut tree = Self { homes: vec![Arc::clone(home)], ..Self::default() };
        tree.attributes = attributes(metadata, &header, &mut tree.problems);
        // Groups may lead back to each other: each is walked once.
        let mut seen = HashSet::from([(0, home.root)]);
        // What cannot be read of the root group is an error: there is nothing else.
        links(metadata, &header)?;
        let first = Group { path: String::new(), address: home.root, header };
        tree.walk(&At { home: 0, metadata, depth: 0 }, first, &mut seen)?;
        Ok(tree)
    }

    /// Reads all that is in a group and in those below. An error is that of a file which fails to be read at all: to go on
    /// would show less than it holds.
    fn walk(&mut self, at: &At<'_>, first: Group, seen: &mut HashSet<Address>) -> Result<()> {
        let mut groups = vec![first];
        while let Some(group) = groups.pop() {
            let found = match links(at.metadata, &group.header) {
                Ok(found) => found,
                Err(error) if error.is_of_reading() => return Err(error),
                Err(error) => {
                    self.problems.push(format!("group {} cannot be read: {error}", group.path));
                    continue;
                }
            };
            let mut children = Vec::new();
            for link in found {
                let path = group.path_of(&link.name);
                match self.member(at, &group, &link, &path, seen, &mut children) {
                    Err(error) if error.is_of_reading() => return Err(error),
                    Err(error) => self.problems.push(format!("{path} cannot be read: {error}")),
                    Ok(()) => {}
                }
            }
            groups.extend(children.into_iter().rev());
        }
        Ok(())
    }

    fn member(
        &mut self,
        at: &At<'_>,
        group: &Group,
        link: &Link,
        path: &str,
        seen: &mut HashSet<Address>,
        children: &mut Vec<Group>,
    ) -> Result<()> {
        let address = match &link.target {
            Target::Object(address) => *address,
            // HDF-EOS gives its fields their usual names this way. One that leads nowhere is left out, as by netCDF.
            Target::Soft(to) => match follow(&self.homes[at.home], at.metadata, group.address, to)? {
                Some(Found::Here(address)) => address,
                Some(Found::There { file, path: there }) => return self.external(at, path, &file, &there, seen),
                None => return Ok(()),
            },
            Target::External { file, path: there } => return self.external(at, path, file, there, seen),
        };
        children.extend(self.object(at, path, address, seen)?);
        Ok(())
    }

    /// Reads what a link to another file leads to, with all that is below it.
    fn external(
        &mut self,
        at: &At<'_>,
        path: &str,
        file: &str,
        there: &str,
        seen: &mut HashSet<Address>,
    ) -> Result<()> {
        if at.depth == MOST_FILES_DEEP {
            return Err(Error::corrupt("links lead from file to file without an end"));
        }
        let home = self.home(at.home, file)?;
        let found = Arc::clone(&self.homes[home]);
        let metadata = found.metadata();
        let at = At { home, metadata: &metadata, depth: at.depth + 1 };
        let all = self.homes.iter().map(|home| home.source.len()).fold(0, u64::saturating_add);
        if self.spent > allowance(all) {
            return Err(Error::corrupt("links to other files lead to the same places over and over"));
        }
        let outcome = self.follow_there(&at, path, there, file, seen);
        self.spent = self.spent.saturating_add(metadata.spent());
        outcome
    }

    fn follow_there(
        &mut self,
        at: &At<'_>,
        path: &str,
        there: &str,
        file: &str,
        seen: &mut HashSet<Address>,
    ) -> Result<()> {
        let home = &self.homes[at.home];
        let address = match follow(home, at.metadata, home.root, there)? {
            Some(Found::Here(address)) => address,
            Some(Found::There { file, path: there }) => return self.external(at, path, &file, &there, seen),
            None => return Err(Error::not_found(format!("{file} has no {there}"))),
        };
        match self.object(at, path, address, seen)? {
            Some(group) => self.walk(at, group, seen),
            None => Ok(()),
        }
    }

    /// The number of the file that another one names, opened at most once.
    fn home(&mut self, from: usize, file: &str) -> Result<usize> {
        if let Some(known) = self.homes[from].find(file, &self.homes) {
            return Ok(known);
        }
        let home = self.homes[from].open(file)?;
        self.homes.push(Arc::new(home));
        Ok(self.homes.len() - 1)
    }

    /// Reads a dataset, or gives a group that is not walked yet.
    fn object(&mut self, at: &At<'_>, path: &str, address: u64, seen: &mut HashSet<Address>) -> Result<Option<Group>> {
        let (metadata, place) = (at.metadata, (at.home, address));
        let header = Header::read(metadata, address)?;
        if let Some(dataset) = Dataset::parse(metadata, &header, &self.homes[at.home])? {
            let mut problems = Vec::new();
            let attributes = attributes(metadata, &header, &mut problems);
            self.count_attributes(&attributes)?;
            self.problems.extend(problems.iter().map(|problem| format!("{path}: {problem}")));
            self.objects.push(Object { path: path.to_owned(), address: place, dataset, attributes });
            return Ok(None);
        }
        let is_new = is_group(&header) && seen.insert(place);
        if is_new && path.bytes().filter(|byte| *byte == b'/').count() >= DEEPEST_GROUP {
            return Err(Error::unsupported(format!("groups are nested more than {DEEPEST_GROUP} deep")));
        }
        Ok(is_new.then(|| Group { path: path.to_owned(), address, header }))
    }

    /// Many links may lead to one dataset, whose attributes each of them has.
    fn count_attributes(&mut self, attributes: &[RawAttribute]) -> Result<()> {
        self.attribute_bytes += attributes.iter().map(|attribute| attribute.len() as u64).sum::<u64>();
        let most = self.homes.iter().fold(FEW_BYTES, |most, home| most.saturating_add(2 * home.source.len()));
        if self.attribute_bytes <= most {
            Ok(())
        } else {
            Err(Error::corrupt("has more attributes than its file has bytes"))
        }
    }
}

/// The file that is being walked.
struct At<'a> {
    /// Its number.
    home: usize,
    /// How many links to other files led here.
    depth: usize,
    metadata: &'a Metadata<'a>,
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
