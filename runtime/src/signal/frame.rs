//! What the kernel puts onto the stack for a handler, and takes back from it.
//!
//! Three kinds: x86-64's (`struct rt_sigframe`), i386's with siginfo (`rt_sigframe_ia32`) and i386's old one (`sigframe_ia32`). Layouts are those of
//! Linux's `asm/sigframe.h` and `asm/sigcontext.h`.

use forklift_x86::{CpuState, Gpr, GuestAddr, Mode, Seg, bits};

use super::action::{Action, sa};
use super::info::{Info, InfoBytes};
use super::{AltStack, fpstate};
use crate::abi::{GuestPtr, Pod, X64};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::task::Task;

guest_struct! {
    /// `struct sigcontext_64`.
    pub struct Context64 = 256 {
        /// r8–r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags.
        pub regs: [u64; 18],
        /// cs, gs, fs, ss.
        pub segs: [u16; 4],
        /// Error code, trap number, old mask, address of the last page fault.
        pub err_trap_mask_cr2: [u64; 4],
        /// Address of the floating point state.
        pub fpstate: u64,
        /// Unused.
        pub reserved: [u64; 8],
    }
}

guest_struct! {
    /// `struct rt_sigframe` of x86-64.
    pub struct Frame64 = 440 {
        /// The restorer: what the handler returns to.
        pub pretcode: u64,
        /// `uc_flags`, `uc_link`.
        pub uc_head: [u64; 2],
        /// `uc_stack`: address, flags, size.
        pub uc_stack: [u64; 3],
        /// `uc_mcontext`.
        pub mcontext: Context64,
        /// `uc_sigmask`.
        pub sigmask: u64,
        /// The siginfo.
        pub info: InfoBytes,
    }
}

guest_struct! {
    /// `struct sigcontext_32`.
    pub struct Context32 = 88 {
        /// gs, fs, es, ds, each in 32 bits.
        pub segs: [u32; 4],
        /// di, si, bp, sp, bx, dx, cx, ax.
        pub regs: [u32; 8],
        /// Trap number, error code.
        pub trap_err: [u32; 2],
        /// eip, cs, eflags, esp at the signal, ss.
        pub ip_cs_flags_sp_ss: [u32; 5],
        /// Address of the floating point state.
        pub fpstate: u32,
        /// Low half of the old mask, address of the last page fault.
        pub mask_cr2: [u32; 2],
    }
}

guest_struct! {
    /// `struct sigframe_ia32`.
    pub struct Frame32 = 732 {
        /// What the handler returns to.
        pub pretcode: u32,
        /// The handler's argument.
        pub sig: i32,
        /// The registers.
        pub sc: Context32,
        /// Unused space of an FP state.
        pub unused: [u32; 156],
        /// High half of the old mask.
        pub extramask: u32,
        /// Code, for debuggers to recognise the frame.
        pub retcode: [u8; 8],
    }
}

guest_struct! {
    /// `struct rt_sigframe_ia32`.
    pub struct RtFrame32 = 268 {
        /// What the handler returns to.
        pub pretcode: u32,
        /// The handler's arguments.
        pub sig: i32,
        /// Address of `info`.
        pub pinfo: u32,
        /// Address of `uc_head`.
        pub puc: u32,
        /// The siginfo.
        pub info: InfoBytes,
        /// `uc_flags`, `uc_link`.
        pub uc_head: [u32; 2],
        /// `uc_stack`: address, flags, size.
        pub uc_stack: [u32; 3],
        /// The registers.
        pub sc: Context32,
        /// `uc_sigmask`.
        pub sigmask: u64,
        /// Code, for debuggers to recognise the frame.
        pub retcode: [u8; 8],
    }
}

/// `UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS`.
const UC_SS: u64 = 6;
/// Bytes below rsp that an x86-64 function may use without moving it.
const RED_ZONE: u64 = 128;
/// pop eax; mov eax, 119; int 0x80.
const RETCODE: [u8; 8] = [0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80];
/// mov eax, 173; int 0x80.
const RT_RETCODE: [u8; 8] = [0xb8, 173, 0, 0, 0, 0xcd, 0x80, 0];
/// What sigreturn may change of the flags; and RF, which the first instruction would clear.
const FIX_EFLAGS: u32 = bits::STATUS | bits::AC | bits::DF | bits::TF;

/// Order of the registers in [`Context64::regs`].
const ORDER64: [Gpr; 16] = [
    Gpr::R8,
    Gpr::R9,
    Gpr::R10,
    Gpr::R11,
    Gpr::R12,
    Gpr::R13,
    Gpr::R14,
    Gpr::R15,
    Gpr::Rdi,
    Gpr::Rsi,
    Gpr::Rbp,
    Gpr::Rbx,
    Gpr::Rdx,
    Gpr::Rax,
    Gpr::Rcx,
    Gpr::Rsp,
];
/// Order of the registers in [`Context32::regs`].
const ORDER32: [Gpr; 8] = [Gpr::Rdi, Gpr::Rsi, Gpr::Rbp, Gpr::Rsp, Gpr::Rbx, Gpr::Rdx, Gpr::Rcx, Gpr::Rax];

/// Where a frame goes.
struct Place {
    frame: u64,
    fp: u64,
}

impl Task {
    /// Builds the frame for a handler and makes the processor enter it.
    ///
    /// # Errors
    /// EFAULT: there is no room on the stack.
    pub(super) fn push_frame(&mut self, info: &Info, action: &Action, mask: u64) -> SysResult<()> {
        match self.cpu.mode {
            Mode::Bits64 => self.push_frame64(info, action, mask),
            Mode::Bits32 if action.flags & sa::SIGINFO != 0 => self.push_rt_frame32(info, action, mask),
            Mode::Bits32 => self.push_frame32(info, action, mask),
        }?;
        let cpu = &mut *self.cpu;
        cpu.rip = action.handler & cpu.mode.addr_mask();
        cpu.flags.set_rflags(0, bits::DF | bits::RF | bits::TF);
        fpstate::reset(cpu);
        let fresh = CpuState::new(cpu.mode);
        for s in [Seg::Cs, Seg::Ss, Seg::Ds, Seg::Es] {
            if cpu.mode == Mode::Bits32 || matches!(s, Seg::Cs | Seg::Ss) {
                cpu.set_segment(s, fresh.seg_sel[s.index()], 0, fresh.segment(s));
            }
        }
        Ok(())
    }

    /// Chooses the stack, and on it the places of the frame and of the floating point state, which is written.
    fn place_frame(&self, action: &Action, size: u64) -> SysResult<Place> {
        let cpu = &*self.cpu;
        let is_64 = cpu.mode == Mode::Bits64;
        let old = cpu.get(Gpr::Rsp);
        let mut sp = old;
        let on_alt = self.altstack.contains(old);
        let mut entering = false;
        if is_64 {
            sp = sp.wrapping_sub(RED_ZONE);
        }
        if action.flags & sa::ONSTACK != 0 && self.altstack.is_usable() && (!on_alt || self.altstack.autodisarm()) {
            sp = self.altstack.sp.wrapping_add(self.altstack.size);
            entering = true;
        } else if !is_64 && !on_alt && cpu.seg_sel[Seg::Ss.index()] != 0x2b && action.flags & sa::RESTORER == 0 && action.restorer != 0 {
            sp = action.restorer;
        }
        let image = fpstate::save(cpu, self.process.config.model, !is_64);
        let legacy = if is_64 { 0 } else { fpstate::FSAVE as u64 };
        let fp = (sp.wrapping_sub(image.len() as u64 - legacy) & !63).wrapping_sub(legacy);
        let frame = fp.wrapping_sub(size);
        let frame = if is_64 { (frame & !15).wrapping_sub(8) } else { ((frame.wrapping_add(4)) & !15).wrapping_sub(4) } & cpu.mode.addr_mask();
        if (on_alt || entering) && !self.altstack.contains(frame) {
            return Err(Errno::EFAULT);
        }
        let fp = fp & cpu.mode.addr_mask();
        self.mem.write_bytes(GuestAddr::new(fp), &image)?;
        Ok(Place { frame, fp })
    }

    fn context64(&self, fp: u64, mask: u64) -> Context64 {
        let cpu = &*self.cpu;
        let mut regs = [0; 18];
        for (slot, r) in regs.iter_mut().zip(ORDER64) {
            *slot = cpu.get(r);
        }
        (regs[16], regs[17]) = (cpu.rip, cpu.flags.rflags());
        let sel = |s: Seg| cpu.seg_sel[s.index()];
        Context64 {
            regs,
            segs: [sel(Seg::Cs), 0, 0, sel(Seg::Ss)],
            err_trap_mask_cr2: [self.trap.error_code.into(), self.trap.number.into(), mask, self.trap.cr2],
            fpstate: fp,
            reserved: [0; 8],
        }
    }

    fn context32(&self, fp: u64, mask: u64) -> Context32 {
        let cpu = &*self.cpu;
        let sel = |s: Seg| u32::from(cpu.seg_sel[s.index()]);
        let sp = cpu.get(Gpr::Rsp) as u32;
        Context32 {
            segs: [sel(Seg::Gs), sel(Seg::Fs), sel(Seg::Es), sel(Seg::Ds)],
            regs: ORDER32.map(|r| cpu.get(r) as u32),
            trap_err: [self.trap.number.into(), self.trap.error_code],
            ip_cs_flags_sp_ss: [cpu.rip as u32, sel(Seg::Cs), cpu.flags.rflags() as u32, sp, sel(Seg::Ss)],
            fpstate: fp as u32,
            mask_cr2: [mask as u32, self.trap.cr2 as u32],
        }
    }

    fn push_frame64(&mut self, info: &Info, action: &Action, mask: u64) -> SysResult<()> {
        if action.flags & sa::RESTORER == 0 {
            return Err(Errno::EFAULT);
        }
        let at = self.place_frame(action, size_of::<Frame64>() as u64)?;
        let stack = self.altstack.saved();
        let frame = Frame64 {
            pretcode: action.restorer,
            uc_head: [UC_SS | fpstate::uc_flags(self.process.config.model), 0],
            uc_stack: stack,
            mcontext: self.context64(at.fp, mask),
            sigmask: mask,
            info: InfoBytes { bytes: info.0 },
        };
        self.mem.write_bytes(GuestAddr::new(at.frame), frame.bytes())?;
        let cpu = &mut *self.cpu;
        for (r, v) in [(Gpr::Rdi, info.signo() as u64), (Gpr::Rsi, at.frame + 312), (Gpr::Rdx, at.frame + 8), (Gpr::Rax, 0), (Gpr::Rsp, at.frame)] {
            cpu.set(r, v);
        }
        Ok(())
    }

    fn push_rt_frame32(&mut self, info: &Info, action: &Action, mask: u64) -> SysResult<()> {
        let at = self.place_frame(action, size_of::<RtFrame32>() as u64)?;
        let pretcode = if action.flags & sa::RESTORER != 0 { action.restorer } else { self.process.sigreturn().1 };
        let (pinfo, puc) = (at.frame as u32 + 16, at.frame as u32 + 144);
        let frame = RtFrame32 {
            pretcode: pretcode as u32,
            sig: info.signo(),
            pinfo,
            puc,
            info: info.to_i386(),
            uc_head: [fpstate::uc_flags(self.process.config.model) as u32, 0],
            uc_stack: self.altstack.saved().map(|w| w as u32),
            sc: self.context32(at.fp, mask),
            sigmask: mask,
            retcode: RT_RETCODE,
        };
        self.mem.write_bytes(GuestAddr::new(at.frame), frame.bytes())?;
        self.enter32(info.signo(), pinfo, puc, at.frame);
        Ok(())
    }

    fn push_frame32(&mut self, info: &Info, action: &Action, mask: u64) -> SysResult<()> {
        let at = self.place_frame(action, size_of::<Frame32>() as u64)?;
        let pretcode = if action.flags & sa::RESTORER != 0 { action.restorer } else { self.process.sigreturn().0 };
        let frame = Frame32 {
            pretcode: pretcode as u32,
            sig: info.signo(),
            sc: self.context32(at.fp, mask),
            extramask: (mask >> 32) as u32,
            retcode: RETCODE,
            ..Frame32::zeroed()
        };
        self.mem.write_bytes(GuestAddr::new(at.frame), frame.bytes())?;
        self.enter32(info.signo(), 0, 0, at.frame);
        Ok(())
    }

    fn enter32(&mut self, sig: i32, info: u32, uc: u32, frame: u64) {
        let cpu = &mut *self.cpu;
        for (r, v) in [(Gpr::Rax, sig as u64), (Gpr::Rdx, info.into()), (Gpr::Rcx, uc.into()), (Gpr::Rsp, frame)] {
            cpu.set(r, v);
        }
    }

    /// rt_sigreturn(2) of x86-64. Returns the mask to set.
    ///
    /// # Errors
    /// EFAULT: the frame is bad.
    pub(crate) fn pop_frame64(&mut self) -> SysResult<u64> {
        let at = self.cpu.get(Gpr::Rsp).wrapping_sub(8);
        let f: Frame64 = self.mem.read(GuestPtr::<X64, Frame64>::new(GuestAddr::new(at)))?;
        let c = f.mcontext;
        let regs = c.regs;
        let cpu = &mut *self.cpu;
        for (v, r) in regs.into_iter().zip(ORDER64) {
            cpu.set(r, v);
        }
        cpu.rip = regs[16];
        cpu.flags.set_rflags(regs[17], FIX_EFLAGS);
        self.restore_fp(c.fpstate, false)?;
        let s = f.uc_stack;
        self.altstack.restore(AltStack { sp: s[0], flags: s[1] as u32, size: s[2] }, self.cpu.get(Gpr::Rsp));
        Ok(f.sigmask)
    }

    /// rt_sigreturn(2) of i386.
    ///
    /// # Errors
    /// EFAULT: the frame is bad.
    pub(crate) fn pop_rt_frame32(&mut self) -> SysResult<u64> {
        let at = self.cpu.get(Gpr::Rsp).wrapping_sub(4);
        let f: RtFrame32 = self.mem.read(GuestPtr::<X64, RtFrame32>::new(GuestAddr::new(at)))?;
        self.restore_context32(f.sc)?;
        let s = f.uc_stack;
        self.altstack.restore(AltStack { sp: s[0].into(), flags: s[1], size: s[2].into() }, self.cpu.get(Gpr::Rsp));
        Ok(f.sigmask)
    }

    /// sigreturn(2) of i386.
    ///
    /// # Errors
    /// EFAULT: the frame is bad.
    pub(crate) fn pop_frame32(&mut self) -> SysResult<u64> {
        let at = self.cpu.get(Gpr::Rsp).wrapping_sub(8);
        let f: Frame32 = self.mem.read(GuestPtr::<X64, Frame32>::new(GuestAddr::new(at)))?;
        self.restore_context32(f.sc)?;
        let c = f.sc;
        let m = c.mask_cr2;
        Ok(u64::from(m[0]) | u64::from(f.extramask) << 32)
    }

    fn restore_context32(&mut self, c: Context32) -> SysResult<()> {
        let (regs, segs, rest) = (c.regs, c.segs, c.ip_cs_flags_sp_ss);
        for (v, r) in regs.into_iter().zip(ORDER32) {
            self.cpu.set(r, v.into());
        }
        self.cpu.rip = rest[0].into();
        self.cpu.flags.set_rflags(rest[2].into(), FIX_EFLAGS);
        let sel = |v: u32| v as u16 | 3;
        for (s, v) in [(Seg::Gs, segs[0]), (Seg::Fs, segs[1]), (Seg::Es, segs[2]), (Seg::Ds, segs[3])] {
            self.load_segment(s, if v & 0xfffc == 0 { 0 } else { sel(v) });
        }
        self.load_segment(Seg::Cs, sel(rest[1]));
        self.load_segment(Seg::Ss, sel(rest[4]));
        self.restore_fp(c.fpstate.into(), true)
    }

    fn restore_fp(&mut self, addr: u64, legacy: bool) -> SysResult<()> {
        if addr == 0 {
            fpstate::reset(&mut self.cpu);
            return Ok(());
        }
        let mut image = vec![0; fpstate::size(self.process.config.model) + if legacy { fpstate::FSAVE } else { 0 }];
        let n = self.mem.read_some(GuestAddr::new(addr), &mut image);
        image.truncate(n);
        fpstate::restore(&mut self.cpu, &image, legacy).ok_or(Errno::EFAULT)
    }
}
