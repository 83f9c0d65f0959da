//! The floating point part of a signal frame: an FXSAVE image, extended as XSAVE does if the CPU model has it, and i386's FSAVE image in front.
//!
//! Source: Linux's `asm/sigcontext.h`; SDM vol. 1, 10.5.1 (FXSAVE) and 13.4 (XSAVE).

use forklift_x86::{CpuModel, CpuState, Feature, X87Reg, xstate};
use xstate::component;

/// Size of an FXSAVE image.
const FX: usize = 512;
/// Size of the header that follows it in an XSAVE image.
const XSAVE_HEADER: usize = 64;
/// Where in the FXSAVE image the kernel describes what follows.
const SW_RESERVED: usize = 464;
/// `FP_XSTATE_MAGIC1` and `FP_XSTATE_MAGIC2`.
const MAGIC1: u32 = 0x4650_5853;
const MAGIC2: u32 = 0x4650_5845;
/// Size of i386's FSAVE image with `status` and `magic`.
pub(super) const FSAVE: usize = 112;
/// Bits of MXCSR that exist.
const MXCSR_MASK: u32 = 0xffff;

fn has_xsave(model: CpuModel) -> bool {
    model.has(Feature::Xsave)
}

/// Size of the image without i386's part.
pub(super) fn size(model: CpuModel) -> usize {
    if has_xsave(model) { model.xsave_size() as usize + 4 } else { FX }
}

/// `UC_FP_XSTATE` if the image is an extended one.
pub(super) fn uc_flags(model: CpuModel) -> u64 {
    u64::from(has_xsave(model))
}

fn put(b: &mut [u8], at: usize, v: &[u8]) {
    b[at..at + v.len()].copy_from_slice(v);
}

fn u16_at(b: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([b[at], b[at + 1]])
}

fn u32_at(b: &[u8], at: usize) -> u32 {
    u32::from(u16_at(b, at)) | u32::from(u16_at(b, at + 2)) << 16
}

fn u64_at(b: &[u8], at: usize) -> u64 {
    u64::from(u32_at(b, at)) | u64::from(u32_at(b, at + 4)) << 32
}

fn put_reg(b: &mut [u8], at: usize, r: X87Reg) {
    put(b, at, &r.mantissa.to_le_bytes());
    put(b, at + 8, &r.sign_exp.to_le_bytes());
}

fn reg_at(b: &[u8], at: usize) -> X87Reg {
    X87Reg { mantissa: u64_at(b, at), sign_exp: u16_at(b, at + 8), pad: [0; 3] }
}

/// Number of XMM registers that a program of the state's mode has.
fn xmm_count(cpu: &CpuState) -> usize {
    if cpu.mode == forklift_x86::Mode::Bits64 { 16 } else { 8 }
}

/// The image of the processor's state. For i386, `legacy` puts the FSAVE image in front.
pub(super) fn save(cpu: &CpuState, model: CpuModel, legacy: bool) -> Vec<u8> {
    let mut out = if legacy { fsave(cpu) } else { Vec::new() };
    let mut b = vec![0; size(model)];
    let x = &cpu.x87;
    put(&mut b, 0, &x.cw.to_le_bytes());
    put(&mut b, 2, &x.status_word().to_le_bytes());
    b[4] = x.used;
    put(&mut b, 6, &x.fop.to_le_bytes());
    put(&mut b, 8, &x.fip.to_le_bytes());
    put(&mut b, 16, &x.fdp.to_le_bytes());
    put(&mut b, 24, &cpu.mxcsr.to_le_bytes());
    put(&mut b, 28, &MXCSR_MASK.to_le_bytes());
    for i in 0..8 {
        put_reg(&mut b, 32 + 16 * i, x.regs[(x.top as usize + i) & 7]);
    }
    for i in 0..xmm_count(cpu) {
        put(&mut b, 160 + 16 * i, &cpu.xmm(i).to_le_bytes());
    }
    if has_xsave(model) {
        if cpu.xcr0 & component::AVX != 0 {
            let mut upper = [0; xstate::AVX_SIZE];
            xstate::write_upper(cpu, &mut upper);
            put(&mut b, xstate::AVX_OFFSET, &upper);
        }
        extend(&mut b, cpu, model);
    }
    out.extend(b);
    out
}

/// The kernel's description of the image, and XSAVE's header.
fn extend(b: &mut [u8], cpu: &CpuState, model: CpuModel) {
    let size = model.xsave_size();
    put(b, SW_RESERVED, &MAGIC1.to_le_bytes());
    put(b, SW_RESERVED + 4, &(size + 4).to_le_bytes());
    put(b, SW_RESERVED + 8, &cpu.xcr0.to_le_bytes());
    put(b, SW_RESERVED + 16, &size.to_le_bytes());
    put(b, FX, &cpu.xcr0.to_le_bytes());
    let at = size as usize;
    put(b, at, &MAGIC2.to_le_bytes());
}

/// Like `struct _fpstate_32` up to `magic`.
fn fsave(cpu: &CpuState) -> Vec<u8> {
    let x = &cpu.x87;
    let mut b = vec![0; FSAVE];
    let sw = x.status_word();
    let words = [
        u32::from(x.cw) | 0xffff_0000,
        u32::from(sw) | 0xffff_0000,
        u32::from(x.tag_word()) | 0xffff_0000,
        x.fip as u32,
        u32::from(cpu.seg_sel[1]) | u32::from(x.fop) << 16,
        x.fdp as u32,
        u32::from(cpu.seg_sel[3]) | 0xffff_0000,
    ];
    for (i, w) in words.iter().enumerate() {
        put(&mut b, 4 * i, &w.to_le_bytes());
    }
    for i in 0..8 {
        put_reg(&mut b, 28 + 10 * i, x.regs[(x.top as usize + i) & 7]);
    }
    put(&mut b, 108, &sw.to_le_bytes());
    b
}

/// Sets the processor's floating point state to what a new program finds.
pub(super) fn reset(cpu: &mut CpuState) {
    cpu.x87 = forklift_x86::X87::default();
    cpu.mxcsr = CpuState::MXCSR_DEFAULT;
    cpu.vec.iter_mut().for_each(|v| *v = forklift_x86::Vec512::default());
}

/// Takes the state from an image as [`save`] makes it. `None` if it holds what the CPU would refuse (reserved bits of MXCSR).
pub(super) fn restore(cpu: &mut CpuState, image: &[u8], legacy: bool) -> Option<()> {
    let b = if legacy { image.get(FSAVE..)? } else { image };
    if b.len() < FX {
        return None;
    }
    let features = features(b);
    let mxcsr = u32_at(b, 24);
    if features & 2 != 0 && mxcsr & !MXCSR_MASK != 0 {
        return None;
    }
    reset(cpu);
    if features & 1 != 0 {
        let x = &mut cpu.x87;
        x.cw = u16_at(b, 0);
        x.set_status_word(u16_at(b, 2));
        x.used = b[4];
        (x.fop, x.fip, x.fdp) = (u16_at(b, 6), u64_at(b, 8), u64_at(b, 16));
        for i in 0..8 {
            x.regs[(x.top as usize + i) & 7] = reg_at(b, 32 + 16 * i);
        }
        if legacy {
            restore_fsave(cpu, image);
        }
    }
    if features & 2 != 0 {
        cpu.mxcsr = mxcsr;
        for i in 0..xmm_count(cpu) {
            let at = 160 + 16 * i;
            cpu.set_xmm(i, u128::from(u64_at(b, at)) | u128::from(u64_at(b, at + 8)) << 64);
        }
    }
    let upper = b.get(xstate::AVX_OFFSET..xstate::AVX_OFFSET + xstate::AVX_SIZE).and_then(|u| u.try_into().ok());
    if let Some(upper) = upper.filter(|_| features & cpu.xcr0 & component::AVX != 0) {
        xstate::read_upper(cpu, upper);
    }
    Some(())
}

/// Which parts an image holds: what its header says if it is an intact extended one, else x87 and SSE.
fn features(b: &[u8]) -> u64 {
    let size = u32_at(b, SW_RESERVED + 16) as usize;
    let extended = u32_at(b, SW_RESERVED) == MAGIC1 && size >= FX + XSAVE_HEADER && b.len() >= size + 4 && u32_at(b, size) == MAGIC2;
    if extended { u64_at(b, FX) & u64_at(b, SW_RESERVED + 8) } else { 3 }
}

/// The x87 part of an i386 frame is taken from the FSAVE image.
fn restore_fsave(cpu: &mut CpuState, b: &[u8]) {
    let x = &mut cpu.x87;
    x.cw = u16_at(b, 0);
    x.set_status_word(u16_at(b, 4));
    x.set_tag_word(u16_at(b, 8));
    x.fip = u32_at(b, 12).into();
    x.fop = (u32_at(b, 16) >> 16) as u16;
    x.fdp = u32_at(b, 20).into();
    for i in 0..8 {
        x.regs[(x.top as usize + i) & 7] = reg_at(b, 28 + 10 * i);
    }
}
