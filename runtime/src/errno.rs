//! Errors that the guest's kernel reports. Not for errors of forklift itself: those are [`Error`](crate::Error).
//!
//! x86's numbers are those of the generic Linux ABI, which all hosts of forklift share, so that a host's errno is the guest's.

use core::fmt;

/// An error number of Linux, as a syscall returns it (negated).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

/// What a syscall gives: a value for the result register, or an error.
pub type SysResult<T = u64> = Result<T, Errno>;

macro_rules! errnos {
    ($($name:ident)*) => {
        impl Errno {
            $(#[doc = concat!("`", stringify!($name), "` of errno(3).")] pub const $name: Self = Self(libc::$name);)*

            /// The symbolic name, for `--strace` and messages.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    Self::ERESTARTSYS => Some("ERESTARTSYS"),
                    Self::ERESTARTNOINTR => Some("ERESTARTNOINTR"),
                    Self::ERESTARTNOHAND => Some("ERESTARTNOHAND"),
                    Self::ERESTART_RESTARTBLOCK => Some("ERESTART_RESTARTBLOCK"),
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE
    EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP ENOMSG EIDRM ENOSTR ENODATA ETIME
    ENOLINK EPROTO EBADMSG EOVERFLOW EILSEQ EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP
    EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETIMEDOUT
    ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EDQUOT ECANCELED EOWNERDEAD ENOTRECOVERABLE ELIBBAD
}

impl Errno {
    /// Inside the kernel only: interrupted; restart if the handler has SA_RESTART or no handler runs, else EINTR.
    pub const ERESTARTSYS: Self = Self(512);
    /// Inside the kernel only: interrupted; always restart.
    pub const ERESTARTNOINTR: Self = Self(513);
    /// Inside the kernel only: interrupted; restart if no handler runs, else EINTR.
    pub const ERESTARTNOHAND: Self = Self(514);
    /// Inside the kernel only: as [`ERESTARTNOHAND`](Self::ERESTARTNOHAND), through restart_syscall(2).
    pub const ERESTART_RESTARTBLOCK: Self = Self(516);

    /// The calling thread's `errno`.
    pub fn last() -> Self {
        Self(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
    }

    /// Whether the dispatcher must turn this into a restart or EINTR.
    pub const fn is_restart(self) -> bool {
        matches!(self.0, 512..=516)
    }

    /// The result of a libc function that returns -1 and sets `errno` on failure.
    pub fn check(ret: impl Into<i64>) -> SysResult {
        match ret.into() {
            -1 => Err(Self::last()),
            v => Ok(v as u64),
        }
    }

    /// The result of a raw syscall, which returns `-errno`.
    pub const fn from_raw(ret: i64) -> SysResult {
        match ret {
            -4095..=-1 => Err(Self(-ret as i32)),
            v => Ok(v as u64),
        }
    }

    /// What goes into the result register.
    pub const fn to_raw(r: SysResult) -> u64 {
        match r {
            Ok(v) => v,
            Err(e) => -(e.0 as i64) as u64,
        }
    }
}

impl From<std::io::Error> for Errno {
    fn from(e: std::io::Error) -> Self {
        Self(e.raw_os_error().unwrap_or(libc::EIO))
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(n) => f.write_str(n),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = std::io::Error::from_raw_os_error(self.0).to_string();
        f.write_str(text.split(" (os error").next().unwrap_or(&text))
    }
}
