//! `forklift cache`: what the persistent cache holds, and getting rid of it.

use crate::cache::{Summary, default_dir, survey};

/// What `forklift cache` does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum Action {
    /// Show where it is and how much is in it.
    Info,
    /// Remove all of it.
    Clear,
    /// Check all files, and remove those that are damaged.
    Verify,
}

/// Does it; returns the exit status.
pub(super) fn run(action: Action) -> i32 {
    let Some(dir) = default_dir(|name| std::env::var_os(name)) else {
        eprintln!("forklift: there is no cache: neither XDG_CACHE_HOME nor HOME is an absolute path");
        return 1;
    };
    match survey(&dir, action == Action::Clear, action == Action::Verify) {
        Ok(Summary { files, bytes, blocks, damaged }) => {
            let removed = match action {
                Action::Info => "",
                Action::Clear => ", all removed",
                Action::Verify if damaged > 0 => ", which were removed",
                Action::Verify => "",
            };
            super::info::print(|out| {
                use std::io::Write;
                writeln!(out, "{}: {blocks} blocks in {files} files, {bytes} bytes; {damaged} files damaged{removed}", dir.display())
            })
        }
        Err(e) => {
            eprintln!("forklift: the cache in {}: {e}", dir.display());
            1
        }
    }
}
