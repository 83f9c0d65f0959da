use forklift_fuzz::machine::*;
use forklift_fuzz::oracle;
use forklift_x86::{Gpr, Mode};
use iced_x86::code_asm::*;
type Asm = fn(&mut CodeAssembler) -> Result<(), IcedError>;
fn bench(name: &str, mode: Mode, n: u64, asm: Asm) {
    let mut a = CodeAssembler::new(mode.bitness()).unwrap();
    asm(&mut a).unwrap();
    let code = a.assemble(CODE).unwrap();
    let mut input = Input::new(mode, &code);
    input.cpu.set(Gpr::Rdi, DATA);
    input.cpu.set(Gpr::Rsi, DATA + 0x1000);
    input.cpu.set(Gpr::Rcx, n);
    let mut j = oracle::jit().unwrap();
    j.run(&input).unwrap();
    let t = cpu();
    let o = j.run(&input).unwrap();
    let dt = cpu() - t;
    // native
    let mut nat = String::new();
    if mode == Mode::Bits64 {
        if let Some(mut r) = oracle::real_cpu() {
            r.run(&input).unwrap();
            let t = std::time::Instant::now();
            let o2 = r.run(&input);
            nat = format!(
                "native {:.3} ns ({})",
                t.elapsed().as_nanos() as f64 / n as f64,
                match o2 {
                    Ok(o2) => format!("{:?} same={}", o2.end, o2.cpu.gpr == o.cpu.gpr),
                    Err(e) => e.to_string(),
                }
            );
        }
    }
    println!("{name:14} jit {:.3} ns/iter {:?} {nat}", dt as f64 / n as f64, o.end);
}
fn cpu() -> u64 {
    unsafe {
        let mut t: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t);
        t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
    }
}
fn main() {
    let n = 20_000_000;
    let only = std::env::args().nth(1);
    let _ = &only;
    bench("sum", Mode::Bits64, n, |a| {
        let mut top = a.create_label();
        a.set_label(&mut top)?;
        a.mov(edx, ecx)?;
        a.and(edx, 0x3ff)?;
        a.add(eax, dword_ptr(rdi + rdx * 4))?;
        a.dec(rcx)?;
        a.jnz(top)
    });
    bench("store", Mode::Bits64, n, |a| {
        let mut top = a.create_label();
        a.set_label(&mut top)?;
        a.mov(edx, ecx)?;
        a.and(edx, 0x3ff)?;
        a.mov(eax, dword_ptr(rdi + rdx * 4))?;
        a.add(eax, 3)?;
        a.mov(dword_ptr(rsi + rdx * 4), eax)?;
        a.sub(rcx, 1)?;
        a.jnz(top)
    });
    bench("alu", Mode::Bits64, n, |a| {
        let mut top = a.create_label();
        a.set_label(&mut top)?;
        a.mov(rdx, rax)?;
        a.shl(rdx, 5)?;
        a.xor(rax, rdx)?;
        a.add(rax, rcx)?;
        a.rol(rbx, 3)?;
        a.xor(rbx, rax)?;
        a.dec(rcx)?;
        a.jnz(top)
    });
    bench("call", Mode::Bits64, n, |a| {
        let mut top = a.create_label();
        let mut f = a.create_label();
        let mut end = a.create_label();
        a.set_label(&mut top)?;
        a.call(f)?;
        a.dec(rcx)?;
        a.jnz(top)?;
        a.jmp(end)?;
        a.set_label(&mut f)?;
        a.push(rbp)?;
        a.mov(rbp, rsp)?;
        a.add(rax, 1)?;
        a.pop(rbp)?;
        a.ret()?;
        a.set_label(&mut end)?;
        a.int3()
    });
    bench("bytes", Mode::Bits64, n, |a| {
        let mut top = a.create_label();
        let mut skip = a.create_label();
        a.set_label(&mut top)?;
        a.mov(edx, ecx)?;
        a.and(edx, 0xfff)?;
        a.movzx(eax, byte_ptr(rdi + rdx))?;
        a.cmp(al, 10)?;
        a.je(skip)?;
        a.inc(rbx)?;
        a.set_label(&mut skip)?;
        a.dec(rcx)?;
        a.jnz(top)
    });
    bench("double", Mode::Bits64, n, |a| {
        let mut top = a.create_label();
        a.set_label(&mut top)?;
        a.mov(edx, ecx)?;
        a.and(edx, 0xff)?;
        a.movsd_2(xmm1, qword_ptr(rdi + rdx * 8))?;
        a.mulsd(xmm1, xmm2)?;
        a.addsd(xmm0, xmm1)?;
        a.dec(rcx)?;
        a.jnz(top)
    });
    bench("packed", Mode::Bits64, n, |a| {
        let mut top = a.create_label();
        a.set_label(&mut top)?;
        a.mov(edx, ecx)?;
        a.and(edx, 0xf0)?;
        a.movdqu(xmm1, xmmword_ptr(rdi + rdx))?;
        a.pxor(xmm1, xmm2)?;
        a.paddd(xmm0, xmm1)?;
        a.movdqa(xmmword_ptr(rsi + rdx), xmm0)?;
        a.dec(rcx)?;
        a.jnz(top)
    });
    bench("sum32", Mode::Bits32, n, |a| {
        let mut top = a.create_label();
        a.set_label(&mut top)?;
        a.mov(edx, ecx)?;
        a.and(edx, 0x3ff)?;
        a.add(eax, dword_ptr(edi + edx * 4))?;
        a.dec(ecx)?;
        a.jnz(top)
    });
    bench("rcl-step", Mode::Bits64, 200_000, |a| {
        let mut top = a.create_label();
        a.set_label(&mut top)?;
        a.rcl(rax, 5)?;
        a.dec(rcx)?;
        a.jnz(top)
    });
}
