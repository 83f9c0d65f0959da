//! Images of the whole x87 and vector state: FXSAVE, FXRSTOR, XSAVE, XRSTOR, XGETBV. SDM vol. 1, 10.5 and chapter 13.
//!
//! XSAVE stores the standard form, and takes every component for used (13.6 leaves that open): programs can't tell.

use forklift_x86::{Exit, Fault, Feature, Gpr, Mode, X87Reg};
use iced_x86::Mnemonic;

use super::control::MXCSR_MASK;
use crate::build::{Pick, Table};
use crate::{Exec, Memory, Op, Step};

/// The legacy region, with its parts for x87 (two ranges), MXCSR and XMM registers.
const LEGACY: usize = 512;
const MXCSR: usize = 24;
const ST: usize = 32;
const XMM: usize = 160;
/// XSTATE_BV, XCOMP_BV and reserved bytes behind the legacy region.
const HEADER: usize = 64;
/// Components, as bits of XCR0.
const C_X87: u64 = 1;
const C_SSE: u64 = 2;

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Fxsave, Pick::One(fxsave::<false, M>)),
            (Mnemonic::Fxsave64, Pick::One(fxsave::<true, M>)),
            (Mnemonic::Fxrstor, Pick::One(fxrstor::<false, M>)),
            (Mnemonic::Fxrstor64, Pick::One(fxrstor::<true, M>)),
            (Mnemonic::Xsave, Pick::One(xsave::<false, M>)),
            (Mnemonic::Xsave64, Pick::One(xsave::<true, M>)),
            (Mnemonic::Xrstor, Pick::One(xrstor::<false, M>)),
            (Mnemonic::Xrstor64, Pick::One(xrstor::<true, M>)),
            (Mnemonic::Xgetbv, Pick::One(xgetbv::<M>)),
        ]
    }
}

/// Which of XMM0–XMM15 exist: eight in 32-bit mode.
fn xmm_count<M: Memory>(cx: &Exec<'_, M>) -> usize {
    if cx.cpu.mode == Mode::Bits64 { 16 } else { 8 }
}

/// The x87 part: bytes 0–23 and the registers. `WIDE`: addresses of 64 bits and no selectors.
fn put_x87<const WIDE: bool, M: Memory>(cx: &Exec<'_, M>, image: &mut [u8; LEGACY]) {
    let x = &cx.cpu.x87;
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &x.cw.to_le_bytes());
    put(2, &x.status_word().to_le_bytes());
    put(4, &[x.used, 0]);
    put(6, &x.fop.to_le_bytes());
    put(8, &x.fip.to_le_bytes());
    put(16, &x.fdp.to_le_bytes());
    if !WIDE {
        put(12, &u32::from(x.fcs).to_le_bytes());
        put(20, &u32::from(x.fds).to_le_bytes());
    }
    for i in 0..8 {
        let r = x.regs[(x.top as usize + i) & 7];
        put(ST + 16 * i, &r.mantissa.to_le_bytes());
        put(ST + 16 * i + 8, &u64::from(r.sign_exp).to_le_bytes());
    }
}

fn take_x87<const WIDE: bool, M: Memory>(cx: &mut Exec<'_, M>, image: &[u8; LEGACY]) {
    let u16_at = |at: usize| u16::from_le_bytes([image[at], image[at + 1]]);
    let x = &mut cx.cpu.x87;
    x.cw = u16_at(0) & 0x1f3f | 0x40;
    x.set_status_word(u16_at(2));
    x.used = image[4];
    x.fop = u16_at(6) & 0x7ff;
    (x.fip, x.fdp) = (u64_at(image, 8), u64_at(image, 16));
    if !WIDE {
        (x.fcs, x.fds) = (u16_at(12), u16_at(20));
        (x.fip, x.fdp) = (x.fip & 0xffff_ffff, x.fdp & 0xffff_ffff);
    }
    for i in 0..8 {
        let at = ST + 16 * i;
        x.regs[(x.top as usize + i) & 7] = X87Reg { mantissa: u64_at(image, at), sign_exp: u16_at(at + 8), pad: [0; 3] };
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |v, &b| v << 8 | u64::from(b))
}

fn put_mxcsr<M: Memory>(cx: &Exec<'_, M>, image: &mut [u8; LEGACY]) {
    image[MXCSR..MXCSR + 4].copy_from_slice(&cx.cpu.mxcsr.to_le_bytes());
    image[MXCSR + 4..MXCSR + 8].copy_from_slice(&MXCSR_MASK.to_le_bytes());
}

/// MXCSR of an image; #GP if a reserved bit is set.
fn mxcsr_of<M: Memory>(cx: &mut Exec<'_, M>, image: &[u8; LEGACY]) -> Result<u32, Exit> {
    let v = u64_at(image, MXCSR) as u32;
    if v & !MXCSR_MASK == 0 { Ok(v) } else { Err(cx.general_protection(0)) }
}

fn put_xmm<M: Memory>(cx: &Exec<'_, M>, image: &mut [u8; LEGACY]) {
    for i in 0..xmm_count(cx) {
        image[XMM + 16 * i..][..16].copy_from_slice(&cx.cpu.xmm(i).to_le_bytes());
    }
}

fn take_xmm<M: Memory>(cx: &mut Exec<'_, M>, image: &[u8; LEGACY]) {
    for i in 0..xmm_count(cx) {
        let at = XMM + 16 * i;
        cx.cpu.set_xmm(i, u128::from(u64_at(image, at)) | u128::from(u64_at(image, at + 8)) << 64);
    }
}

/// The image that lies in memory; what an instruction doesn't write stays as it is.
fn load_image<M: Memory>(cx: &mut Exec<'_, M>, at: u64) -> Result<[u8; LEGACY], Exit> {
    let mut image = [0; LEGACY];
    cx.load_bytes(at, &mut image)?;
    Ok(image)
}

/// FXSAVE: x87, MXCSR and XMM to 512 bytes at a multiple of 16.
fn fxsave<const WIDE: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let at = cx.ea(op);
    cx.check_aligned(at, 16)?;
    let mut image = load_image(cx, at)?;
    put_x87::<WIDE, M>(cx, &mut image);
    put_mxcsr(cx, &mut image);
    put_xmm(cx, &mut image);
    cx.store_bytes(at, &image)
}

/// FXRSTOR: what FXSAVE has stored.
fn fxrstor<const WIDE: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let at = cx.ea(op);
    cx.check_aligned(at, 16)?;
    let image = load_image(cx, at)?;
    cx.cpu.mxcsr = mxcsr_of(cx, &image)?;
    take_x87::<WIDE, M>(cx, &image);
    take_xmm(cx, &image);
    Ok(())
}

/// The components that an instruction of the XSAVE family works on: EDX:EAX and XCR0. #UD if the processor has no such instructions.
fn requested<M: Memory>(cx: &Exec<'_, M>) -> Result<u64, Exit> {
    if !cx.model.has(Feature::Xsave) {
        return Err(Fault::InvalidOpcode.into());
    }
    let mask = cx.cpu.get(Gpr::Rdx) << 32 | cx.cpu.get(Gpr::Rax) & 0xffff_ffff;
    Ok(mask & cx.cpu.xcr0)
}

/// XSAVE: the requested components, and in the header that they are there.
fn xsave<const WIDE: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (wanted, at) = (requested(cx)?, cx.ea(op));
    cx.check_aligned(at, 64)?;
    let mut image = load_image(cx, at)?;
    let header = at.wrapping_add(LEGACY as u64);
    let present: u64 = cx.load(header)?;
    if wanted & C_X87 != 0 {
        put_x87::<WIDE, M>(cx, &mut image);
    }
    if wanted & C_SSE != 0 {
        put_mxcsr(cx, &mut image);
        put_xmm(cx, &mut image);
    }
    cx.store_bytes(at, &image)?;
    cx.store(header, present | wanted)
}

/// XRSTOR: the requested components from the image, or as after reset if the header says that they aren't there.
fn xrstor<const WIDE: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (wanted, at) = (requested(cx)?, cx.ea(op));
    cx.check_aligned(at, 64)?;
    let image = load_image(cx, at)?;
    let mut header = [0; HEADER];
    cx.load_bytes(at.wrapping_add(LEGACY as u64), &mut header)?;
    let present = u64_at(&header, 0);
    if present & !cx.cpu.xcr0 != 0 || header[8..24].iter().any(|&b| b != 0) {
        return Err(cx.general_protection(0));
    }
    if wanted & C_SSE != 0 {
        cx.cpu.mxcsr = mxcsr_of(cx, &image)?;
        take_xmm(cx, if present & C_SSE != 0 { &image } else { &[0; LEGACY] });
    }
    match (wanted & C_X87 != 0, present & C_X87 != 0) {
        (true, true) => take_x87::<WIDE, M>(cx, &image),
        (true, false) => cx.cpu.x87 = forklift_x86::X87::default(),
        (false, _) => {}
    }
    Ok(())
}

/// XGETBV: EDX:EAX = XCR0; #GP for another register than ECX = 0.
fn xgetbv<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    if !cx.model.has(Feature::Xsave) {
        return Err(Fault::InvalidOpcode.into());
    }
    if cx.cpu.get(Gpr::Rcx) as u32 != 0 {
        return Err(cx.general_protection(0));
    }
    let v = cx.cpu.xcr0;
    cx.cpu.set(Gpr::Rax, v & 0xffff_ffff);
    cx.cpu.set(Gpr::Rdx, v >> 32);
    Ok(())
}
