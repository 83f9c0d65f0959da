use forklift_x86::{Fault, Gpr, bits};

use crate::testing::{CODE, DATA, DATA_LEN, Rig};

const END: u64 = DATA_LEN as u64;

fn down(mut r: Rig) -> Rig {
    r.cpu.flags.rest |= bits::DF;
    r
}

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 7 + i / 256) as u8).collect()
}

#[test]
fn single_elements_move_the_indices() {
    let r = Rig::new64(&[0x48, 0xa5]).with(Gpr::Rsi, DATA).with(Gpr::Rdi, DATA + 64).data(0, &pattern(8)).ok();
    assert_eq!((r.get(Gpr::Rsi), r.get(Gpr::Rdi), r.peek(64, 8)), (DATA + 8, DATA + 72, pattern(8)));
    let r = down(Rig::new64(&[0xac])).with(Gpr::Rsi, DATA + 1).with(Gpr::Rax, 0x1122).data(1, &[9]).ok();
    assert_eq!((r.get(Gpr::Rsi), r.get(Gpr::Rax)), (DATA, 0x1109));
    let r = Rig::new64(&[0xa7]).with(Gpr::Rsi, DATA).with(Gpr::Rdi, DATA + 4).data(0, &[1, 0, 0, 0, 2]).ok();
    assert!(r.flag(bits::CF) && !r.flag(bits::ZF));
}

#[test]
fn rep_movs_copies_all_lengths() {
    for n in [0u64, 1, 15, 16, 63, 64, 65, 1023, 1024, 1025, 3000] {
        let src = pattern(n as usize);
        let r = Rig::new64(&[0xf3, 0xa4]).with(Gpr::Rsi, DATA + 3).with(Gpr::Rdi, DATA + 4096 + 5).with(Gpr::Rcx, n).data(3, &src).ok();
        assert_eq!((r.get(Gpr::Rcx), r.get(Gpr::Rsi), r.get(Gpr::Rdi)), (0, DATA + 3 + n, DATA + 4101 + n));
        assert_eq!(r.peek(4101, n as usize), src);
        assert_eq!(r.cpu.rip, CODE + 2);
    }
}

#[test]
fn overlapping_moves_go_element_by_element() {
    // The classical fill: destination one element ahead.
    for distance in [1u64, 8, 20, 100] {
        let r = Rig::new64(&[0xf3, 0xa4]).with(Gpr::Rsi, DATA).with(Gpr::Rdi, DATA + distance).with(Gpr::Rcx, 1000);
        let seed = pattern(distance as usize);
        let r = r.data(0, &seed).ok();
        let want: Vec<u8> = seed.iter().copied().cycle().take(1000 + distance as usize).collect();
        assert_eq!(r.peek(0, want.len()), want);
    }
    let r = Rig::new64(&[0xf3, 0xa4]).with(Gpr::Rsi, DATA + 10).with(Gpr::Rdi, DATA).with(Gpr::Rcx, 500).data(10, &pattern(500)).ok();
    assert_eq!(r.peek(0, 500), pattern(500));
}

#[test]
fn backwards() {
    let r = down(Rig::new64(&[0xf3, 0x48, 0xa5])).with(Gpr::Rsi, DATA + 312).with(Gpr::Rdi, DATA + 328).with(Gpr::Rcx, 40);
    let r = r.data(0, &pattern(320)).ok();
    assert_eq!(r.peek(16, 320), pattern(320));
    assert_eq!((r.get(Gpr::Rsi), r.get(Gpr::Rcx)), (DATA - 8, 0));
}

/// Whatever is copied at once, the bytes are those that a copy of one element after the other leaves.
#[test]
fn overlaps_of_all_kinds() {
    for (size, opcode) in [(1usize, &[0xf3, 0xa4][..]), (8, &[0xf3, 0x48, 0xa5][..])] {
        for (from, to) in [(4000usize, 4003usize), (4003, 4000), (4000, 4040), (4040, 4000), (100, 5000), (5000, 100), (4096, 4095), (3000, 3008)] {
            for (count, downwards) in [(90usize, false), (90, true), (250, true), (250, false)] {
                let (mut want, n) = (pattern(8192), count * size);
                for k in 0..count {
                    let at = if downwards { n - (k + 1) * size } else { k * size };
                    want.copy_within(from + at..from + at + size, to + at);
                }
                let first = if downwards { n - size } else { 0 };
                let r = Rig::new64(opcode).with(Gpr::Rsi, DATA + (from + first) as u64).with(Gpr::Rdi, DATA + (to + first) as u64);
                let r = r.with(Gpr::Rcx, count as u64).data(0, &pattern(8192));
                let r = if downwards { down(r) } else { r }.ok();
                assert!(r.peek(0, 8192) == want, "{size} {from} {to} {count} {downwards}");
                let end = if downwards { DATA + from as u64 - size as u64 } else { DATA + (from + n) as u64 };
                assert_eq!((r.get(Gpr::Rsi), r.get(Gpr::Rcx)), (end, 0));
            }
        }
    }
}

#[test]
fn a_fault_leaves_exact_progress() {
    // stosd into the last 102 bytes: 25 elements fit.
    let r = Rig::new64(&[0xf3, 0xab]).with(Gpr::Rax, 0x0403_0201).with(Gpr::Rdi, DATA + END - 102).with(Gpr::Rcx, 1000);
    let r = r.exits(Fault::Page);
    assert_eq!((r.get(Gpr::Rcx), r.get(Gpr::Rdi), r.cpu.rip), (975, DATA + END - 2, CODE));
    assert_eq!(r.peek(END - 6, 6), [1, 2, 3, 4, 0, 0]);
    assert_eq!((r.cpu.cr2, r.cpu.error_code & Fault::PF_WRITE), (DATA + END, Fault::PF_WRITE));
    // movsq from an end.
    let r = Rig::new64(&[0xf3, 0x48, 0xa5]).with(Gpr::Rsi, DATA + END - 160).with(Gpr::Rdi, DATA).with(Gpr::Rcx, 100).exits(Fault::Page);
    assert_eq!((r.get(Gpr::Rcx), r.get(Gpr::Rsi), r.get(Gpr::Rdi)), (80, DATA + END, DATA + 160));
}

#[test]
fn a_faulting_comparison_keeps_the_flags() {
    let r = Rig::new64(&[0xf3, 0xa6]).flags(bits::CF | bits::OF).with(Gpr::Rsi, DATA).with(Gpr::Rdi, DATA + END - 70).with(Gpr::Rcx, 100);
    let r = r.exits(Fault::Page);
    assert_eq!((r.get(Gpr::Rcx), r.status()), (30, bits::CF | bits::OF));
}

#[test]
fn repne_scas_finds() {
    for at in [0usize, 5, 63, 64, 200, 299] {
        let mut bytes = vec![1; 300];
        bytes[at] = 0;
        let r = Rig::new64(&[0xf2, 0xae]).with(Gpr::Rdi, DATA + 3900).with(Gpr::Rcx, u64::MAX).data(3900, &bytes).ok();
        assert_eq!(r.get(Gpr::Rcx), u64::MAX - 1 - at as u64);
        assert!(r.flag(bits::ZF));
    }
    let r = Rig::new64(&[0xf2, 0xae]).with(Gpr::Rdi, DATA).with(Gpr::Rcx, 100).with(Gpr::Rax, 7).ok();
    assert_eq!((r.get(Gpr::Rcx), r.flag(bits::ZF), r.get(Gpr::Rdi)), (0, false, DATA + 100));
}

#[test]
fn repe_cmps_ends_at_a_difference() {
    let (mut a, b) = (pattern(400), pattern(400));
    a[302] ^= 1;
    let r = Rig::new64(&[0xf3, 0x66, 0xa7]).with(Gpr::Rsi, DATA).with(Gpr::Rdi, DATA + 1024).with(Gpr::Rcx, 200).data(0, &a).data(1024, &b).ok();
    assert_eq!((r.get(Gpr::Rcx), r.get(Gpr::Rsi), r.flag(bits::ZF)), (48, DATA + 304, false));
}

#[test]
fn a_count_of_zero_does_nothing() {
    let r = Rig::new64(&[0xf3, 0xa6]).flags(bits::SF | bits::CF).ok();
    assert_eq!(r.status(), bits::SF | bits::CF);
}

#[test]
fn address_size_prefix() {
    // a32 in 64-bit mode: esi, edi, ecx; results zero-extend.
    let high = 0xffff_ffff_0000_0000;
    let r = Rig::new64(&[0xf3, 0x67, 0xa4]).with(Gpr::Rsi, DATA | high).with(Gpr::Rdi, (DATA + 64) | high).with(Gpr::Rcx, 3 | high);
    let r = r.data(0, &[1, 2, 3]).ok();
    assert_eq!((r.get(Gpr::Rsi), r.get(Gpr::Rdi), r.get(Gpr::Rcx), r.peek(64, 3)), (DATA + 3, DATA + 67, 0, vec![1, 2, 3]));
    // a16 in 32-bit mode: si and cx merge; with a base, 0x10000 below is where si reaches.
    let mut r = Rig::new32(&[0x67, 0xac]).with(Gpr::Rsi, 0xaaaa_ffff).data(1, &[0x55]);
    r.cpu.seg_base[3] = DATA + 1 - 0xffff;
    let r = r.ok();
    assert_eq!((r.get(Gpr::Rsi), r.get(Gpr::Rax)), (0xaaaa_0000, 0x55));
}

#[test]
fn segments() {
    let mut r = Rig::new64(&[0x64, 0xa4]).with(Gpr::Rsi, 8).with(Gpr::Rdi, DATA + 64).data(8, &[0x77]);
    r.cpu.seg_base[4] = DATA;
    assert_eq!(r.ok().peek(64, 1), [0x77]);
}

#[test]
fn work_is_bounded_and_goes_on() {
    let mut r = Rig::new64(&[0xf3, 0xa4]).with(Gpr::Rsi, DATA).with(Gpr::Rdi, DATA + 1).with(Gpr::Rcx, 6000).data(0, &[5]);
    assert_eq!(r.step(), Ok(()));
    assert_eq!((r.cpu.rip, r.get(Gpr::Rcx)), (CODE, 6000 - 4096));
    assert_eq!(r.step(), Ok(()));
    assert_eq!((r.cpu.rip, r.get(Gpr::Rcx)), (CODE + 2, 0));
    assert_eq!(r.peek(6000, 2), [5, 0]);
}

#[test]
fn a_single_step_is_one_iteration() {
    let mut r = Rig::new64(&[0xf3, 0xaa]).with(Gpr::Rdi, DATA).with(Gpr::Rcx, 100);
    r.cpu.flags.rest |= bits::TF;
    assert_eq!(r.step(), Ok(()));
    assert_eq!((r.cpu.rip, r.get(Gpr::Rcx)), (CODE, 99));
}

#[test]
fn ports_are_not_for_users() {
    Rig::new64(&[0x6c]).exits(Fault::GeneralProtection);
    Rig::new64(&[0xf3, 0x6f]).with(Gpr::Rcx, 1).exits(Fault::GeneralProtection);
}
