//! Random numbers, the processor's number, segment bases. SDM vol. 1, 7.3.17; vol. 2.

use forklift_x86::{Seg, bits};
use iced_x86::{Instruction, Mnemonic};

use crate::build::{Pick, Table};
use crate::place::{Place, Reg, by_width};
use crate::{Exec, Int, Memory, Op, RunFn, Step};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Rdrand, Pick::By(random_form)),
            (Mnemonic::Rdseed, Pick::By(random_form)),
            (Mnemonic::Rdpid, Pick::One(rdpid)),
            (Mnemonic::Rdfsbase, Pick::By(|i| by_width!(read_fs, i, 0))),
            (Mnemonic::Rdgsbase, Pick::By(|i| by_width!(read_gs, i, 0))),
            (Mnemonic::Wrfsbase, Pick::By(|i| by_width!(write_fs, i, 0))),
            (Mnemonic::Wrgsbase, Pick::By(|i| by_width!(write_gs, i, 0))),
        ]
    }
}

fn random_form<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    by_width!(random, i, 0)
}

/// RDRAND, RDSEED: CF says whether there was a number; without one dest is zero. The other status flags are cleared.
fn random<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = cx.mem.random();
    Reg::<0>::set(cx, op, T::from_u64(v.unwrap_or(0)))?;
    cx.cpu.flags.set_status(if v.is_some() { bits::CF } else { 0 });
    Ok(())
}

/// RDPID: TSC_AUX.
fn rdpid<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (_, aux) = cx.mem.timestamp();
    cx.set_gpr(op.reg[0], u64::from(aux));
    Ok(())
}

fn read_fs<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = cx.cpu.seg_base[Seg::Fs.index()];
    Reg::<0>::set(cx, op, T::from_u64(v))
}

fn read_gs<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = cx.cpu.seg_base[Seg::Gs.index()];
    Reg::<0>::set(cx, op, T::from_u64(v))
}

/// #GP for an address that isn't canonical.
fn write<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, seg: Seg) -> Step {
    let v = cx.gpr::<T>(op.reg[0]).to_u64();
    if (v as i64) << 16 >> 16 != v as i64 {
        return Err(cx.general_protection(0));
    }
    cx.cpu.seg_base[seg.index()] = v;
    Ok(())
}

fn write_fs<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    write::<T, M>(cx, op, Seg::Fs)
}

fn write_gs<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    write::<T, M>(cx, op, Seg::Gs)
}

#[cfg(test)]
mod tests {
    use crate::testing::Rig;
    use forklift_x86::{Fault, Gpr, Seg};

    #[test]
    fn bases() {
        let r = Rig::new64(&[0xf3, 0x48, 0x0f, 0xae, 0xd0]).with(Gpr::Rax, 0x1234_5678_9abc).ok(); // wrfsbase rax
        assert_eq!(r.cpu.seg_base[Seg::Fs.index()], 0x1234_5678_9abc);
        let r = Rig::new64(&[0xf3, 0x0f, 0xae, 0xd8]).with(Gpr::Rax, u64::MAX).ok(); // wrgsbase eax
        assert_eq!(r.cpu.seg_base[Seg::Gs.index()], 0xffff_ffff);
        Rig::new64(&[0xf3, 0x48, 0x0f, 0xae, 0xd0]).with(Gpr::Rax, 1 << 47).exits(Fault::GeneralProtection);
        let mut r = Rig::new64(&[0xf3, 0x48, 0x0f, 0xae, 0xc0]); // rdfsbase rax
        r.cpu.seg_base[Seg::Fs.index()] = 77;
        assert_eq!(r.ok().get(Gpr::Rax), 77);
        Rig::new32(&[0xf3, 0x0f, 0xae, 0xc0]).exits(Fault::InvalidOpcode);
    }
}
