//! Blocks as bytes, to be kept from one run of a program to the next.
//!
//! A record holds a block before it is placed, and the guest code that it was made from. Emitted code names nothing of the process but through its state,
//! and tokens, which are made anew ([`InstallEnv::token`]); guest addresses are in it as they were. So a record is good for every process in which the same
//! bytes lie at the same addresses, if forklift itself and what [`fingerprint`](crate::fingerprint) describes are the same. Whoever keeps records sees to the
//! latter, and that a record's bytes are those that were written (a checksum); [`Jit::install`](crate::Jit::install) compares the guest's code.
//!
//! Numbers are little-endian, 32 bits wide but for addresses; the lists come in the order of [`Head`]. Nothing is believed that could lead out of a list or out
//! of the code, so that a bad record is an error and nothing worse; but emitted code is not looked into.

use forklift_lift::{LiftEnv, LiftedExit, Needs, Token};
use forklift_x86::GuestAddr;

use crate::blocks::{LOST, Trap};
use crate::compile::Compiled;

/// An environment for blocks of which records are made.
pub trait Recorder: LiftEnv {
    /// Fills `buf` with the code at `addr`, exactly as [`LiftEnv::fetch`] gave it to the lifter; whether it could.
    fn seen(&mut self, addr: GuestAddr, buf: &mut [u8]) -> bool;
}

/// What installing a block needs of the process.
pub trait InstallEnv {
    /// Whether executable memory at `addr` holds `bytes`. From before they are read, a write to them must call [`Jit::invalidate`](crate::Jit::invalidate).
    fn holds(&mut self, addr: GuestAddr, bytes: &[u8]) -> bool;

    /// The token of the instruction at `at`, with which `bytes` begin; `None` if they don't begin with one.
    fn token(&mut self, at: GuestAddr, bytes: &[u8]) -> Option<u64>;

    /// As [`LiftEnv::may_write_itself`], for the block at `pc`.
    fn may_write_itself(&mut self, pc: GuestAddr) -> bool;
}

/// How many counts a record's head has.
const COUNTS: usize = 9;

/// Longest list, code aside. Regions have up to 160 instructions.
const MAX_LIST: usize = 4096;
/// Longest code. Unit: bytes.
const MAX_CODE: usize = 1 << 20;

/// The start of a record: the block's address, then these, then what it was made for.
struct Head {
    insns: usize,
    entry: usize,
    exits: usize,
    direct: usize,
    tails: usize,
    tokens: usize,
    traps: usize,
    ranges: usize,
    code: usize,
}

/// Kinds of exits in a record.
mod kind {
    pub const DIRECT: u32 = 0;
    pub const INDIRECT: u32 = 1;
    pub const STEP: u32 = 2;
    pub const DISPATCH: u32 = 3;
    pub const AGAIN: u32 = 4;
}

fn put(out: &mut Vec<u8>, v: usize) {
    out.extend_from_slice(&(v as u32).to_le_bytes());
}

fn put_address(out: &mut Vec<u8>, a: u64) {
    out.extend_from_slice(&a.to_le_bytes());
}

/// Appends the record of `c` to `out`. `source` fills its buffer with the guest code at an address, as the lifter saw it. Returns whether it could be done; if
/// not, `out` is as it was.
pub(crate) fn encode(c: &Compiled, needs: Needs, out: &mut Vec<u8>, source: impl FnMut(GuestAddr, &mut [u8]) -> bool) -> bool {
    let start = out.len();
    let done = try_encode(c, needs, out, source).is_some();
    if !done {
        out.truncate(start);
    }
    done
}

fn try_encode(c: &Compiled, needs: Needs, out: &mut Vec<u8>, mut source: impl FnMut(GuestAddr, &mut [u8]) -> bool) -> Option<()> {
    let l = &c.lifted;
    put_address(out, l.ranges.first()?.0.get());
    let counts: [usize; COUNTS] = [l.insns, c.entry, l.exits.len(), c.direct.len(), c.tails.len(), c.tokens.len(), c.traps.len(), l.ranges.len(), c.code.len()];
    counts.iter().chain(&[usize::from(needs.bits())]).for_each(|&n| put(out, n));
    for e in &l.exits {
        let (kind, target) = match *e {
            LiftedExit::Direct(a) => (kind::DIRECT, a.get()),
            LiftedExit::Indirect => (kind::INDIRECT, 0),
            LiftedExit::Step(a) => (kind::STEP, a.get()),
            LiftedExit::Dispatch => (kind::DISPATCH, 0),
            LiftedExit::Again(a) => (kind::AGAIN, a.get()),
            // Of checked blocks, which aren't worth keeping.
            LiftedExit::Stale => return None,
        };
        put(out, kind as usize);
        put_address(out, target);
    }
    for (hole, exit) in &c.direct {
        [hole.start, hole.end, *exit].iter().for_each(|&n| put(out, n));
    }
    for hole in &c.tails {
        [hole.start, hole.end].iter().for_each(|&n| put(out, n));
    }
    for &(offset, token) in &c.tokens {
        put(out, offset);
        put_address(out, l.tokens.get(token)?.at.get());
    }
    for t in &c.traps {
        [t.code as usize, t.guest as usize, t.pad as usize].iter().for_each(|&n| put(out, n));
    }
    for &(from, to) in &l.ranges {
        let len = to.get().wrapping_sub(from.get()) as usize;
        put_address(out, from.get());
        put(out, len);
        let at = out.len();
        out.resize(at + Some(len).filter(|&l| l <= MAX_LIST)?, 0);
        source(from, &mut out[at..]).then_some(())?;
    }
    out.extend_from_slice(&c.code);
    Some(())
}

/// Address of the block that the record holds.
pub fn record_address(record: &[u8]) -> Option<GuestAddr> {
    Reader(record).address()
}

/// What the block that the record holds was made for.
pub(crate) fn needs(record: &[u8]) -> Option<Needs> {
    let mut r = Reader(record);
    r.address()?;
    r.bytes(COUNTS * size_of::<u32>())?;
    r.number().and_then(|n| u8::try_from(n).ok()).map(Needs::from_bits)
}

/// Reads numbers off the front of a record.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    fn number(&mut self) -> Option<usize> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*head) as usize)
    }

    fn address(&mut self) -> Option<GuestAddr> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(GuestAddr::new(u64::from_le_bytes(*head)))
    }

    fn head(&mut self) -> Option<Head> {
        let mut list = |max: usize| self.number().filter(|&n| n <= max);
        let h = Head {
            insns: list(MAX_LIST)?,
            entry: list(MAX_CODE)?,
            exits: list(MAX_LIST)?,
            direct: list(MAX_LIST)?,
            tails: list(MAX_LIST)?,
            tokens: list(MAX_LIST)?,
            traps: list(MAX_LIST)?,
            ranges: list(MAX_LIST)?,
            code: list(MAX_CODE)?,
        };
        list(usize::from(u8::MAX))?;
        (h.entry < h.code).then_some(h)
    }

    fn exit(&mut self) -> Option<LiftedExit> {
        let (kind, target) = (self.number()? as u32, self.address()?);
        Some(match kind {
            kind::DIRECT => LiftedExit::Direct(target),
            kind::INDIRECT => LiftedExit::Indirect,
            kind::STEP => LiftedExit::Step(target),
            kind::DISPATCH => LiftedExit::Dispatch,
            kind::AGAIN => LiftedExit::Again(target),
            _ => return None,
        })
    }

    /// A hole for a jump of at least `min` bytes in code of `len` bytes.
    fn hole(&mut self, min: usize, len: usize) -> Option<core::ops::Range<usize>> {
        let (start, end) = (self.number()?, self.number()?);
        (start.checked_add(min)? <= end && end <= len).then_some(start..end)
    }
}

/// Reads a record into `c`, whose lists are empty. `None`: the record is bad, or its guest code isn't what `env` has; `c` is of no use then.
pub(crate) fn decode(record: &[u8], c: &mut Compiled, env: &mut dyn InstallEnv) -> Option<()> {
    let mut r = Reader(record);
    let start = r.address()?;
    let h = r.head()?;
    (c.entry, c.lifted.insns) = (h.entry, h.insns);
    for _ in 0..h.exits {
        c.lifted.exits.push(r.exit()?);
    }
    for _ in 0..h.direct {
        let hole = r.hole(crate::strip::DIRECT, h.code)?;
        c.direct.push((hole, r.number().filter(|&e| e < h.exits)?));
    }
    for _ in 0..h.tails {
        c.tails.push(r.hole(crate::strip::TAIL, h.code)?);
    }
    for n in 0..h.tokens {
        let offset = r.number().filter(|o| o + size_of::<u64>() <= h.code)?;
        c.tokens.push((offset, n));
        c.lifted.tokens.push(Token { at: r.address()?, value: 0 });
    }
    for _ in 0..h.traps {
        let (code, guest, pad) = (r.number()? as u32, r.number()? as u32, r.number()? as u32);
        let sorted = c.traps.last().is_none_or(|l| l.code <= code);
        (sorted && (code as usize) < h.code && (pad == LOST || (pad as usize) < h.code)).then(|| c.traps.push(Trap { code, guest, pad }))?;
    }
    for _ in 0..h.ranges {
        source(&mut r, c, env)?;
    }
    (c.lifted.ranges.first()?.0 == start && r.0.len() == h.code && c.lifted.tokens.iter().all(|t| t.value != 0)).then_some(())?;
    c.code.extend_from_slice(r.0);
    Some(())
}

/// Reads a range of guest code, compares it, and makes the tokens of the instructions in it.
fn source(r: &mut Reader<'_>, c: &mut Compiled, env: &mut dyn InstallEnv) -> Option<()> {
    let (from, len) = (r.address()?, r.number()?);
    let bytes = r.bytes(len)?;
    env.holds(from, bytes).then_some(())?;
    c.lifted.ranges.push((from, from.wrapping_add(len as u64)));
    for t in c.lifted.tokens.iter_mut().filter(|t| t.value == 0) {
        let at = t.at.get().wrapping_sub(from.get());
        if at < len as u64 {
            t.value = env.token(t.at, &bytes[at as usize..])?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 0x40_1000;
    const SOURCE: [u8; 12] = [0x90, 0x0f, 0xa2, 0x90, 0x75, 0xfa, 0xc3, 1, 2, 3, 4, 5];

    struct Guest(Vec<u8>);

    impl InstallEnv for Guest {
        fn holds(&mut self, addr: GuestAddr, bytes: &[u8]) -> bool {
            let at = addr.get().wrapping_sub(START) as usize;
            self.0.get(at..at.saturating_add(bytes.len())) == Some(bytes)
        }

        fn token(&mut self, at: GuestAddr, bytes: &[u8]) -> Option<u64> {
            (bytes.len() > 1).then(|| at.get() | 1 << 60)
        }

        fn may_write_itself(&mut self, _: GuestAddr) -> bool {
            false
        }
    }

    fn at(offset: u64) -> GuestAddr {
        GuestAddr::new(START + offset)
    }

    fn sample() -> Compiled {
        Compiled {
            lifted: forklift_lift::Lifted {
                exits: vec![LiftedExit::Direct(at(7)), LiftedExit::Indirect, LiftedExit::Step(at(5)), LiftedExit::Dispatch],
                pcs: Vec::new(),
                ranges: vec![(at(0), at(7)), (at(9), at(12))],
                tokens: vec![Token { at: at(1), value: at(1).get() | 1 << 60 }],
                insns: 5,
                ..forklift_lift::Lifted::default()
            },
            code: (0..100).collect(),
            entry: 4,
            direct: vec![(20..40, 0), (50..70, 2)],
            tails: core::iter::once(80..99).collect(),
            tokens: vec![(8, 0)],
            traps: vec![Trap { code: 6, guest: 1, pad: 0 }, Trap { code: 30, guest: 4, pad: 77 }, Trap { code: 40, guest: 5, pad: LOST }],
        }
    }

    fn record() -> Vec<u8> {
        let mut out = b"before".to_vec();
        let source = |a: GuestAddr, buf: &mut [u8]| {
            let from = (a.get() - START) as usize;
            buf.copy_from_slice(&SOURCE[from..from + buf.len()]);
            true
        };
        assert!(encode(&sample(), Needs::ORDERED, &mut out, source));
        out.split_off(6)
    }

    fn read(record: &[u8], guest: &[u8]) -> Option<Compiled> {
        let mut c = Compiled::default();
        decode(record, &mut c, &mut Guest(guest.to_vec())).map(|()| c)
    }

    #[test]
    fn there_and_back() {
        let (c, want) = (read(&record(), &SOURCE).unwrap(), sample());
        assert_eq!(c.lifted, want.lifted);
        assert_eq!((c.code, c.entry, c.direct, c.tails, c.tokens, c.traps), (want.code, want.entry, want.direct, want.tails, want.tokens, want.traps));
        assert_eq!((record_address(&record()), needs(&record())), (Some(at(0)), Some(Needs::ORDERED)));
    }

    /// Of the guest's bytes, exactly those that the block was made from matter.
    #[test]
    fn only_for_the_same_code() {
        for i in 0..SOURCE.len() {
            let mut guest = SOURCE;
            guest[i] ^= 1;
            assert_eq!(read(&record(), &guest).is_some(), (7..9).contains(&i), "byte {i}");
        }
        assert!(read(&record(), &SOURCE[..8]).is_none());
    }

    /// What can't be read is no reason to panic, and what can be read stays within its code.
    #[test]
    fn damaged() {
        let good = record();
        for n in 0..good.len() {
            assert!(read(&good[..n], &SOURCE).is_none());
            for x in [1, 0x10, 0x7f, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[n] ^= x;
                let Some(c) = read(&bad, &SOURCE) else { continue };
                let len = c.code.len();
                assert!(c.entry < len && c.direct.iter().all(|d| d.0.end <= len && d.1 < c.lifted.exits.len()) && c.tails.iter().all(|t| t.end <= len));
                assert!(c.tokens.iter().all(|t| t.0 + 8 <= len) && c.traps.iter().all(|t| (t.code as usize) < len));
            }
        }
    }

    #[test]
    fn a_checked_block_is_not_kept() {
        let mut c = sample();
        c.lifted.exits.push(LiftedExit::Stale);
        let mut out = vec![1];
        assert!(!encode(&c, Needs::NONE, &mut out, |_, _| true));
        assert!(!encode(&sample(), Needs::NONE, &mut out, |_, _| false));
        assert_eq!(out, [1]);
    }
}
