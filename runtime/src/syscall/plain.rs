//! Calls whose arguments are plain numbers that mean the same on all hosts: handed to the host's kernel as they are.

/// An argument as the host's kernel takes it.
pub(super) trait Register {
    /// The whole register.
    fn register(self) -> u64;
}

macro_rules! registers {
    ($($t:ty)*) => { $(
        impl Register for $t {
            fn register(self) -> u64 {
                self as u64
            }
        }
    )* };
}
registers! { i32 u32 i64 u64 }

/// Defines such calls and their `TABLE`: `Type = "name" (x64 number, i386 number) SYS_nr (argument types);`
macro_rules! plain_calls {
    ($($(#[$m:meta])* $call:ident = $name:literal ($x64:expr, $i386:expr) $nr:ident ($($arg:ident: $t:ty),*);)*) => {
        $(
            $(#[$m])*
            pub struct $call;
            impl Syscall for $call {
                const SPEC: Spec = Spec { name: $name, x64: $x64, i386: $i386, support: Full };
                type Args<A: Abi> = ($($t,)*);
                fn call<A: Abi>(_: &mut Task, ($($arg,)*): Self::Args<A>) -> SysResult {
                    // Sign-extension is what the kernel's own wrappers do with int arguments.
                    let args: &[u64] = &[$(super::plain::Register::register($arg)),*];
                    let mut all = [0; 6];
                    all[..args.len()].copy_from_slice(args);
                    // SAFETY: no pointers.
                    unsafe { host::syscall(libc::$nr, all) }
                }
            }
        )*
    };
}

pub(super) use plain_calls;
