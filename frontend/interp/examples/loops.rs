//! How long the interpreter takes for an instruction: loops of common kinds, on [`FlatMemory`].
//!
//! `cargo run --release -p forklift-interp --example loops [NAME…]` prints CPU nanoseconds per guest instruction, the best of five runs.

use forklift_interp::{FlatMemory, Interp, Perm, Stop};
use forklift_x86::{CpuModel, CpuState, Exit, Fault, Gpr, Mode};

const CODE: u64 = 0x40_0000;
const DATA: u64 = 0x60_0000;
const STACK: u64 = 0x70_1000;
/// Iterations of each loop.
const COUNT: u64 = 1_000_000;

/// Name, and code that counts rcx down to zero and then meets INT3.
const LOOPS: &[(&str, &[u8])] = &[
    // add rax,rcx; dec rcx; jnz
    ("tiny", &[0x48, 0x01, 0xc8, 0x48, 0xff, 0xc9, 0x75, 0xf8, 0xcc]),
    // add rax,rcx; xor rdx,rax; shl rax,3; lea rsi,[rax+rdx*2+5]; and edi,esi; sub rcx,1; jne
    ("alu", &[0x48, 0x01, 0xc8, 0x48, 0x31, 0xc2, 0x48, 0xc1, 0xe0, 0x03, 0x48, 0x8d, 0x74, 0x50, 0x05, 0x21, 0xf7, 0x48, 0x83, 0xe9, 0x01, 0x75, 0xe9, 0xcc]),
    // mov rax,[rdi]; add rax,[rdi+8]; mov [rdi+16],rax; mov edx,[rdi+4]; movzx esi,byte [rdi+1]; dec rcx; jnz
    (
        "memory",
        &[0x48, 0x8b, 0x07, 0x48, 0x03, 0x47, 0x08, 0x48, 0x89, 0x47, 0x10, 0x8b, 0x57, 0x04, 0x0f, 0xb6, 0x77, 0x01, 0x48, 0xff, 0xc9, 0x75, 0xe9, 0xcc],
    ),
    // cmp rcx,rdx; jb +2 (taken); inc eax; test cl,1; jz +2; inc ebx; dec rcx; jnz
    ("branches", &[0x48, 0x39, 0xd1, 0x72, 0x02, 0xff, 0xc0, 0xf6, 0xc1, 0x01, 0x74, 0x02, 0xff, 0xc3, 0x48, 0xff, 0xc9, 0x75, 0xed, 0xcc]),
    // call f; dec rcx; jnz; int3; f: push rbp; mov rbp,rsp; lea eax,[rdi+1]; pop rbp; ret
    ("calls", &[0xe8, 0x06, 0x00, 0x00, 0x00, 0x48, 0xff, 0xc9, 0x75, 0xf6, 0xcc, 0x55, 0x48, 0x89, 0xe5, 0x8d, 0x47, 0x01, 0x5d, 0xc3]),
];

/// CPU time of this thread, in nanoseconds.
fn cpu_time() -> u64 {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok().and_then(|s| s.split(' ').next()?.parse().ok()).unwrap_or(0)
}

fn run(code: &[u8]) -> f64 {
    let mut mem = FlatMemory::new();
    mem.map_zero(DATA, 4096, Perm::RW);
    mem.map_zero(STACK - 4096, 4096, Perm::RW);
    mem.map(CODE, code.to_vec(), Perm::RX);
    let mut cpu = CpuState::new(Mode::Bits64);
    cpu.rip = CODE;
    for (r, v) in [(Gpr::Rcx, COUNT), (Gpr::Rdi, DATA), (Gpr::Rsp, STACK), (Gpr::Rdx, COUNT / 2)] {
        cpu.set(r, v);
    }
    let mut interp = Interp::new(CpuModel::V2, u32::MAX);
    let before = cpu_time();
    let stop = interp.run(&mut cpu, &mut mem, u64::MAX);
    let time = cpu_time() - before;
    assert_eq!(stop, Stop::Exit(Exit::Fault(Fault::Breakpoint)));
    time as f64 / interp.executed() as f64
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for (name, code) in LOOPS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name)) {
        let best = (0..5).map(|_| run(code)).fold(f64::INFINITY, f64::min);
        println!("{name:10} {best:6.2} ns");
    }
}
