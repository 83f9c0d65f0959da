//! Bytes of host code whose address is known while they are written, and what the few instructions of our own look like.

use forklift_x86::Gpr;

/// r11, the register of the host that is not the guest's: it points to the [`JitState`](forklift_lift::JitState).
pub(super) const STATE: Gpr = Gpr::R11;

/// Line of the instruction cache. Unit: bytes.
const LINE: u64 = 64;

/// Code that will lie at `base`.
pub(super) struct Code {
    base: u64,
    pub bytes: Vec<u8>,
    /// Constants behind the code, each with the place of the displacement that refers to it.
    constants: Vec<(usize, u64)>,
}

const fn low(r: Gpr) -> u8 {
    r.index() as u8 & 7
}

const fn high(r: Gpr) -> u8 {
    r.index() as u8 >> 3
}

impl Code {
    pub fn new() -> Self {
        Self { base: 0, bytes: Vec::with_capacity(512), constants: Vec::new() }
    }

    /// Begins anew: code that will lie at `base`.
    pub fn restart(&mut self, base: u64) {
        self.base = base;
        self.bytes.clear();
        self.constants.clear();
    }

    /// Where it will lie.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Where the next byte goes. Unit: offset.
    pub fn at(&self) -> usize {
        self.bytes.len()
    }

    /// Where the next byte goes, on the host.
    pub fn address(&self) -> u64 {
        self.base + self.at() as u64
    }

    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// `opcode` with the slot of a register in the state as its memory operand, and the register `r`, 64 bits wide.
    fn slot(&mut self, opcode: u8, r: Gpr, slot: Gpr) {
        let disp = 8 * slot.index() as u8;
        self.put(&[0x49 | high(r) << 2, opcode, 0x40 | low(r) << 3 | low(STATE), disp]);
    }

    /// The register's value to the state: `mov [r11 + slot], r`.
    pub fn save(&mut self, r: Gpr) {
        self.slot(0x89, r, r);
    }

    /// The register's value from the state: `mov r, [r11 + slot]`.
    pub fn restore(&mut self, r: Gpr) {
        self.slot(0x8b, r, r);
    }

    /// The guest's r11 to `r`.
    pub fn load_r11(&mut self, r: Gpr) {
        self.slot(0x8b, r, STATE);
    }

    /// `r` to the guest's r11.
    pub fn store_r11(&mut self, r: Gpr) {
        self.slot(0x89, r, STATE);
    }

    /// `mov r, v`.
    pub fn constant(&mut self, r: Gpr, v: u64) {
        if let Ok(v) = u32::try_from(v) {
            if high(r) != 0 {
                self.put(&[0x41]);
            }
            self.put(&[0xb8 | low(r)]);
            self.put(&v.to_le_bytes());
        } else {
            self.put(&[0x48 | high(r), 0xb8 | low(r)]);
            self.put(&v.to_le_bytes());
        }
    }

    /// `mov dword ptr [r11 + disp], v`.
    pub fn store_u32(&mut self, disp: i32, v: u32) {
        self.put(&[0x41, 0xc7, 0x83]);
        self.put(&disp.to_le_bytes());
        self.put(&v.to_le_bytes());
    }

    /// `mov word ptr [r11 + disp], v`.
    pub fn store_u16(&mut self, disp: i32, v: u16) {
        self.put(&[0x66, 0x41, 0xc7, 0x83]);
        self.put(&disp.to_le_bytes());
        self.put(&v.to_le_bytes());
    }

    /// `mov [r11 + disp], r10`.
    pub fn store_r10(&mut self, disp: i32) {
        self.put(&[0x4d, 0x89, 0x93]);
        self.put(&disp.to_le_bytes());
    }

    /// `mov [r11 + disp], rcx`.
    pub fn store_rcx(&mut self, disp: i32) {
        self.put(&[0x49, 0x89, 0x8b]);
        self.put(&disp.to_le_bytes());
    }

    /// Copies 16 bits of the state, by way of rcx: `movzx ecx, word ptr [r11 + from]; mov [r11 + to], cx`.
    pub fn copy_selector(&mut self, from: i32, to: i32) {
        self.put(&[0x41, 0x0f, 0xb7, 0x8b]);
        self.put(&from.to_le_bytes());
        self.put(&[0x66, 0x41, 0x89, 0x8b]);
        self.put(&to.to_le_bytes());
    }

    /// Compares the bytes at `rdx + at` with these, of which there are 1, 2, 4 or 8. Uses rcx.
    pub fn compare(&mut self, at: u32, with: &[u8]) {
        match with.len() {
            8 => {
                self.put(&[0x48, 0xb9]);
                self.put(with);
                self.put(&[0x48, 0x3b, 0x8a]);
                return self.put(&at.to_le_bytes());
            }
            4 => self.put(&[0x81]),
            2 => self.put(&[0x66, 0x81]),
            _ => self.put(&[0x80]),
        }
        self.put(&[0xba]);
        self.put(&at.to_le_bytes());
        self.put(with);
    }

    /// Pushes a constant.
    pub fn push(&mut self, v: u64) {
        if let Ok(v) = i32::try_from(v as i64) {
            self.put(&[0x68]);
            self.put(&v.to_le_bytes());
        } else {
            // push qword ptr [rip + constant]
            self.put(&[0xff, 0x35, 0, 0, 0, 0]);
            self.constants.push((self.at() - 4, v));
        }
    }

    /// A jump of this opcode with a displacement that can be patched; returns where that lies.
    pub fn jump(&mut self, opcode: &[u8]) -> usize {
        let field = self.address() + opcode.len() as u64;
        let over = (field % LINE + 4).saturating_sub(LINE);
        if over != 0 {
            // Into the next line, for `patch_jump`.
            const NOPS: [&[u8]; 3] = [&[0x90], &[0x66, 0x90], &[0x0f, 0x1f, 0x00]];
            self.put(NOPS[(LINE - field % LINE) as usize - 1]);
        }
        self.put(opcode);
        self.put(&[0; 4]);
        self.at() - 4
    }

    /// Writes the constants; the code is complete then.
    pub fn finish(&mut self) {
        for (field, v) in self.constants.drain(..) {
            let disp = (self.bytes.len() - field - 4) as u32;
            self.bytes[field..field + 4].copy_from_slice(&disp.to_le_bytes());
            self.bytes.extend_from_slice(&v.to_le_bytes());
        }
    }

    /// `jmp` to a fixed host address in reach.
    pub fn jump_to(&mut self, target: u64) {
        let rel = target.wrapping_sub(self.address() + 5) as u32;
        self.put(&[0xe9]);
        self.put(&rel.to_le_bytes());
    }
}
