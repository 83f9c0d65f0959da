//! Socket options. Numbers are those of the generic ABI; a few values have other layouts in 32-bit programs.

use super::super::show::{OptionRoom, OptionValue, SockOption};
use super::super::sys::{int, ptr, ptr_mut, sys};
use super::super::{Fd, Spec, Support::Full, Syscall};
use crate::abi::{Abi, GuestPtr, TimePair, Timespec32};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::mem::{Access, BAD_ADDRESS};
use crate::table;
use crate::task::Task;

table![Setsockopt, Getsockopt];

/// Options of MCAST_* whose value begins with `struct group_req`: number of addresses in it.
const fn group_addresses(level: i32, option: i32) -> Option<usize> {
    match (level, option) {
        (libc::IPPROTO_IP | libc::IPPROTO_IPV6, 42 | 45) => Some(1),
        (libc::IPPROTO_IP | libc::IPPROTO_IPV6, 43 | 44 | 46 | 47) => Some(2),
        _ => None,
    }
}

const fn is_timeout(level: i32, option: i32) -> bool {
    level == libc::SOL_SOCKET && matches!(option, libc::SO_RCVTIMEO | libc::SO_SNDTIMEO)
}

const fn is_filter(level: i32, option: i32) -> bool {
    level == libc::SOL_SOCKET && matches!(option, libc::SO_ATTACH_FILTER | libc::SO_ATTACH_REUSEPORT_CBPF)
}

guest_struct! {
    /// `struct sock_fprog` of i386.
    pub struct FilterI386 = 8 { len: u16, pad: u16, filter: u32 }
}
guest_struct! {
    /// `struct sock_fprog` of x86-64.
    pub struct FilterX64 = 16 { len: u16, pad: [u16; 3], filter: u64 }
}

/// Bytes of one instruction of a socket filter.
const FILTER_INSN: u64 = 8;

/// The value of an option in the host's layout; `None` where it is the same, or too short, which the host's kernel finds too.
fn host_value<A: Abi>(t: &Task, level: i32, option: i32, value: GuestPtr<A, u8>, len: u32) -> SysResult<Option<Vec<u8>>> {
    if is_filter(level, option) {
        return filter(t, value, len);
    }
    if !A::IS_32 {
        return Ok(None);
    }
    if is_timeout(level, option) && len >= 8 {
        let (sec, usec) = t.mem.read(value.cast::<Timespec32>())?.get();
        return Ok(Some([sec.to_le_bytes(), usec.to_le_bytes()].concat()));
    }
    match group_addresses(level, option) {
        Some(n) if len as usize >= 4 + n * 128 => {
            let mut packed = vec![0; 4 + n * 128];
            t.mem.read_bytes(value.addr(), &mut packed)?;
            packed.splice(4..4, [0; 4]);
            Ok(Some(packed))
        }
        _ => Ok(None),
    }
}

/// A filter, with a host pointer to its instructions. One of a wrong size gets a wrong one for the host, which looks at the first word before.
fn filter<A: Abi>(t: &Task, value: GuestPtr<A, u8>, len: u32) -> SysResult<Option<Vec<u8>>> {
    let size = if A::IS_32 { size_of::<FilterI386>() } else { size_of::<FilterX64>() };
    if len as usize != size {
        return if len < 4 { Ok(None) } else { t.mem.read_array(value, 4).map(Some) };
    }
    let (count, addr) = match A::IS_32 {
        true => t.mem.read(value.cast::<FilterI386>()).map(|f| (f.len, u64::from(f.filter)))?,
        false => t.mem.read(value.cast::<FilterX64>()).map(|f| (f.len, f.filter))?,
    };
    let code = t.mem.host_buf(forklift_x86::GuestAddr::new(addr), u64::from(count) * FILTER_INSN, Access::Read)?;
    Ok(Some([u64::from(count).to_le_bytes(), (code.ptr as u64).to_le_bytes()].concat()))
}

/// setsockopt(2).
pub struct Setsockopt;
impl Syscall for Setsockopt {
    const SPEC: Spec = Spec { name: "setsockopt", x64: Some(54), i386: Some(366), support: Full };
    type Args<A: Abi> = (Fd, SockOption, OptionValue<A>);
    fn call<A: Abi>(t: &mut Task, (fd, SockOption(level, option), OptionValue(value, len)): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        let set = |value, len| sys(libc::SYS_setsockopt, [int(fd), int(level), int(option), value, len]);
        let Ok(size) = u32::try_from(len) else { return set(0, int(len)) };
        match host_value(t, level, option, value, size) {
            Ok(Some(v)) => set(ptr(&v[..]), v.len() as u64),
            Ok(None) => set(t.mem.host_buf(value.addr(), size.into(), Access::Read)?.ptr as u64, size.into()),
            // The host's kernel finds that after what it checks before.
            Err(Errno::EFAULT) => set(BAD_ADDRESS, size.into()),
            Err(e) => Err(e),
        }
    }
}

fn get_timeout<A: Abi>(t: &Task, fd: i32, option: i32, value: GuestPtr<A, u8>, room: usize) -> SysResult<u32> {
    let mut tv = [0i64; 2];
    let mut len = size_of_val(&tv) as u32;
    sys(libc::SYS_getsockopt, [int(fd), int(libc::SOL_SOCKET), int(option), ptr_mut(&mut tv), ptr_mut(&mut len)])?;
    let small = [(tv[0] as i32).to_le_bytes(), (tv[1] as i32).to_le_bytes()].concat();
    let n = room.min(small.len());
    t.mem.write_bytes(value.addr(), &small[..n])?;
    Ok(n as u32)
}

/// getsockopt(2).
pub struct Getsockopt;
impl Syscall for Getsockopt {
    const SPEC: Spec = Spec { name: "getsockopt", x64: Some(55), i386: Some(365), support: Full };
    type Args<A: Abi> = (Fd, SockOption, OptionRoom<A>);
    fn call<A: Abi>(t: &mut Task, (fd, SockOption(level, option), OptionRoom(value, at)): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        let Ok(len) = t.mem.read(at) else { return sys(libc::SYS_getsockopt, [int(fd), int(level), int(option), BAD_ADDRESS, BAD_ADDRESS]) };
        let mut len = len as u32;
        if len as i32 >= 0 && A::IS_32 && is_timeout(level, option) {
            len = get_timeout(t, fd, option, value, len as usize)?;
        } else {
            let room = u64::from(len).min(1 << 20);
            let b = t.mem.host_buf(value.addr(), if (len as i32) < 0 { 0 } else { room }, Access::Write)?;
            sys(libc::SYS_getsockopt, [int(fd), int(level), int(option), b.ptr as u64, ptr_mut(&mut len)])?;
        }
        t.mem.write(at, len as i32)?;
        Ok(0)
    }
}
