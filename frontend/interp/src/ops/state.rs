//! Saving and restoring of x87 and vector state: FXSAVE, FXRSTOR, XSAVE, XSAVEOPT, XSAVEC, XRSTOR, XGETBV. SDM vol. 1, 10.5 and chapter 13; vol. 2.
//!
//! The images are [`xstate`]'s. An instruction with REX.W has the x87 unit's pointers in 64 bits.

use forklift_x86::{CpuState, Exit, Feature, Gpr, xstate};
use iced_x86::Mnemonic;
use xstate::{AVX_OFFSET, AVX_SIZE, COMPACT, HEADER_SIZE, LEGACY_SIZE, LEGACY_USED, Legacy, Pointers, component};

use crate::build::{Pick, Table};
use crate::{Exec, Memory, Op, Step};

const SELECTORS: bool = false;
const WIDE: bool = true;

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Fxsave, Pick::One(fxsave::<SELECTORS, M>)),
            (Mnemonic::Fxsave64, Pick::One(fxsave::<WIDE, M>)),
            (Mnemonic::Fxrstor, Pick::One(fxrstor::<SELECTORS, M>)),
            (Mnemonic::Fxrstor64, Pick::One(fxrstor::<WIDE, M>)),
            (Mnemonic::Xsave, Pick::One(xsave::<SELECTORS, false, M>)),
            (Mnemonic::Xsave64, Pick::One(xsave::<WIDE, false, M>)),
            (Mnemonic::Xsaveopt, Pick::One(xsave::<SELECTORS, true, M>)),
            (Mnemonic::Xsaveopt64, Pick::One(xsave::<WIDE, true, M>)),
            (Mnemonic::Xsavec, Pick::One(xsavec::<SELECTORS, M>)),
            (Mnemonic::Xsavec64, Pick::One(xsavec::<WIDE, M>)),
            (Mnemonic::Xrstor, Pick::One(xrstor::<SELECTORS, M>)),
            (Mnemonic::Xrstor64, Pick::One(xrstor::<WIDE, M>)),
            (Mnemonic::Xgetbv, Pick::One(xgetbv)),
            (Mnemonic::Xsetbv, Pick::One(xsetbv)),
        ]
    }
}

const fn pointers(wide: bool) -> Pointers {
    if wide { Pointers::Wide } else { Pointers::Selectors }
}

/// The legacy region in memory: stores merge into what is there, as bytes without meaning stay.
fn read_legacy<M: Memory>(cx: &mut Exec<'_, M>, addr: u64) -> Result<Legacy, Exit> {
    let mut image = [0; LEGACY_SIZE];
    cx.load_bytes(addr, &mut image)?;
    Ok(image)
}

/// FXSAVE: all components to 416 bytes; #GP unless aligned to 16.
fn fxsave<const W: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let addr = cx.ea(op);
    if (addr as i64) << 16 >> 16 != addr as i64 {
        // #SS where it is the stack's, aligned or not.
        cx.load::<u8>(addr)?;
    }
    cx.check_aligned(addr, 16)?;
    let mut image = [0; LEGACY_SIZE];
    xstate::write_x87(&cx.cpu.x87, &mut image, pointers(W));
    xstate::write_mxcsr(cx.cpu, &mut image);
    xstate::write_xmm(cx.cpu, &mut image);
    let used = match xstate::xmm_count(cx.cpu.mode) {
        16 => LEGACY_USED,
        _ => LEGACY_USED - 128,
    };
    // The last bytes aren't written, but must be writable.
    cx.touch::<u8>(addr.wrapping_add(LEGACY_SIZE as u64 - 1))?;
    cx.store_bytes(addr, &image[..used])
}

/// FXRSTOR: the reverse; #GP for reserved bits of MXCSR.
fn fxrstor<const W: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let addr = cx.ea(op);
    cx.check_aligned(addr, 16)?;
    let image = read_legacy(cx, addr)?;
    let Some(mxcsr) = xstate::read_mxcsr(&image) else { return Err(cx.general_protection(0)) };
    cx.cpu.mxcsr = mxcsr;
    cx.cpu.x87 = xstate::read_x87(&image, pointers(W));
    xstate::read_xmm(cx.cpu, &image);
    Ok(())
}

/// The address and the requested components (RFBM) of an instruction of XSAVE's kind: #UD without XSAVE, #GP unless aligned to 64.
fn request<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<(u64, u64), Exit> {
    if !cx.model.has(Feature::Xsave) {
        super::invalid(cx, op)?;
    }
    let addr = cx.ea(op);
    cx.check_aligned(addr, 64)?;
    let mask = cx.cpu.get(Gpr::Rdx) << 32 | cx.cpu.get(Gpr::Rax) & 0xffff_ffff;
    Ok((addr, mask & cx.cpu.xcr0))
}

/// XSAVE, XSAVEOPT: the requested components, and in XSTATE_BV whether each is in use. XSAVEOPT writes only those that are.
fn xsave<const W: bool, const OPT: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (addr, asked) = request(cx, op)?;
    let header = addr.wrapping_add(LEGACY_SIZE as u64);
    let mut image = read_legacy(cx, addr)?;
    let old: u64 = cx.load(header)?;
    let used = in_use(cx.cpu);
    let written = if OPT { asked & used } else { asked };
    if written & component::X87 != 0 {
        xstate::write_x87(&cx.cpu.x87, &mut image, pointers(W));
    }
    if asked & (component::SSE | component::AVX) != 0 {
        xstate::write_mxcsr(cx.cpu, &mut image);
    }
    if written & component::SSE != 0 {
        xstate::write_xmm(cx.cpu, &mut image);
    }
    // XSTATE_BV is rewritten as it was first, so that a fault in its page comes before the components change.
    cx.store(header, old)?;
    save_upper(cx, addr, written)?;
    cx.store_bytes(addr, &image[..LEGACY_USED])?;
    cx.store(header, old & !asked | used & asked)
}

/// The components in use; MXCSR counts as part of SSE's.
fn in_use(cpu: &CpuState) -> u64 {
    xstate::in_use(cpu) | if cpu.mxcsr != CpuState::MXCSR_DEFAULT { component::SSE } else { 0 }
}

/// Stores the AVX component, if it is among those written. What the mode has no registers for is left alone.
fn save_upper<M: Memory>(cx: &mut Exec<'_, M>, addr: u64, written: u64) -> Step {
    if written & component::AVX == 0 {
        return Ok(());
    }
    let mut upper = [0; AVX_SIZE];
    xstate::write_upper(cx.cpu, &mut upper);
    cx.store_bytes(addr.wrapping_add(AVX_OFFSET as u64), &upper[..16 * xstate::xmm_count(cx.cpu.mode)])
}

/// XSAVEC: the requested components that are in use, in the compact form, which looks like the standard one as long as AVX is the only extended one.
fn xsavec<const W: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (addr, asked) = request(cx, op)?;
    let header = addr.wrapping_add(LEGACY_SIZE as u64);
    let mut image = read_legacy(cx, addr)?;
    let written = asked & in_use(cx.cpu);
    if written & component::X87 != 0 {
        xstate::write_x87(&cx.cpu.x87, &mut image, pointers(W));
    }
    if written & component::SSE != 0 {
        xstate::write_mxcsr(cx.cpu, &mut image);
        xstate::write_xmm(cx.cpu, &mut image);
    }
    let old: u128 = cx.load(header)?;
    cx.store(header, old)?;
    save_upper(cx, addr, written)?;
    cx.store_bytes(addr, &image[..LEGACY_USED])?;
    cx.store(header, u128::from(written) | u128::from(asked | COMPACT) << 64)
}

/// XRSTOR: loads requested components, or initialises those that the image says are not in use.
fn xrstor<const W: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (addr, asked) = request(cx, op)?;
    let image = read_legacy(cx, addr)?;
    let mut header = [0; HEADER_SIZE];
    cx.load_bytes(addr.wrapping_add(LEGACY_SIZE as u64), &mut header)?;
    let compact = header[15] & 0x80 != 0 && cx.model.has(Feature::Xsavec);
    let held = if compact { compact_components(&header, cx.cpu.xcr0) } else { components(&header, cx.cpu.xcr0) };
    let Some(held) = held else { return Err(cx.general_protection(0)) };
    let mut upper = [0; AVX_SIZE];
    if asked & held & component::AVX != 0 {
        cx.load_bytes(addr.wrapping_add(AVX_OFFSET as u64), &mut upper[..16 * xstate::xmm_count(cx.cpu.mode)])?;
    }
    if compact && asked & !held & component::SSE != 0 {
        cx.cpu.mxcsr = CpuState::MXCSR_DEFAULT;
    } else if asked & if compact { component::SSE } else { component::SSE | component::AVX } != 0 {
        // In the standard form whether the image holds the registers or not.
        let Some(mxcsr) = xstate::read_mxcsr(&image) else { return Err(cx.general_protection(0)) };
        cx.cpu.mxcsr = mxcsr;
    }
    xstate::init(cx.cpu, asked & !held);
    if asked & held & component::X87 != 0 {
        cx.cpu.x87 = xstate::read_x87(&image, pointers(W));
    }
    if asked & held & component::SSE != 0 {
        xstate::read_xmm(cx.cpu, &image);
    }
    if asked & held & component::AVX != 0 {
        xstate::read_upper(cx.cpu, &upper);
    }
    Ok(())
}

/// XSTATE_BV of a header; `None` if it names components that are not enabled, or if bytes 8–23 are not zero (they would be the compact form's).
fn components(header: &[u8; HEADER_SIZE], xcr0: u64) -> Option<u64> {
    let mut b = [0; 8];
    b.copy_from_slice(&header[..8]);
    let held = u64::from_le_bytes(b);
    (held & !xcr0 == 0 && header[8..24] == [0; 16]).then_some(held)
}

/// The same of a header of the compact form: XCOMP_BV names what is enabled, XSTATE_BV nothing else, and all behind them is zero.
fn compact_components(header: &[u8; HEADER_SIZE], xcr0: u64) -> Option<u64> {
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| header[at + i]));
    let (held, layout) = (word(0), word(8) & !COMPACT);
    (layout & !xcr0 == 0 && held & !layout == 0 && header[16..].iter().all(|&b| b == 0)).then_some(held)
}

/// XGETBV: edx:eax = XCR0, or with ecx = 1 what of it is in use, which comes with XSAVEC; #GP for other registers.
fn xgetbv<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    if !cx.model.has(Feature::Xsave) {
        return super::invalid(cx, op);
    }
    let xcr0 = match cx.cpu.get(Gpr::Rcx) & 0xffff_ffff {
        0 => cx.cpu.xcr0,
        1 if cx.model.has(Feature::Xsavec) => cx.cpu.xcr0 & in_use(cx.cpu),
        _ => return Err(cx.general_protection(0)),
    };
    show_xcr(cx.cpu, xcr0);
    Ok(())
}

/// Puts the value of an extended control register into edx:eax.
pub(crate) fn show_xcr(cpu: &mut CpuState, value: u64) {
    cpu.set(Gpr::Rax, value & 0xffff_ffff);
    cpu.set(Gpr::Rdx, value >> 32);
}

/// XSETBV: for the kernel.
fn xsetbv<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    if cx.model.has(Feature::Xsave) { Err(cx.general_protection(0)) } else { super::invalid(cx, op) }
}

#[cfg(test)]
mod tests {
    use forklift_x86::{CpuModel, Fault, Gpr, X87};

    use crate::Interp;
    use crate::testing::{DATA, Rig};

    const FXSAVE64: [u8; 4] = [0x48, 0x0f, 0xae, 0x00];
    const FXRSTOR64: [u8; 4] = [0x48, 0x0f, 0xae, 0x08];
    const XSAVE64: [u8; 4] = [0x48, 0x0f, 0xae, 0x27];
    const XRSTOR64: [u8; 4] = [0x48, 0x0f, 0xae, 0x2f];

    #[test]
    fn fxsave_writes_416_bytes_and_no_more() {
        let mut r = Rig::new64(&FXSAVE64).with(Gpr::Rax, DATA + 16).data(16 + 416, &[0xee; 96]);
        r.cpu.set_xmm(15, 7);
        let r = r.ok();
        assert_eq!(r.peek(16 + 400, 17), [&[7][..], &[0; 15], &[0xee]].concat());
        assert_eq!(r.peek(16, 2), [0x7f, 3]);
        assert_eq!(r.peek(16 + 24, 6), [0x80, 0x1f, 0, 0, 0xff, 0xff]);
        Rig::new64(&FXSAVE64).with(Gpr::Rax, DATA + 8).exits(Fault::GeneralProtection);
    }

    #[test]
    fn fxrstor_checks_mxcsr() {
        let r = Rig::new64(&FXRSTOR64).with(Gpr::Rax, DATA).data(24, &[0, 0, 1]);
        assert_eq!(r.exits(Fault::GeneralProtection).cpu.x87, X87::default());
        let r = Rig::new64(&FXRSTOR64).with(Gpr::Rax, DATA).data(0, &[0x7f, 2, 0, 0x38, 0x80]).data(24, &[0xc0, 0x1f]).data(160, &[9]).ok();
        assert_eq!((r.cpu.x87.cw, r.cpu.x87.top, r.cpu.x87.used), (0x27f, 7, 0x80));
        assert_eq!((r.cpu.mxcsr, r.cpu.xmm(0)), (0x1fc0, 9));
    }

    fn asks(r: Rig, components: u64) -> Rig {
        r.with(Gpr::Rdi, DATA).with(Gpr::Rax, components)
    }

    #[test]
    fn xsave_marks_what_is_in_use() {
        let r = asks(Rig::new64(&XSAVE64), 7).data(512, &[0xf8]).ok();
        assert_eq!(r.peek(512, 1), [0xf8]);
        let mut r = asks(Rig::new64(&XSAVE64), 2);
        (r.cpu.x87.cw, r.cpu.mxcsr) = (0x27f, 0x1fc0);
        let r = r.data(0, &[0x55]).ok();
        assert_eq!((r.peek(512, 1), r.peek(0, 1), r.peek(24, 1)), (vec![2], vec![0x55], vec![0xc0]));
    }

    #[test]
    fn xrstor_initialises_and_checks_the_header() {
        let mut r = asks(Rig::new64(&XRSTOR64), 3).data(24, &[0x80, 0x1f]).data(512, &[2]).data(160, &[5]);
        (r.cpu.x87.cw, r.cpu.x87.used) = (0x27f, 1);
        let r = r.ok();
        assert_eq!((r.cpu.x87, r.cpu.xmm(0)), (X87::default(), 5));
        for at in [512, 520, 535] {
            asks(Rig::new64(&XRSTOR64), 3).data(at, &[0x80]).exits(Fault::GeneralProtection);
        }
        asks(Rig::new64(&XRSTOR64), 3).data(26, &[1]).exits(Fault::GeneralProtection);
        // What isn't asked for isn't touched.
        let mut r = asks(Rig::new64(&XRSTOR64), 1).data(26, &[1]);
        r.cpu.set_xmm(1, 3);
        assert_eq!(r.ok().cpu.xmm(1), 3);
    }

    #[test]
    fn the_compact_form_reads_back() {
        let mut r = asks(Rig::new64(&[0x48, 0x0f, 0xc7, 0x27]), 7); // xsavec64 [rdi]
        r.cpu.xcr0 = 7;
        r.cpu.vec[15].0[31] = 9;
        let r = r.ok();
        assert_eq!((r.peek(512, 16), r.peek(576 + 255, 1)), ([&[4][..], &[0; 7], &[7], &[0; 6], &[0x80]].concat(), vec![9]));
        let mut back = asks(Rig::new64(&XRSTOR64), 7).data(0, &r.peek(0, 832));
        back.cpu.xcr0 = 7;
        back.cpu.mxcsr = 0x1fa0;
        let back = back.ok();
        assert_eq!((back.cpu.vec[15], back.cpu.mxcsr), (r.cpu.vec[15], 0x1f80));
        let mut bad = asks(Rig::new64(&XRSTOR64), 7).data(0, &r.peek(0, 832)).data(512 + 30, &[1]);
        bad.cpu.xcr0 = 7;
        bad.exits(Fault::GeneralProtection);
    }

    #[test]
    fn xsave_is_of_its_model() {
        let mut r = asks(Rig::new64(&XSAVE64), 3);
        r.interp = Interp::new(CpuModel::Core2, u32::MAX);
        r.exits(Fault::InvalidOpcode);
        let r = Rig::new64(&[0x0f, 0x01, 0xd0]).with(Gpr::Rdx, 9).ok();
        assert_eq!((r.get(Gpr::Rax), r.get(Gpr::Rdx)), (3, 0));
        Rig::new64(&[0x0f, 0x01, 0xd0]).with(Gpr::Rcx, 2).exits(Fault::GeneralProtection);
        Rig::new64(&[0x0f, 0x01, 0xd1]).exits(Fault::GeneralProtection);
    }
}
