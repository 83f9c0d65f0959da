//! Segments of System V shared memory in the guest's address space.

use std::sync::Arc;

use forklift_x86::GuestAddr;

use super::mapping::{MapRequest, page_up};
use super::space::AddressSpace;
use super::vma::{Area, Backing, Prot};
use crate::errno::{Errno, SysResult};

/// A segment to attach.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Its identifier.
    pub id: i32,
    /// Its size in bytes.
    pub size: u64,
    /// Its key, for /proc/self/maps.
    pub key: u32,
}

/// What /proc/self/maps calls segments.
const NAME: &[u8] = b"/SYSV";

fn is_segment(area: &Area) -> bool {
    area.backing.as_ref().is_some_and(|b| b.name.starts_with(NAME))
}

impl AddressSpace {
    /// Attaches a segment at `addr`, or where there is room if that is 0. `replace`: over what is there.
    ///
    /// # Errors
    /// EINVAL if something is there already, ENOMEM, and those of the host's shmat(2).
    pub fn attach(&self, segment: Segment, addr: u64, writable: bool, replace: bool) -> SysResult<GuestAddr> {
        let len = page_up(segment.size).ok_or(Errno::ENOMEM)?;
        let prot = if writable { Prot(3) } else { Prot::READ };
        self.order();
        let mut map = self.map();
        let req = MapRequest { addr, len, prot, flags: if addr == 0 { 0 } else { libc::MAP_FIXED }, fd: -1, offset: 0 };
        let at = self.place(&map, &req, len)?;
        if addr != 0 && !replace && map.any(at, at + len) {
            return Err(Errno::EINVAL);
        }
        let claimed = self.claim(&map, at, len)?;
        self.code_unmapped(at, at + len);
        let flags = libc::SHM_REMAP | if writable { 0 } else { libc::SHM_RDONLY };
        // SAFETY: the range is in the guest's part of the address space, where no Rust object lies.
        if unsafe { libc::shmat(segment.id, self.host(at).cast(), flags) } as isize == -1 {
            let e = Errno::last();
            self.release(claimed);
            return Err(e);
        }
        let name = [NAME, format!("{:08x} (deleted)", segment.key).as_bytes()].concat();
        let backing = Some(Arc::new(Backing { name, dev: 1, ino: segment.id as u64 }));
        let area = Area { end: at + len, prot, shared: true, may_write: writable, grows_down: false, locked: false, backing, file_offset: 0 };
        map.insert(at, area);
        Ok(GuestAddr::new(at))
    }

    /// Detaches the segment that was attached at `addr`.
    ///
    /// # Errors
    /// EINVAL if there is none.
    pub fn detach(&self, addr: u64) -> SysResult<()> {
        let mut map = self.map();
        let first = map.find(GuestAddr::new(addr)).filter(|(s, a)| *s == addr && a.file_offset == 0 && is_segment(a));
        let backing = first.and_then(|(_, a)| a.backing.clone()).ok_or(Errno::EINVAL)?;
        let parts: Vec<(u64, u64)> = map
            .overlapping(addr, self.map_limit())
            .filter(|(s, a)| a.backing.as_ref().is_some_and(|b| Arc::ptr_eq(b, &backing)) && s - addr == a.file_offset)
            .map(|(s, a)| (s, a.end))
            .collect();
        for (start, end) in parts {
            self.code_unmapped(start, end);
            map.remove(start, end);
            self.host_unmap(start, end - start)?;
        }
        Ok(())
    }
}
