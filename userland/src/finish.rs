//! What the packages' own scripts would have done, as far as programs need it. They aren't run: that would take the guest's programs and root's rights.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::error::Error;

/// Names that update-alternatives would have made, each with the programs that it could stand for, the best first; all in `usr/bin`.
const ALTERNATIVES: &[(&str, &[&str])] = &[
    ("sh", &["dash", "bash", "busybox"]),
    ("awk", &["gawk", "mawk", "original-awk", "busybox"]),
    ("nawk", &["gawk", "mawk", "original-awk"]),
    ("which", &["which.debianutils", "which.gnu"]),
    ("pager", &["less", "more"]),
    ("editor", &["nano", "vim.basic", "vim.tiny", "nvi"]),
    ("vi", &["vim.basic", "vim.tiny", "nvi"]),
    ("vim", &["vim.basic"]),
    ("cc", &["gcc", "clang", "tcc"]),
    ("c++", &["g++", "clang++"]),
    ("c89", &["c89-gcc"]),
    ("c99", &["c99-gcc"]),
    ("lua", &["lua5.4", "lua5.3", "lua5.1"]),
    ("nc", &["nc.openbsd", "nc.traditional"]),
    ("pinentry", &["pinentry-curses", "pinentry-tty"]),
    ("php", &["php8.4", "php8.2"]),
    ("tclsh", &["tclsh8.6"]),
    ("wish", &["wish8.6"]),
    ("faked", &["faked-sysv", "faked-tcp"]),
    ("fakeroot", &["fakeroot-sysv", "fakeroot-tcp"]),
];

/// Files that scripts copy if there is none yet.
const COPIES: &[(&str, &str)] = &[("usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf")];

/// Directories that are better the host's: what the guest makes in them shall be found there.
const HOSTS_OWN: &[&str] = &["boot", "dev", "home", "media", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp", "var/tmp"];

/// The linker's cache. An empty one keeps guests from finding the host's.
const LINKER_CACHE: &str = "etc/ld.so.cache";

/// Does it for the root at `root`.
///
/// # Errors
/// [`Error::Io`].
pub fn finish(root: &Path) -> Result<(), Error> {
    let bin = root.join("usr/bin");
    for (name, choices) in ALTERNATIVES {
        let link = bin.join(name);
        if link.symlink_metadata().is_ok() {
            continue;
        }
        if let Some(choice) = choices.iter().find(|c| bin.join(c).exists()) {
            symlink(choice, &link).map_err(Error::io(&link))?;
        }
    }
    for (from, to) in COPIES {
        let (from, to) = (root.join(from), root.join(to));
        if from.exists() && !to.exists() {
            fs::copy(from, &to).map_err(Error::io(&to))?;
        }
    }
    let cache = root.join(LINKER_CACHE);
    if !cache.exists() {
        fs::create_dir_all(root.join("etc")).and_then(|()| fs::write(&cache, "")).map_err(Error::io(&cache))?;
    }
    for name in HOSTS_OWN {
        // One that has something in it stays.
        let _ = fs::remove_dir(root.join(name));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_directories() {
        let root = std::env::temp_dir().join(format!("forklift-finish-{}", std::process::id()));
        for dir in ["usr/bin", "usr/share/libc-bin", "etc", "tmp", "opt/a"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        for file in ["usr/bin/mawk", "usr/bin/bash", "usr/bin/vi", "usr/bin/nano", "usr/share/libc-bin/nsswitch.conf"] {
            fs::write(root.join(file), "").unwrap();
        }
        finish(&root).unwrap();
        finish(&root).unwrap();
        assert_eq!(fs::read_link(root.join("usr/bin/awk")).unwrap(), Path::new("mawk"));
        assert_eq!(fs::read_link(root.join("usr/bin/sh")).unwrap(), Path::new("bash"));
        assert!(!root.join("usr/bin/vi").is_symlink() && !root.join("usr/bin/cc").is_symlink());
        assert!(root.join("etc/nsswitch.conf").exists() && !root.join("tmp").exists() && root.join("opt/a").exists());
        fs::remove_dir_all(root).unwrap();
    }
}
