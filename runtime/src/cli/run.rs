//! `forklift run`.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::RunArgs;
use crate::cache;
use crate::errno::Errno;
use crate::error::Error;
use crate::loader::{Opened, elf};
use crate::machine::Machine;
use crate::paths::Last;
use crate::perf;
use crate::process::{Config, Trace};
use crate::root::in_root;
use crate::syscall::Strace;

/// Exit statuses of a shell for a program that isn't found, and for one that can't be run.
const NOT_FOUND: i32 = 127;
const NOT_RUN: i32 = 126;

/// Runs the program; returns only if it can't be.
pub(super) fn run(args: RunArgs) -> i32 {
    match start(args) {
        Ok(machine) => machine.run(),
        Err(e) => fail(&e),
    }
}

/// Runs the program of a guest's execve(2).
pub(super) fn exec(args: impl Iterator<Item = OsString>) -> i32 {
    match exec_start(args) {
        Ok(machine) => machine.run(),
        Err(e) => fail(&e),
    }
}

fn fail(e: &Error) -> i32 {
    eprintln!("forklift: {e}");
    if let Error::Exec { fatal: true, .. } = e {
        crate::signal::die_by(libc::SIGSEGV);
    }
    if e.errno() == Errno::ENOENT { NOT_FOUND } else { NOT_RUN }
}

/// The counterpart of [`Config::to_args`].
fn exec_start(mut args: impl Iterator<Item = OsString>) -> Result<Machine, Error> {
    let mut config = Config::default();
    for arg in args.by_ref() {
        let bytes = arg.as_bytes();
        let value = |name: &str| bytes.strip_prefix(name.as_bytes()).map(OsStr::from_bytes);
        if bytes == b"--" {
            break;
        } else if let Some(root) = value("--root=") {
            config.root = Some(root.into());
        } else if let Some(roots) = value("--roots=") {
            config.roots = Some(roots.into());
        } else if let Some(model) = value("--cpu=") {
            config.model = model.to_str().and_then(|m| m.parse().ok()).unwrap_or(config.model);
        } else if let Some(path) = value("--strace=") {
            config.trace = Trace::File(path.into());
        } else if bytes == b"--strace" {
            config.trace = Trace::Stderr;
        } else if bytes == b"--interp" {
            config.interpret_only = true;
        } else if let Some(dump) = value("-d") {
            config.dump = dump.to_str().and_then(|d| d.parse().ok()).unwrap_or_default();
        } else if let Some(kind) = value("--perf=") {
            config.perf = kind.to_str().and_then(|k| perf::Kind::from_str(k, false).ok());
        } else if let Some(dir) = value("--cache=") {
            config.cache = Some(dir.into());
        } else if bytes == b"--no-worker" {
            crate::engine::warm::forbid();
        } else if bytes == b"--weak-vectors" {
            config.weak_vectors = true;
        } else if bytes == b"--stats" {
            config.stats = true;
        }
    }
    let mut rest = args.map(c_string).collect::<Result<Vec<_>, _>>()?.into_iter();
    let path = rest.next().unwrap_or_default();
    launch(&path, rest.collect(), &environment(Vec::new())?, config)
}

fn launch(path: &CStr, argv: Vec<CString>, envp: &[CString], mut config: Config) -> Result<Machine, Error> {
    let strace = match &config.trace {
        Trace::Off => Strace::default(),
        Trace::Stderr => Strace::to_stderr(),
        Trace::File(path) => Strace::to_file(open_trace(path)?),
    };
    match Machine::open(path, argv, &config)? {
        Opened::Guest(x) => {
            if x.default_root.is_some() {
                config.root.clone_from(&x.default_root);
            }
            Machine::new(&x, envp, config, strace)
        }
        Opened::Foreign(file, machine, _) => {
            let why = format!("a program for {}; forklift runs x86-64 and i386", elf::machine_name(machine));
            Err(Error::exec(file.guest_path, Errno::ENOEXEC, why))
        }
    }
}

fn c_string(s: OsString) -> Result<CString, Error> {
    CString::new(s.into_vec()).map_err(|e| Error::exec(OsStr::from_bytes(&e.into_vec()), Errno::EINVAL, "an argument with a zero byte"))
}

fn start(args: RunArgs) -> Result<Machine, Error> {
    let envp = environment(args.env)?;
    let trace = match args.strace {
        None => Trace::Off,
        Some(None) => Trace::Stderr,
        Some(Some(path)) => Trace::File(std::path::absolute(&path).unwrap_or(path)),
    };
    let root = args.root.map(|r| super::root::named(&r)).map(|r| std::fs::canonicalize(&r).or_else(|_| std::path::absolute(&r)).unwrap_or(r));
    let dump = args.dump.unwrap_or_default();
    let wanted = !(args.no_cache || args.interp || dump.is_on() || cache::is_privileged());
    let cache = wanted.then(|| cache::default_dir(|name| std::env::var_os(name))).flatten();
    let config = Config {
        root,
        roots: super::root::place(),
        model: args.cpu,
        interpret_only: args.interp,
        stats: args.stats,
        trace,
        dump,
        perf: args.perf,
        cache,
        weak_vectors: args.weak_vectors,
    };
    // So that whoever asks for it hears of it if it can't be.
    args.perf.map_or(Ok(()), perf::Kind::create)?;
    let mut argv = args.program.into_iter().map(c_string).collect::<Result<Vec<_>, _>>()?;
    let path = if args.exact { argv[0].clone() } else { find(&argv[0], &envp, config.root.as_deref()) };
    if let Some(name) = args.argv0 {
        argv[0] = c_string(name)?;
    }
    launch(&path, argv, &envp, config)
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

/// A name without a slash is looked up in the program's PATH, as a shell does; what is in the root comes before what is on the host, which may be for another machine.
fn find(name: &CString, envp: &[CString], root: Option<&Path>) -> CString {
    let path = envp.iter().find_map(|e| e.as_bytes().strip_prefix(b"PATH=")).unwrap_or_default();
    if name.as_bytes().contains(&b'/') || name.is_empty() {
        return name.clone();
    }
    let mut on_host = None;
    for dir in path.split(|&b| b == b':').filter(|d| !d.is_empty()) {
        let full = PathBuf::from(OsStr::from_bytes(dir)).join(OsStr::from_bytes(name.as_bytes()));
        let Ok(full) = CString::new(full.into_os_string().into_vec()) else { continue };
        let Ok(host) = in_root(root, &full, Last::Target) else { continue };
        // SAFETY: a string of ours.
        if unsafe { libc::access(host.as_ptr(), libc::X_OK) } != 0 {
            continue;
        }
        if root.is_none_or(|r| Path::new(OsStr::from_bytes(host.as_bytes())).starts_with(r)) {
            return full;
        }
        on_host.get_or_insert(full);
    }
    on_host.unwrap_or_else(|| name.clone())
}
