//! Running a Linux program from another one: [`Linux`], in the manner of [`std::process::Command`].

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;

use forklift_x86::Fault;

use crate::errno::{Errno, SysResult};
use crate::error::Error;
use crate::hooks::{Call, Hooks};
use crate::loader::{Opened, elf};
use crate::machine::Machine;
use crate::process::Config;
use crate::syscall::Strace;
use crate::task::Task;

/// A program to run, its arguments and environment, and how to run it.
///
/// ```
/// # fn main() -> Result<(), forklift::Error> {
/// # if cfg!(target_arch = "x86_64") {
/// use forklift::{Errno, Linux};
///
/// let status = Linux::new("/bin/sh").args(["-c", "exit 3"]).status()?;
/// assert_eq!(status.code(), Some(3));
///
/// // A guest that may not create directories.
/// let status = Linux::new("/bin/mkdir")
///     .args(["/tmp/not-made"])
///     .on_syscall(|_, call| (call.name == Some("mkdir")).then_some(Err(Errno::EPERM)))
///     .status()?;
/// assert_eq!(status.code(), Some(1));
/// # }
/// # Ok(())
/// # }
/// ```
pub struct Linux {
    path: PathBuf,
    argv: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    config: Config,
    hooks: Hooks,
}

impl Linux {
    /// The program at `path`, with its path as only argument, this process's environment and the default configuration.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { argv: vec![path.clone().into()], path, env: std::env::vars_os().collect(), config: Config::default(), hooks: Hooks::default() }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.argv.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let name = name.into();
        self.env.retain(|(n, _)| *n != name);
        self.env.push((name, value.into()));
        self
    }

    /// Sets how it is run.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Has `hook` see each system call first: `Some` is its result, `None` lets it be done.
    #[must_use]
    pub fn on_syscall(mut self, hook: impl Fn(&mut Task, &Call) -> Option<SysResult> + Send + Sync + 'static) -> Self {
        self.hooks.syscall = Some(Arc::new(hook));
        self
    }

    /// Has `hook` see each exception first: `true` means dealt with, `false` that the guest gets the signal.
    #[must_use]
    pub fn on_fault(mut self, hook: impl Fn(&mut Task, Fault) -> bool + Send + Sync + 'static) -> Self {
        self.hooks.fault = Some(Arc::new(hook));
        self
    }

    /// Runs it in a child process and waits for its end.
    ///
    /// # Errors
    /// [`Error`]: it can't be executed, or there can't be a child. What is found out only when the program is being mapped shows as a SIGSEGV, as with execve(2).
    pub fn status(self) -> Result<ExitStatus, Error> {
        let c = |s: OsString| CString::new(s.into_vec()).map_err(|_| Error::exec(&self.path, Errno::EINVAL, "a zero byte in an argument or variable"));
        let argv = self.argv.iter().cloned().map(c).collect::<Result<Vec<_>, _>>()?;
        let pair = |(n, v): &(OsString, OsString)| {
            let mut s = n.clone();
            s.push("=");
            s.push(v);
            c(s)
        };
        let envp = self.env.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
        let path = c(self.path.clone().into())?;
        let program = match Machine::open(&path, argv, &self.config)? {
            Opened::Guest(x) => x,
            Opened::Foreign(file, machine, _) => {
                return Err(Error::exec(file.guest_path, Errno::ENOEXEC, format!("a program for {}", elf::machine_name(machine))));
            }
        };
        // SAFETY: the child runs the guest and nothing else.
        match unsafe { libc::fork() } {
            -1 => Err(Error::Host { what: "starting a process", errno: Errno::last() }),
            0 => match Machine::with_hooks(&program, &envp, self.config, Strace::default(), self.hooks) {
                Ok(machine) => machine.run(),
                Err(_) => crate::signal::die_by(libc::SIGSEGV),
            },
            pid => wait(pid),
        }
    }
}

fn wait(pid: i32) -> Result<ExitStatus, Error> {
    let mut status = 0;
    loop {
        // SAFETY: a status of ours.
        match Errno::check(unsafe { libc::waitpid(pid, &raw mut status, 0) }) {
            Ok(_) => return Ok(ExitStatus::from_raw(status)),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::Host { what: "waiting for the guest", errno }),
        }
    }
}
