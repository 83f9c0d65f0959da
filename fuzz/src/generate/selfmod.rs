//! Whole programs that change their own code: ahead of themselves, in the loop that runs, on other pages and across their ends.
//!
//! A program is a loop over *slots* of five bytes, which hold an instruction each, and *writers*, which give a slot other contents, in each round or in some.
//! Functions with slots of their own lie on the page before. What it prints at its end, registers and its code, tells whether every change was seen.
//! The same bytes do the same in both modes: no prefixes, addresses below 2 GiB.

use forklift_x86::Mode;

use super::Rng;

/// Where the file is loaded, code and all, to be read, written and executed.
const BASE: u32 = 0x40_0000;
/// ELF's headers; a program's first page.
const HEADERS: u32 = 0x1000;
/// Unit: bytes.
const PAGE: u32 = 0x1000;
/// Bytes of a slot.
const SLOT: usize = 5;
type Slot = [u8; SLOT];

/// An executable file of random self-modifying code.
pub fn program(mode: Mode, rng: &mut Rng) -> Vec<u8> {
    let mut p = Builder { code: Vec::new(), slots: Vec::new(), functions: Vec::new() };
    for _ in 0..1 + rng.below(3) {
        p.function(rng);
    }
    // The loop begins just before a page's end, so that slots and writers lie across it.
    let most = 200 + rng.below(300) as u32;
    p.pad_to(PAGE - most);
    let entry = p.here();
    p.set_up(rng);
    let start = p.here();
    for _ in 0..4 + rng.below(8) {
        match rng.below(5) {
            0 | 1 => p.slot(rng),
            2 => p.call(rng),
            _ => p.guarded(rng, Builder::writer),
        }
    }
    p.slot(rng);
    p.back_to(start);
    p.finish(mode);
    elf(mode, entry, &p.code)
}

/// Code under construction, which lies behind the headers.
struct Builder {
    code: Vec<u8>,
    /// Addresses of slots.
    slots: Vec<u32>,
    functions: Vec<u32>,
}

impl Builder {
    fn here(&self) -> u32 {
        BASE + HEADERS + self.code.len() as u32
    }

    fn push(&mut self, bytes: &[u8]) {
        self.code.extend_from_slice(bytes);
    }

    /// An opcode and four bytes.
    fn push_with(&mut self, opcode: &[u8], v: u32) {
        self.push(opcode);
        self.push(&v.to_le_bytes());
    }

    fn pad_to(&mut self, size: u32) {
        self.code.resize(self.code.len().max(size as usize), 0xcc);
    }

    /// What a slot may hold: arithmetic with eax, edx or ebx, a branch within the slot, a function's call, or nothing.
    fn contents(&self, at: u32, rng: &mut Rng) -> Slot {
        let [a, b, c, d] = (rng.next() as u32).to_le_bytes();
        match rng.below(8) {
            // add, or, adc, sbb, and, sub, xor eax, imm32
            0..=2 => [0x05 | (rng.below(7) as u8) << 3, a, b, c, d],
            // mov edx, imm32; mov ebx, imm32
            3 => [*rng.pick(&[0xba, 0xbb]), a, b, c, d],
            // jmp over the rest; nop
            4 => [0xeb, 3, a, b, c],
            5 => [0x0f, 0x1f, 0x44, 0, 0],
            // lea edx, [rbx + imm8]; add eax, edx
            6 => [0x8d, 0x53, a, 0x01, 0xd0],
            // Not out of a function: that could go on for ever.
            _ if !self.functions.is_empty() && !self.in_functions(at) => {
                let [a, b, c, d] = rng.pick(&self.functions).wrapping_sub(at + SLOT as u32).to_le_bytes();
                [0xe8, a, b, c, d]
            }
            // rol eax, imm8; xor ebx, eax
            _ => [0xc1, 0xc0, a, 0x31, 0xc3],
        }
    }

    fn in_functions(&self, at: u32) -> bool {
        at < BASE + HEADERS + PAGE / 2
    }

    fn slot(&mut self, rng: &mut Rng) {
        let at = self.here();
        self.slots.push(at);
        let contents = self.contents(at, rng);
        self.push(&contents);
    }

    /// A slot or two and a return; on the first page.
    fn function(&mut self, rng: &mut Rng) {
        let at = self.here();
        (0..1 + rng.below(2)).for_each(|_| self.slot(rng));
        self.push(&[0xc3]);
        self.functions.push(at);
    }

    fn call(&mut self, rng: &mut Rng) {
        let distance = rng.pick(&self.functions).wrapping_sub(self.here() + 5);
        self.push_with(&[0xe8], distance);
    }

    /// Registers and the number of rounds, in ebp: enough for code to get hot.
    fn set_up(&mut self, rng: &mut Rng) {
        for opcode in [0xb8, 0xba, 0xbb] {
            self.push_with(&[opcode], rng.next() as u32);
        }
        let rounds = *rng.pick(&[3, 40, 700]) + rng.below(20) as u32;
        self.push_with(&[0xbd], rounds);
    }

    /// `piece`, in each round, or once in a few.
    fn guarded(&mut self, rng: &mut Rng, piece: fn(&mut Self, &mut Rng)) {
        let mask = *rng.pick(&[0, 0, 1, 7, 31, 127]);
        if mask == 0 {
            return piece(self, rng);
        }
        // test ebp, mask; jnz over it
        self.push_with(&[0xf7, 0xc5], mask);
        self.push_with(&[0x0f, 0x85], 0);
        let at = self.code.len();
        piece(self, rng);
        let distance = (self.code.len() - at) as u32;
        self.code[at - 4..at].copy_from_slice(&distance.to_le_bytes());
    }

    /// Changes a slot: one that there is already, or one that follows.
    fn writer(&mut self, rng: &mut Rng) {
        // Room for any writer.
        const GAP: usize = 48;
        if rng.chance(5) {
            return self.toggle(rng);
        }
        if rng.chance(2) {
            let to = *rng.pick(&self.slots);
            return self.write(to, rng);
        }
        let end = self.code.len() + GAP;
        self.write(self.here() + GAP as u32, rng);
        // nop, once or more
        self.code.resize(end, 0x90);
        self.slot(rng);
    }

    /// A slot that goes to and fro between two contents, which nothing else writes: just before its writer, or just behind it.
    fn toggle(&mut self, rng: &mut Rng) {
        const SIZE: u32 = 15;
        let ahead = rng.chance(2);
        let at = self.here() + if ahead { SIZE } else { 0 };
        let (first, second) = (self.contents(at, rng), self.contents(at, rng));
        if !ahead {
            self.push(&first);
        }
        // mov edi, at; xor dword ptr [rdi], …; xor byte ptr [rdi+4], …
        let [a, b, c, d, e] = std::array::from_fn(|n| first[n] ^ second[n]);
        self.push_with(&[0xbf], at);
        self.push(&[0x81, 0x37, a, b, c, d, 0x80, 0x77, 4, e]);
        if ahead {
            self.push(&first);
        }
    }

    fn write(&mut self, to: u32, rng: &mut Rng) {
        let new = self.contents(to, rng);
        let [a, b, c, d, e] = new;
        match rng.below(5) {
            // mov edi, to; mov dword ptr [rdi], new; mov byte ptr [rdi+4], new
            0 | 1 => {
                self.push_with(&[0xbf], to);
                self.push(&[0xc7, 0x07, a, b, c, d, 0xc6, 0x47, 4, e]);
            }
            // The same a byte at a time, from the last.
            2 => {
                self.push_with(&[0xbf], to);
                new.iter().enumerate().rev().for_each(|(n, b)| self.push(&[0xc6, 0x47, n as u8, *b]));
            }
            // mov esi, template; mov edi, to; mov ecx, 5; rep movsb
            3 => {
                let template = self.template(new);
                self.push_with(&[0xbe], template);
                self.push_with(&[0xbf], to);
                self.push_with(&[0xb9], SLOT as u32);
                self.push(&[0xf3, 0xa4]);
            }
            // A vector over the slot and what lies behind it.
            _ => {
                let template = self.template(new);
                self.vector(template, to);
            }
        }
    }

    /// Bytes that are jumped over; returns their address.
    fn template(&mut self, bytes: Slot) -> u32 {
        self.push(&[0xeb, SLOT as u8]);
        let at = self.here();
        self.push(&bytes);
        at
    }

    /// `movups xmm0, [to]`; the template goes into its first five bytes; `movups [to], xmm0`
    fn vector(&mut self, template: u32, to: u32) {
        self.push_with(&[0xbe], template);
        self.push_with(&[0xbf], to);
        // movups xmm0, [rdi]; movd xmm1, [rsi]; movss xmm0, xmm1; movups [rdi], xmm0
        self.push(&[0x0f, 0x10, 0x07, 0x66, 0x0f, 0x6e, 0x0e, 0xf3, 0x0f, 0x10, 0xc1, 0x0f, 0x11, 0x07]);
        // mov cl, [rsi+4]; mov [rdi+4], cl
        self.push(&[0x8a, 0x4e, 4, 0x88, 0x4f, 4]);
    }

    /// sub ebp, 1; jnz start
    fn back_to(&mut self, start: u32) {
        self.push(&[0x83, 0xed, 1]);
        let distance = start.wrapping_sub(self.here() + 6);
        self.push_with(&[0x0f, 0x85], distance);
    }

    /// Writes the registers behind the code, then code and registers to standard output, and exits.
    fn finish(&mut self, mode: Mode) {
        // mov edi, results; mov [rdi], eax; mov [rdi+4], edx; mov [rdi+8], ebx
        let results = BASE + HEADERS + (self.code.len() as u32 + 0x40).next_multiple_of(16);
        self.push_with(&[0xbf], results);
        self.push(&[0x89, 0x07, 0x89, 0x57, 4, 0x89, 0x5f, 8]);
        let (from, size) = (BASE + HEADERS, results + 12 - BASE - HEADERS);
        let (numbers, registers, call) = match mode {
            // eax, edi, esi, edx
            Mode::Bits64 => ([1, 60], [0xb8, 0xbf, 0xbe, 0xba], [0x0f, 0x05]),
            // eax, ebx, ecx, edx
            Mode::Bits32 => ([4, 1], [0xb8, 0xbb, 0xb9, 0xba], [0xcd, 0x80]),
        };
        for (opcode, v) in registers.into_iter().zip([numbers[0], 1, from, size]) {
            self.push_with(&[opcode], v);
        }
        self.push(&call);
        for (opcode, v) in registers.into_iter().zip([numbers[1], 0]) {
            self.push_with(&[opcode], v);
        }
        self.push(&call);
        self.pad_to(size);
    }
}

/// A file with one segment that holds all of it, from its headers on.
fn elf(mode: Mode, entry: u32, code: &[u8]) -> Vec<u8> {
    let long = mode == Mode::Bits64;
    let mut f = vec![0x7f, b'E', b'L', b'F', if long { 2 } else { 1 }, 1, 1];
    f.resize(16, 0);
    let half = |f: &mut Vec<u8>, v: u16| f.extend(v.to_le_bytes());
    let word = |f: &mut Vec<u8>, v: u32| f.extend(v.to_le_bytes());
    let address = |f: &mut Vec<u8>, v: u32| if long { f.extend(u64::from(v).to_le_bytes()) } else { f.extend(v.to_le_bytes()) };
    let (header, table) = if long { (64, 56) } else { (52, 32) };
    half(&mut f, 2);
    half(&mut f, if long { 62 } else { 3 });
    word(&mut f, 1);
    for v in [entry, header, 0] {
        address(&mut f, v);
    }
    word(&mut f, 0);
    for v in [header as u16, table, 1, 0, 0, 0] {
        half(&mut f, v);
    }
    // Readable, writable and executable.
    let (kind, flags, size) = (1, 7, HEADERS + code.len() as u32);
    word(&mut f, kind);
    if long {
        word(&mut f, flags);
    }
    for v in [0, BASE, BASE, size, size] {
        address(&mut f, v);
    }
    if !long {
        word(&mut f, flags);
    }
    address(&mut f, PAGE);
    f.resize(HEADERS as usize, 0);
    f.extend(code);
    f
}
