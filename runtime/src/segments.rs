//! Segments that a program makes itself: entries of the thread's part of the GDT (set_thread_area) and of the process's LDT (modify_ldt).

use std::collections::BTreeMap;

use forklift_interp::{Descriptor, Memory};
use forklift_x86::{Seg, SegCache};

use crate::guest_struct;
use crate::task::Task;

guest_struct! {
    /// `struct user_desc`.
    pub struct UserDesc = 16 {
        /// Index in the table.
        pub entry: u32,
        /// Base.
        pub base: u32,
        /// Limit, in bytes or pages.
        pub limit: u32,
        /// Bits: 0 seg_32bit, 1–2 contents, 3 read_exec_only, 4 limit_in_pages, 5 seg_not_present, 6 useable.
        pub flags: u32,
    }
}

/// Index of the first of the thread's entries of the GDT in Linux on x86-64.
pub const TLS_FIRST: u32 = 12;
/// How many there are.
pub const TLS_COUNT: usize = 3;
/// Most entries of an LDT.
pub const LDT_ENTRIES: u32 = 8192;

impl UserDesc {
    /// `LDT_empty` of the kernel: what says "no segment".
    pub fn is_empty(&self) -> bool {
        let (base, limit, flags) = (self.base, self.limit, self.flags);
        base == 0 && limit == 0 && flags & 0x7f == 0b10_1000
    }

    /// `LDT_zero`: all zeroes, which set_thread_area takes for empty too.
    pub fn is_zero(&self) -> bool {
        let (base, limit, flags) = (self.base, self.limit, self.flags);
        base == 0 && limit == 0 && flags & 0x7f == 0
    }

    /// A flag.
    pub const fn flag(&self, bit: u32) -> u32 {
        self.flags >> bit & 1
    }

    /// Type of segment: 0 data, 1 stack, 2 code, 3 conforming code.
    pub const fn contents(&self) -> u32 {
        self.flags >> 1 & 3
    }

    /// As the processor sees it.
    pub const fn descriptor(&self) -> Descriptor {
        let kind = 1 | (self.flag(3) ^ 1) << 1 | self.contents() << 2;
        let access = kind << 8 | 1 << 12 | 3 << 13 | (self.flag(5) ^ 1) << 15 | self.flag(6) << 20 | self.flag(0) << 22 | self.flag(4) << 23;
        let limit = self.limit & 0xf_ffff;
        let limit = if self.flag(4) != 0 { limit << 12 | 0xfff } else { limit };
        Descriptor { base: self.base as u64, limit, access }
    }

    /// The eight bytes of the descriptor table (modify_ldt's reading).
    pub const fn raw(&self) -> u64 {
        let d = self.descriptor();
        let limit = self.limit as u64 & 0xf_ffff;
        let access = d.access as u64;
        limit & 0xffff | (d.base & 0xff_ffff) << 16 | (access >> 8 & 0xff) << 40 | (limit >> 16) << 48 | (access >> 20 & 15) << 52 | (d.base >> 24) << 56
    }
}

/// The segments of a thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tls(pub [Option<UserDesc>; TLS_COUNT]);

impl Tls {
    /// The entry with this index of the GDT.
    pub fn get(&self, index: u32) -> Option<UserDesc> {
        self.0.get(index.checked_sub(TLS_FIRST)? as usize).copied().flatten()
    }
}

/// An LDT.
pub type Ldt = BTreeMap<u16, UserDesc>;

impl Task {
    /// Loads a segment register as the kernel does, which has checked what matters: an unusable selector becomes null.
    pub(crate) fn load_segment(&mut self, seg: Seg, selector: u16) {
        let found = if selector & !3 == 0 { None } else { self.mem.descriptor(selector) };
        let (sel, base, cache) = match found {
            Some(d) if d.is_present() => (selector, d.base, d.cache()),
            _ if matches!(seg, Seg::Cs | Seg::Ss) => return,
            _ => (0, 0, SegCache::default()),
        };
        self.cpu_mut().set_segment(seg, sel, base, cache);
    }

    /// Reloads the registers that hold `selector`, whose descriptor has changed.
    pub(crate) fn reload_segments(&mut self, selector: u16) {
        for seg in Seg::ALL {
            if self.cpu().seg_sel[seg.index()] & !3 == selector & !3 {
                let selector = self.cpu().seg_sel[seg.index()];
                self.load_segment(seg, selector);
            }
        }
    }
}
