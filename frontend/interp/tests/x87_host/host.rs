//! The host's x87: runs instruction bytes between FXRSTOR and FXSAVE.

use std::arch::asm;

/// Marks pointers that are relative.
pub const RELATIVE: u64 = 0x1_0000;

/// What an instruction sees and leaves. `regs` are the physical registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    pub regs: [(u64, u16); 8],
    pub top: u32,
    pub used: u8,
    pub cw: u16,
    /// Without TOP.
    pub sw: u16,
    pub fop: u16,
    /// Relative to the instruction, if it is the one under test.
    pub fip: u64,
    /// Relative to the memory operand.
    pub fdp: u64,
    pub fcs: u16,
    pub fds: u16,
    pub rax: u64,
    pub rflags: u64,
    pub mem: [u8; 128],
}

#[repr(C, align(64))]
struct Image([u8; 512]);

impl Image {
    fn put<const N: usize>(&mut self, at: usize, v: [u8; N]) {
        self.0[at..at + N].copy_from_slice(&v);
    }

    fn get<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0[at..at + N].try_into().unwrap()
    }
}

/// A page that code can be written to and run in.
pub struct Host {
    page: *mut u8,
}

/// Where the instruction lies in the page.
const INSN: usize = 6;

#[repr(C, align(64))]
struct Operand([u8; 128]);

impl Host {
    pub fn new() -> Self {
        let prot = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        // SAFETY: a fresh anonymous mapping.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), 4096, prot, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        Self { page: page.cast() }
    }

    /// Makes `insn` the instruction under test.
    pub fn load(&mut self, insn: &[u8]) {
        let mut code = vec![
            0x48, 0x0f, 0xae, 0x0f, // fxrstor64 [rdi]
            0x51, 0x9d, // push rcx; popfq
        ];
        code.extend(insn);
        code.extend([
            0x48, 0x0f, 0xae, 0x06, // fxsave64 [rsi]
            0x41, 0xd9, 0x70, 0x10, // fnstenv [r8 + 16]
            0x9c, 0x41, 0x59, // pushfq; pop r9
            0x49, 0x89, 0x00, // mov [r8], rax
            0x4d, 0x89, 0x48, 0x08, // mov [r8 + 8], r9
            0xdb, 0xe3, // fninit
            0xc3,
        ]);
        // SAFETY: the page is ours and 4096 bytes long.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), self.page, code.len()) };
    }

    /// Runs the loaded instruction, whose memory operand is [rdx].
    pub fn run(&self, s: &State) -> State {
        // A context switch loses the pointers on AMD's CPUs; the second time it comes through.
        let complete = |s: &State| s.fip != 0 && s.fdp != 0 && (s.fcs != 0 || s.fip < RELATIVE || s.fip == 0x1234_5678);
        let once = self.run_once(s);
        if complete(&once) { once } else { self.run_once(s) }
    }

    fn run_once(&self, s: &State) -> State {
        let mut input = Image([0; 512]);
        input.put(0, s.cw.to_le_bytes());
        input.put(2, (s.sw | (s.top as u16) << 11).to_le_bytes());
        input.0[4] = s.used;
        input.put(6, s.fop.to_le_bytes());
        input.put(8, s.fip.to_le_bytes());
        input.put(16, s.fdp.to_le_bytes());
        input.put(24, 0x1f80_u32.to_le_bytes());
        for i in 0..8 {
            let (sig, se) = s.regs[(s.top as usize + i) & 7];
            input.put(32 + 16 * i, sig.to_le_bytes());
            input.put(40 + 16 * i, se.to_le_bytes());
        }
        let mut output = Image([0; 512]);
        let mut mem = Operand(s.mem);
        let mut rest = [0u64; 6];
        // SAFETY: the page holds the code that `load` wrote; it touches the images, the operand and the registers named here.
        unsafe {
            asm!(
                "call {page}",
                page = in(reg) self.page,
                inout("rax") s.rax => _,
                in("rdi") &raw mut input, in("rsi") &raw mut output, in("rdx") &raw mut mem, inout("rcx") s.rflags => _, in("r8") &raw mut rest,
                out("r9") _, out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _, out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _, out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
            );
        }
        let word = |at| u16::from_le_bytes(output.get(at));
        let quad = |at| u64::from_le_bytes(output.get(at));
        let top = u32::from(word(2) >> 11 & 7);
        let mut regs = [(0, 0); 8];
        for i in 0..8 {
            regs[(top as usize + i) & 7] = (quad(32 + 16 * i), word(40 + 16 * i));
        }
        let relative = |v: u64, base: u64| if v.wrapping_sub(base) < 4096 { v - base + RELATIVE } else { v };
        State {
            regs,
            top,
            used: output.0[4],
            cw: word(0),
            sw: word(2) & !0x3800,
            fop: (rest[4] >> 16) as u16 & 0x7ff,
            fip: relative(rest[3] >> 32, (self.page as u64 + INSN as u64) & 0xffff_ffff),
            fdp: relative(rest[4] >> 32, (&raw const mem as u64) & 0xffff_ffff),
            fcs: rest[4] as u16,
            fds: rest[5] as u16,
            rax: rest[0],
            rflags: rest[1] & 0x8d5,
            mem: mem.0,
        }
    }
}
