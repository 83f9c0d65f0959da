//! `siginfo_t`: kept as the host's kernel gives it, which is the layout of x86-64 too; converted for i386.

use crate::guest_struct;

/// A siginfo in the layout of 64-bit Linux.
#[derive(Clone, Copy)]
pub struct Info(pub [u8; 128]);

guest_struct! {
    /// `siginfo_t` of either ABI, as bytes.
    pub struct InfoBytes = 128 {
        /// See the man page of sigaction(2).
        pub bytes: [u8; 128],
    }
}

/// `si_code` of kill(2).
pub const SI_USER: i32 = 0;
/// `si_code` of what the kernel has no more to say about.
pub const SI_KERNEL: i32 = 0x80;
const SI_TIMER: i32 = -2;
const SI_SIGIO: i32 = -5;

/// Which fields a siginfo has behind the first three.
enum Layout {
    Kill,
    Timer,
    Poll,
    Fault,
    Child,
    Queue,
    Sys,
}

impl Info {
    /// A siginfo without more fields.
    pub fn new(sig: i32, code: i32) -> Self {
        let mut i = Self([0; 128]);
        i.put(0, &sig.to_le_bytes());
        i.put(8, &code.to_le_bytes());
        i
    }

    /// A fault at `addr`.
    pub fn fault(sig: i32, code: i32, addr: u64) -> Self {
        let mut i = Self::new(sig, code);
        i.put(16, &addr.to_le_bytes());
        i
    }

    fn put(&mut self, at: usize, v: &[u8]) {
        self.0[at..at + v.len()].copy_from_slice(v);
    }

    fn i32(&self, at: usize) -> i32 {
        i32::from_le_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }

    /// Signal number.
    pub fn signo(&self) -> i32 {
        self.i32(0)
    }

    /// `si_code`.
    pub fn code(&self) -> i32 {
        self.i32(8)
    }

    /// `si_addr`.
    pub fn addr(&self) -> u64 {
        u64::from(self.i32(16) as u32) | u64::from(self.i32(20) as u32) << 32
    }

    /// `si_pid`, `si_uid` and `si_status` of SIGCHLD.
    pub fn child(&self) -> [i32; 3] {
        [self.i32(16), self.i32(20), self.i32(24)]
    }

    fn layout(&self) -> Layout {
        let (sig, code) = (self.signo(), self.code());
        match code {
            0 => Layout::Kill,
            1..SI_KERNEL => match sig {
                libc::SIGILL | libc::SIGFPE | libc::SIGSEGV | libc::SIGBUS | libc::SIGTRAP => Layout::Fault,
                libc::SIGCHLD => Layout::Child,
                libc::SIGSYS => Layout::Sys,
                _ if code <= 6 => Layout::Poll,
                _ => Layout::Kill,
            },
            SI_TIMER => Layout::Timer,
            SI_SIGIO => Layout::Poll,
            ..0 => Layout::Queue,
            _ => Layout::Kill,
        }
    }

    /// Pairs of (offset in 64-bit layout, offset in i386's, bytes) of the fields behind the third.
    fn fields(&self) -> &'static [(usize, usize, usize)] {
        match self.layout() {
            Layout::Kill => &[(16, 12, 4), (20, 16, 4)],
            Layout::Timer | Layout::Queue => &[(16, 12, 4), (20, 16, 4), (24, 20, 4)],
            Layout::Poll => &[(16, 12, 4), (24, 16, 4)],
            Layout::Fault => &[(16, 12, 4)],
            Layout::Child => &[(16, 12, 4), (20, 16, 4), (24, 20, 4), (32, 24, 4), (40, 28, 4)],
            Layout::Sys => &[(16, 12, 4), (24, 16, 4), (28, 20, 4)],
        }
    }

    /// In the layout of i386.
    pub fn to_i386(&self) -> InfoBytes {
        let mut out = [0; 128];
        out[..12].copy_from_slice(&self.0[..12]);
        for &(from, to, len) in self.fields() {
            out[to..to + len].copy_from_slice(&self.0[from..from + len]);
        }
        InfoBytes { bytes: out }
    }

    /// From the layout of i386 (rt_sigqueueinfo).
    pub fn from_i386(b: &InfoBytes) -> Self {
        let bytes = b.bytes;
        let mut i = Self([0; 128]);
        i.put(0, &bytes[..12]);
        for &(to, from, len) in i.fields() {
            i.put(to, &bytes[from..from + len]);
        }
        i
    }
}
