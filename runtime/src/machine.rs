//! Building a process and running it: what the binary and embedders start from.

use std::ffi::{CStr, CString};
use std::sync::Arc;

use forklift_x86::GuestAddr;

use crate::hooks::Hooks;
use crate::host;

use crate::error::Error;
use crate::loader::{self, Executable, Opened};
use crate::mem::space::Placement;
use crate::mem::{AddressSpace, GuestMem};
use crate::naming;
use crate::process::{Config, Process};
use crate::signal;
use crate::signal::action::{Actions, UNBLOCKABLE};
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
        Self::with_hooks(program, envp, config, strace, Hooks::default())
    }

    /// As [`new`](Self::new), with hooks.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_hooks(program: &Executable, envp: &[CString], config: Config, strace: Strace, hooks: Hooks) -> Result<Self, Error> {
        check_page_size()?;
        // Whatever arrives before the program runs waits.
        let mask = host::set_sigmask(crate::task::host_mask(u64::MAX));
        let actions = Actions::inherited();
        signal::install_fault_handlers();
        let placement = if wants_low_memory(program) { Placement::High } else { Placement::Low };
        let space =
            AddressSpace::new(program.elf.mode, placement).map_err(|errno| Error::Host { what: "reserving an address space for an i386 program", errno })?;
        let space = Arc::new(space);
        let loaded = loader::load(&GuestMem::new(space.clone()), program, envp, config.model)?;
        let mut process = Process::new(space, config, strace, actions);
        if hooks.fault.is_some() {
            crate::engine::show_faults(process.space());
        }
        process.hooks = hooks;
        process.set_sigreturn(loaded.sigreturn);
        *process.program() = loaded.program;
        process.set_sysenter_return(loaded.sysenter_return);
        naming::set_name(&program.filename);
        naming::show_arguments(&process);
        let mut task = Task::new(Arc::new(process), loaded.cpu);
        task.sigmask = mask & !UNBLOCKABLE;
        Ok(Self { task })
    }

    /// Opens the program at `path`, found below `config.root` first.
    ///
    /// # Errors
    /// [`Error::Exec`] as [`loader::open`].
    pub fn open(path: &CStr, argv: Vec<CString>, config: &Config) -> Result<Opened, Error> {
        loader::open(config.places(), path, argv)
    }

    /// Runs it to its end, and with it this process.
    pub fn run(mut self) -> ! {
        self.task.process.begin();
        self.task.run();
        let status = self.task.exit_status();
        self.task.leave();
        // Other threads go on.
        // SAFETY: ends this thread alone.
        unsafe { libc::syscall(libc::SYS_exit, status) };
        unreachable!("a thread that has ended")
    }
}

/// Guests map, protect and watch pages of 4 KiB, each by itself.
fn check_page_size() -> Result<(), Error> {
    // SAFETY: no memory involved.
    match unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64 {
        GuestAddr::PAGE_SIZE => Ok(()),
        size => Err(Error::PageSize(size)),
    }
}

/// Whether the program has the address sanitizer in it, which insists on having most of what lies below 2^44 for its shadow memory.
fn wants_low_memory(program: &Executable) -> bool {
    program.elf.mode == forklift_x86::Mode::Bits64 && program.elf.has_dynamic_name(&program.exe.file, b"__asan_init")
}
