//! `forklift binfmt`: the kernel starts x86 programs with forklift by itself.
//!
//! What is to be done is a list of [`Step`]s, which is carried out or, without root, shown.

use std::fmt::{self, Display};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::binfmt::{self, Arch};

/// Where the kernel's entries are.
const PROC: &str = "proc/sys/fs/binfmt_misc";
/// What is registered when the system starts.
const CONFIG_DIR: &str = "usr/lib/binfmt.d";
const CONFIG: &str = "forklift.conf";
/// What removes an entry when it is written to it.
const UNREGISTER: &str = "-1";

/// What `forklift binfmt` does.
#[derive(clap::Subcommand, Debug)]
pub(super) enum Action {
    /// Have the kernel start x86 programs with this forklift, now and when the system starts.
    Install {
        #[command(flatten)]
        common: Common,
        /// The forklift to start, if not this one.
        #[arg(long, value_name = "FILE")]
        interpreter: Option<PathBuf>,
        /// Only write what the system reads when it starts: for packages.
        #[arg(long)]
        config_only: bool,
        /// On an x86-64 host: take its own programs, too.
        #[arg(long)]
        force: bool,
    },
    /// Show what is registered.
    Status {
        #[command(flatten)]
        common: Common,
    },
    /// Undo what install did.
    Remove {
        #[command(flatten)]
        common: Common,
    },
}

/// Options of all of them.
#[derive(clap::Args, Debug)]
pub(super) struct Common {
    /// Of which programs.
    #[arg(long, value_enum, value_delimiter = ',')]
    arch: Vec<Arch>,
    /// Change nothing, and show what would be done. So it is, too, without root.
    #[arg(long)]
    dry_run: bool,
    /// Work below DIR instead of /.
    #[arg(long, value_name = "DIR", default_value = "/")]
    sysroot: PathBuf,
}

/// Why it can't be done.
#[derive(Debug, Error)]
enum BinfmtError {
    #[error("binfmt_misc isn't mounted at {0}: mount -t binfmt_misc binfmt_misc {0} (perhaps modprobe binfmt_misc before that)")]
    NotMounted(String),
    #[error("{path}: can't be the interpreter: {why}", path = .0.display(), why = .1)]
    Unfit(PathBuf, &'static str),
    #[error(
        "this host runs x86-64 programs by itself: the kernel would start each of them with forklift, which is such a program, too, and again with forklift, \
         until it gives up (ELOOP); nothing could be started any more. --arch i386 works; --force does it all the same"
    )]
    OwnPrograms,
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Io(PathBuf, io::Error),
}

/// A change to the system.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Text written to a file of the kernel's.
    Tell(PathBuf, String),
    /// A file with this text.
    Keep(PathBuf, String),
    Delete(PathBuf),
}

impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tell(path, text) => write!(f, "write to {}: {text}", path.display()),
            Self::Keep(path, text) => write!(f, "make {}:\n{}", path.display(), text.trim_end()),
            Self::Delete(path) => write!(f, "delete {}", path.display()),
        }
    }
}

impl Step {
    fn take(&self) -> Result<(), BinfmtError> {
        match self {
            Self::Tell(path, text) => fs::OpenOptions::new().write(true).open(path).and_then(|mut f| f.write_all(text.as_bytes())).map_err(|e| (path, e)),
            Self::Keep(path, text) => path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text.as_bytes())).map_err(|e| (path, e)),
            Self::Delete(path) => fs::remove_file(path).map_err(|e| (path, e)),
        }
        .map_err(|(path, e)| BinfmtError::Io(path.clone(), e))
    }
}

impl Common {
    fn kernel(&self, name: &str) -> PathBuf {
        self.sysroot.join(PROC).join(name)
    }

    fn config(&self) -> PathBuf {
        self.sysroot.join(CONFIG_DIR).join(CONFIG)
    }

    fn mounted(&self) -> Result<(), BinfmtError> {
        let register = self.kernel("register");
        if register.exists() { Ok(()) } else { Err(BinfmtError::NotMounted(self.sysroot.join(PROC).display().to_string())) }
    }

    /// The ABIs asked for, or those that make sense here.
    fn archs(&self) -> Vec<Arch> {
        let sensible = |a: &Arch| cfg!(not(target_arch = "x86_64")) || *a == Arch::I386;
        if self.arch.is_empty() { Arch::ALL.into_iter().filter(sensible).collect() } else { self.arch.clone() }
    }

    fn dry(&self) -> bool {
        // SAFETY: no memory involved.
        self.dry_run || self.sysroot == Path::new("/") && unsafe { libc::geteuid() } != 0
    }

    /// Carries `steps` out, or shows them.
    fn carry_out(&self, steps: &[Step]) -> Result<String, BinfmtError> {
        if self.dry() {
            let why = if self.dry_run { "" } else { " (not root)" };
            let shown: Vec<_> = steps.iter().map(Step::to_string).collect();
            return Ok(format!("nothing changed{why}; this would be done:\n{}\n", shown.join("\n")));
        }
        steps.iter().try_for_each(Step::take)?;
        Ok(format!("{} changes made\n", steps.len()))
    }
}

/// Does it; returns the exit status.
pub(super) fn run(action: &Action) -> i32 {
    let done = match action {
        Action::Install { common, interpreter, config_only, force } => install(common, interpreter.as_deref(), *config_only, *force),
        Action::Status { common } => status(common),
        Action::Remove { common } => common.carry_out(&removal(common)),
    };
    match done {
        Ok(text) => super::info::print(|out| out.write_all(text.as_bytes())),
        Err(e) => {
            eprintln!("forklift: binfmt: {e}");
            1
        }
    }
}

fn install(common: &Common, interpreter: Option<&Path>, config_only: bool, force: bool) -> Result<String, BinfmtError> {
    let archs = common.archs();
    if cfg!(target_arch = "x86_64") && archs.contains(&Arch::Amd64) && !force && !config_only {
        return Err(BinfmtError::OwnPrograms);
    }
    let interpreter = match interpreter {
        Some(path) => path.to_owned(),
        None => std::env::current_exe().map_err(|e| BinfmtError::Io("/proc/self/exe".into(), e))?,
    };
    if let Some(why) = binfmt::unfit(&interpreter) {
        return Err(BinfmtError::Unfit(interpreter, why));
    }
    // What a package brings must do for any kernel.
    let release = if config_only { String::new() } else { fs::read_to_string(common.sysroot.join("proc/sys/kernel/osrelease")).unwrap_or_default() };
    let lines: Vec<_> = archs.iter().map(|&a| binfmt::line(a, &interpreter, binfmt::flags(&release))).collect();
    let mut steps = Vec::new();
    if !config_only {
        if !common.dry() {
            common.mounted()?;
        }
        steps.extend(registered(common, &archs));
        steps.extend(lines.iter().map(|l| Step::Tell(common.kernel("register"), l.clone())));
    }
    steps.push(Step::Keep(common.config(), lines.join("\n") + "\n"));
    let done = common.carry_out(&steps)?;
    let left_out =
        if cfg!(target_arch = "x86_64") && common.arch.is_empty() && !config_only { "i386 programs only: this host runs x86-64 by itself\n" } else { "" };
    Ok(format!("{left_out}{done}"))
}

/// Removing the entries that are there.
fn registered(common: &Common, archs: &[Arch]) -> Vec<Step> {
    let entries = archs.iter().map(|a| common.kernel(a.entry()));
    entries.filter(|p| p.exists()).map(|p| Step::Tell(p, UNREGISTER.to_owned())).collect()
}

fn removal(common: &Common) -> Vec<Step> {
    let archs = if common.arch.is_empty() { Arch::ALL.to_vec() } else { common.arch.clone() };
    let mut steps = registered(common, &archs);
    if let Ok(text) = fs::read_to_string(common.config()) {
        let others: Vec<_> = text.lines().filter(|l| !archs.iter().any(|a| l.starts_with(&format!(":{}:", a.entry())))).collect();
        steps.push(if others.is_empty() { Step::Delete(common.config()) } else { Step::Keep(common.config(), others.join("\n") + "\n") });
    }
    steps
}

fn status(common: &Common) -> Result<String, BinfmtError> {
    common.mounted()?;
    let mut text = String::new();
    for arch in if common.arch.is_empty() { Arch::ALL.to_vec() } else { common.arch.clone() } {
        text += &match fs::read_to_string(common.kernel(arch.entry())) {
            Ok(shown) => format!(
                "{}: {}, interpreter {}, flags {}\n",
                arch.name(),
                shown.lines().next().unwrap_or_default(),
                binfmt::field(&shown, "interpreter ").unwrap_or("?"),
                binfmt::field(&shown, "flags: ").unwrap_or_default()
            ),
            Err(_) => format!("{}: not registered\n", arch.name()),
        };
        for other in others(common, arch) {
            text += &format!("{}: taken by {other}, too; the one that was registered last is asked first\n", arch.name());
        }
    }
    let there = if common.config().exists() { "there" } else { "not there: nothing is registered when the system starts" };
    Ok(format!("{text}{}: {there}\n", common.config().display()))
}

/// Entries of other translators for the same programs.
fn others(common: &Common, arch: Arch) -> Vec<String> {
    let entries = fs::read_dir(common.kernel("")).into_iter().flatten().flatten();
    let names = entries.map(|e| e.file_name().to_string_lossy().into_owned()).filter(|n| !n.starts_with("forklift-") && n != "register" && n != "status");
    let mut found: Vec<_> = names.filter(|n| fs::read_to_string(common.kernel(n)).is_ok_and(|shown| binfmt::takes(&shown, arch))).collect();
    found.sort_unstable();
    found
}
