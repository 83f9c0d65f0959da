//! The packages that there are: what the Packages files of all suites say, of each package its newest version.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::control::{Paragraph, paragraphs};
use crate::relation::{Alternatives, parse};
use crate::version::compare;

/// A package that can be had.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it can't do without: Pre-Depends and Depends.
    pub needs: Vec<Alternatives>,
    /// Names that it provides, some with a version.
    pub provides: Vec<(String, Option<String>)>,
    /// Whether packages may need it without saying so.
    pub essential: bool,
    /// 0 for `required`, and so on.
    pub priority: usize,
    /// Where it is: the mirror, and the path there.
    pub mirror: String,
    /// Path on the mirror.
    pub path: String,
    /// Unit: bytes.
    pub size: u64,
    /// In hexadecimal.
    pub sha256: String,
    /// Its paragraph, for dpkg's status.
    pub control: String,
}

const PRIORITIES: [&str; 4] = ["required", "important", "standard", "optional"];

/// Fields of Packages files that dpkg's status hasn't got.
const NOT_IN_STATUS: [&str; 6] = ["Filename", "Size", "MD5sum", "SHA256", "Description-md5", "Tag"];

impl Package {
    fn read(p: Paragraph<'_>, mirror: &str, arch: &str) -> Option<Self> {
        let field = |name| p.get(name).map(str::to_owned);
        let needs = ["Pre-Depends", "Depends"].iter().flat_map(|f| parse(p.get(f).unwrap_or_default(), arch)).collect();
        let provided = parse(p.get("Provides").unwrap_or_default(), arch).into_iter().flatten();
        Some(Self {
            name: field("Package")?,
            version: field("Version")?,
            needs,
            provides: provided.map(|r| (r.name, r.version.map(|(_, v)| v))).collect(),
            essential: p.get("Essential") == Some("yes"),
            priority: PRIORITIES.iter().position(|n| p.get("Priority") == Some(n)).unwrap_or(PRIORITIES.len()),
            mirror: mirror.to_owned(),
            path: field("Filename")?,
            size: field("Size")?.parse().ok()?,
            sha256: field("SHA256")?,
            control: status_of(p),
        })
    }

    /// The name of its file in the cache.
    pub fn file_name(&self) -> String {
        self.path.rsplit('/').next().unwrap_or(&self.name).to_owned()
    }
}

/// The paragraph without what only mirrors have.
fn status_of(p: Paragraph<'_>) -> String {
    let mut skipping = false;
    let kept = p.text().lines().filter(|line| {
        if !line.starts_with([' ', '\t']) {
            skipping = NOT_IN_STATUS.iter().any(|f| line.split(':').next() == Some(f));
        }
        !skipping
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// All packages.
#[derive(Default, Debug)]
pub struct Index {
    packages: HashMap<String, Package>,
    provided: HashMap<String, Vec<(String, Option<String>)>>,
}

impl Index {
    /// Adds what a Packages file says, for `arch`.
    pub fn add(&mut self, text: &str, mirror: &str, arch: &str) {
        for package in paragraphs(text).filter_map(|p| Package::read(p, mirror, arch)) {
            match self.packages.entry(package.name.clone()) {
                Entry::Vacant(free) => drop(free.insert(package)),
                Entry::Occupied(mut old) if compare(&package.version, &old.get().version).is_gt() => drop(old.insert(package)),
                Entry::Occupied(_) => {}
            }
        }
    }

    /// To be called when all is added: who provides what.
    pub fn finish(&mut self) {
        self.provided.clear();
        for p in self.packages.values() {
            for (name, version) in &p.provides {
                self.provided.entry(name.clone()).or_default().push((p.name.clone(), version.clone()));
            }
        }
    }

    /// The package of this name.
    pub fn get(&self, name: &str) -> Option<&Package> {
        self.packages.get(name)
    }

    /// The packages that provide `name`, and in which version; the most important one first.
    pub fn providers(&self, name: &str) -> Vec<(&Package, Option<&str>)> {
        let provided = self.provided.get(name).into_iter().flatten();
        let mut found: Vec<_> = provided.filter_map(|(p, v)| Some((self.get(p)?, v.as_deref()))).collect();
        found.sort_by_key(|(p, _)| (p.priority, &p.name));
        found
    }

    /// The names of those that others may need without saying so.
    pub fn essential(&self) -> Vec<String> {
        let mut names: Vec<_> = self.packages.values().filter(|p| p.essential).map(|p| p.name.clone()).collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_wins() {
        let of = |version: &str, provides: &str| {
            format!("Package: a\nVersion: {version}\nProvides: {provides}\nFilename: pool/a_{version}.deb\nSize: 3\nSHA256: 00\nTag: x,\n y\nDescription: d\n")
        };
        let mut index = Index::default();
        index.add(&of("1.2", "old"), "m", "amd64");
        index.add(&of("1.10", "b (= 3), c"), "n", "amd64");
        index.add(&of("1.9", "old"), "m", "amd64");
        index.finish();
        let a = index.get("a").unwrap();
        assert_eq!((a.version.as_str(), a.mirror.as_str(), a.file_name().as_str()), ("1.10", "n", "a_1.10.deb"));
        assert_eq!(a.control, "Package: a\nVersion: 1.10\nProvides: b (= 3), c\nDescription: d");
        assert_eq!(index.providers("b")[0].1, Some("3"));
        assert_eq!((index.providers("c").len(), index.providers("old").len()), (1, 0));
    }
}
