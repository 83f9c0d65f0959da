//! Ancillary data of 32-bit programs. Their header has 12 bytes instead of 16 and is aligned to 4 instead of 8; times in it have 32 bits. What the
//! kernel does for its 32-bit programs (net/compat.c) is done here on the host's form.

use forklift_x86::GuestAddr;

use super::super::sys::{int, sys};
use crate::abi::{GuestPtr, I386};
use crate::errno::{Errno, SysResult};
use crate::task::Task;

/// Bytes of the guest's `struct cmsghdr`.
const GUEST_HEADER: usize = 12;
/// Bytes of the host's.
const HOST_HEADER: usize = 16;

const fn guest_space(payload: usize) -> usize {
    GUEST_HEADER + payload.next_multiple_of(4)
}

fn word(b: &[u8], at: usize) -> u32 {
    b.get(at..at + 4).map_or(0, |w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]))
}

fn long(b: &[u8], at: usize) -> u64 {
    u64::from(word(b, at)) | u64::from(word(b, at + 4)) << 32
}

/// How many of the `len` bytes of ancillary data there are messages in.
///
/// # Errors
/// EFAULT for headers that can't be read; EINVAL for lengths that don't fit, and if there is no message at all.
pub(super) fn extent(t: &Task, addr: GuestAddr, len: u64) -> SysResult<u64> {
    let mut at = 0;
    while addr.get() != 0 && len.saturating_sub(at) >= GUEST_HEADER as u64 {
        let own = u64::from(t.mem.read(GuestPtr::<I386, u32>::new(addr.wrapping_add(at)))?);
        if own < GUEST_HEADER as u64 || own > len - at {
            return Err(Errno::EINVAL);
        }
        at += own.next_multiple_of(4);
    }
    if at == 0 { Err(Errno::EINVAL) } else { Ok(at.min(len)) }
}

/// The guest's ancillary data in the host's form.
///
/// # Errors
/// EINVAL for lengths that don't fit, as the kernel has it.
pub(super) fn to_host(guest: &[u8]) -> SysResult<Vec<u8>> {
    let mut out = Vec::with_capacity(guest.len() * 2);
    let mut at = 0;
    while guest.len() - at >= GUEST_HEADER {
        let len = word(guest, at) as usize;
        if len < GUEST_HEADER || len > guest.len() - at {
            return Err(Errno::EINVAL);
        }
        let payload = &guest[at + GUEST_HEADER..at + len];
        out.extend_from_slice(&((HOST_HEADER + payload.len()) as u64).to_le_bytes());
        out.extend_from_slice(&guest[at + 4..at + GUEST_HEADER]);
        out.extend_from_slice(payload);
        out.resize(out.len().next_multiple_of(8), 0);
        at = (at + len.next_multiple_of(4)).min(guest.len());
    }
    Ok(out)
}

/// A message's payload with times of 32 bits: SCM_TIMESTAMP, SCM_TIMESTAMPNS, SCM_TIMESTAMPING.
fn narrow_times(payload: &[u8]) -> Vec<u8> {
    payload.chunks_exact(8).flat_map(|c| [c[0], c[1], c[2], c[3]]).collect()
}

/// What became of the host's ancillary data.
pub(super) struct Received {
    /// In the guest's form, at most as long as asked for.
    pub bytes: Vec<u8>,
    /// Whether something didn't fit: MSG_CTRUNC.
    pub truncated: bool,
}

/// The host's ancillary data in the guest's form, in at most `room` bytes. Descriptors that don't fit are closed.
pub(super) fn to_guest(host: &[u8], room: usize) -> Received {
    let mut r = Received { bytes: Vec::new(), truncated: false };
    let mut at = 0;
    while host.len().saturating_sub(at) >= HOST_HEADER {
        let len = (long(host, at) as usize).clamp(HOST_HEADER, host.len() - at);
        let (level, kind) = (word(host, at + 8) as i32, word(host, at + 12) as i32);
        let payload = &host[at + HOST_HEADER..at + len];
        let left = room.saturating_sub(r.bytes.len());
        let payload = match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => fit_descriptors(&mut r, payload, left),
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMP | libc::SCM_TIMESTAMPNS | libc::SCM_TIMESTAMPING) => Some(narrow_times(payload)),
            _ => Some(payload.to_vec()),
        };
        if let Some(payload) = payload {
            push(&mut r, level, kind, &payload, left);
        }
        at += len.next_multiple_of(8);
    }
    r
}

/// The descriptors that fit in `left` bytes; the others are closed.
fn fit_descriptors(r: &mut Received, payload: &[u8], left: usize) -> Option<Vec<u8>> {
    let fit = (left.saturating_sub(GUEST_HEADER) / 4 * 4).min(payload.len());
    for fd in payload[fit..].chunks_exact(4) {
        r.truncated = true;
        let _ = sys(libc::SYS_close, [int(i32::from_le_bytes([fd[0], fd[1], fd[2], fd[3]]))]);
    }
    (fit > 0).then(|| payload[..fit].to_vec())
}

/// Appends one message, cut to `left` bytes.
fn push(r: &mut Received, level: i32, kind: i32, payload: &[u8], left: usize) {
    if left < GUEST_HEADER {
        r.truncated = true;
        return;
    }
    let len = (GUEST_HEADER + payload.len()).min(left);
    r.truncated |= len < GUEST_HEADER + payload.len();
    let start = r.bytes.len();
    r.bytes.extend_from_slice(&(len as u32).to_le_bytes());
    r.bytes.extend_from_slice(&level.to_le_bytes());
    r.bytes.extend_from_slice(&kind.to_le_bytes());
    r.bytes.extend_from_slice(&payload[..len - GUEST_HEADER]);
    r.bytes.resize(start + guest_space(len - GUEST_HEADER).min(left), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(kind: u32, payload: &[u8]) -> Vec<u8> {
        let mut v = Vec::new();
        for w in [(GUEST_HEADER + payload.len()) as u32, 1, kind] {
            v.extend_from_slice(&w.to_le_bytes());
        }
        v.extend_from_slice(payload);
        v.resize(v.len().next_multiple_of(4), 0);
        v
    }

    #[test]
    fn round_trip() {
        let both = [guest(77, b"abcde"), guest(78, b"")].concat();
        let host = to_host(&both).unwrap();
        assert_eq!(host.len(), 16 + 8 + 16);
        let back = to_guest(&host, 1000);
        assert!(!back.truncated);
        assert_eq!(back.bytes, both);
    }

    #[test]
    fn bad_lengths() {
        assert!(to_host(&[5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
        assert!(to_host(&[99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
        assert!(to_host(&[1, 2, 3]).unwrap().is_empty());
    }

    #[test]
    fn cut() {
        let host = to_host(&guest(77, b"abcdefgh")).unwrap();
        let r = to_guest(&host, 16);
        assert!(r.truncated);
        assert_eq!((r.bytes.len(), r.bytes[0]), (16, 16));
        assert!(to_guest(&host, 4).truncated);
    }
}
