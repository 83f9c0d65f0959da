//! Processor state as numbered fields, and the difference of two states.

use forklift_x86::{CpuState, Gpr, Mode, Seg, SegCache};

use super::bytes::{Reader, Writer};

/// Registers as in `get`.
const COUNT: u8 = 71;
const SEGMENTS: [Seg; 4] = [Seg::Es, Seg::Ds, Seg::Fs, Seg::Gs];

/// Field `n` of a state.
fn get(c: &CpuState, n: u8) -> u128 {
    let half = |i: u8| u128::from_le_bytes(std::array::from_fn(|b| c.vec[usize::from(i / 2)].0[usize::from(i % 2) * 16 + b]));
    match n {
        0..16 => c.get(Gpr::ALL[usize::from(n)]).into(),
        16 => c.rip.into(),
        17 => c.flags.rflags().into(),
        18 => c.mxcsr.into(),
        19 => c.cr2.into(),
        20 => c.error_code.into(),
        21 => c.x87.top.into(),
        22 => c.x87.used.into(),
        23 => c.x87.cw.into(),
        24 => c.x87.sw.into(),
        25 => c.seg_base[Seg::Fs.index()].into(),
        26 => c.seg_base[Seg::Gs.index()].into(),
        27..35 => {
            let r = c.x87.regs[usize::from(n - 27)];
            u128::from(r.mantissa) | u128::from(r.sign_exp) << 64
        }
        35..67 => half(n - 35),
        _ => c.seg_sel[SEGMENTS[usize::from(n - 67)].index()].into(),
    }
}

fn set(c: &mut CpuState, n: u8, v: u128) {
    let low = v as u64;
    match n {
        0..16 => c.set(Gpr::ALL[usize::from(n)], low),
        16 => c.rip = low,
        17 => c.flags.set_rflags(low, u32::MAX),
        18 => c.mxcsr = low as u32,
        19 => c.cr2 = low,
        20 => c.error_code = low as u32,
        21 => c.x87.top = low as u32,
        22 => c.x87.used = low as u8,
        23 => c.x87.cw = low as u16,
        24 => c.x87.sw = low as u16,
        25 => c.seg_base[Seg::Fs.index()] = low,
        26 => c.seg_base[Seg::Gs.index()] = low,
        27..35 => {
            let r = &mut c.x87.regs[usize::from(n - 27)];
            (r.mantissa, r.sign_exp) = (low, (v >> 64) as u16);
        }
        35..67 => {
            let at = usize::from((n - 35) % 2) * 16;
            c.vec[usize::from((n - 35) / 2)].0[at..at + 16].copy_from_slice(&v.to_le_bytes());
        }
        _ => select(c, SEGMENTS[usize::from(n - 67)], low as u16),
    }
}

/// Loads a selector; in 32-bit mode FS and GS then have a flat segment.
fn select(c: &mut CpuState, seg: Seg, selector: u16) {
    c.seg_sel[seg.index()] = selector;
    if c.mode == Mode::Bits32 && matches!(seg, Seg::Fs | Seg::Gs) {
        c.seg_cache[seg.index()] = if selector == 0 { SegCache::default() } else { SegCache::DATA };
    }
}

/// Writes the fields of `to` that differ from those of `from`.
pub fn write(w: &mut Writer, from: &CpuState, to: &CpuState) {
    let changed: Vec<u8> = (0..COUNT).filter(|&n| get(from, n) != get(to, n)).collect();
    w.byte(changed.len() as u8);
    for n in changed {
        let v = get(to, n);
        let len = 16 - v.leading_zeros() as usize / 8;
        w.byte(n);
        w.byte(len as u8);
        w.bytes(&v.to_le_bytes()[..len]);
    }
}

/// `from` with the changes that follow in `r`.
pub fn read(r: &mut Reader<'_>, from: &CpuState) -> Option<CpuState> {
    let mut c = from.clone();
    for _ in 0..r.byte()? {
        let (n, len) = (r.byte()?, r.byte()?);
        let mut v = [0; 16];
        v.get_mut(..usize::from(len))?.copy_from_slice(r.bytes(len.into())?);
        if n >= COUNT {
            return None;
        }
        set(&mut c, n, u128::from_le_bytes(v));
    }
    Some(c)
}
