//! What can fail, told with what, where, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A root can't be made, found or removed.
#[derive(Debug, Error)]
pub enum Error {
    /// The host's file system.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Io(PathBuf, io::Error),
    /// No mirror is known.
    #[error("no mirror for {0} in this system's apt configuration: give --mirror URL")]
    NoMirror(String),
    /// The host has none of the programs that download.
    #[error("nothing here downloads {0}: install curl or wget (or apt)")]
    NoDownloader(String),
    /// A download failed, again and again.
    #[error("{url}: {why}")]
    Download {
        /// What was to be downloaded.
        url: String,
        /// What the downloading program said last.
        why: String,
    },
    /// Signatures can't be checked.
    #[error("the signature of {0} can't be checked: {1}; --allow-unsigned goes on without")]
    Unchecked(String, &'static str),
    /// A signature is wrong.
    #[error("the signature of {0} is not good: {1}")]
    BadSignature(String, String),
    /// A suite's lists aren't meant to be used any more.
    #[error("the lists of {suite} are outdated: valid until {until}. Does the clock go right? Else the mirror holds updates back; --allow-outdated goes on")]
    Outdated {
        /// Where it is.
        suite: String,
        /// As it says itself.
        until: String,
    },
    /// A file isn't what it should be.
    #[error("{0}: {1}")]
    Malformed(String, String),
    /// Packages that aren't there, each with who wants it.
    #[error("there is no {}", .0.join("\nthere is no "))]
    Missing(Vec<String>),
    /// A root of this name is there already.
    #[error("{path}: is there already; `forklift root add` adds packages to it", path = .0.display())]
    Exists(PathBuf),
    /// It isn't a root that was made here.
    #[error("{path}: not a root made by forklift", path = .0.display())]
    NotARoot(PathBuf),
    /// There is no place for roots or downloads.
    #[error("no place for {0}: neither {1} nor HOME is an absolute path")]
    NoPlace(&'static str, &'static str),
}

impl Error {
    /// For `map_err`: a failure with this path.
    pub fn io(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |error| Self::Io(path, error)
    }
}
