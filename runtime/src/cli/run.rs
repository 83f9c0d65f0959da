//! `forklift run`.

use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::RunArgs;
use crate::errno::Errno;
use crate::error::Error;
use crate::loader::{Opened, elf};
use crate::machine::Machine;
use crate::paths::in_root;
use crate::process::Config;
use crate::syscall::Strace;

/// Exit statuses of a shell for a program that isn't found, and for one that can't be run.
const NOT_FOUND: u8 = 127;
const NOT_RUN: u8 = 126;

/// Runs the program; returns only if it can't be.
pub(super) fn run(args: RunArgs) -> ExitCode {
    match start(args) {
        Ok(machine) => machine.run(),
        Err(e) => {
            eprintln!("forklift: {e}");
            if let Error::Exec { fatal: true, .. } = e {
                crate::signal::die_by(libc::SIGSEGV);
            }
            ExitCode::from(if e.errno() == Errno::ENOENT { NOT_FOUND } else { NOT_RUN })
        }
    }
}

fn c_string(s: OsString) -> Result<CString, Error> {
    CString::new(s.into_vec()).map_err(|e| Error::exec(OsStr::from_bytes(&e.into_vec()), Errno::EINVAL, "an argument with a zero byte"))
}

fn start(args: RunArgs) -> Result<Machine, Error> {
    let envp = environment(args.env)?;
    let config = Config { root: args.root, model: args.cpu, interpret_only: args.interp, stats: args.stats };
    let strace = match args.strace {
        None => Strace::default(),
        Some(None) => Strace::to_stderr(),
        Some(Some(path)) => Strace::to_file(open_trace(&path)?),
    };
    let mut argv = args.program.into_iter().map(c_string).collect::<Result<Vec<_>, _>>()?;
    let path = find(&argv[0], &envp, config.root.as_deref());
    if let Some(name) = args.argv0 {
        argv[0] = c_string(name)?;
    }
    match Machine::open(&path, argv, &config)? {
        Opened::Guest(x) => Machine::new(&x, &envp, config, strace),
        Opened::Foreign(file, machine, _) => {
            let why = format!("a program for {}; forklift runs x86-64 and i386", elf::machine_name(machine));
            Err(Error::exec(file.guest_path, Errno::ENOEXEC, why))
        }
    }
}

/// The host's environment with the changes of `-E`.
fn environment(changes: Vec<OsString>) -> Result<Vec<CString>, Error> {
    let mut env: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    for c in changes {
        let bytes = c.as_bytes();
        let eq = bytes.iter().position(|&b| b == b'=');
        let name = OsStr::from_bytes(&bytes[..eq.unwrap_or(bytes.len())]).to_owned();
        env.retain(|(n, _)| *n != name);
        if let Some(eq) = eq {
            env.push((name, OsStr::from_bytes(&bytes[eq + 1..]).to_owned()));
        }
    }
    env.into_iter()
        .map(|(mut n, v)| {
            n.push("=");
            n.push(v);
            c_string(n)
        })
        .collect()
}

/// Lowest number of forklift's own descriptors.
const OWN_FDS: i32 = 900;

fn open_trace(path: &Path) -> Result<OwnedFd, Error> {
    let fail = |e: std::io::Error| Error::exec(path, Errno::from(e), "the trace can't be written there");
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path).map_err(fail)?;
    // SAFETY: no memory involved.
    let fd = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, OWN_FDS) };
    if fd < 0 {
        return Err(fail(std::io::Error::last_os_error()));
    }
    // SAFETY: just made.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A name without a slash is looked up in the program's PATH, as a shell does.
fn find(name: &CString, envp: &[CString], root: Option<&Path>) -> CString {
    let path = envp.iter().find_map(|e| e.as_bytes().strip_prefix(b"PATH=")).unwrap_or_default();
    if name.as_bytes().contains(&b'/') || name.is_empty() {
        return name.clone();
    }
    for dir in path.split(|&b| b == b':').filter(|d| !d.is_empty()) {
        let full = PathBuf::from(OsStr::from_bytes(dir)).join(OsStr::from_bytes(name.as_bytes()));
        let Ok(full) = CString::new(full.into_os_string().into_vec()) else { continue };
        let host = in_root(root, &full);
        // SAFETY: a string of ours.
        if unsafe { libc::access(host.as_ptr(), libc::X_OK) } == 0 {
            return full;
        }
    }
    name.clone()
}
