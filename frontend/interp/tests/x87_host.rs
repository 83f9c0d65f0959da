//! Every x87 instruction against the CPU that the tests run on, bit for bit: registers, tags, control and status word, pointers, memory, flags. The
//! transcendental functions may be off by one unit of the last place; how many are is printed (`--nocapture`).
//!
//! `FORKLIFT_X87_TRIALS` sets the number of random states per instruction, `FORKLIFT_X87_ONLY` names the instructions to test.

#![cfg(target_arch = "x86_64")]

#[path = "x87_host/gen.rs"]
mod generate;
#[path = "x87_host/host.rs"]
mod host;
#[path = "x87_host/soft.rs"]
mod soft;

use std::sync::LazyLock;

use generate::Rng;
use host::{Host, State};
use soft::Soft;

fn trials() -> u64 {
    std::env::var("FORKLIFT_X87_TRIALS").ok().and_then(|v| v.parse().ok()).unwrap_or(4000)
}

/// Encodings of all register forms at ST(0), ST(1), ST(3): name, first byte, second byte of ST(0).
const REGISTER: &[(&str, u8, u8)] = &[
    ("fadd st,sti", 0xd8, 0xc0),
    ("fmul st,sti", 0xd8, 0xc8),
    ("fcom", 0xd8, 0xd0),
    ("fcomp", 0xd8, 0xd8),
    ("fsub st,sti", 0xd8, 0xe0),
    ("fsubr st,sti", 0xd8, 0xe8),
    ("fdiv st,sti", 0xd8, 0xf0),
    ("fdivr st,sti", 0xd8, 0xf8),
    ("fld sti", 0xd9, 0xc0),
    ("fxch", 0xd9, 0xc8),
    ("fstpnce", 0xd9, 0xd8),
    ("fcmovb", 0xda, 0xc0),
    ("fcmove", 0xda, 0xc8),
    ("fcmovbe", 0xda, 0xd0),
    ("fcmovu", 0xda, 0xd8),
    ("fcmovnb", 0xdb, 0xc0),
    ("fcmovne", 0xdb, 0xc8),
    ("fcmovnbe", 0xdb, 0xd0),
    ("fcmovnu", 0xdb, 0xd8),
    ("fucomi", 0xdb, 0xe8),
    ("fcomi", 0xdb, 0xf0),
    ("fadd sti,st", 0xdc, 0xc0),
    ("fmul sti,st", 0xdc, 0xc8),
    ("fcom2", 0xdc, 0xd0),
    ("fcomp3", 0xdc, 0xd8),
    ("fsubr sti,st", 0xdc, 0xe0),
    ("fsub sti,st", 0xdc, 0xe8),
    ("fdivr sti,st", 0xdc, 0xf0),
    ("fdiv sti,st", 0xdc, 0xf8),
    ("ffree", 0xdd, 0xc0),
    ("fxch4", 0xdd, 0xc8),
    ("fst sti", 0xdd, 0xd0),
    ("fstp sti", 0xdd, 0xd8),
    ("fucom", 0xdd, 0xe0),
    ("fucomp", 0xdd, 0xe8),
    ("faddp", 0xde, 0xc0),
    ("fmulp", 0xde, 0xc8),
    ("fcomp5", 0xde, 0xd0),
    ("fsubrp", 0xde, 0xe0),
    ("fsubp", 0xde, 0xe8),
    ("fdivrp", 0xde, 0xf0),
    ("fdivp", 0xde, 0xf8),
    ("ffreep", 0xdf, 0xc0),
    ("fxch7", 0xdf, 0xc8),
    ("fstp8", 0xdf, 0xd0),
    ("fstp9", 0xdf, 0xd8),
    ("fucomip", 0xdf, 0xe8),
    ("fcomip", 0xdf, 0xf0),
];

/// Instructions with a fixed encoding.
const FIXED: &[(&str, &[u8])] = &[
    ("fnop", &[0xd9, 0xd0]),
    ("fchs", &[0xd9, 0xe0]),
    ("fabs", &[0xd9, 0xe1]),
    ("ftst", &[0xd9, 0xe4]),
    ("fxam", &[0xd9, 0xe5]),
    ("fld1", &[0xd9, 0xe8]),
    ("fldl2t", &[0xd9, 0xe9]),
    ("fldl2e", &[0xd9, 0xea]),
    ("fldpi", &[0xd9, 0xeb]),
    ("fldlg2", &[0xd9, 0xec]),
    ("fldln2", &[0xd9, 0xed]),
    ("fldz", &[0xd9, 0xee]),
    ("fxtract", &[0xd9, 0xf4]),
    ("fprem1", &[0xd9, 0xf5]),
    ("fprem", &[0xd9, 0xf8]),
    ("fdecstp", &[0xd9, 0xf6]),
    ("fincstp", &[0xd9, 0xf7]),
    ("fsqrt", &[0xd9, 0xfa]),
    ("frndint", &[0xd9, 0xfc]),
    ("fscale", &[0xd9, 0xfd]),
    ("fucompp", &[0xda, 0xe9]),
    ("fnclex", &[0xdb, 0xe2]),
    ("fninit", &[0xdb, 0xe3]),
    ("fneni", &[0xdb, 0xe0]),
    ("fndisi", &[0xdb, 0xe1]),
    ("fnsetpm", &[0xdb, 0xe4]),
    ("fcompp", &[0xde, 0xd9]),
    ("fnstsw ax", &[0xdf, 0xe0]),
    ("fwait", &[0x9b]),
];

/// Memory forms: name, first byte, opcode extension. The operand is [rdx].
const MEMORY: &[(&str, u8, u8)] = &[
    ("fadd m32", 0xd8, 0),
    ("fmul m32", 0xd8, 1),
    ("fcom m32", 0xd8, 2),
    ("fcomp m32", 0xd8, 3),
    ("fsub m32", 0xd8, 4),
    ("fsubr m32", 0xd8, 5),
    ("fdiv m32", 0xd8, 6),
    ("fdivr m32", 0xd8, 7),
    ("fld m32", 0xd9, 0),
    ("fst m32", 0xd9, 2),
    ("fstp m32", 0xd9, 3),
    ("fldcw", 0xd9, 5),
    ("fnstcw", 0xd9, 7),
    ("fiadd m32", 0xda, 0),
    ("fimul m32", 0xda, 1),
    ("ficom m32", 0xda, 2),
    ("ficomp m32", 0xda, 3),
    ("fisub m32", 0xda, 4),
    ("fisubr m32", 0xda, 5),
    ("fidiv m32", 0xda, 6),
    ("fidivr m32", 0xda, 7),
    ("fild m32", 0xdb, 0),
    ("fisttp m32", 0xdb, 1),
    ("fist m32", 0xdb, 2),
    ("fistp m32", 0xdb, 3),
    ("fldenv", 0xd9, 4),
    ("fnstenv", 0xd9, 6),
    ("frstor", 0xdd, 4),
    ("fnsave", 0xdd, 6),
    ("fld m80", 0xdb, 5),
    ("fstp m80", 0xdb, 7),
    ("fadd m64", 0xdc, 0),
    ("fmul m64", 0xdc, 1),
    ("fcom m64", 0xdc, 2),
    ("fcomp m64", 0xdc, 3),
    ("fsub m64", 0xdc, 4),
    ("fsubr m64", 0xdc, 5),
    ("fdiv m64", 0xdc, 6),
    ("fdivr m64", 0xdc, 7),
    ("fld m64", 0xdd, 0),
    ("fisttp m64", 0xdd, 1),
    ("fst m64", 0xdd, 2),
    ("fstp m64", 0xdd, 3),
    ("fnstsw", 0xdd, 7),
    ("fiadd m16", 0xde, 0),
    ("fimul m16", 0xde, 1),
    ("ficom m16", 0xde, 2),
    ("ficomp m16", 0xde, 3),
    ("fisub m16", 0xde, 4),
    ("fisubr m16", 0xde, 5),
    ("fidiv m16", 0xde, 6),
    ("fidivr m16", 0xde, 7),
    ("fild m16", 0xdf, 0),
    ("fisttp m16", 0xdf, 1),
    ("fist m16", 0xdf, 2),
    ("fistp m16", 0xdf, 3),
    ("fbld", 0xdf, 4),
    ("fild m64", 0xdf, 5),
    ("fbstp", 0xdf, 6),
    ("fistp m64", 0xdf, 7),
];

/// Instructions that don't wait for pending exceptions.
const WAITING_FREE: &[&str] = &["fnclex", "fninit", "fneni", "fndisi", "fnsetpm", "fnstsw ax", "fnstcw", "fnstsw", "fnstenv", "fnsave"];

/// All encodings to test.
fn encodings() -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = FIXED.iter().map(|&(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    for &(name, first, second) in REGISTER {
        all.extend([0, 1, 3].map(|i| (format!("{name} ({i})"), vec![first, second + i])));
    }
    all.extend(
        MEMORY
            .iter()
            .filter(|e| e.0.ends_with("env") || e.0.ends_with("save") || e.0 == "frstor")
            .map(|&(name, first, ext)| (format!("{name} 16"), vec![0x66, first, ext << 3 | 2])),
    );
    all.extend(MEMORY.iter().map(|&(name, first, ext)| (name.to_owned(), vec![first, ext << 3 | 2])));
    if let Ok(only) = std::env::var("FORKLIFT_X87_ONLY") {
        all.retain(|(name, _)| only.split(',').any(|o| name.starts_with(o)));
    }
    all
}

fn describe(s: &State) -> String {
    let st = |i: u32| {
        let p = (s.top + i) & 7;
        let (sig, se) = s.regs[p as usize];
        format!("{}{se:04x}:{sig:016x}", if s.used >> p & 1 != 0 { "" } else { "empty " })
    };
    let mem = s.mem[..16].iter().rev().fold(String::new(), |m, b| m + &format!("{b:02x}"));
    let regs = [0, 1, 2, 3, 7].map(st).join(" ");
    format!(
        "top {} [{regs}] cw {:04x} sw {:04x} fop {:03x} fip {:x}:{:x} fdp {:x}:{:x} flags {:03x} m {mem}",
        s.top, s.cw, s.sw, s.fop, s.fcs, s.fip, s.fds, s.fdp, s.rflags
    )
}

/// Whether the CPU is one of those whose undefined results we have copied.
fn is_model() -> bool {
    static IS: LazyLock<bool> = LazyLock::new(|| {
        let id = std::arch::x86_64::__cpuid(0);
        [id.ebx, id.edx, id.ecx].map(u32::to_le_bytes).as_flattened() == b"AuthenticAMD"
    });
    *IS
}

/// What the host left, without what the manual leaves open: where other CPUs differ we do as AMD's.
fn defined(name: &str, host: State, soft: &State) -> State {
    if is_model() {
        return host;
    }
    // Newer Intel CPUs keep the opcode for unmasked exceptions only, and no selectors.
    let host = State { fop: soft.fop, fcs: soft.fcs, fds: soft.fds, ..host };
    let open = ["fcmov", "fcomi", "fucomi", "ffree"].iter().any(|n| name.starts_with(n));
    if open { State { sw: host.sw & !0x200 | soft.sw & 0x200, ..host } } else { host }
}

/// Names of the fields that differ.
fn differing(a: &State, b: &State) -> String {
    let fields = [
        ("regs", a.regs != b.regs),
        ("top", a.top != b.top),
        ("used", a.used != b.used),
        ("cw", a.cw != b.cw),
        ("sw", a.sw != b.sw),
        ("fop", a.fop != b.fop),
        ("fip", a.fip != b.fip),
        ("fdp", a.fdp != b.fdp),
        ("fcs fds", (a.fcs, a.fds) != (b.fcs, b.fds)),
        ("rax", a.rax != b.rax),
        ("rflags", a.rflags != b.rflags),
        ("mem", a.mem != b.mem),
    ];
    fields.iter().filter(|f| f.1).map(|f| f.0).collect::<Vec<_>>().join(" ")
}

/// Tests one encoding; returns the number of differences.
fn compare(name: &str, insn: &[u8], host: &mut Host, soft: &mut Soft) -> u64 {
    let mut r = Rng(0x9e37_79b9_7f4a_7c15 ^ u64::from(insn[0]) << 8 ^ u64::from(*insn.last().unwrap()));
    host.load(insn);
    soft.load(insn);
    let mut bad = 0;
    for _ in 0..trials() {
        let mut s = generate::state(&mut r);
        if !WAITING_FREE.contains(&name.trim_end_matches(" 16")) {
            // A pending exception would kill us.
            s.sw &= (s.cw | !0x3f) & !0x8080;
        }
        if ["fldenv", "frstor"].contains(&name) {
            // Pointers that aren't by chance ones to the code or the operand.
            s.mem[12..16].copy_from_slice(&0x1234_5678_u32.to_le_bytes());
            s.mem[20..24].copy_from_slice(&0x8765_4321_u32.to_le_bytes());
        }
        let got = soft.run(&s);
        let want = defined(name, host.run(&s), &got);
        // Once more, because a context switch may have come between.
        if want != got && defined(name, host.run(&s), &got) != got {
            bad += 1;
            if bad <= 3 {
                println!("{name}: {}\n  from {}\n  host {}\n  soft {}", differing(&want, &got), describe(&s), describe(&want), describe(&got));
            }
        }
    }
    bad
}

#[test]
fn like_the_host() {
    let (mut host, mut soft) = (Host::new(), Soft::new());
    let bad: Vec<_> = encodings().iter().map(|(name, insn)| (name.clone(), compare(name, insn, &mut host, &mut soft))).filter(|&(_, bad)| bad != 0).collect();
    assert!(bad.is_empty(), "differences of {} trials: {bad:?}", trials());
}

/// The transcendental functions.
const TRANSCENDENTAL: &[(&str, &[u8])] = &[
    ("f2xm1", &[0xd9, 0xf0]),
    ("fyl2x", &[0xd9, 0xf1]),
    ("fptan", &[0xd9, 0xf2]),
    ("fpatan", &[0xd9, 0xf3]),
    ("fyl2xp1", &[0xd9, 0xf9]),
    ("fsincos", &[0xd9, 0xfb]),
    ("fsin", &[0xd9, 0xfe]),
    ("fcos", &[0xd9, 0xff]),
];

/// How far two states are apart if only results and rounding differ: in units of the last place; `None` if something else does.
fn distance(a: &State, b: &State) -> Option<u64> {
    // Whether a result was rounded up.
    const C1: u16 = 0x200;
    let (regs, sw) = (b.regs, a.sw & C1 | b.sw & !C1);
    if (State { regs: a.regs, sw, ..*b }) != *a {
        return None;
    }
    let key = |(sig, se): (u64, u16)| {
        let m = i128::from(se & 0x7fff) << 63 | i128::from(sig & !(1 << 63));
        if se >> 15 != 0 { -m } else { m }
    };
    let apart = |i: usize| u64::try_from((key(a.regs[i]) - key(regs[i])).unsigned_abs()).unwrap_or(u64::MAX);
    (0..8).map(apart).max()
}

/// A state with operands in the function's domain.
fn domain(name: &str, r: &mut Rng) -> State {
    let mut s = generate::state(r);
    s.sw &= (s.cw | !0x3f) & !0x8080;
    if is_model() && r.below(4) == 0 {
        return s;
    }
    let mut number = |low: i32, high: i32, signed: bool| {
        let sign = if signed { r.next() as u16 & 0x8000 } else { 0 };
        let exp = 16383 + low + r.below((high - low + 1) as u64) as i32;
        (generate::significand(r), sign | exp as u16)
    };
    let (x, y) = match name {
        "f2xm1" => (number(-20, -1, true), number(0, 0, true)),
        "fyl2x" => (number(-3, 3, false), number(-3, 3, true)),
        "fyl2xp1" => (number(-20, -3, true), number(-3, 3, true)),
        "fpatan" => (number(-6, 6, true), number(-6, 6, true)),
        _ => (number(-6, 10, true), number(0, 0, true)),
    };
    s.used |= 3u8.rotate_left(s.top);
    s.regs[s.top as usize] = x;
    s.regs[(s.top as usize + 1) & 7] = y;
    s
}

#[test]
fn transcendental_functions() {
    let (mut host, mut soft) = (Host::new(), Soft::new());
    let mut failed = false;
    for &(name, insn) in TRANSCENDENTAL {
        host.load(insn);
        soft.load(insn);
        let mut r = Rng(0x1234_5678_9abc_def1);
        let (mut same, mut worst, mut bad) = (0, 0, 0);
        let mut kinds = std::collections::BTreeMap::new();
        for _ in 0..trials() {
            let s = domain(name, &mut r);
            let got = soft.run(&s);
            let want = defined(name, host.run(&s), &got);
            let apart = distance(&want, &got);
            same += u64::from(want == got);
            *kinds.entry(differing(&want, &got)).or_insert(0) += 1;
            worst = worst.max(apart.unwrap_or(0).min(1 << 20));
            if apart.is_none_or(|d| d > 1) {
                bad += 1;
                if bad <= 8 {
                    println!("{name}: {}\n  from {}\n  host {}\n  soft {}", differing(&want, &got), describe(&s), describe(&want), describe(&got));
                }
            }
        }
        println!("{name}: bit-equal {:.3} %, at most {worst} ulp apart, {bad} different; {kinds:?}", same as f64 * 100.0 / trials() as f64);
        failed |= bad != 0;
    }
    assert!(!failed);
}
