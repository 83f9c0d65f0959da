//! MXCSR and the MMX state. SDM vol. 1, 9.6.3, 10.2.3, 10.4.2.

use iced_x86::Mnemonic;

use crate::build::{Pick, Table};
use crate::place::{Mem, Place, Source};
use crate::vector::{V, VecReg};
use crate::{Exec, Memory, Op, Step};

/// The bits of MXCSR that exist.
const MXCSR_MASK: u32 = 0xffff;

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const { &[(Mnemonic::Emms, Pick::One(emms::<M>)), (Mnemonic::Ldmxcsr, Pick::One(ldmxcsr::<M>)), (Mnemonic::Stmxcsr, Pick::One(stmxcsr::<M>))] }
}

/// EMMS: all x87 registers are empty.
fn emms<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    V::<8>::check(cx)?;
    cx.cpu.x87.used = 0;
    cx.cpu.x87.top = 0;
    Ok(())
}

/// LDMXCSR: #GP if a reserved bit is set.
fn ldmxcsr<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: u32 = Mem::get(cx, op)?;
    if v & !MXCSR_MASK != 0 {
        return Err(cx.general_protection(0));
    }
    cx.cpu.mxcsr = v;
    Ok(())
}

/// STMXCSR.
fn stmxcsr<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    Mem::set(cx, op, cx.cpu.mxcsr)
}

#[cfg(test)]
mod tests {
    use crate::testing::{DATA, Rig};
    use forklift_x86::{CpuState, Fault, Gpr};

    #[test]
    fn reserved_bits_of_mxcsr() {
        let rig = |v: u32| Rig::new64(&[0x0f, 0xae, 0x16]).with(Gpr::Rsi, DATA).data(0, &v.to_le_bytes()); // ldmxcsr [rsi]
        assert_eq!(rig(0xffff).ok().cpu.mxcsr, 0xffff);
        assert_eq!(rig(0x1_0000).exits(Fault::GeneralProtection).cpu.mxcsr, CpuState::MXCSR_DEFAULT);
        let r = Rig::new64(&[0x0f, 0xae, 0x1e]).with(Gpr::Rsi, DATA).ok(); // stmxcsr [rsi]
        assert_eq!(r.peek(0, 4), CpuState::MXCSR_DEFAULT.to_le_bytes());
    }

    #[test]
    fn emms_empties() {
        let mut r = Rig::new64(&[0x0f, 0x77]);
        (r.cpu.x87.used, r.cpu.x87.top) = (0xff, 5);
        let r = r.ok();
        assert_eq!((r.cpu.x87.used, r.cpu.x87.top), (0, 0));
    }
}
