//! Building a process and running it: what the binary and embedders start from.

use std::ffi::CString;
use std::sync::Arc;

use crate::error::Error;
use crate::loader::{self, Executable, Opened};
use crate::mem::{AddressSpace, GuestMem};
use crate::process::{Config, Process};
use crate::signal::action::Actions;
use crate::signal;
use crate::syscall::Strace;
use crate::task::Task;

/// A Linux process that is ready to run.
pub struct Machine {
    task: Task,
}

impl Machine {
    /// Loads `program`, with these arguments (the first is its name) and this environment.
    ///
    /// # Errors
    /// [`Error`]: the program can't be executed, or the host is out of something.
    pub fn new(program: &Executable, envp: &[CString], config: Config, strace: Strace) -> Result<Self, Error> {
        let actions = Actions::inherited();
        signal::install_fault_handlers();
        let space = AddressSpace::new(program.elf.mode).map_err(|errno| Error::Host { what: "reserving an address space for an i386 program", errno })?;
        let space = Arc::new(space);
        let loaded = loader::load(&GuestMem::new(space.clone()), program, envp, config.model)?;
        let process = Process::new(space, config, strace, actions);
        process.set_sigreturn(loaded.sigreturn);
        *process.program() = loaded.program;
        process.set_sysenter_return(loaded.sysenter_return);
        Ok(Self { task: Task::new(Arc::new(process), loaded.cpu) })
    }

    /// Opens the program at `path`, found below `config.root` first.
    ///
    /// # Errors
    /// [`Error::Exec`] as [`loader::open`].
    pub fn open(path: &std::ffi::CStr, argv: Vec<CString>, config: &Config) -> Result<Opened, Error> {
        loader::open(config.root.as_deref(), path, argv)
    }

    /// Runs it to its end, and with it this process.
    pub fn run(mut self) -> ! {
        self.task.run()
    }
}
