//! Mappings that grow when something below them is accessed: those of MAP_GROWSDOWN, and the stack. mmap(2); the limits are those of Linux.

use std::sync::atomic::Ordering;

use forklift_x86::GuestAddr;

use super::mapping::{MIN_ADDR, MapRequest};
use super::vma::GUARD_GAP;
use super::{AddressSpace, GuestMem};

impl AddressSpace {
    /// Makes the mapping above `addr` grow until it holds it. Returns whether something is mapped at `addr` now.
    ///
    /// A stack keeps its distance from what is accessible below it, and is no larger than RLIMIT_STACK.
    pub(super) fn grow_to(&self, addr: GuestAddr) -> bool {
        let page = addr.page_base().get();
        let mut map = self.map();
        let Some((start, area)) = map.next(page).map(|(s, a)| (s, a.clone())) else { return false };
        if start <= page {
            return true;
        }
        let too_near = map.before(start).is_some_and(|a| a.prot.readable() && !a.grows_down && page - a.end < GUARD_GAP);
        if !area.grows_down || page < MIN_ADDR || area.end - page > stack_limit() || too_near || self.check_limit(&map, page, start).is_err() {
            return false;
        }
        let locked = if area.locked { libc::MAP_LOCKED } else { 0 };
        let request = MapRequest::anonymous(start - page, area.prot).fixed(page);
        let request = MapRequest { flags: request.flags | libc::MAP_NORESERVE | locked, ..request };
        let Ok(claimed) = self.claim(&map, page, start - page) else { return false };
        if self.host_map(&request, page, start - page).is_err() {
            self.release(claimed);
            return false;
        }
        map.grow_down(start, page);
        true
    }
}

impl GuestMem {
    /// Lets grow what would grow under an access at `addr` that has faulted. Returns whether something has.
    pub(crate) fn grow(&self, addr: GuestAddr) -> bool {
        self.reach(addr, 1)
    }

    /// Before the host's kernel, or forklift, accesses guest memory: lets grow what would grow under such an access. Returns whether something has.
    pub(super) fn reach(&self, addr: GuestAddr, len: u64) -> bool {
        if !self.space().may_grow.load(Ordering::Relaxed) || len == 0 {
            return false;
        }
        let end = addr.get().saturating_add(len).min(self.space().map_limit());
        let hole = self.space().map().covered_from(addr.get(), end);
        hole < end && self.space().grow_to(GuestAddr::new(hole))
    }
}

/// The guest's RLIMIT_STACK in bytes, which is the host's.
fn stack_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a structure of ours.
    unsafe { libc::getrlimit(libc::RLIMIT_STACK, &raw mut limit) };
    limit.rlim_cur
}
