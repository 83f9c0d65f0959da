//! The images of x87 and vector state in memory: FXSAVE's 512 bytes, and the header that XSAVE puts behind them.
//! SDM vol. 1, 10.5.1 and 13.4; tables 10-2 and 13-1.
//!
//! Pure functions between [`CpuState`] and bytes: the instructions (alignment, access, order of faults) are the interpreter's, signal frames the
//! runtime's. A part of an image that a function isn't about is neither read nor written.

use crate::{CpuState, Mode, X87, X87Reg};

/// Size of the legacy region, all that FXSAVE knows. Unit: bytes.
pub const LEGACY_SIZE: usize = 512;
/// Size of the header behind it. Unit: bytes.
pub const HEADER_SIZE: usize = 64;
/// Bytes of the legacy region that the CPU never touches begin here.
pub const LEGACY_USED: usize = 416;
/// Bits of MXCSR that exist.
pub const MXCSR_MASK: u32 = 0xffff;

/// The state components that there are, bits of XCR0 and XSTATE_BV.
pub mod component {
    /// The x87 unit and MMX.
    pub const X87: u64 = 1;
    /// XMM registers; MXCSR in part.
    pub const SSE: u64 = 2;
    /// The upper halves of YMM registers; MXCSR in part.
    pub const AVX: u64 = 4;
}

/// Where the upper halves of the YMM registers are, in the standard form, and in the compact one without other components.
pub const AVX_OFFSET: usize = LEGACY_SIZE + HEADER_SIZE;
/// Unit: bytes.
pub const AVX_SIZE: usize = 256;
/// Bit of XCOMP_BV that tells the compact form.
pub const COMPACT: u64 = 1 << 63;

/// Size of an image in the standard form that has room for these components.
pub const fn size(components: u64) -> usize {
    if components & component::AVX != 0 { AVX_OFFSET + AVX_SIZE } else { AVX_OFFSET }
}

/// The upper halves of the YMM registers.
pub type Upper = [u8; AVX_SIZE];

/// A legacy region.
pub type Legacy = [u8; LEGACY_SIZE];

/// How an image has the x87 unit's pointers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pointers {
    /// 32-bit offsets and selectors.
    Selectors,
    /// 64-bit offsets: REX.W.
    Wide,
}

const MXCSR: usize = 24;
const REGISTERS: usize = 32;
const XMM: usize = 160;

fn take<const N: usize>(image: &[u8], at: usize) -> [u8; N] {
    let mut b = [0; N];
    b.copy_from_slice(&image[at..at + N]);
    b
}

fn put<const N: usize>(image: &mut [u8], at: usize, v: [u8; N]) {
    image[at..at + N].copy_from_slice(&v);
}

/// Number of XMM registers that code of this mode has.
pub const fn xmm_count(mode: Mode) -> usize {
    match mode {
        Mode::Bits64 => 16,
        Mode::Bits32 => 8,
    }
}

/// Writes the x87 unit: bytes 0–23 and the registers, in the order of the stack.
pub fn write_x87(x: &X87, image: &mut Legacy, pointers: Pointers) {
    put(image, 0, x.cw.to_le_bytes());
    put(image, 2, x.status_word().to_le_bytes());
    put(image, 4, [x.used, 0]);
    put(image, 6, x.fop.to_le_bytes());
    put(image, 8, x.fip.to_le_bytes());
    put(image, 16, x.fdp.to_le_bytes());
    if pointers == Pointers::Selectors {
        put(image, 12, (u32::from(x.fcs)).to_le_bytes());
        put(image, 20, (u32::from(x.fds)).to_le_bytes());
    }
    for i in 0..8 {
        let r = x.regs[(x.top as usize).wrapping_add(i) & 7];
        put(image, REGISTERS + 16 * i, (u128::from(r.mantissa) | u128::from(r.sign_exp) << 64).to_le_bytes());
    }
}

/// The x87 unit of an image.
pub fn read_x87(image: &Legacy, pointers: Pointers) -> X87 {
    let half = |at| u16::from_le_bytes(take(image, at));
    let wide = |at| u64::from_le_bytes(take(image, at));
    let mut x = X87 { used: image[4], fop: half(6) & 0x7ff, ..X87::default() };
    (x.fip, x.fdp) = (wide(8), wide(16));
    if pointers == Pointers::Selectors {
        (x.fip, x.fcs, x.fdp, x.fds) = (x.fip & 0xffff_ffff, half(12), x.fdp & 0xffff_ffff, half(20));
    }
    x.set_status_word(half(2));
    x.set_control_word(half(0));
    for i in 0..8 {
        let at = REGISTERS + 16 * i;
        x.regs[(x.top as usize).wrapping_add(i) & 7] = X87Reg { mantissa: wide(at), sign_exp: half(at + 8), pad: [0; 3] };
    }
    x
}

/// Writes MXCSR and its mask.
pub fn write_mxcsr(cpu: &CpuState, image: &mut Legacy) {
    put(image, MXCSR, cpu.mxcsr.to_le_bytes());
    put(image, MXCSR + 4, MXCSR_MASK.to_le_bytes());
}

/// The MXCSR of an image; `None` if it has a reserved bit set, which the CPU answers with #GP.
pub fn read_mxcsr(image: &Legacy) -> Option<u32> {
    let v = u32::from_le_bytes(take(image, MXCSR));
    (v & !MXCSR_MASK == 0).then_some(v)
}

/// Writes the XMM registers that the state's mode has.
pub fn write_xmm(cpu: &CpuState, image: &mut Legacy) {
    for i in 0..xmm_count(cpu.mode) {
        put(image, XMM + 16 * i, cpu.xmm(i).to_le_bytes());
    }
}

/// Sets the XMM registers that the state's mode has.
pub fn read_xmm(cpu: &mut CpuState, image: &Legacy) {
    for i in 0..xmm_count(cpu.mode) {
        cpu.set_xmm(i, u128::from_le_bytes(take(image, XMM + 16 * i)));
    }
}

/// Writes the upper halves of the YMM registers that the state's mode has.
pub fn write_upper(cpu: &CpuState, image: &mut Upper) {
    for (i, v) in cpu.vec.iter().enumerate().take(xmm_count(cpu.mode)) {
        image[16 * i..16 * i + 16].copy_from_slice(&v.0[16..32]);
    }
}

/// Sets the upper halves of the YMM registers that the state's mode has.
pub fn read_upper(cpu: &mut CpuState, image: &Upper) {
    let count = xmm_count(cpu.mode);
    for (i, v) in cpu.vec.iter_mut().enumerate().take(count) {
        v.0[16..32].copy_from_slice(&image[16 * i..16 * i + 16]);
    }
}

/// The components that are not in their initial state (XINUSE): among XMM registers, those of the state's mode.
pub fn in_use(cpu: &CpuState) -> u64 {
    let x87 = if cpu.x87 == X87::default() { 0 } else { component::X87 };
    let sse = if (0..xmm_count(cpu.mode)).all(|i| cpu.xmm(i) == 0) { 0 } else { component::SSE };
    let upper = |v: &crate::Vec512| v.0[16..32] != [0; 16];
    let avx = if cpu.vec.iter().take(xmm_count(cpu.mode)).any(upper) { component::AVX } else { 0 };
    x87 | sse | avx
}

/// Sets components to their initial state; MXCSR is not among them.
pub fn init(cpu: &mut CpuState, components: u64) {
    if components & component::X87 != 0 {
        cpu.x87 = X87::default();
    }
    if components & component::SSE != 0 {
        (0..xmm_count(cpu.mode)).for_each(|i| cpu.set_xmm(i, 0));
    }
    if components & component::AVX != 0 {
        read_upper(cpu, &[0; AVX_SIZE]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> CpuState {
        let mut cpu = CpuState::new(Mode::Bits64);
        cpu.x87.top = 5;
        cpu.x87.used = 0xe0;
        (cpu.x87.fip, cpu.x87.fdp) = (0x1234_5678_9abc, 0x7654_3210_fedc);
        (0..8).for_each(|i| cpu.x87.regs[i] = X87Reg { mantissa: 1 << 63 | i as u64, sign_exp: 0x3fff, pad: [0; 3] });
        (0..16).for_each(|i| cpu.set_xmm(i, u128::MAX / (i as u128 + 1)));
        cpu
    }

    #[test]
    fn an_image_reads_back() {
        let cpu = busy();
        let mut image = [0; LEGACY_SIZE];
        write_x87(&cpu.x87, &mut image, Pointers::Wide);
        write_mxcsr(&cpu, &mut image);
        write_xmm(&cpu, &mut image);
        // ST(0) is R5.
        assert_eq!(image[32], 5);
        let mut back = CpuState::new(Mode::Bits64);
        back.x87 = read_x87(&image, Pointers::Wide);
        read_xmm(&mut back, &image);
        assert_eq!((back.x87, read_mxcsr(&image)), (cpu.x87, Some(0x1f80)));
        assert_eq!(back.vec, cpu.vec);
    }

    #[test]
    fn narrow_pointers_have_selectors() {
        let mut cpu = busy();
        (cpu.x87.fcs, cpu.x87.fds) = (0x23, 0x2b);
        let mut image = [0xff; LEGACY_SIZE];
        write_x87(&cpu.x87, &mut image, Pointers::Selectors);
        let x = read_x87(&image, Pointers::Selectors);
        assert_eq!((x.fip, x.fcs, x.fdp, x.fds), (0x5678_9abc, 0x23, 0x3210_fedc, 0x2b));
        assert_eq!(image[XMM], 0xff);
    }

    #[test]
    fn initial_state_is_not_in_use() {
        let mut cpu = busy();
        assert_eq!(in_use(&cpu), 3);
        init(&mut cpu, component::X87);
        assert_eq!(in_use(&cpu), component::SSE);
        init(&mut cpu, component::SSE);
        assert_eq!(cpu, CpuState::new(Mode::Bits64));
    }
}
