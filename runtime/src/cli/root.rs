//! `forklift root`: userlands of other architectures, made of Debian's packages.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use forklift_userland::create::{self, Added, Settings};
use forklift_userland::error::Error;
use forklift_userland::roots::{self, Label};

use crate::binfmt::Arch;

/// What `forklift root` does.
#[derive(clap::Subcommand, Debug)]
pub(super) enum Action {
    /// Make a root of packages and what they need, without root's rights and without running anything in it.
    Create {
        /// Its name or, with a slash, its directory. The one called amd64 or i386 is used for programs of that architecture whose interpreter isn't on the host.
        #[arg(value_name = "ROOT")]
        root: Option<PathBuf>,
        /// The packages.
        #[arg(long, value_delimiter = ',', required = true)]
        packages: Vec<String>,
        /// For which programs.
        #[arg(long, value_enum, default_value = "amd64")]
        arch: Arch,
        /// Debian's release.
        #[arg(long, default_value = "bookworm")]
        suite: String,
        /// Where packages come from, if not from where this system's own do. Only the release itself is looked for there, not its updates.
        #[arg(long, value_name = "URL")]
        mirror: Option<String>,
        /// Leave out the packages that others may need without saying so, a shell among them.
        #[arg(long)]
        no_essential: bool,
        #[command(flatten)]
        trust: Trust,
    },
    /// Add packages, and what they need, to a root.
    Add {
        /// Its name or directory.
        root: PathBuf,
        /// The packages.
        #[arg(value_delimiter = ',', required = true)]
        packages: Vec<String>,
        #[command(flatten)]
        trust: Trust,
    },
    /// Show the roots that there are.
    List,
    /// Print the directory of a root.
    Path {
        /// Its name.
        root: PathBuf,
    },
    /// Delete a root.
    Remove {
        /// Its name or directory.
        root: PathBuf,
    },
}

/// How far what comes is trusted.
#[derive(clap::Args, Debug)]
pub(super) struct Trust {
    /// The keys that packages must be signed with.
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// Go on if signatures can't be checked or aren't good.
    #[arg(long)]
    allow_unsigned: bool,
    /// Go on with lists of packages that their archive no longer calls valid.
    #[arg(long)]
    allow_outdated: bool,
}

impl Trust {
    fn settings(self) -> Result<Settings, Error> {
        let downloads = roots::downloads(variable)?;
        Ok(Settings { keyring: self.keyring, allow_unsigned: self.allow_unsigned, allow_outdated: self.allow_outdated, downloads, etc: "/etc".into() })
    }
}

fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// The place for all roots, if there is one.
pub(super) fn place() -> Option<PathBuf> {
    roots::place(variable).ok()
}

/// The directory that `--root` names.
pub(super) fn named(name: &Path) -> PathBuf {
    let created = place().map(|p| roots::directory(&p, name)).filter(|d| d.is_dir());
    created.unwrap_or_else(|| name.to_owned())
}

/// Does it; returns the exit status.
pub(super) fn run(action: Action) -> i32 {
    match act(action) {
        Ok(text) => super::info::print(|out| -> io::Result<()> { out.write_all(text.as_bytes()) }),
        Err(e) => {
            eprintln!("forklift: root: {e}");
            1
        }
    }
}

fn act(action: Action) -> Result<String, Error> {
    let place = roots::place(variable)?;
    let directory = |name: &Path| roots::directory(&place, name);
    match action {
        Action::Create { root, packages, arch, suite, mirror, no_essential, trust } => {
            let root = directory(&root.unwrap_or_else(|| arch.name().into()));
            let label = Label { arch: arch.name().to_owned(), suite, mirror };
            let added = create::create(&root, &label, &packages, !no_essential, &trust.settings()?)?;
            Ok(report(&root, &added))
        }
        Action::Add { root, packages, trust } => {
            let root = directory(&root);
            Ok(report(&root, &create::add(&root, &packages, &trust.settings()?)?))
        }
        Action::List => Ok(roots::list(&place).iter().map(|(name, label)| line(&place, name, label)).collect()),
        Action::Path { root } => {
            let root = directory(&root);
            Label::read(&root)?;
            Ok(format!("{}\n", root.display()))
        }
        Action::Remove { root } => {
            let root = directory(&root);
            roots::remove(&root)?;
            Ok(format!("{} removed\n", root.display()))
        }
    }
}

fn line(place: &Path, name: &str, label: &Label) -> String {
    format!("{name}: {} {}, {} packages\n", label.suite, label.arch, roots::installed(&place.join(name)).len())
}

fn report(root: &Path, added: &Added) -> String {
    let mib = added.bytes as f64 / f64::from(1 << 20);
    format!("{}: {} packages added, {mib:.1} MiB: {}\n", root.display(), added.packages.len(), added.packages.join(" "))
}
