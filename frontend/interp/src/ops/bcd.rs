//! Decimal adjustments, SALC and XLAT. SDM vol. 1, 7.3.3; vol. 2. All but XLAT exist in 32-bit mode only.
//!
//! Flags that the manual leaves undefined are given as CPUs at hand have them where the manual's pseudocode suggests it, else from the result.

use forklift_x86::{CcKind, Exit, Fault, Gpr, Width, bits};
use iced_x86::Mnemonic;

use crate::build::{Pick, Table};
use crate::{Exec, Memory, Op, Step};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Aaa, Pick::One(aaa::<M>)),
            (Mnemonic::Aas, Pick::One(aas::<M>)),
            (Mnemonic::Aam, Pick::One(aam::<M>)),
            (Mnemonic::Aad, Pick::One(aad::<M>)),
            (Mnemonic::Daa, Pick::One(daa::<M>)),
            (Mnemonic::Das, Pick::One(das::<M>)),
            (Mnemonic::Salc, Pick::One(salc::<M>)),
            (Mnemonic::Xlatb, Pick::One(xlat::<M>)),
        ]
    }
}

const AL: u8 = Gpr::Rax as u8;

/// SF, ZF and PF of AL, and CF and AF as given.
fn set_flags<M: Memory>(cx: &mut Exec<'_, M>, carry: bool, adjusted: bool) {
    let al = u64::from(cx.gpr::<u8>(AL));
    cx.cpu.flags.set(CcKind::Result, Width::B1, al, 0, u64::from(carry));
    cx.cpu.flags.update(bits::AF, if adjusted { bits::AF } else { 0 });
}

/// Whether the low digit needs an adjustment.
fn low_digit_over<M: Memory>(cx: &Exec<'_, M>) -> bool {
    cx.gpr::<u8>(AL) & 0xf > 9 || cx.cpu.flags.status() & bits::AF != 0
}

/// AAA: ASCII adjust after addition.
fn aaa<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    unpacked(cx, 0x106);
    Ok(())
}

/// AAS: ASCII adjust after subtraction.
fn aas<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    unpacked(cx, 0x106_u16.wrapping_neg());
    Ok(())
}

fn unpacked<M: Memory>(cx: &mut Exec<'_, M>, by: u16) {
    let adjust = low_digit_over(cx);
    let ax: u16 = cx.gpr(AL);
    cx.set_gpr(AL, if adjust { ax.wrapping_add(by) } else { ax } & 0xff0f);
    set_flags(cx, adjust, adjust);
}

/// AAM: AH = AL / imm8, AL = AL mod imm8.
fn aam<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (al, base) = (cx.gpr::<u8>(AL), op.imm as u8);
    let (Some(q), Some(r)) = (al.checked_div(base), al.checked_rem(base)) else { return Err(Exit::Fault(Fault::Divide)) };
    cx.set_gpr(AL, u16::from_le_bytes([r, q]));
    set_flags(cx, false, false);
    Ok(())
}

/// AAD: AL = AL + AH × imm8, AH = 0.
fn aad<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let [al, ah] = cx.gpr::<u16>(AL).to_le_bytes();
    cx.set_gpr(AL, u16::from(al.wrapping_add(ah.wrapping_mul(op.imm as u8))));
    set_flags(cx, false, false);
    Ok(())
}

/// DAA: decimal adjust after addition.
fn daa<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    let (old, carry, low) = (cx.gpr::<u8>(AL), cx.cpu.flags.cf(), low_digit_over(cx));
    let high = old > 0x99 || carry;
    cx.set_gpr(AL, old.wrapping_add(if low { 6 } else { 0 }).wrapping_add(if high { 0x60 } else { 0 }));
    set_flags(cx, high, low);
    Ok(())
}

/// DAS: decimal adjust after subtraction.
fn das<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    let (old, carry, low) = (cx.gpr::<u8>(AL), cx.cpu.flags.cf(), low_digit_over(cx));
    let high = old > 0x99 || carry;
    cx.set_gpr(AL, old.wrapping_sub(if low { 6 } else { 0 }).wrapping_sub(if high { 0x60 } else { 0 }));
    set_flags(cx, high || low && old < 6, low);
    Ok(())
}

/// SALC (D6, undocumented): AL = CF ? FF : 0.
fn salc<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    let v = if cx.cpu.flags.cf() { 0xffu8 } else { 0 };
    cx.set_gpr(AL, v);
    Ok(())
}

/// XLAT: AL = \[rBX + AL\].
fn xlat<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let s = op.ea_shift;
    let offset = cx.cpu.get(Gpr::Rbx).wrapping_add(u64::from(cx.gpr::<u8>(AL))) << s >> s;
    let v: u8 = cx.load(cx.linear(op, offset))?;
    cx.set_gpr(AL, v);
    Ok(())
}

#[cfg(test)]
mod tests {
    use forklift_x86::{Fault, Gpr, bits};

    use crate::testing::{DATA, Rig};

    fn adjust(code: &[u8], eax: u64, flags: u32) -> (u64, u32) {
        let r = Rig::new32(code).with(Gpr::Rax, eax).flags(flags).ok();
        (r.get(Gpr::Rax), r.status() & (bits::CF | bits::AF))
    }

    #[test]
    fn unpacked_decimals() {
        let both = bits::CF | bits::AF;
        assert_eq!(adjust(&[0x37], 0x010f, 0), (0x0205, both));
        assert_eq!(adjust(&[0x37], 0x01fa, 0), (0x0300, both));
        assert_eq!(adjust(&[0x37], 0x0135, 0), (0x0105, 0));
        assert_eq!(adjust(&[0x3f], 0x01ff, 0), (0x0009, both));
        assert_eq!(adjust(&[0x3f], 0x0002, bits::AF), (0xfe0c, both));
        assert_eq!(adjust(&[0xd4, 0x0a], 0x1263, 0), (0x0909, 0));
        assert_eq!(adjust(&[0xd5, 0x0a], 0x0203, 0), (0x0017, 0));
        Rig::new32(&[0xd4, 0]).exits(Fault::Divide);
    }

    #[test]
    fn packed_decimals() {
        let both = bits::CF | bits::AF;
        // 79 + 35 = 114 (the manual's example: AE).
        assert_eq!(adjust(&[0x27], 0xae, 0), (0x14, both));
        assert_eq!(adjust(&[0x27], 0x9a, 0), (0x00, both));
        assert_eq!(adjust(&[0x27], 0x05, bits::CF), (0x65, bits::CF));
        assert_eq!(adjust(&[0x2f], 0xee, bits::AF | bits::CF), (0x88, both));
        assert_eq!(adjust(&[0x2f], 0x03, bits::AF), (0xfd, both));
    }

    #[test]
    fn salc_spreads_carry() {
        assert_eq!(adjust(&[0xd6], 0x1200, bits::CF), (0x12ff, bits::CF));
        Rig::new64(&[0xd6]).exits(Fault::InvalidOpcode);
    }

    #[test]
    fn xlat_looks_up() {
        let r = Rig::new64(&[0xd7]).with(Gpr::Rbx, DATA).with(Gpr::Rax, 0xff03).data(3, &[0x42]).ok();
        assert_eq!(r.get(Gpr::Rax), 0xff42);
        let r = Rig::new32(&[0x67, 0xd7]).with(Gpr::Rbx, 0x1_0000).with(Gpr::Rax, 3);
        let mut r = r.data(3, &[0x42]);
        r.cpu.seg_base[3] = DATA;
        assert_eq!(r.ok().get(Gpr::Rax), 0x42);
    }
}
