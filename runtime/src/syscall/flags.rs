//! Flags of open(2): x86's numbers are not those of every host.

/// Bits whose numbers differ between architectures: x86's, the host's.
const DIFFERENT: [(u32, u32); 3] = [(0o40_000, libc::O_DIRECT as u32), (0o200_000, libc::O_DIRECTORY as u32), (0o400_000, libc::O_NOFOLLOW as u32)];

/// x86's O_LARGEFILE. 64-bit hosts set it for every file.
pub(super) const O_LARGEFILE: u32 = 0o100_000;

/// What F_GETFL shows for it on the host.
#[cfg(target_arch = "x86_64")]
pub(super) const HOST_LARGEFILE: u64 = 0o100_000;
/// What F_GETFL shows for it on the host.
#[cfg(not(target_arch = "x86_64"))]
pub(super) const HOST_LARGEFILE: u64 = 0o400_000;

const fn masks() -> (u32, u32) {
    let (mut guest, mut host, mut i) = (O_LARGEFILE, HOST_LARGEFILE as u32, 0);
    while i < DIFFERENT.len() {
        guest |= DIFFERENT[i].0;
        host |= DIFFERENT[i].1;
        i += 1;
    }
    (guest, host)
}

/// Flags of the guest as the host's.
pub(super) fn to_host(flags: u32) -> u64 {
    let mut out = flags & !masks().0;
    for (guest, host) in DIFFERENT {
        if flags & guest != 0 {
            out |= host;
        }
    }
    out.into()
}

/// Flags of the host, from F_GETFL, as the guest's.
pub(super) fn from_host(flags: u64) -> u64 {
    let large = flags & HOST_LARGEFILE != 0;
    let flags = flags as u32;
    let mut out = flags & !masks().1;
    for (guest, host) in DIFFERENT {
        if flags & host != 0 {
            out |= guest;
        }
    }
    if large {
        out |= O_LARGEFILE;
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for bit in [0o40_000, 0o200_000, 0o400_000, 1, 2, 0o2000, 0o4000, 0o2_000_000, 0o10_000_000] {
            assert_eq!(from_host(to_host(bit)), u64::from(bit));
        }
        assert_eq!(to_host(0o200_000), libc::O_DIRECTORY as u64);
    }
}
