//! Numbers with names: flags and choices.

use core::fmt;

/// The names of an argument's values.
pub struct Names {
    /// Parts of the number, each a mask and the names of the values under it.
    pub choices: &'static [(u64, &'static [(u64, &'static str)])],
    /// Bits; those that are several bits at once come before their parts.
    pub bits: &'static [(u64, &'static str)],
}

impl Names {
    /// Prints names with `|` between them, and what has no name in hexadecimal.
    pub fn show(&self, value: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut rest, mut sep) = (value, "");
        for (mask, names) in self.choices {
            if let Some((_, name)) = names.iter().find(|n| n.0 == value & mask) {
                write!(f, "{sep}{name}")?;
                (rest, sep) = (rest & !mask, "|");
            }
        }
        for (bit, name) in self.bits {
            if *bit != 0 && rest & bit == *bit {
                write!(f, "{sep}{name}")?;
                (rest, sep) = (rest & !bit, "|");
            }
        }
        match (rest, sep) {
            (0, "") => f.write_str("0"),
            (0, _) => Ok(()),
            _ => write!(f, "{sep}{rest:#x}"),
        }
    }
}

/// A register's number without a sign.
pub trait Bits: Copy {
    /// Its bits.
    fn bits(self) -> u64;
}
impl Bits for i32 {
    fn bits(self) -> u64 {
        u64::from(self as u32)
    }
}
impl Bits for u32 {
    fn bits(self) -> u64 {
        self.into()
    }
}
impl Bits for u64 {
    fn bits(self) -> u64 {
        self
    }
}

/// Defines types of arguments that are shown by name: `Type(number) choices { (mask) { NAME … } } bits { NAME … };`. A name without `= value` is libc's.
///
/// Numbers that differ between architectures are x86's, and so must be given.
macro_rules! names {
    (@value $n:ident) => { libc::$n as u64 & 0xffff_ffff };
    (@value $n:ident $v:expr) => { $v };
    ($(
        $(#[$m:meta])*
        $name:ident($t:ty) $(choices { $(($mask:expr) { $($cn:ident $(= $cv:expr)?),* $(,)? })* })? $(bits { $($bn:ident $(= $bv:expr)?),* $(,)? })?;
    )*) => { $(
        $(#[$m])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(pub $t);

        impl $name {
            /// The names.
            pub const NAMES: $crate::syscall::show::Names = $crate::syscall::show::Names {
                choices: &[$($(($mask, &[$((names!(@value $cn $($cv)?), stringify!($cn))),*])),*)?],
                bits: &[$($((names!(@value $bn $($bv)?), stringify!($bn))),*)?],
            };
        }

        impl $crate::syscall::plain::Register for $name {
            fn register(self) -> u64 {
                self.0 as u64
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                Self::NAMES.show($crate::syscall::show::names::Bits::bits(self.0), f)
            }
        }

        impl $crate::syscall::Arg for $name {
            fn take(r: &mut $crate::syscall::Regs) -> Self {
                Self(<$t as $crate::syscall::Arg>::take(r))
            }
            fn show(&self, _: &$crate::syscall::show::View<'_>, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }
    )* };
}
pub(in crate::syscall) use names;

#[cfg(test)]
mod tests {
    use super::super::{MapFlags, OpenFlags, SockType};

    #[test]
    fn flags() {
        assert_eq!(OpenFlags(0o101_101).to_string(), "O_WRONLY|O_CREAT|O_TRUNC|O_LARGEFILE");
        assert_eq!(OpenFlags(0o20_200_002).to_string(), "O_RDWR|O_TMPFILE");
        assert_eq!(OpenFlags(0o200_003).to_string(), "O_ACCMODE|O_DIRECTORY");
        assert_eq!(MapFlags(0x22).to_string(), "MAP_PRIVATE|MAP_ANONYMOUS");
        assert_eq!(MapFlags(0x8000_0000).to_string(), "0x80000000");
        assert_eq!(SockType(0o2_000_001).to_string(), "SOCK_STREAM|SOCK_CLOEXEC");
        assert_eq!(SockType(0).to_string(), "0");
    }
}
