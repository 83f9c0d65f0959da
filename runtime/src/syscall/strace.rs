//! `--strace`: one line per system call, written whole, to standard error or a file.

use std::collections::HashSet;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use forklift_x86::{GuestAddr, Mode};

use super::{Octal, Returns, Sig};
use crate::errno::SysResult;

/// Where the trace goes, if anywhere.
#[derive(Default)]
pub struct Strace {
    out: Option<Out>,
    reported: Mutex<HashSet<(u64, bool)>>,
}

enum Out {
    Stderr,
    File(OwnedFd),
}

impl Strace {
    /// A trace to standard error.
    pub fn to_stderr() -> Self {
        Self { out: Some(Out::Stderr), ..Self::default() }
    }

    /// A trace to a file.
    pub fn to_file(fd: OwnedFd) -> Self {
        Self { out: Some(Out::File(fd)), ..Self::default() }
    }

    /// Whether there is a trace.
    pub const fn is_on(&self) -> bool {
        self.out.is_some()
    }

    /// The descriptor of the trace's file, which the guest must not see.
    pub fn own_fd(&self) -> Option<i32> {
        match &self.out {
            Some(Out::File(fd)) => Some(fd.as_raw_fd()),
            _ => None,
        }
    }

    fn write(&self, line: &str) {
        let fd = match &self.out {
            None => return,
            Some(Out::Stderr) => 2,
            Some(Out::File(fd)) => fd.as_raw_fd(),
        };
        // SAFETY: a buffer of ours. A trace that can't be written is lost, as it must not disturb the guest.
        unsafe { libc::write(fd, line.as_ptr().cast(), line.len()) };
    }

    /// Before a call: a line for those that never return, with all that is known of their arguments.
    pub fn begin(&self, tid: i32, name: &str, args: &[String]) {
        if matches!(name, "exit" | "exit_group" | "execve" | "execveat" | "rt_sigreturn" | "sigreturn") {
            self.write(&format!("{tid} {name}({}) …\n", args.join(", ")));
        }
    }

    /// The line of a call that has returned.
    pub fn end(&self, tid: i32, name: &str, args: &[String], result: SysResult, returns: Returns) {
        let line = format!("{tid} {name}({})", args.join(", "));
        match (result, returns) {
            (Ok(v), Returns::Number) => self.write(&format!("{line} = {}\n", v as i64)),
            (Ok(v), Returns::Address) => self.write(&format!("{line} = {v:#x}\n")),
            (Ok(v), Returns::Mode) => self.write(&format!("{line} = {}\n", Octal(v as u32))),
            (Err(e), _) if e.is_restart() => self.write(&format!("{line} = ? {e:?}\n")),
            (Err(e), _) => self.write(&format!("{line} = -1 {e:?} ({e})\n")),
        }
    }

    /// Reports a call that isn't there, once.
    pub fn missing(&self, tid: i32, name: Option<&str>, nr: u64, mode: Mode) {
        let new = self.is_on() && self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert((nr, mode == Mode::Bits32));
        if new {
            self.write(&format!("{tid} {}: system call {nr} of the {}-bit ABI is not there: ENOSYS\n", name.unwrap_or("unknown"), mode.bitness()));
        }
    }

    /// Reports an instruction that is not there.
    pub fn invalid_opcode(&self, tid: i32, mode: Mode, at: GuestAddr, code: &[u8]) {
        let insn = forklift_x86::decode_one(mode, at, code).map_or_else(String::new, |i| i.to_string());
        self.write(&format!("{tid} #UD at {at}: {code:02x?} {insn}\n"));
    }

    /// Reports the delivery of a signal.
    pub fn signal(&self, tid: i32, sig: i32, code: i32, addr: u64) {
        if self.is_on() {
            self.write(&format!("{tid} --- {} code {code} addr {addr:#x} ---\n", Sig(sig)));
        }
    }
}
