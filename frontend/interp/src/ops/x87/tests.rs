//! What the comparison with the host (`tests/x87_host.rs`) can't see: faults, and 32-bit mode.

use forklift_x86::{Exit, Fault, Gpr, X87Reg};

use crate::testing::{CODE, DATA, DATA_LEN, Rig};

/// 1 in ST(0) and 0 in ST(1), all exceptions unmasked.
fn unmasked(mut rig: Rig) -> Rig {
    let x = &mut rig.cpu.x87;
    x.set_control_word(0x340);
    x.top = 6;
    x.used = 0xc0;
    x.regs[6] = X87Reg { mantissa: 1 << 63, sign_exp: 0x3fff, pad: [0; 3] };
    rig
}

#[test]
fn an_exception_waits_for_the_next_instruction() {
    // fdiv st, st(1); fnstsw ax; fld1
    let mut rig = unmasked(Rig::new64(&[0xd8, 0xf1, 0xdf, 0xe0, 0xd9, 0xe8]));
    assert_eq!(rig.step(), Ok(()));
    assert_eq!((rig.cpu.x87.fip, rig.cpu.x87.fop), (CODE, 0x0f1));
    assert_eq!(rig.cpu.x87.regs[6].sign_exp, 0x3fff, "the destination is left alone");
    assert_eq!(rig.step(), Ok(()));
    assert_eq!(rig.get(Gpr::Rax), 0xb084);
    assert_eq!(rig.step(), Err(Exit::Fault(Fault::X87)));
    assert_eq!((rig.cpu.rip, rig.cpu.x87.top), (CODE + 4, 6));
}

#[test]
fn a_pending_exception_comes_before_a_page_fault() {
    // fdiv st, st(1); fadd dword ptr [0]
    let mut rig = unmasked(Rig::new32(&[0xd8, 0xf1, 0xd8, 0x05, 0, 0, 0, 0]));
    assert_eq!(rig.step(), Ok(()));
    assert_eq!(rig.step(), Err(Exit::Fault(Fault::X87)));
}

#[test]
fn a_page_fault_leaves_the_unit_alone() {
    // fstp tbyte ptr [rdi], across the end of the data
    let mut rig = unmasked(Rig::new64(&[0xdb, 0x3f])).with(Gpr::Rdi, DATA + DATA_LEN as u64 - 8);
    let before = rig.cpu.x87;
    assert_eq!(rig.step(), Err(Exit::Fault(Fault::Page)));
    assert_eq!(rig.cpu.error_code & Fault::PF_WRITE, Fault::PF_WRITE);
    assert_eq!(rig.cpu.x87, before);
    assert_eq!(rig.peek(DATA_LEN as u64 - 8, 8), [0; 8]);
}

#[test]
fn saves_and_restores_in_both_formats() {
    for prefix in [&[][..], &[0x66]] {
        // fnsave [edi]; frstor [edi]
        let code = [prefix, &[0xdd, 0x37], prefix, &[0xdd, 0x27]].concat();
        let mut rig = Rig::new32(&code).with(Gpr::Rdi, DATA);
        let x = &mut rig.cpu.x87;
        (x.top, x.used, x.fip, x.fdp, x.fcs, x.fds) = (3, 0x5a, 0x1234, 0x5678, 0x23, 0x2b);
        for (i, r) in x.regs.iter_mut().enumerate() {
            *r = X87Reg { mantissa: 1 << 63 | i as u64, sign_exp: 0x4000 + i as u16, pad: [0; 3] };
        }
        let before = *x;
        assert_eq!(rig.step(), Ok(()));
        assert_eq!((rig.cpu.x87.top, rig.cpu.x87.used, rig.cpu.x87.cw), (0, 0, 0x37f));
        assert_eq!(rig.step(), Ok(()));
        assert_eq!(rig.cpu.x87, before);
    }
}

#[test]
fn unmasking_what_is_pending_raises_it() {
    // fldcw [rdi]; fwait
    let mut rig = Rig::new64(&[0xd9, 0x2f, 0x9b]).with(Gpr::Rdi, DATA).data(0, &[0x7b, 0x03]);
    rig.cpu.x87.sw = 4;
    assert_eq!(rig.step(), Ok(()));
    assert!(rig.cpu.x87.is_pending());
    assert_eq!(rig.step(), Err(Exit::Fault(Fault::X87)));
}
