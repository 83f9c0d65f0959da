//! Where roots are. One is named by its directory's name in the place for all, `$XDG_DATA_HOME/forklift/roots`, or, with a slash, by the directory itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::control::paragraphs;
use crate::error::Error;

/// What says that a directory is a root, and how it was made.
const LABEL: &str = "var/lib/forklift/root";
/// dpkg's list of what is installed.
pub const STATUS: &str = "var/lib/dpkg/status";

/// The place for all roots, from the environment.
///
/// # Errors
/// [`Error::NoPlace`].
pub fn place(var: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Error> {
    let absolute = |name| var(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    Ok(data.ok_or(Error::NoPlace("roots", "XDG_DATA_HOME"))?.join("forklift/roots"))
}

/// The place for downloads, from the environment.
///
/// # Errors
/// [`Error::NoPlace`].
pub fn downloads(var: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Error> {
    let absolute = |name| var(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    Ok(cache.ok_or(Error::NoPlace("downloads", "XDG_CACHE_HOME"))?.join("forklift-packages"))
}

/// Where the root called `name` is, or will be.
pub fn directory(place: &Path, name: &Path) -> PathBuf {
    if is_name(name) { place.join(name) } else { std::path::absolute(name).unwrap_or_else(|_| name.to_owned()) }
}

fn is_name(name: &Path) -> bool {
    let bytes = name.as_os_str().as_encoded_bytes();
    !(bytes.is_empty() || bytes.contains(&b'/') || bytes.starts_with(b"."))
}

/// How a root was made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Label {
    /// Debian's name of its architecture.
    pub arch: String,
    /// The release that its packages are of.
    pub suite: String,
    /// The mirror, if one was named.
    pub mirror: Option<String>,
}

impl Label {
    /// That of the root at `root`.
    ///
    /// # Errors
    /// [`Error::NotARoot`].
    pub fn read(root: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(root.join(LABEL)).unwrap_or_default();
        let p = paragraphs(&text).next().ok_or_else(|| Error::NotARoot(root.to_owned()))?;
        let field = |name| p.get(name).map(str::to_owned);
        Ok(Self { arch: field("Architecture").unwrap_or_default(), suite: field("Suite").unwrap_or_default(), mirror: field("Mirror") })
    }

    /// Labels the root at `root`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, root: &Path) -> Result<(), Error> {
        let mirror = self.mirror.as_ref().map_or_else(String::new, |m| format!("Mirror: {m}\n"));
        write(&root.join(LABEL), &format!("Architecture: {}\nSuite: {}\n{mirror}", self.arch, self.suite))
    }
}

/// Writes a file whose directory may have to be made, all of it or nothing.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    let dir = path.parent().unwrap_or(path);
    let new = path.with_extension("new");
    fs::create_dir_all(dir).and_then(|()| fs::write(&new, text)).and_then(|()| fs::rename(&new, path)).map_err(Error::io(path))
}

/// Names and versions of the packages in the root at `root`.
pub fn installed(root: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(root.join(STATUS)).unwrap_or_default();
    paragraphs(&text).filter_map(|p| Some((p.get("Package")?.to_owned(), p.get("Version")?.to_owned()))).collect()
}

/// The roots in the place for all, by name.
pub fn list(place: &Path) -> Vec<(String, Label)> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let labelled = |e: fs::DirEntry| Some((e.file_name().to_string_lossy().into_owned(), Label::read(&e.path()).ok()?));
    let mut found: Vec<_> = entries.filter_map(labelled).filter(|(name, _)| is_name(Path::new(name))).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// Removes the root at `root`.
///
/// # Errors
/// [`Error::NotARoot`], [`Error::Io`].
pub fn remove(root: &Path) -> Result<(), Error> {
    Label::read(root)?;
    fs::remove_dir_all(root).map_err(Error::io(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_names() {
        let var = |set: &'static [(&str, &str)]| move |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        assert_eq!(place(var(&[("XDG_DATA_HOME", "/d"), ("HOME", "/h")])).unwrap(), Path::new("/d/forklift/roots"));
        assert_eq!(place(var(&[("XDG_DATA_HOME", "d"), ("HOME", "/h")])).unwrap(), Path::new("/h/.local/share/forklift/roots"));
        assert!(place(var(&[])).is_err() && downloads(var(&[])).is_err());
        assert_eq!(directory(Path::new("/p"), Path::new("a")), Path::new("/p/a"));
        assert_eq!(directory(Path::new("/p"), Path::new("/a/b")), Path::new("/a/b"));
        assert!(!is_name(Path::new("..")) && !is_name(Path::new(".a.new")));
    }

    #[test]
    fn labels() {
        let dir = std::env::temp_dir().join(format!("forklift-label-{}", std::process::id()));
        let label = Label { arch: "i386".to_owned(), suite: "s".to_owned(), mirror: Some("file:///m".to_owned()) };
        label.write(&dir.join("a")).unwrap();
        fs::create_dir_all(dir.join("b")).unwrap();
        assert_eq!(list(&dir), [("a".to_owned(), label)]);
        assert!(matches!(remove(&dir.join("b")), Err(Error::NotARoot(_))) && dir.join("b").exists());
        remove(&dir.join("a")).unwrap();
        assert!(list(&dir).is_empty());
        fs::remove_dir_all(dir).unwrap();
    }
}
