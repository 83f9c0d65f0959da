//! From bytes to a basic block of decoded instructions.
//!
//! A block is a straight run of instructions: it ends behind the first instruction that may change the flow, before the first that can't be
//! fetched, or at a limit of length. An invalid instruction is kept as the block's last one; executing it raises the fault.

use iced_x86::{Code, Decoder, DecoderError, DecoderOptions, FlowControl, Instruction, Mnemonic, Register};

use crate::{GuestAddr, Mode};

/// No instruction is longer (SDM vol. 2A, 2.3.11); the CPU raises #GP for one that would be.
pub const MAX_INSN_LEN: usize = 15;

/// Where code comes from.
pub trait CodeFetch {
    /// Copies executable bytes from `addr` on into `buf` and returns how many there were before the first page that is not executable.
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize;
}

/// What an instruction does to the flow of control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// Goes on with the next instruction (or faults).
    Next,
    /// Jumps to a known address.
    Jump(GuestAddr),
    /// Jumps to a known address or goes on: Jcc, JCXZ, LOOPcc.
    Branch(GuestAddr),
    /// Jumps to an address known only at run time, near or far.
    IndirectJump,
    /// Calls a known address.
    Call(GuestAddr),
    /// Calls an address known only at run time, near or far.
    IndirectCall,
    /// Returns, near or far, or IRET.
    Return,
    /// Enters the kernel: SYSCALL, SYSENTER, INT n.
    Gate,
    /// Always faults: UD0/1/2, INT3, HLT, invalid encodings.
    Fault,
    /// Goes on, but ends a block: the next instruction must be looked up anew (POPF may set TF, a segment load may change a base, REP may restart).
    Barrier,
}

/// What `i` does to the flow.
pub fn flow(i: &Instruction) -> Flow {
    let target = || GuestAddr::new(i.near_branch_target());
    match i.flow_control() {
        FlowControl::Next => next_flow(i),
        FlowControl::UnconditionalBranch if i.is_jmp_short_or_near() => Flow::Jump(target()),
        FlowControl::UnconditionalBranch | FlowControl::IndirectBranch => Flow::IndirectJump,
        FlowControl::ConditionalBranch | FlowControl::XbeginXabortXend if i.op0_kind_is_near_branch() => Flow::Branch(target()),
        FlowControl::ConditionalBranch | FlowControl::XbeginXabortXend => Flow::Barrier,
        FlowControl::Call if i.is_call_near() => Flow::Call(target()),
        FlowControl::Call if i.is_call_far() => Flow::IndirectCall,
        FlowControl::Call => Flow::Gate,
        FlowControl::IndirectCall => Flow::IndirectCall,
        FlowControl::Return => Flow::Return,
        FlowControl::Interrupt if i.mnemonic() == Mnemonic::Into => Flow::Barrier,
        FlowControl::Interrupt if matches!(i.mnemonic(), Mnemonic::Int3 | Mnemonic::Int1) => Flow::Fault,
        FlowControl::Interrupt => Flow::Gate,
        FlowControl::Exception => Flow::Fault,
    }
}

fn next_flow(i: &Instruction) -> Flow {
    let rep = i.has_rep_prefix() || i.has_repne_prefix();
    match i.mnemonic() {
        Mnemonic::Hlt => Flow::Fault,
        Mnemonic::Popf | Mnemonic::Popfd | Mnemonic::Popfq => Flow::Barrier,
        _ if rep && i.is_string_instruction() => Flow::Barrier,
        _ if i.op0_register().is_segment_register() => Flow::Barrier,
        Mnemonic::Lds | Mnemonic::Les | Mnemonic::Lfs | Mnemonic::Lgs | Mnemonic::Lss => Flow::Barrier,
        _ => Flow::Next,
    }
}

trait NearBranch {
    fn op0_kind_is_near_branch(&self) -> bool;
}

impl NearBranch for Instruction {
    fn op0_kind_is_near_branch(&self) -> bool {
        use iced_x86::OpKind;
        self.op_count() > 0 && matches!(self.op0_kind(), OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64)
    }
}

/// A basic block of guest code.
#[derive(Clone, PartialEq, Debug)]
pub struct Block {
    /// Address of the first instruction.
    pub start: GuestAddr,
    /// Address behind the last one.
    pub end: GuestAddr,
    /// The mode that it was decoded for.
    pub mode: Mode,
    /// The instructions; never empty. All but the last are `Flow::Next`.
    pub insns: Vec<Instruction>,
}

impl Block {
    /// Length in bytes.
    pub const fn byte_len(&self) -> u64 {
        self.end.get().wrapping_sub(self.start.get())
    }

    /// What the last instruction does to the flow; `Flow::Next` if the block was cut.
    pub fn flow(&self) -> Flow {
        self.insns.last().map_or(Flow::Next, flow)
    }
}

/// Options of the decoder: what CPUs at hand do where vendors and documents differ (0F 0D and 0F 18–1F are NOPs; 3DNow!, MPX and the like are not there).
fn options() -> u32 {
    DecoderOptions::NONE
}

/// `F3 REX.B 90` is no PAUSE, as iced-x86 has it, but XCHG of r8 and rax, as on CPUs. `bytes` are those of `i`, and perhaps more.
fn mend_pause(i: Instruction, bytes: &[u8]) -> Instruction {
    let rex = bytes.get(i.len().wrapping_sub(2)).copied().unwrap_or(0);
    if rex & 0xf1 != 0x41 || i.len() < 3 {
        return i;
    }
    let wide = bytes[..i.len() - 2].contains(&0x66);
    let (code, r, a) = match (rex & 8 != 0, wide) {
        (true, _) => (Code::Xchg_r64_RAX, Register::R8, Register::RAX),
        (false, true) => (Code::Xchg_r16_AX, Register::R8W, Register::AX),
        (false, false) => (Code::Xchg_r32_EAX, Register::R8D, Register::EAX),
    };
    let Ok(mut new) = Instruction::with2(code, r, a) else { return i };
    new.set_len(i.len());
    new.set_next_ip(i.next_ip());
    new
}

/// Instructions of some code, in any order.
pub struct Insns<'a> {
    decoder: Decoder<'a>,
    mode: Mode,
    start: GuestAddr,
    bytes: &'a [u8],
}

impl<'a> Insns<'a> {
    /// Those in `bytes`, which lie at `start`.
    pub fn new(mode: Mode, start: GuestAddr, bytes: &'a [u8]) -> Self {
        Self { decoder: Decoder::with_ip(mode.bitness(), bytes, start.get(), options()), mode, start, bytes }
    }

    /// The instruction that begins `skip` bytes behind the start, and its bytes. `None` if all bytes end before it does.
    ///
    /// It may be invalid (`Code::INVALID`), of a length of at least 1: undefined, or too long.
    pub fn at(&mut self, skip: usize) -> Option<(Instruction, &'a [u8])> {
        let d = &mut self.decoder;
        if d.position() != skip {
            d.set_position(skip).ok()?;
            d.set_ip(self.start.get().wrapping_add(skip as u64));
        }
        let i = d.decode();
        let bytes = self.bytes.get(skip..)?;
        let short = d.last_error() == DecoderError::NoMoreBytes && bytes.len() < MAX_INSN_LEN && !is_invalid_prefix(self.mode, bytes);
        let i = if i.code() == Code::Pause { mend_pause(i, bytes) } else { i };
        (!short).then(|| (i, bytes.get(..i.len()).unwrap_or(bytes)))
    }
}

/// Decodes one instruction from `bytes`, which lies at `addr`, as [`Insns::at`] does.
pub fn decode_one(mode: Mode, addr: GuestAddr, bytes: &[u8]) -> Option<Instruction> {
    Insns::new(mode, addr, bytes).at(0).map(|(i, _)| i)
}

/// Whether `bytes`, too few for an instruction, can't begin a valid one, whatever follows: the CPU raises #UD for those without fetching more.
fn is_invalid_prefix(mode: Mode, bytes: &[u8]) -> bool {
    // Behind any next byte, one of these leads to a valid instruction if there is any: an opcode, a ModRM or a VEX byte as the prefix may lack.
    const FILL: [u8; 4] = [0, 0x79, 0x7f, 0xc0];
    if bytes.is_empty() || bytes.len() >= MAX_INSN_LEN {
        return false;
    }
    FILL.iter().all(|&fill| {
        let mut padded = [fill; MAX_INSN_LEN];
        padded[..bytes.len()].copy_from_slice(bytes);
        (0..=u8::MAX).all(|next| {
            padded[bytes.len()] = next;
            Decoder::new(mode.bitness(), &padded, options()).decode().is_invalid()
        })
    })
}

/// Decodes the block that starts at `start`, of at most `max_insns` instructions (at least 1).
///
/// `Err(addr)` has the address of the byte that could not be fetched, if not even one instruction could be.
pub fn decode_block(code: &mut impl CodeFetch, start: GuestAddr, mode: Mode, max_insns: usize) -> Result<Block, GuestAddr> {
    // An average instruction takes four bytes; one refill more where it doesn't.
    let mut buf = [0u8; 256];
    let mut block = Block { start, end: start, mode, insns: Vec::with_capacity(8) };
    loop {
        let have = code.fetch(block.end, &mut buf);
        let before = block.insns.len();
        let open = decode_run(&mut block, &buf[..have], max_insns.max(1), have < buf.len());
        if !open {
            return Ok(block);
        }
        if block.insns.len() == before {
            // Nothing more could be decoded from what is executable.
            return if before == 0 { Err(block.end.wrapping_add(have as u64)) } else { Ok(block) };
        }
    }
}

/// Appends instructions from `bytes` to `block`; returns whether the block is still open. `end`: nothing can be fetched behind `bytes`.
fn decode_run(block: &mut Block, bytes: &[u8], max_insns: usize, end: bool) -> bool {
    let mut d = Decoder::with_ip(block.mode.bitness(), bytes, block.end.get(), options());
    let mut at = 0;
    while block.insns.len() < max_insns {
        let i = d.decode();
        let short = d.last_error() == DecoderError::NoMoreBytes && bytes.len() - at < MAX_INSN_LEN;
        if short && !(end && is_invalid_prefix(block.mode, &bytes[at..])) {
            return true;
        }
        let i = if i.code() == Code::Pause { mend_pause(i, &bytes[at..]) } else { i };
        at = d.position();
        block.end = GuestAddr::new(d.ip() & block.mode.addr_mask());
        block.insns.push(i);
        if i.code() == Code::INVALID || flow(&i) != Flow::Next {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(u64, Vec<u8>);

    impl CodeFetch for Bytes {
        fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
            let from = (addr.get() - self.0) as usize;
            let have = &self.1[from.min(self.1.len())..];
            let n = have.len().min(buf.len());
            buf[..n].copy_from_slice(&have[..n]);
            n
        }
    }

    fn block(bytes: &[u8]) -> Result<Block, GuestAddr> {
        decode_block(&mut Bytes(0x1000, bytes.to_vec()), GuestAddr::new(0x1000), Mode::Bits64, 64)
    }

    #[test]
    fn ends_behind_a_branch() {
        let b = block(&[0x90, 0x74, 0x02, 0x90]).unwrap();
        assert_eq!((b.insns.len(), b.end), (2, GuestAddr::new(0x1003)));
        assert_eq!(b.flow(), Flow::Branch(GuestAddr::new(0x1005)));
    }

    #[test]
    fn ends_before_what_cannot_be_fetched() {
        let b = block(&[0x90, 0xe8, 0, 0]).unwrap();
        assert_eq!((b.insns.len(), b.flow()), (1, Flow::Next));
        assert_eq!(block(&[0xe8, 0, 0]), Err(GuestAddr::new(0x1003)));
        assert_eq!(block(&[]), Err(GuestAddr::new(0x1000)));
    }

    /// Wherever the bytes are cut, no valid instruction becomes an invalid one.
    #[test]
    fn a_cut_instruction_is_not_invalid() {
        let all: [&[u8]; 8] = [
            &[0x66, 0x0f, 0x72, 0xf1, 0x0d],
            &[0xf3, 0x0f, 0x7e, 0x50, 0xbc],
            &[0x66, 0x0f, 0x3a, 0x0f, 0xc1, 5],
            &[0x0f, 0xc7, 0x0f],
            &[0x0f, 0xae, 0x14, 0x24],
            &[0xc4, 0xe2, 0x79, 0x18, 0xc0],
            &[0xc5, 0xf9, 0x72, 0xf1, 0x0d],
            &[0x66, 0x0f, 0xf7, 0xc1],
        ];
        for insn in all {
            for n in 1..insn.len() {
                assert!(!is_invalid_prefix(Mode::Bits64, &insn[..n]), "{:02x?}", &insn[..n]);
                assert_eq!(block(&insn[..n]), Err(GuestAddr::new(0x1000 + n as u64)));
            }
            for before in 256 - insn.len()..256 {
                let code = [&vec![0x90; before], insn, &[0xf4]].concat();
                let b = decode_block(&mut Bytes(0x1000, code), GuestAddr::new(0x1000), Mode::Bits64, 1000).unwrap();
                assert_eq!((b.insns.len(), b.insns[before].len()), (before + 2, insn.len()), "cut behind {}", 256 - before);
            }
        }
        assert!(is_invalid_prefix(Mode::Bits64, &[0x06]) && is_invalid_prefix(Mode::Bits64, &[0x0f, 0x04]));
    }

    #[test]
    fn pause_with_rex_b_exchanges() {
        let text = |bytes: &[u8]| decode_one(Mode::Bits64, GuestAddr::new(0), bytes).unwrap().to_string();
        assert_eq!(text(&[0xf3, 0x90]), "pause");
        assert_eq!(text(&[0xf3, 0x48, 0x90]), "pause");
        assert_eq!(text(&[0xf3, 0x41, 0x90]), "xchg r8d,eax");
        assert_eq!(text(&[0xf3, 0x49, 0x90]), "xchg r8,rax");
        let i = block(&[0xf3, 0x66, 0x41, 0x90, 0xf4]).unwrap().insns;
        assert_eq!((i[0].to_string().as_str(), i[0].len(), i[0].next_ip(), i[1].code()), ("xchg r8w,ax", 4, 0x1004, Code::Hlt));
    }

    #[test]
    fn keeps_an_invalid_instruction() {
        let b = block(&[0x90, 0x06]).unwrap();
        assert_eq!(b.insns[1].code(), Code::INVALID);
    }

    #[test]
    fn refills() {
        let b = block(&[0x90; 300]).unwrap();
        assert_eq!(b.insns.len(), 64);
        let mut long = vec![0x48, 0xb8];
        long.extend([0; 8]);
        let b = block(&long.repeat(40)).unwrap();
        assert_eq!(b.insns.len(), 40);
    }
}
