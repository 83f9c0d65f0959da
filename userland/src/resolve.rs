//! Which packages a root needs: those asked for, and what they need, and so on.
//!
//! One version of each package is there, and conflicts between packages aren't looked at: within a release of Debian they are rare, and the most that they
//! can do to a root that is only looked into is that one file hides another.

use std::collections::{BTreeMap, VecDeque};

use crate::error::Error;
use crate::index::{Index, Package};
use crate::relation::Relation;

/// A search for all that is needed.
struct Search<'i> {
    index: &'i Index,
    /// Versions of what is in the root already.
    installed: &'i BTreeMap<String, String>,
    chosen: BTreeMap<&'i str, &'i Package>,
    todo: VecDeque<&'i Package>,
    missing: Vec<String>,
}

/// The packages to add to what is `installed`, by name.
///
/// # Errors
/// [`Error::Missing`].
pub fn resolve<'i>(index: &'i Index, wanted: &[String], installed: &'i BTreeMap<String, String>) -> Result<Vec<&'i Package>, Error> {
    let mut search = Search { index, installed, chosen: BTreeMap::new(), todo: VecDeque::new(), missing: Vec::new() };
    for name in wanted {
        let relation = Relation { name: name.clone(), version: None };
        search.need(&[relation], "what is asked for");
    }
    while let Some(package) = search.todo.pop_front() {
        for alternatives in &package.needs {
            search.need(alternatives, &package.name);
        }
    }
    if search.missing.is_empty() { Ok(search.chosen.into_values().collect()) } else { Err(Error::Missing(search.missing)) }
}

impl<'i> Search<'i> {
    fn need(&mut self, alternatives: &[Relation], who: &str) {
        if alternatives.iter().any(|r| self.is_met(r)) {
            return;
        }
        match alternatives.iter().find_map(|r| self.best(r)) {
            Some(package) => {
                self.chosen.insert(&package.name, package);
                self.todo.push_back(package);
            }
            None => {
                let names: Vec<_> = alternatives.iter().map(ToString::to_string).collect();
                self.missing.push(format!("{} for {who}", names.join(" | ")));
            }
        }
    }

    /// By what is in the root or will be.
    fn is_met(&self, r: &Relation) -> bool {
        let version_of = |name: &str| self.chosen.get(name).map(|p| p.version.as_str()).or_else(|| self.installed.get(name).map(String::as_str));
        let here = version_of(&r.name);
        here.is_some_and(|v| r.takes(Some(v))) || self.index.providers(&r.name).iter().any(|(p, v)| version_of(&p.name).is_some() && r.takes(*v))
    }

    fn best(&self, r: &Relation) -> Option<&'i Package> {
        let index: &'i Index = self.index;
        let itself = index.get(&r.name).filter(|p| r.takes(Some(&p.version)));
        itself.or_else(|| index.providers(&r.name).into_iter().find(|(_, v)| r.takes(*v)).map(|(p, _)| p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(packages: &[(&str, &str, &str)]) -> Index {
        let mut index = Index::default();
        for (name, depends, more) in packages {
            let text = format!("Package: {name}\nVersion: 2\nDepends: {depends}\n{more}Filename: f\nSize: 1\nSHA256: 0\n");
            index.add(&text, "", "amd64");
        }
        index.finish();
        index
    }

    fn names(index: &Index, wanted: &[&str], installed: &[&str]) -> Result<Vec<String>, String> {
        let installed = installed.iter().map(|&n| (n.to_owned(), "2".to_owned())).collect();
        let wanted: Vec<_> = wanted.iter().map(|&n| n.to_owned()).collect();
        resolve(index, &wanted, &installed).map(|v| v.iter().map(|p| p.name.clone()).collect()).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_needed_is_found_once() {
        let i = index(&[("a", "b (>= 2), c", ""), ("b", "a, d", ""), ("c", "d", ""), ("d", "", ""), ("e", "", "")]);
        assert_eq!(names(&i, &["a"], &[]).unwrap(), ["a", "b", "c", "d"]);
        assert_eq!(names(&i, &["a", "e"], &["b", "c"]).unwrap(), ["a", "e"]);
        assert_eq!(names(&i, &["a"], &["a"]).unwrap(), [""; 0]);
    }

    #[test]
    fn alternatives_and_what_is_provided() {
        let i =
            index(&[("a", "x | y", ""), ("y", "", ""), ("b", "awk", ""), ("gawk", "", "Provides: awk\n"), ("mawk", "", "Provides: awk\nPriority: required\n")]);
        assert_eq!(names(&i, &["a"], &[]).unwrap(), ["a", "y"]);
        assert_eq!(names(&i, &["b"], &[]).unwrap(), ["b", "mawk"]);
        assert_eq!(names(&i, &["gawk", "b"], &[]).unwrap(), ["b", "gawk"]);
    }

    #[test]
    fn names_what_is_missing() {
        let i = index(&[("a", "b (>= 3) | c", ""), ("b", "", ""), ("d", "v (>= 1)", ""), ("p", "", "Provides: v\n")]);
        assert_eq!(
            names(&i, &["a", "z", "d"], &[]).unwrap_err(),
            "there is no z for what is asked for\nthere is no b (>= 3) | c for a\nthere is no v (>= 1) for d"
        );
    }
}
