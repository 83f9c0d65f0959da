//! execve(2): forklift starts itself anew with the program, so that the host's kernel does everything that a new program finds done: descriptors closed,
//! handlers reset, other threads gone, a fresh address space. What can fail is tried before.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;

use crate::errno::{Errno, SysResult};
use crate::host;
use crate::loader::{self, Opened};
use crate::task::Task;

/// The first argument of a forklift that was started by [`Task::exec`]. Options follow up to `--`, then the path, then argv.
pub const EXEC_COMMAND: &str = "exec-guest";

impl Task {
    /// Replaces the process's program. Returns only on failure.
    ///
    /// # Errors
    /// Those of execve(2).
    pub(crate) fn exec(&mut self, path: CString, argv: Vec<CString>, envp: &[CString]) -> SysResult {
        let argv = if argv.is_empty() { vec![CString::default()] } else { argv };
        // In a chroot without /proc there is no way to forklift but the kernel's, if it has started this one.
        let again = (self.process.config.root.is_none() && crate::binfmt::by_kernel()).then(|| (path.clone(), argv.clone()));
        let opened = loader::open(self.process.config.places(), &path, argv.clone()).map_err(|e| e.errno())?;
        let (file, args) = match opened {
            Opened::Guest(_) => (c"/proc/self/exe".to_owned(), self.own_args(path, argv)?),
            Opened::Foreign(x, _, argv) => (CString::new(x.host_path.as_os_str().as_bytes()).map_err(|_| Errno::ENOENT)?, argv),
        };
        let pointers = |v: &[CString]| v.iter().map(|s| s.as_ptr()).chain([core::ptr::null()]).collect::<Vec<_>>();
        let (args_p, env_p) = (pointers(&args), pointers(envp));
        let old = host::set_sigmask(u64::MAX);
        if self.signal_queued() {
            host::set_sigmask(old);
            return Err(Errno::ERESTARTNOINTR);
        }
        self.save_cache();
        // The new program inherits exactly the guest's mask.
        host::set_sigmask(self.sigmask);
        // SAFETY: arrays of strings that end with null pointers.
        unsafe { libc::execve(file.as_ptr(), args_p.as_ptr(), env_p.as_ptr()) };
        let mut error = Errno::last();
        if let Some((path, argv)) = &again
            && error == Errno::ENOENT
        {
            // SAFETY: as above.
            unsafe { libc::execve(path.as_ptr(), pointers(argv).as_ptr(), env_p.as_ptr()) };
            error = Errno::last();
        }
        host::set_sigmask(old);
        Err(error)
    }

    /// The arguments of the forklift that goes on.
    fn own_args(&self, path: CString, argv: Vec<CString>) -> SysResult<Vec<CString>> {
        let mut args = vec![c"forklift".to_owned(), CString::new(EXEC_COMMAND).map_err(|_| Errno::EINVAL)?];
        for option in self.process.config.to_args() {
            args.push(CString::new(option.as_bytes()).map_err(|_| Errno::EINVAL)?);
        }
        if crate::engine::warm::is_forbidden() {
            args.push(c"--no-worker".to_owned());
        }
        args.push(c"--".to_owned());
        args.push(path);
        args.extend(argv);
        Ok(args)
    }
}
