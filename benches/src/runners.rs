//! What guests are measured under: nothing, forklift, peers.

use std::path::Path;
use std::process::Command;

use crate::guests::{Group, Guest};
use crate::programs::which;

/// A way to run guests.
pub struct Runner {
    /// Its name in reports.
    pub name: String,
    /// What it says of its version, or nothing.
    pub version: String,
    /// Program and options that come before a guest's command, for 64 and for 32 bits.
    prefixes: [Vec<String>; 2],
    /// Each run begins with an empty cache.
    pub empty_cache: bool,
}

/// Name of the row's first runner.
pub const NATIVE: &str = "native";
/// Name of ours.
pub const OURS: &str = "forklift";

impl Runner {
    fn new(name: &str, prefixes: [Vec<String>; 2]) -> Self {
        let version = prefixes.iter().find_map(|p| p.first()).map(|p| version(p)).unwrap_or_default();
        Self { name: name.to_owned(), version, prefixes, empty_cache: false }
    }

    /// Whether it has a number of guests of this group.
    pub const fn runs(&self, group: Group) -> bool {
        !self.empty_cache || group.has_both_caches()
    }

    /// How it runs `guest`.
    pub fn command(&self, guest: &Guest) -> Vec<String> {
        let prefix = &self.prefixes[usize::from(guest.bits == 32)];
        prefix.iter().chain(&guest.command).cloned().collect()
    }
}

/// The first line of what `program --version` prints.
fn version(program: &str) -> String {
    let said = Command::new(program).arg("--version").output().ok().filter(|o| o.status.success());
    said.map(|o| String::from_utf8_lossy(&o.stdout).lines().next().unwrap_or_default().to_owned()).unwrap_or_default()
}

/// Native, ours, ours with an empty cache, peers. `widths`: of the guests that there are.
///
/// # Errors
/// A peer is not there.
pub fn all(forklift: &Path, options: &str, peers: &[String], widths: &[u32]) -> Result<Vec<Runner>, String> {
    let ours: Vec<String> = [forklift.display().to_string(), "run".to_owned()].into_iter().chain(options.split_whitespace().map(str::to_owned)).collect();
    let ours = || [ours.clone(), ours.clone()];
    let empty = Runner { empty_cache: true, ..Runner::new("forklift, empty cache", ours()) };
    let mut all = vec![Runner::new(NATIVE, [vec![], vec![]]), Runner::new(OURS, ours()), empty];
    for p in peers {
        all.push(peer(p, widths)?);
    }
    Ok(all)
}

/// A peer as it is named on the command line.
fn peer(given: &str, widths: &[u32]) -> Result<Runner, String> {
    let (label, full) = given.split_once('=').filter(|(label, _)| !label.contains(['/', ' '])).unwrap_or((file_name(given), given));
    let full = if full == "qemu" { "qemu-ARCH" } else { full };
    let prefix = |bits: u32| -> Result<Vec<String>, String> {
        let mut words: Vec<String> = full.split_whitespace().map(|w| w.replace("ARCH", if bits == 32 { "i386" } else { "x86_64" })).collect();
        let program = words.first_mut().ok_or("a peer without a name")?;
        let found = which(program, &std::env::var("PATH").unwrap_or_default());
        let hint = if program.starts_with("qemu-") { " (on Debian, apt-get install qemu-user)" } else { "" };
        *program = match found {
            Some(path) => path.display().to_string(),
            None if widths.contains(&bits) => return Err(format!("the peer {program} is not there{hint}")),
            None => return Ok(Vec::new()),
        };
        Ok(words)
    };
    Ok(Runner::new(label, [prefix(64)?, prefix(32)?]))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_peer_is_named() {
        let named = |p: &str| peer(p, &[64]).err();
        assert_eq!(named("no-such-ARCH").as_deref(), Some("the peer no-such-x86_64 is not there"));
        assert_eq!(named("/no/such").as_deref(), Some("the peer /no/such is not there"));
        let labelled = peer("clean=env -i", &[64]).unwrap();
        assert_eq!((&labelled.name[..], &labelled.prefixes[0][1][..]), ("clean", "-i"));
        assert_eq!(peer("/bin/sh", &[64]).unwrap().name, "sh");
    }
}
