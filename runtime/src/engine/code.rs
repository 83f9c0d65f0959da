//! Guest code as the translator gets it: watched before it is read, so that a write to it throws the translation away.

use forklift_interp::{Op, compile_op};
use forklift_jit::Recorder;
use forklift_lift::LiftEnv;
use forklift_x86::{CcOp, CpuModel, GuestAddr, MAX_INSN_LEN, Mode, decode_one};
use iced_x86::Instruction;

use crate::mem::vma::Prot;
use crate::mem::{CpuMem, GuestMem};

const PAGE: usize = GuestAddr::PAGE_SIZE as usize;

/// The operations that emitted code steps through: tokens are addresses of these, which must not move.
pub(super) type Ops = Vec<Box<Op<CpuMem>>>;

fn add_step(steps: &mut Ops, i: &Instruction, mode: Mode, model: CpuModel) -> u64 {
    let op = Box::new(compile_op(i, mode, model));
    let token = core::ptr::from_ref(&*op) as u64;
    steps.push(op);
    token
}

/// Whether the guest may write to the page of `addr`.
fn is_writable(mem: &GuestMem, addr: GuestAddr) -> bool {
    mem.space().prot_at(addr).is_none_or(|p| p.has(Prot::WRITE))
}

/// A page as it was when it was first looked at.
struct Page {
    number: u64,
    bytes: Box<[u8; PAGE]>,
    /// How many of them are executable and watched.
    len: usize,
}

/// What the lifter wants to know of the processor.
#[derive(Clone, Copy)]
pub(super) struct Guest {
    pub mode: Mode,
    pub model: CpuModel,
    /// As [`LiftEnv::flags_op`].
    pub flags_op: CcOp,
}

/// What the lifter is given.
pub(super) struct Env<'a> {
    mem: &'a GuestMem,
    /// The operations of this block.
    steps: Ops,
    guest: Guest,
    /// The block's own bytes if it is checked: it compares them itself. Read once, as nothing keeps them from changing.
    own: Option<(GuestAddr, Vec<u8>)>,
    /// The guest may write to the block's code without a system call before.
    writable: bool,
    /// Copies, so that all that is seen of a page is from the same moment, and can be told afterwards.
    pages: Vec<Page>,
}

impl<'a> Env<'a> {
    /// For the block at `pc`. `own`: the block's own bytes, if it is checked.
    pub(super) fn new(mem: &'a GuestMem, pc: GuestAddr, guest: Guest, own: Option<(GuestAddr, GuestAddr)>) -> Self {
        let own = own.map(|(start, end)| {
            let mut bytes = vec![0; end.get().wrapping_sub(start.get()) as usize];
            let have = mem.fetch_code(start, &mut bytes);
            bytes.truncate(have);
            (start, bytes)
        });
        Self { mem, steps: Ops::new(), guest, own, writable: is_writable(mem, pc), pages: Vec::new() }
    }

    /// The operations that were made.
    pub(super) fn steps(self) -> Ops {
        self.steps
    }

    /// The memory.
    pub(super) fn mem(&self) -> &'a GuestMem {
        self.mem
    }

    /// Bytes of the block itself, which are not watched.
    fn own_from(&self, addr: GuestAddr) -> Option<&[u8]> {
        let (start, bytes) = self.own.as_ref()?;
        bytes.get(addr.get().wrapping_sub(start.get()) as usize..).filter(|rest| !rest.is_empty())
    }

    /// What may be used of the page from `addr` on.
    fn rest_of_page(&mut self, addr: GuestAddr) -> &[u8] {
        let number = addr.page();
        let known = self.pages.iter().position(|p| p.number == number);
        let at = known.unwrap_or_else(|| {
            let start = addr.page_base();
            let mut bytes = Box::new([0; PAGE]);
            let checked = self.mem.space().watch_code(start, start.wrapping_add(1));
            let unusable = checked || !self.writable && is_writable(self.mem, start);
            let len = if unusable { 0 } else { self.mem.fetch_code(start, &mut bytes[..]) };
            self.pages.push(Page { number, bytes, len });
            self.pages.len() - 1
        });
        let page = &self.pages[at];
        page.bytes[..page.len].get(addr.page_offset() as usize..).unwrap_or_default()
    }

    fn copy(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        let mut done = 0;
        while done < buf.len() {
            let have = self.rest_of_page(addr.wrapping_add(done as u64));
            let n = have.len().min(buf.len() - done);
            if n == 0 {
                break;
            }
            buf[done..done + n].copy_from_slice(&have[..n]);
            done += n;
        }
        done
    }
}

impl LiftEnv for Env<'_> {
    /// Not beyond the page, so that no page is watched for nothing, but for an instruction that may cross its end.
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        match self.own_from(addr) {
            Some(rest) => {
                let n = buf.len().min(rest.len());
                buf[..n].copy_from_slice(&rest[..n]);
                n
            }
            None => {
                let room = PAGE - addr.page_offset() as usize;
                let n = buf.len().min(room.max(MAX_INSN_LEN));
                self.copy(addr, &mut buf[..n])
            }
        }
    }

    fn token(&mut self, i: &Instruction) -> u64 {
        add_step(&mut self.steps, i, self.guest.mode, self.guest.model)
    }

    fn model(&self) -> CpuModel {
        self.guest.model
    }

    fn flags_op(&self) -> CcOp {
        self.guest.flags_op
    }

    /// A block of a page that isn't writable looks at no others that are.
    fn may_write_itself(&self) -> bool {
        self.writable
    }
}

impl Recorder for Env<'_> {
    fn seen(&mut self, addr: GuestAddr, buf: &mut [u8]) -> bool {
        self.own.is_none() && self.copy(addr, buf) == buf.len()
    }
}

/// How many pages are remembered.
const REMEMBERED: usize = 64;

/// Executable pages that were found or put under watch, as long as no page has lost its watch since.
pub(super) struct Watched {
    epoch: u64,
    pages: [u64; REMEMBERED],
}

/// Page number of nothing.
const NO_PAGE: u64 = u64::MAX;

impl Default for Watched {
    fn default() -> Self {
        Self { epoch: 0, pages: [NO_PAGE; REMEMBERED] }
    }
}

impl Watched {
    /// Whether the executable page of `addr` is under watch now.
    pub(super) fn watch(&mut self, mem: &GuestMem, addr: GuestAddr) -> bool {
        let epoch = mem.space().epoch();
        if epoch != self.epoch {
            *self = Self { epoch, ..Self::default() };
        }
        let (page, slot) = (addr.page(), addr.page() as usize % REMEMBERED);
        if self.pages[slot] != page {
            let start = addr.page_base();
            if mem.space().watch_code(start, start.wrapping_add(1)) || !mem.space().prot_at(start).is_some_and(|p| p.has(Prot::EXEC)) {
                return false;
            }
            self.pages[slot] = page;
        }
        true
    }
}

/// What direct code is made from.
pub(super) struct DirectEnv<'a> {
    pub mem: &'a GuestMem,
    pub model: CpuModel,
    pub watched: &'a mut Watched,
    pub usable_segments: u8,
    /// The block compares its bytes.
    pub checked: bool,
}

impl LiftEnv for DirectEnv<'_> {
    /// Not beyond the page, but for an instruction that may cross its end.
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        let room = PAGE - addr.page_offset() as usize;
        if self.checked {
            let n = buf.len().min(room.max(MAX_INSN_LEN));
            return self.mem.fetch_code(addr, &mut buf[..n]);
        }
        if !self.watched.watch(self.mem, addr) {
            return 0;
        }
        let behind = room < MAX_INSN_LEN && self.watched.watch(self.mem, addr.wrapping_add(room as u64));
        let n = buf.len().min(if behind { MAX_INSN_LEN } else { room });
        self.mem.read_some(addr, &mut buf[..n])
    }

    fn usable_segments(&self) -> u8 {
        self.usable_segments
    }

    /// Direct code steps through nothing.
    fn token(&mut self, _: &Instruction) -> u64 {
        0
    }

    fn model(&self) -> CpuModel {
        self.model
    }

    fn flags_op(&self) -> CcOp {
        CcOp::RAW
    }
}

/// What a block needs that is taken from the cache.
pub(super) struct InstallEnv<'a> {
    pub mem: &'a GuestMem,
    pub mode: Mode,
    pub model: CpuModel,
    pub watched: &'a mut Watched,
    /// The operations of this block.
    pub steps: Ops,
}

impl forklift_jit::InstallEnv for InstallEnv<'_> {
    fn holds(&mut self, addr: GuestAddr, bytes: &[u8]) -> bool {
        let mut at = addr;
        for chunk in bytes.chunks(256) {
            let last = at.wrapping_add(chunk.len() as u64 - 1);
            let watched = self.watched.watch(self.mem, at) && (last.page() == at.page() || self.watched.watch(self.mem, last));
            let mut now = [0; 256];
            let now = &mut now[..chunk.len()];
            if !watched || self.mem.read_some(at, now) != chunk.len() || now != chunk {
                return false;
            }
            at = last.wrapping_add(1);
        }
        true
    }

    fn token(&mut self, at: GuestAddr, bytes: &[u8]) -> Option<u64> {
        let i = decode_one(self.mode, at, bytes)?;
        Some(add_step(&mut self.steps, &i, self.mode, self.model))
    }

    fn may_write_itself(&mut self, pc: GuestAddr) -> bool {
        is_writable(self.mem, pc)
    }
}
