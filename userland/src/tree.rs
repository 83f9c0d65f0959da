//! Files below a root, written without root's rights and never outside it.
//!
//! Links in the root are followed as they lead for a program that has it as its `/`, so that no archive can reach the host through one.
//! Directories at the top that Debian has merged into `usr` are links from the start, whatever a package's files say.

use std::collections::VecDeque;
use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

/// Directories that are links to those of the same name in `usr`.
pub const MERGED: [&str; 5] = ["bin", "sbin", "lib", "lib32", "lib64"];
/// Links that are followed in one path.
const MAX_LINKS: u32 = 40;

/// A directory that stands for `/`.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Below `root`, which is made with the merged directories if it is new.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn new(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join("usr"))?;
        for name in MERGED {
            let link = root.join(name);
            if link.symlink_metadata().is_err() {
                symlink(format!("usr/{name}"), &link)?;
            }
        }
        Ok(Self { root: root.to_owned() })
    }

    /// Where `path` is on the host, its last name not followed if it is a link. Directories on the way are made.
    ///
    /// # Errors
    /// Those of the file system; a path without a name.
    pub fn place(&self, path: &Path) -> io::Result<PathBuf> {
        let mut names: VecDeque<_> = names(path).into();
        let last = names.pop_back().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a path without a name"))?;
        Ok(self.directory(names)?.join(last))
    }

    /// The directory that these names lead to, made if need be.
    fn directory(&self, mut names: VecDeque<PathBuf>) -> io::Result<PathBuf> {
        let (mut at, mut links) = (self.root.clone(), 0);
        while let Some(name) = names.pop_front() {
            if name == Path::new("..") {
                if at != self.root {
                    at.pop();
                }
                continue;
            }
            let next = at.join(&name);
            match next.symlink_metadata() {
                Ok(m) if m.is_symlink() => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(io::Error::new(io::ErrorKind::InvalidInput, "links that go in a circle"));
                    }
                    let target = fs::read_link(&next)?;
                    if target.is_absolute() {
                        at.clone_from(&self.root);
                    }
                    self::names(&target).into_iter().rev().for_each(|n| names.push_front(n));
                }
                Ok(_) => at = next,
                Err(_) => {
                    make_directory(&next)?;
                    at = next;
                }
            }
        }
        Ok(at)
    }

    /// A directory; one that is there, perhaps through a link, stays.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn add_directory(&self, path: &Path) -> io::Result<()> {
        self.directory(names(path).into()).map(drop)
    }

    /// A regular file with this content and mode, without the bits that would lend its owner's rights.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn add_file(&self, path: &Path, mode: u32, content: &mut impl Read) -> io::Result<()> {
        let place = self.free(path)?;
        let mut file = File::create_new(&place)?;
        io::copy(content, &mut file)?;
        // The owner may change it, whatever the package says: it is the user's.
        file.set_permissions(Permissions::from_mode(mode & 0o777 | 0o600))
    }

    /// A symbolic link.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn add_link(&self, path: &Path, target: &Path) -> io::Result<()> {
        let place = self.place(path)?;
        let merged = place.parent() == Some(&self.root) && MERGED.iter().any(|m| place.ends_with(m));
        if merged || place.is_dir() && !place.is_symlink() {
            return Ok(());
        }
        symlink(target, self.free(path)?)
    }

    /// A second name of a file.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn add_name(&self, path: &Path, of: &Path) -> io::Result<()> {
        let of = self.place(of)?;
        let place = self.free(path)?;
        fs::hard_link(&of, &place).or_else(|_| fs::copy(&of, &place).map(drop))
    }

    /// The place of a path, with what was there gone.
    fn free(&self, path: &Path) -> io::Result<PathBuf> {
        let place = self.place(path)?;
        match fs::remove_file(&place) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(place),
        }
    }
}

/// The names in a path; `.` and the root are none.
fn names(path: &Path) -> Vec<PathBuf> {
    let name = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::ParentDir).then(|| PathBuf::from(c.as_os_str()));
    path.components().filter_map(name).collect()
}

fn make_directory(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> (PathBuf, Tree) {
        let dir = std::env::temp_dir().join(format!("forklift-tree-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        let tree = Tree::new(&dir.join("root")).unwrap();
        (dir, tree)
    }

    fn add(tree: &Tree, path: &str, text: &str) {
        tree.add_file(Path::new(path), 0o4755, &mut text.as_bytes()).unwrap();
    }

    #[test]
    fn merged_directories_and_modes() {
        let (dir, tree) = scratch("merged");
        tree.add_directory(Path::new("./bin/")).unwrap();
        add(&tree, "./bin/a", "a");
        add(&tree, "./bin/a", "b");
        tree.add_link(Path::new("./lib"), Path::new("usr/lib")).unwrap();
        tree.add_name(Path::new("./usr/lib/b"), Path::new("./bin/a")).unwrap();
        let file = dir.join("root/usr/bin/a");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o755);
        assert_eq!(fs::read(dir.join("root/lib/b")).unwrap(), b"b");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn nothing_gets_out() {
        let (dir, tree) = scratch("out");
        tree.add_link(Path::new("abs"), Path::new("/")).unwrap();
        tree.add_link(Path::new("up"), Path::new("../../..")).unwrap();
        tree.add_link(Path::new("circle"), Path::new("circle")).unwrap();
        tree.add_link(Path::new("host"), &dir).unwrap();
        for path in ["../x1", "/../../x2", "abs/x3", "up/x4", "a/../../../x5"] {
            add(&tree, path, "");
        }
        add(&tree, "host/x6", "");
        // A link is replaced, not written through.
        tree.add_link(Path::new("file"), &dir.join("outside")).unwrap();
        add(&tree, "file", "");
        assert!(tree.add_directory(Path::new("circle/a")).is_err());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "files beside the root");
        let there = (1..=5).filter(|n| dir.join(format!("root/x{n}")).exists()).count();
        assert_eq!((there, dir.join("root").join(dir.strip_prefix("/").unwrap()).join("x6").exists()), (5, true));
        fs::remove_dir_all(dir).unwrap();
    }
}
