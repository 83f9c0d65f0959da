//! What a file of the cache looks like, and how little of it is believed.
//!
//! ```text
//! header   magic, version, length of the key, slots, records, total length, checksum of header and key
//! key      what the blocks were made for and by, compared byte by byte
//! index    slots of 8 bytes: place of a record in units of 8 bytes behind the index, plus 1, or 0; part of the address's hash
//! records  each: length, checksum of the record; the record (see the crate jit); zeroes up to a multiple of 8
//! ```
//!
//! All numbers are little-endian. The index is not checksummed: what it leads to is checked as a record, and must have the address that was looked for. So
//! opening a file costs the same whatever its size, and a damaged part costs what is in it and no more.

use forklift_jit::record_address;
use forklift_x86::GuestAddr;

use super::hash::hash;

const MAGIC: [u8; 8] = *b"forklift";
/// Counts up whenever this layout changes. What is in the records is told apart by the key, which has forklift's build.
const VERSION: u32 = 1;
const HEADER: usize = 40;
const SLOT: usize = 8;
/// Length and checksum before a record.
const FRAME: usize = 16;
const UNIT: usize = 8;
/// Slots that a search looks at.
const PROBES: usize = 32;
/// Largest file that is written. Unit: bytes.
pub(super) const MAX_FILE: usize = 64 << 20;

/// The parts of a file whose header and key are right.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    key: usize,
    slots: usize,
    count: usize,
    len: usize,
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

const fn place_of(pc: u64) -> (usize, u32) {
    let h = pc.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((h >> 32) as usize, h as u32)
}

impl Layout {
    /// Looks at header and key of a file; `None` if they are damaged. A file that is shorter than it was may still be used.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let number = |at| u32_at(bytes, at).map(|n| n as usize);
        let layout = Self { key: number(12)?, slots: number(16)?, count: number(20)?, len: usize::try_from(u64_at(bytes, 24)?).ok()? };
        let head = bytes.get(..HEADER.checked_add(layout.key)?)?;
        let sum = hash(&head[..32], 0) ^ hash(&head[HEADER..], 0);
        let fits = layout.slots.is_power_of_two() && layout.len <= MAX_FILE && layout.records() <= layout.len;
        (bytes[..8] == MAGIC && u32_at(bytes, 8)? == VERSION && fits && u64_at(bytes, 32)? == sum).then_some(layout)
    }

    /// The key.
    pub(super) fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(HEADER..HEADER + self.key).unwrap_or_default()
    }

    /// How many records there were when it was written.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The length that it was written with.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    const fn index(&self) -> usize {
        HEADER + self.key.next_multiple_of(UNIT)
    }

    const fn records(&self) -> usize {
        self.index() + self.slots * SLOT
    }

    /// The record of the block at `pc`.
    pub(super) fn find<'a>(&self, bytes: &'a [u8], pc: u64) -> Option<&'a [u8]> {
        let (start, tag) = place_of(pc);
        for i in 0..PROBES.min(self.slots) {
            let slot = self.index() + ((start + i) & (self.slots - 1)) * SLOT;
            let at = (u32_at(bytes, slot)? as usize).checked_sub(1)?;
            if u32_at(bytes, slot + 4)? == tag {
                let (record, _) = record_at(bytes, self.records() + at * UNIT)?;
                if record_address(record) == Some(GuestAddr::new(pc)) {
                    return Some(record);
                }
            }
        }
        None
    }

    /// All records that are intact, up to the first that isn't.
    pub(super) fn iter<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut at = self.records();
        let end = self.len.min(bytes.len());
        core::iter::from_fn(move || {
            let (record, next) = record_at(&bytes[..end], at)?;
            at = next;
            Some(record)
        })
    }
}

/// The record framed at `at`, and where the next one is.
fn record_at(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let len = u32_at(bytes, at)? as usize;
    let start = at + FRAME;
    let record = bytes.get(start..start.checked_add(len)?)?;
    (u64_at(bytes, at + 8)? == hash(record, len as u64)).then_some((record, (start + len).next_multiple_of(UNIT)))
}

/// The bytes of a file with these records, of which the first ones stay if there are too many.
pub(super) fn build<'a>(key: &[u8], records: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
    let slots = (records.clone().count() * 2).next_power_of_two();
    let layout = Layout { key: key.len(), slots, count: 0, len: 0 };
    let mut out = vec![0; layout.records()];
    let mut count = 0u32;
    for r in records {
        if out.len() + FRAME + r.len() > MAX_FILE - UNIT {
            break;
        }
        let Some(pc) = record_address(r) else { continue };
        let (start, tag) = place_of(pc.get());
        let free = (0..PROBES.min(slots)).map(|i| layout.index() + ((start + i) & (slots - 1)) * SLOT).find(|&s| u32_at(&out, s) == Some(0));
        let Some(slot) = free else { continue };
        let place = ((out.len() - layout.records()) / UNIT + 1) as u32;
        out[slot..slot + 4].copy_from_slice(&place.to_le_bytes());
        out[slot + 4..slot + 8].copy_from_slice(&tag.to_le_bytes());
        out.extend_from_slice(&(r.len() as u64).to_le_bytes());
        out.extend_from_slice(&hash(r, r.len() as u64).to_le_bytes());
        out.extend_from_slice(r);
        out.resize(out.len().next_multiple_of(UNIT), 0);
        count += 1;
    }
    let len = out.len() as u64;
    out[..8].copy_from_slice(&MAGIC);
    for (at, n) in [(8, VERSION), (12, key.len() as u32), (16, slots as u32), (20, count)] {
        out[at..at + 4].copy_from_slice(&n.to_le_bytes());
    }
    out[24..32].copy_from_slice(&len.to_le_bytes());
    out[HEADER..HEADER + key.len()].copy_from_slice(key);
    let sum = hash(&out[..32], 0) ^ hash(key, 0);
    out[32..40].copy_from_slice(&sum.to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(pc: u64, len: usize) -> Vec<u8> {
        let mut r = pc.to_le_bytes().to_vec();
        r.extend((0..len).map(|i| (i as u64 ^ pc) as u8));
        r
    }

    fn sample(n: u64) -> (Vec<Vec<u8>>, Vec<u8>) {
        let records: Vec<_> = (0..n).map(|i| record(0x40_1000 + i * 13, 20 + i as usize % 50)).collect();
        let bytes = build(b"the key", records.iter().map(Vec::as_slice));
        (records, bytes)
    }

    /// Everything found in `bytes` is what was written.
    fn check(bytes: &[u8], records: &[Vec<u8>]) -> usize {
        let Some(l) = Layout::parse(bytes) else { return 0 };
        if l.key(bytes) != b"the key" {
            return 0;
        }
        assert!(l.iter(bytes).all(|r| records.iter().any(|w| w == r)));
        let found = |r: &&Vec<u8>| {
            let pc = u64::from_le_bytes(*r.first_chunk().unwrap());
            let got = l.find(bytes, pc);
            assert!(got.is_none_or(|g| g == r.as_slice()));
            got.is_some()
        };
        records.iter().filter(found).count()
    }

    #[test]
    fn finds_what_was_written() {
        for n in [0, 1, 2, 3, 100, 1000] {
            let (records, bytes) = sample(n);
            assert_eq!(check(&bytes, &records), n as usize);
            let l = Layout::parse(&bytes).unwrap();
            assert_eq!((l.iter(&bytes).count(), l.count(), l.len()), (n as usize, n as usize, bytes.len()));
            assert!(l.find(&bytes, 77).is_none());
        }
    }

    #[test]
    fn cut_anywhere() {
        let (records, bytes) = sample(20);
        let mut last = 0;
        for len in 0..bytes.len() {
            let now = check(&bytes[..len], &records);
            // All of them only where nothing but padding is missing.
            assert!(now >= last && (now < 20 || bytes[len..].iter().all(|&b| b == 0) && bytes.len() - len < UNIT));
            last = now;
        }
    }

    #[test]
    fn any_byte_changed() {
        let (records, bytes) = sample(20);
        for at in 0..bytes.len() {
            for x in [1, 0x80, 0xff] {
                let mut other = bytes.clone();
                other[at] ^= x;
                check(&other, &records);
            }
        }
    }

    proptest! {
        #[test]
        fn any_damage(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40), cut in any::<prop::sample::Index>()) {
            let (records, mut bytes) = sample(30);
            for (at, v) in edits {
                let at = at.index(bytes.len());
                bytes[at] = v;
            }
            let len = cut.index(bytes.len() + 1);
            check(&bytes[..len], &records);
            check(&bytes, &records);
        }

        #[test]
        fn anything(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            check(&bytes, &[]);
        }
    }
}
