//! What a processor keeps of a loaded segment besides base and selector. SDM vol. 3A, 3.4.3 and 5.3.
//!
//! Programs live in flat segments nearly always: the whole space, 32 bits wide, writable. [`CpuState::segmented`] says that one isn't; only then is
//! anything here looked at. FS and GS that are null don't count as such, since most 32-bit programs leave them so; accesses through them ask.

use crate::{CpuState, Mode, Seg};

/// Limit and access rights of a loaded segment; all zero after a null selector.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct SegCache {
    /// Offset of the last byte, the granularity bit applied; for an expand-down segment, of the last byte that is not in it.
    pub limit: u32,
    /// As LAR gives them.
    pub access: u32,
}

impl SegCache {
    /// Linux's 32-bit code segment.
    pub const CODE: Self = Self { limit: u32::MAX, access: 0xcf_fb00 };
    /// Linux's data segment.
    pub const DATA: Self = Self { limit: u32::MAX, access: 0xcf_f300 };

    /// Whether there is a segment at all: not after a null selector.
    pub const fn is_usable(self) -> bool {
        self.access != 0
    }

    /// Bit D/B: 32-bit code, a 32-bit stack pointer, or an expand-down segment up to 4 GiB.
    pub const fn is_wide(self) -> bool {
        self.access & 1 << 22 != 0
    }

    /// Whether it is code.
    pub const fn is_code(self) -> bool {
        self.access & 0x1800 == 0x1800
    }

    /// Whether it may be read.
    pub const fn is_readable(self) -> bool {
        self.is_usable() && (self.access & 0x800 == 0 || self.access & 0x200 != 0)
    }

    /// Whether it may be written.
    pub const fn is_writable(self) -> bool {
        self.access & 0x1a00 == 0x1200
    }

    /// Whether its offsets are those above the limit.
    pub const fn expands_down(self) -> bool {
        self.access & 0x1c00 == 0x1400
    }

    /// Whether all of the `size` bytes from `offset` on are in it.
    pub const fn contains(self, offset: u32, size: u32) -> bool {
        let Some(last) = offset.checked_add(size.saturating_sub(1)) else {
            return false;
        };
        if self.expands_down() { offset > self.limit && (self.is_wide() || last <= 0xffff) } else { last <= self.limit }
    }

    /// Whether nothing needs to be checked for accesses through it.
    const fn is_flat(self) -> bool {
        self.limit == u32::MAX && self.is_wide() && !self.expands_down()
    }
}

impl CpuState {
    /// Loads a segment register: selector, base and what is kept of the descriptor. In 64-bit mode the bases of ES, CS, SS and DS are 0.
    pub fn set_segment(&mut self, seg: Seg, selector: u16, base: u64, cache: SegCache) {
        let used = self.mode == Mode::Bits32 || matches!(seg, Seg::Fs | Seg::Gs);
        self.seg_sel[seg.index()] = selector;
        self.seg_base[seg.index()] = if used { base } else { 0 };
        self.seg_cache[seg.index()] = cache;
        self.update_segmented();
    }

    /// What is loaded into `seg`.
    pub const fn segment(&self, seg: Seg) -> SegCache {
        self.seg_cache[seg.index()]
    }

    /// The segments, a bit for each by number, that don't hold a null selector.
    pub fn usable_segments(&self) -> u8 {
        Seg::ALL.into_iter().filter(|s| self.segment(*s).is_usable()).fold(0, |all, s| all | 1 << s.index())
    }

    /// Finds out whether segments restrict anything, after they or the mode changed.
    pub fn update_segmented(&mut self) {
        let plain = |seg| {
            let c = self.segment(seg);
            match seg {
                Seg::Cs => c.is_flat() && self.seg_base[Seg::Cs.index()] == 0,
                Seg::Fs | Seg::Gs if !c.is_usable() => true,
                _ => c.is_flat() && c.is_writable(),
            }
        };
        self.segmented = u32::from(self.mode == Mode::Bits32 && !Seg::ALL.into_iter().all(plain));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        let up = SegCache { limit: 15, ..SegCache::DATA };
        assert!(up.contains(12, 4) && up.contains(15, 1) && !up.contains(13, 4) && !up.contains(u32::MAX, 4));
        let down = SegCache { limit: 15, access: 0x40_f700 };
        assert!(!down.contains(15, 1) && down.contains(16, 4) && down.contains(u32::MAX, 1));
        let narrow = SegCache { limit: 15, access: 0xf700 };
        assert!(narrow.contains(0xfffc, 4) && !narrow.contains(0xfffd, 4));
    }

    #[test]
    fn fresh_states_are_flat() {
        for mode in [Mode::Bits32, Mode::Bits64] {
            let mut cpu = CpuState::new(mode);
            cpu.update_segmented();
            assert_eq!(cpu.segmented, 0);
        }
        let mut cpu = CpuState::new(Mode::Bits32);
        cpu.set_segment(Seg::Ds, 0, 0, SegCache::default());
        assert_eq!(cpu.segmented, 1);
    }
}
