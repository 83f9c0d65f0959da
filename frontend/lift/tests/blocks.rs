//! Lifts sample blocks and compares the IR with what was blessed under `tests/lift` at the root of the repository.
//! `FORKLIFT_BLESS=1` writes the files anew; review the difference.

use std::fmt::Write as _;
use std::path::PathBuf;

use cranelift_codegen::ir::{Function, UserFuncName};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable, Flags};
use forklift_lift::{BlockKey, Faults, HostCpu, LiftEnv, Lifted, Lifter, Needs, signature};
use forklift_x86::{CcKind, CcOp, CpuModel, GuestAddr, Mode, Width};
use iced_x86::Instruction;
use iced_x86::code_asm::*;

const START: u64 = 0x40_1000;

struct Code(Vec<u8>);

impl LiftEnv for Code {
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        let from = addr.get().wrapping_sub(START) as usize;
        let have = self.0.get(from..).unwrap_or(&[]);
        let n = have.len().min(buf.len());
        buf[..n].copy_from_slice(&have[..n]);
        n
    }

    fn token(&mut self, i: &Instruction) -> u64 {
        0xf00_0000 | i.ip() & 0xffff
    }

    fn model(&self) -> CpuModel {
        CpuModel::V3
    }

    fn flags_op(&self) -> CcOp {
        CcOp::new(CcKind::Sub, Width::B4)
    }
}

fn isa() -> OwnedTargetIsa {
    let mut b = settings::builder();
    for flag in ["enable_pinned_reg", "preserve_frame_pointers"] {
        b.enable(flag).unwrap();
    }
    let mut isa = cranelift_codegen::isa::lookup_by_name(std::env::consts::ARCH).unwrap();
    if std::env::consts::ARCH == "x86_64" {
        for feature in ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"] {
            isa.enable(feature).unwrap();
        }
    }
    isa.finish(Flags::new(b)).unwrap()
}

type Asm = fn(&mut CodeAssembler) -> Result<(), IcedError>;

fn lift_for(host: HostCpu, mode: Mode, asm: Asm) -> (Function, Lifted) {
    let mut a = CodeAssembler::new(mode.bitness()).unwrap();
    asm(&mut a).unwrap();
    let mut code = Code(a.assemble(START).unwrap());
    let mut f = Function::with_name_signature(UserFuncName::user(0, 0), signature());
    let key = BlockKey { start: GuestAddr::new(START), mode, flat: true, checked: false, needs: Needs::COMPLETE };
    let lifted = Lifter::new(host).lift(&mut f, isa().frontend_config(), key, Faults::Guarded, &mut code).unwrap();
    (f, lifted)
}

fn lift(mode: Mode, asm: Asm) -> String {
    let (f, lifted) = lift_for(HostCpu::X86_64_V3, mode, asm);
    let isa = isa();
    let mut out = String::new();
    writeln!(out, "{:?}", lifted.exits).unwrap();
    writeln!(out, "{f}").unwrap();
    if std::env::var_os("FORKLIFT_ASM").is_some() {
        let mut context = cranelift_codegen::Context::for_function(f);
        context.set_disasm(true);
        let compiled = context.compile(&*isa, &mut Default::default()).unwrap();
        println!("{out}\n{}", compiled.vcode.as_ref().unwrap());
    }
    out
}

fn check(name: &str, mode: Mode, asm: Asm) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/lift").join(format!("{name}.txt"));
    let got = lift(mode, asm);
    if std::env::var_os("FORKLIFT_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &got).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(got == want, "{name} differs from {}; FORKLIFT_BLESS=1 to accept:\n{got}", path.display());
}

#[test]
fn sum_loop() {
    check("sum_loop_64", Mode::Bits64, |a| {
        let mut top = a.create_label();
        a.set_label(&mut top)?;
        a.add(eax, dword_ptr(rdi + rcx * 4))?;
        a.inc(rcx)?;
        a.cmp(rcx, rdx)?;
        a.jne(top)
    });
}

#[test]
fn sum_loop_32() {
    check("sum_loop_32", Mode::Bits32, |a| {
        let mut top = a.create_label();
        a.set_label(&mut top)?;
        a.add(eax, dword_ptr(edi + ecx * 4 + 16))?;
        a.mov(dword_ptr(ebp - 8), eax)?;
        a.inc(ecx)?;
        a.cmp(ecx, edx)?;
        a.jl(top)
    });
}

#[test]
fn prologue_and_call() {
    check("prologue_and_call", Mode::Bits64, |a| {
        a.push(rbp)?;
        a.mov(rbp, rsp)?;
        a.push(rbx)?;
        a.sub(rsp, 24)?;
        a.mov(ebx, edi)?;
        a.call(0x40_2000)
    });
}

#[test]
fn return_from_function() {
    check("return", Mode::Bits64, |a| {
        a.mov(eax, ebx)?;
        a.pop(rbx)?;
        a.ret()
    });
}

#[test]
fn step_in_the_middle() {
    check("step_in_the_middle", Mode::Bits64, |a| {
        a.add(eax, 1)?;
        a.cpuid()?;
        a.jb(0x40_2000)
    });
}

#[test]
fn carry_chain() {
    check("carry_chain", Mode::Bits64, |a| {
        a.add(rax, qword_ptr(rsi))?;
        a.adc(rdx, qword_ptr(rsi + 8))?;
        a.setb(cl)?;
        a.test(al, al)?;
        a.je(0x40_2000)
    });
}

#[test]
fn byte_loop() {
    check("byte_loop", Mode::Bits64, |a| {
        let (mut top, mut skip) = (a.create_label(), a.create_label());
        a.set_label(&mut top)?;
        a.movzx(eax, byte_ptr(rdi + rdx))?;
        a.cmp(al, 10)?;
        a.je(skip)?;
        a.inc(rbx)?;
        a.set_label(&mut skip)?;
        a.dec(rcx)?;
        a.jnz(top)
    });
}

#[test]
fn double_loop() {
    check("double_loop", Mode::Bits64, |a| {
        let mut top = a.create_label();
        a.set_label(&mut top)?;
        a.movsd_2(xmm1, qword_ptr(rdi + rdx * 8))?;
        a.mulsd(xmm1, xmm2)?;
        a.addsd(xmm0, xmm1)?;
        a.inc(rdx)?;
        a.cmp(rdx, rcx)?;
        a.jnz(top)
    });
}

#[test]
fn packed_loop() {
    check("packed_loop", Mode::Bits64, |a| {
        let mut top = a.create_label();
        a.set_label(&mut top)?;
        a.movdqu(xmm1, xmmword_ptr(rdi + rdx))?;
        a.pxor(xmm1, xmm2)?;
        a.paddd(xmm0, xmm1)?;
        a.movdqa(xmmword_ptr(rsi + rdx), xmm0)?;
        a.add(rdx, 16)?;
        a.cmp(rdx, rcx)?;
        a.jnz(top)
    });
}

#[test]
fn mmx() {
    check("mmx", Mode::Bits64, |a| {
        a.movq(mm0, qword_ptr(rdi))?;
        a.paddw(mm0, mm1)?;
        a.movq(qword_ptr(rdi), mm0)?;
        a.emms()?;
        a.jmp(0x40_2000)
    });
}

/// What has no translation but by the host's own instructions, and what has one on all hosts.
#[test]
fn few_steps() {
    const BY_HOST: [Asm; 9] = [
        // MMX raises what is pending in the x87, which blocks elsewhere don't look at.
        |a| a.pshufw(mm0, mm1, 3),
        |a| a.cvtpd2pi(mm0, xmm1),
        |a| a.dpps(xmm0, xmm1, 0x31),
        |a| a.dppd(xmm0, xmm1, 0x31),
        |a| a.mpsadbw(xmm0, xmm1, 5),
        |a| a.phminposuw(xmm0, xmm1),
        |a| a.pcmpestri(xmm0, xmm1, 0),
        |a| a.pcmpistrm(xmm0, xmm1, 0),
        |a| a.pcmpestrm(xmm0, xmm1, 0),
    ];
    const ANYWHERE: [Asm; 8] = [
        |a| a.lock().adc(dword_ptr(rdi), eax),
        |a| a.lock().neg(byte_ptr(rdi)),
        |a| a.lock().bts(dword_ptr(rdi), 3u32),
        |a| a.cmpxchg8b(qword_ptr(rdi)),
        |a| a.rcl(eax, 5u32),
        |a| a.vpmaskmovd(xmmword_ptr(rdi), xmm1, xmm2),
        // vgatherdps ymm0,[rdi+ymm1*4],ymm2
        |a| a.db(&[0xc4, 0xe2, 0x6d, 0x92, 0x04, 0x8f]),
        |a| a.vpermilpd(ymm0, ymm1, ymm2),
    ];
    let steps = |host, asm: &Asm| lift_for(host, Mode::Bits64, *asm).1.tokens.len();
    assert_eq!(BY_HOST.each_ref().map(|asm| steps(HostCpu::X86_64_V3, asm)), [0; 9]);
    assert_eq!(BY_HOST.each_ref().map(|asm| steps(HostCpu::AARCH64, asm)), [1; 9]);
    for host in [HostCpu::X86_64_V3, HostCpu::AARCH64] {
        assert_eq!(ANYWHERE.each_ref().map(|asm| steps(host, asm)), [0; 8]);
    }
}
