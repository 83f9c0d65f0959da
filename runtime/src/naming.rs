//! What other processes see of this one: the guest's name, arguments and environment instead of forklift's, so that ps, pgrep and pidof find it.
//!
//! The name is that of the host's thread. /proc/PID/cmdline and environ come from wherever the host's kernel was told that they lie: in the guest's stack,
//! so that a guest that overwrites its arguments is seen to do so. /proc/PID/{exe, maps} stay forklift's.

use std::ffi::CStr;

use crate::process::Process;

/// PR_SET_MM_MAP's `struct prctl_mm_map`.
#[repr(C)]
struct MmMap {
    code: [u64; 2],
    data: [u64; 2],
    brk: [u64; 2],
    start_stack: u64,
    args: [u64; 2],
    env: [u64; 2],
    auxv: u64,
    auxv_size: u32,
    exe_fd: i32,
}

/// Sets the name that ps and /proc show.
pub(crate) fn set_name(filename: &CStr) {
    let name = filename.to_bytes().rsplit(|&b| b == b'/').next().unwrap_or_default();
    let mut comm = [0u8; 16];
    let n = name.len().min(15);
    comm[..n].copy_from_slice(&name[..n]);
    // SAFETY: a string of ours.
    unsafe { libc::prctl(libc::PR_SET_NAME, comm.as_ptr()) };
}

/// Has /proc show the guest's arguments and environment. Where the host's kernel doesn't let us, it goes on showing forklift's.
pub(crate) fn show_arguments(process: &Process) {
    let Some(now) = layout() else { return };
    let base = process.space().base();
    // One guard at a time: the lock of `program` is not reentrant.
    let (args, env) = {
        let program = process.program();
        (program.arg_area, program.env_area)
    };
    let map = MmMap { args: [base + args.0, base + args.1], env: [base + env.0, base + env.1], ..now };
    // SAFETY: the kernel reads the structure. What it takes over is what it has, but for where arguments and environment lie, which only /proc reads.
    unsafe { libc::prctl(libc::PR_SET_MM, libc::PR_SET_MM_MAP, &raw const map, size_of::<MmMap>(), 0) };
}

/// The layout of forklift's own memory as it is.
fn layout() -> Option<MmMap> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<u64> = text[text.rfind(')')? + 1..].split_ascii_whitespace().skip(1).map(|f| f.parse().unwrap_or(0)).collect();
    // Numbered as in proc(5); the first here is the fourth.
    let field = |n: usize| fields.get(n - 4).copied();
    // SAFETY: asks for the end of the heap.
    let brk = unsafe { libc::sbrk(0) } as u64;
    Some(MmMap {
        code: [field(26)?, field(27)?],
        data: [field(45)?, field(46)?],
        brk: [field(47)?, brk],
        start_stack: field(28)?,
        args: [0; 2],
        env: [0; 2],
        auxv: 0,
        auxv_size: 0,
        exe_fd: -1,
    })
}
