//! The left side of a case's line: what an input has other than zero.

use forklift_x86::{CpuState, Gpr, Mode, Seg, X87, bits};

use crate::machine::{CODE, Input, STACK};

/// The places that `input` sets, with their values, as a case's line has them.
pub fn places(input: &Input) -> Vec<String> {
    let c = &input.cpu;
    let mut words = Vec::new();
    for r in Gpr::ALL {
        let name = format!("{r:?}").to_lowercase();
        let name = if c.mode == Mode::Bits32 { name.replacen('r', "e", 1) } else { name };
        if c.get(r) != if r == Gpr::Rsp { STACK } else { 0 } {
            words.push(format!("{name}={:#x}", c.get(r)));
        }
    }
    let mut number = |name: &str, v: u64, default: u64| {
        if v != default {
            words.push(format!("{name}={v:#x}"));
        }
    };
    number("rip", c.rip, CODE);
    let flags = [("cf", bits::CF), ("pf", bits::PF), ("af", bits::AF), ("zf", bits::ZF), ("sf", bits::SF), ("of", bits::OF), ("df", bits::DF)];
    for (name, bit) in flags {
        number(name, u64::from(c.flags.rflags() as u32 & bit != 0), 0);
    }
    number("mxcsr", c.mxcsr.into(), CpuState::MXCSR_DEFAULT.into());
    number("fsbase", c.seg_base[Seg::Fs.index()], 0);
    number("gsbase", c.seg_base[Seg::Gs.index()], 0);
    words.extend((0..16).filter_map(|i| vector(c, i)));
    words.extend(x87(&c.x87));
    let quads = input.data.chunks_exact(8).map(|q| u64::from_le_bytes(std::array::from_fn(|k| q[k])));
    words.extend(quads.enumerate().filter(|(_, q)| *q != 0).map(|(n, q)| format!("d64[{:#x}]={q:#x}", 8 * n)));
    words
}

fn vector(c: &CpuState, i: usize) -> Option<String> {
    let upper = u128::from_le_bytes(std::array::from_fn(|b| c.vec[i].0[16 + b]));
    match (c.xmm(i), upper) {
        (0, 0) => None,
        (low, 0) => Some(format!("xmm{i}={low:#x}")),
        (low, _) => Some(format!("ymm{i}=u128({low:#x},{upper:#x})")),
    }
}

fn x87(x: &X87) -> Vec<String> {
    let mut words = Vec::new();
    let mut used = 0;
    if x.top != 0 {
        words.push(format!("top={}", x.top));
    }
    for i in 0..8 {
        let at = (x.top as usize + i) & 7;
        let r = x.regs[at];
        if (r.mantissa, r.sign_exp) != (0, 0) {
            words.push(format!("st{i}={:#x}:{:#x}", r.sign_exp, r.mantissa));
            used |= 1 << at;
        }
    }
    if used != x.used {
        words.push(format!("used={:#x}", x.used));
    }
    let rest = [("fcw", x.cw, 0x37f), ("fsw", x.sw, 0)];
    words.extend(rest.into_iter().filter(|(_, v, default)| v != default).map(|(name, v, _)| format!("{name}={v:#x}")));
    words
}
