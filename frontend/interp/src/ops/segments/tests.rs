use forklift_x86::{Exit, Fault, Gpr, Mode, Seg, bits};

use crate::testing::{CODE, DATA, Rig, STACK};

fn gp(r: Rig, code: u32) {
    let r = r.exits(Fault::GeneralProtection);
    assert_eq!((r.cpu.error_code, r.cpu.rip), (code, CODE));
}

#[test]
fn loads_check_their_selector() {
    let mov_es = |sel| Rig::new32(&[0x8e, 0xc0]).with(Gpr::Rax, sel);
    let r = mov_es(0x2b).ok();
    assert_eq!(r.cpu.seg_sel[0], 0x2b);
    assert_eq!(mov_es(3).ok().cpu.seg_sel[0], 3);
    assert_eq!(mov_es(0x23).ok().cpu.seg_sel[0], 0x23);
    gp(mov_es(0x13), 0x10);
    gp(mov_es(0x53), 0x50);
    gp(mov_es(0x7), 0x4);
    let mov_ss = |sel| Rig::new64(&[0x8e, 0xd0]).with(Gpr::Rax, sel);
    mov_ss(0x2b).ok();
    gp(mov_ss(0), 0);
    gp(mov_ss(0x28), 0x28);
    gp(mov_ss(0x33), 0x30);
    Rig::new64(&[0x8e, 0xc8]).exits(Fault::InvalidOpcode);
}

#[test]
fn a_fault_changes_nothing() {
    let mut r = Rig::new32(&[0x8e, 0xd8]).with(Gpr::Rax, 0x53);
    r.cpu.seg_base[3] = 77;
    let r = r.exits(Fault::GeneralProtection);
    assert_eq!((r.cpu.seg_base[3], r.cpu.seg_sel[3]), (77, 0x2b));
    let mut r = Rig::new32(&[0x1f]);
    r.mem.poke(STACK, &[0x53]);
    assert_eq!(r.exits(Fault::GeneralProtection).get(Gpr::Rsp), STACK);
}

#[test]
fn stores_extend_by_operand() {
    let r = Rig::new64(&[0x8c, 0xc8]).with(Gpr::Rax, u64::MAX).ok();
    assert_eq!(r.get(Gpr::Rax), 0x33);
    let r = Rig::new64(&[0x66, 0x8c, 0xd0]).with(Gpr::Rax, u64::MAX).ok();
    assert_eq!(r.get(Gpr::Rax), 0xffff_ffff_ffff_002b);
    let r = Rig::new64(&[0x48, 0x8c, 0x08]).with(Gpr::Rax, DATA).data(0, &[0xff; 4]).ok();
    assert_eq!(r.peek(0, 4), [0x33, 0, 0xff, 0xff]);
}

#[test]
fn pushes_and_pops() {
    let mut r = Rig::new32(&[0x0e, 0x66, 0x07]);
    r.mem.poke(STACK - 4, &[0xff; 4]);
    assert_eq!(r.step(), Ok(()));
    assert_eq!(r.mem.peek(STACK - 4, 4), Some(vec![0x23, 0, 0, 0]));
    assert_eq!(r.step(), Ok(()));
    assert_eq!((r.cpu.seg_sel[0], r.get(Gpr::Rsp)), (0x23, STACK - 2));
    let mut r = Rig::new64(&[0x0f, 0xa1]);
    r.mem.poke(STACK, &[0x2b, 0, 1]);
    let r = r.ok();
    assert_eq!((r.cpu.seg_sel[4], r.get(Gpr::Rsp)), (0x2b, STACK + 8));
}

#[test]
fn far_pointers() {
    let r = Rig::new32(&[0xc4, 0x08]).with(Gpr::Rax, DATA).data(0, &[1, 2, 3, 4, 0x2b, 0]).ok();
    assert_eq!((r.get(Gpr::Rcx), r.cpu.seg_sel[0]), (0x0403_0201, 0x2b));
    let r = Rig::new64(&[0x48, 0x0f, 0xb5, 0x08]).with(Gpr::Rax, DATA).data(0, &[1, 2, 3, 4, 5, 6, 7, 8, 0, 0]).ok();
    assert_eq!((r.get(Gpr::Rcx), r.cpu.seg_sel[5]), (0x0807_0605_0403_0201, 0));
}

#[test]
fn far_jumps_switch_the_mode() {
    // jmp far 0x33:CODE+7, in 32-bit mode; there 64-bit code: mov rax, rcx.
    let target = (CODE as u32 + 7).to_le_bytes();
    let mut r = Rig::new32(&[&[0xea][..], &target, &[0x33, 0, 0x48, 0x89, 0xc8]].concat()).with(Gpr::Rcx, 5);
    r.cpu.seg_base[3] = 16;
    assert_eq!(r.step(), Ok(()));
    assert_eq!((r.cpu.mode, r.cpu.rip, r.cpu.seg_sel[1], r.cpu.seg_base[3]), (Mode::Bits64, CODE + 7, 0x33, 0));
    assert_eq!(r.step(), Ok(()));
    assert_eq!(r.get(Gpr::Rax), 5);
    // retfq to 0x23.
    let mut r = Rig::new64(&[0x48, 0xcb]).with(Gpr::Rax, u64::MAX);
    r.mem.poke(STACK, &[0, 0, 0x40, 0, 0, 0, 0, 0, 0x23]);
    let r = r.ok();
    assert_eq!((r.cpu.mode, r.cpu.rip, r.get(Gpr::Rsp), r.get(Gpr::Rax)), (Mode::Bits32, 0x40_0000, STACK + 16, 0xffff_ffff));
}

#[test]
fn far_transfers_check() {
    let jmp = |sel: u8| Rig::new64(&[0xff, 0x28]).with(Gpr::Rax, DATA).data(4, &[sel]);
    jmp(0x33).ok();
    gp(jmp(0), 0);
    gp(jmp(0x2b), 0x28);
    gp(jmp(0x10), 0x10);
    let mut r = Rig::new64(&[0x48, 0xcb]);
    r.mem.poke(STACK + 8, &[0x30]);
    gp(r, 0x30);
    // A non-canonical target.
    let mut r = Rig::new64(&[0x48, 0xcb]);
    r.mem.poke(STACK, &[0, 0, 0, 0, 0, 0, 0, 0x80, 0x33]);
    gp(r, 0);
}

#[test]
fn far_calls_push_and_return() {
    let mut r = Rig::new64(&[0x48, 0xff, 0x18, 0x48, 0xca, 0x10, 0]).with(Gpr::Rax, DATA).data(0, &[3, 0, 0x40, 0, 0, 0, 0, 0, 0x33]);
    assert_eq!(r.step(), Ok(()));
    assert_eq!((r.cpu.rip, r.get(Gpr::Rsp)), (CODE + 3, STACK - 16));
    assert_eq!(r.mem.peek(STACK - 16, 16), Some(vec![3, 0, 0x40, 0, 0, 0, 0, 0, 0x33, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(r.step(), Ok(()));
    assert_eq!((r.cpu.rip, r.get(Gpr::Rsp)), (CODE + 3, STACK + 16));
}

#[test]
fn iret_pops_stack_and_flags() {
    let mut r = Rig::new64(&[0x48, 0xcf]);
    let frame = [CODE + 9, 0x33, u64::from(bits::CF | bits::DF | bits::IF), DATA, 0x2b];
    r.mem.poke(STACK, &frame.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>());
    let r = r.ok();
    assert_eq!((r.cpu.rip, r.get(Gpr::Rsp), r.status()), (CODE + 9, DATA, bits::CF));
    assert_eq!(r.cpu.flags.rest, bits::ONE | bits::IF | bits::DF);
    let mut r = Rig::new32(&[0xcf]);
    r.mem.poke(STACK, &[1, 0, 0x40, 0, 0x23, 0, 0, 0, 0x40]);
    let r = r.ok();
    assert_eq!((r.cpu.rip, r.get(Gpr::Rsp), r.status()), (CODE + 1, STACK + 12, bits::ZF));
    assert_eq!(r.cpu.seg_sel[Seg::Cs.index()], 0x23);
}

#[test]
fn queries() {
    let ask = |code: &[u8], sel| {
        let r = Rig::new64(code).with(Gpr::Rcx, sel).with(Gpr::Rax, 1).ok();
        (r.get(Gpr::Rax), r.flag(bits::ZF))
    };
    let (lar, lsl, verr, verw) = ([0x0f, 0x02, 0xc1], [0x0f, 0x03, 0xc1], [0x0f, 0x00, 0xe1], [0x0f, 0x00, 0xe9]);
    assert_eq!(ask(&lar, 0x2b), (0xc0_f300, true));
    assert_eq!(ask(&lar, 0x10), (1, false));
    assert_eq!(ask(&lar, 0), (1, false));
    assert_eq!(ask(&lsl, 0x2b), (0xffff_ffff, true));
    assert_eq!(ask(&lsl, 0x7b), (0, true));
    assert_eq!(ask(&verr, 0x2b), (1, true));
    assert_eq!(ask(&verr, 0x33), (1, true));
    assert_eq!(ask(&verw, 0x2b), (1, true));
    assert_eq!(ask(&verw, 0x33), (1, false));
}

#[test]
fn arpl_and_bound() {
    let r = Rig::new32(&[0x63, 0xc8]).with(Gpr::Rax, 0x21).with(Gpr::Rcx, 3).ok();
    assert_eq!((r.get(Gpr::Rax), r.flag(bits::ZF)), (0x23, true));
    let bound = |index: i32| Rig::new32(&[0x62, 0x08]).with(Gpr::Rax, DATA).with(Gpr::Rcx, index as u32 as u64).data(0, &[0xff, 0xff, 0xff, 0xff, 9]);
    bound(-1).ok();
    bound(9).ok();
    bound(10).exits(Fault::Bound);
    bound(-2).exits(Fault::Bound);
}

#[test]
fn privileged() {
    for code in [&[0xfa][..], &[0xfb], &[0xec], &[0x0f, 0x32], &[0x0f, 0x06], &[0x0f, 0x01, 0xf0]] {
        gp(Rig::new64(code).with(Gpr::Rax, DATA), 0);
    }
    let r = Rig::new64(&[0xf1]).exits(Exit::Fault(Fault::Debug));
    assert_eq!(r.cpu.rip, CODE + 1);
}
