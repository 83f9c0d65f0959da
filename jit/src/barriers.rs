//! aarch64: what Cranelift has no instructions for, in the places of those that it has.
//!
//! It knows one barrier, the full one, and loads that acquire in the strong sense: none overtakes a store before it that releases. x86's order needs less:
//! behind a load a barrier for loads, before a store one for stores, and loads that only what is behind them must not overtake. The contract's
//! [`LOAD_BARRIER`] and [`STORE_BARRIER`] say which barriers these are; the loads are all there are, because nothing else is lifted to them.

use cranelift_codegen::CompiledCode;
use forklift_lift::{LOAD_BARRIER, STORE_BARRIER, TRAP_MEMORY};

const DMB_ISH: u32 = 0xd503_3bbf;
const DMB_ISHLD: u32 = 0xd503_39bf;
const DMB_ISHST: u32 = 0xd503_3abf;

/// Narrows barriers in `code`, and loads if the host has LDAPR.
pub fn narrow(compiled: &CompiledCode, code: &mut [u8], has_ldapr: bool) {
    for l in compiled.buffer.get_srclocs_sorted().iter().filter(|l| !l.loc.is_default()) {
        let barrier = match l.loc.bits() {
            LOAD_BARRIER => DMB_ISHLD,
            STORE_BARRIER => DMB_ISHST,
            _ => continue,
        };
        for at in (l.start as usize..l.end as usize).step_by(size_of::<u32>()) {
            replace(code, at, |insn| if insn == DMB_ISH { barrier } else { insn });
        }
    }
    if has_ldapr {
        compiled.buffer.traps().iter().filter(|t| t.code == TRAP_MEMORY).for_each(|t| replace(code, t.offset as usize, ldapr));
    }
}

/// LDAPR instead of LDAR of any size; other instructions as they are.
const fn ldapr(insn: u32) -> u32 {
    const SIZE_AND_REGISTERS: u32 = 0xc000_03ff;
    if insn & !SIZE_AND_REGISTERS == 0x08df_fc00 { 0x38bf_c000 | insn & SIZE_AND_REGISTERS } else { insn }
}

fn replace(code: &mut [u8], at: usize, f: impl FnOnce(u32) -> u32) {
    if let Some(bytes) = code.get_mut(at..).and_then(|c| c.first_chunk_mut()) {
        *bytes = f(u32::from_le_bytes(*bytes)).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_acquiring_loads() {
        // ldar x1, [x2]; ldarb w3, [x4]; ldaxr x1, [x2]; stlr x1, [x2]; ldr x1, [x2].
        assert_eq!([0xc8df_fc41, 0x08df_fc83].map(ldapr), [0xf8bf_c041, 0x38bf_c083]);
        assert_eq!([0xc85f_fc41, 0xc89f_fc41, 0xf940_0041].map(ldapr), [0xc85f_fc41, 0xc89f_fc41, 0xf940_0041]);
    }
}
