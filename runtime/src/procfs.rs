//! Files of /proc that describe the guest and not forklift: /proc/self/{maps, smaps, cmdline, environ, auxv, stat, statm, status} and /proc/cpuinfo.
//!
//! Opening one gives a memory file with its contents of that moment. /proc/self/exe is a matter of [`crate::paths`].

use core::fmt::Write;
use std::ffi::CStr;

use forklift_x86::{CpuModel, Feature, GuestAddr, Mode};

use crate::errno::{Errno, SysResult};
use crate::mem::vma::{Area, Prot};
use crate::task::Task;

/// Opens `path` for reading if it is one of those files. `None`: open the host's.
pub fn open(t: &Task, path: &CStr, flags: u32) -> Option<SysResult> {
    if flags as i32 & (libc::O_ACCMODE | libc::O_PATH | libc::O_DIRECTORY) != 0 {
        return None;
    }
    if path.to_bytes() == b"/proc/cpuinfo" {
        return Some(memory_file(c"cpuinfo", cpuinfo(t.process.config.model).as_bytes(), flags));
    }
    let entry = t.own_proc_entry(path)?;
    let entry = entry.strip_prefix(format!("task/{}/", t.tid).as_bytes()).unwrap_or(entry);
    let contents = match entry {
        b"maps" => maps(t, false),
        b"smaps" => maps(t, true),
        b"cmdline" => from_stack(t, t.process.program().arg_area),
        b"environ" => from_stack(t, t.process.program().env_area),
        b"auxv" => t.process.program().auxv.clone(),
        b"stat" => stat(t)?,
        b"statm" => statm(t)?,
        b"status" => status(t)?,
        _ => return None,
    };
    let name = path.to_bytes().rsplit(|&b| b == b'/').next().map(std::ffi::CString::new)?.ok()?;
    Some(memory_file(&name, &contents, flags))
}

fn memory_file(name: &CStr, contents: &[u8], flags: u32) -> SysResult {
    let cloexec = if flags as i32 & libc::O_CLOEXEC != 0 { libc::MFD_CLOEXEC } else { 0 };
    // SAFETY: a string and a buffer of ours.
    unsafe {
        let fd = Errno::check(libc::memfd_create(name.as_ptr(), cloexec))?;
        libc::pwrite(fd as i32, contents.as_ptr().cast(), contents.len(), 0);
        Ok(fd)
    }
}

fn from_stack(t: &Task, (start, end): (u64, u64)) -> Vec<u8> {
    let mut bytes = vec![0; end.saturating_sub(start) as usize];
    let n = t.mem.read_some(GuestAddr::new(start), &mut bytes);
    bytes.truncate(n);
    bytes
}

/// The name of an area, and whether it is a special one.
fn area_name(t: &Task, start: u64, a: &Area) -> Vec<u8> {
    if let Some(b) = &a.backing {
        return b.name.clone();
    }
    let (heap, end) = t.process.space().heap();
    if heap < end && start < end && a.end > heap { b"[heap]".to_vec() } else { Vec::new() }
}

fn maps(t: &Task, details: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let space = t.process.space();
    let areas: Vec<(u64, Area)> = space.map().iter().map(|(s, a)| (s, a.clone())).collect();
    for (start, a) in areas {
        let bit = |p: Prot, c: char| if a.prot.has(p) { c } else { '-' };
        let (dev, ino) = a.backing.as_ref().map_or((0, 0), |b| (b.dev, b.ino));
        let offset = if ino == 0 { 0 } else { a.file_offset };
        let mut line = format!(
            "{start:08x}-{:08x} {}{}{}{} {offset:08x} {:02x}:{:02x} {ino}",
            a.end,
            bit(Prot::READ, 'r'),
            bit(Prot::WRITE, 'w'),
            bit(Prot::EXEC, 'x'),
            if a.shared { 's' } else { 'p' },
            libc::major(dev),
            libc::minor(dev),
        );
        let name = area_name(t, start, &a);
        if !name.is_empty() {
            line = format!("{line:73}");
        }
        out.extend(line.as_bytes());
        out.extend(name);
        out.push(b'\n');
        if details {
            let kb = (a.end - start) / 1024;
            out.extend(format!("Size:           {kb:8} kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n").as_bytes());
        }
    }
    if space.mode() == Mode::Bits64 {
        out.extend(b"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n");
        if details {
            out.extend(b"Size:                  4 kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n");
        }
    }
    out
}

/// The host's file about this process, as text.
fn host_file(name: &str) -> Option<String> {
    std::fs::read(format!("/proc/thread-self/{name}")).ok().map(|b| String::from_utf8_lossy(&b).into_owned())
}

/// Size of the guest's memory in bytes.
fn total(t: &Task) -> u64 {
    t.process.space().map().mapped_bytes(0, u64::MAX)
}

/// Fields of stat(5), counted from 1, that are addresses or sizes.
fn stat(t: &Task) -> Option<Vec<u8>> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name may hold anything.
    let split = text.rfind(')')? + 1;
    let mut fields: Vec<String> = text[split..].split_ascii_whitespace().map(str::to_owned).collect();
    let p = t.process.program();
    let mut set = |n: usize, v: u64| {
        if let Some(f) = fields.get_mut(n - 3) {
            *f = v.to_string();
        }
    };
    set(23, total(t));
    let [code, code_end, data, data_end] = p.code_data;
    for (n, v) in [(26, code), (27, code_end), (28, p.start_stack), (29, 0), (30, 0), (45, data), (46, data_end), (47, t.process.space().heap().0)] {
        set(n, v);
    }
    for (n, v) in [(48, p.arg_area.0), (49, p.arg_area.1), (50, p.env_area.0), (51, p.env_area.1)] {
        set(n, v);
    }
    Some(format!("{} {}\n", &text[..split], fields.join(" ")).into_bytes())
}

fn statm(t: &Task) -> Option<Vec<u8>> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut fields: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
    *fields.first_mut()? = (total(t) / GuestAddr::PAGE_SIZE).to_string();
    Some(format!("{}\n", fields.join(" ")).into_bytes())
}

fn status(t: &Task) -> Option<Vec<u8>> {
    let text = host_file("status")?;
    let mut out = String::with_capacity(text.len());
    let caught = (1..=crate::signal::action::NSIG).filter(|&s| t.process.actions.get(s).handler > 1).fold(0u64, |m, s| m | crate::signal::action::bit(s));
    let kb = total(t) / 1024;
    for line in text.lines() {
        let key = line.split(':').next().unwrap_or_default();
        let done = match key {
            "VmPeak" | "VmSize" => write!(out, "{key}:\t{kb:8} kB"),
            "SigBlk" => write!(out, "SigBlk:\t{:016x}", t.sigmask),
            "SigCgt" => write!(out, "SigCgt:\t{caught:016x}"),
            _ => write!(out, "{line}"),
        };
        done.ok()?;
        out.push('\n');
    }
    Some(out.into_bytes())
}

/// /proc/cpuinfo of a machine with the host's number of processors.
pub fn cpuinfo(model: CpuModel) -> String {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let leaf = model.cpuid(1, 0);
    let family = leaf.eax >> 8 & 15;
    let family = if family == 15 { family + (leaf.eax >> 20 & 255) } else { family };
    let number = leaf.eax >> 4 & 15 | (leaf.eax >> 16 & 15) << 4;
    let brand: Vec<u8> = (0x8000_0002..=0x8000_0004u32)
        .flat_map(|l| {
            let c = model.cpuid(l, 0);
            [c.eax, c.ebx, c.ecx, c.edx].map(u32::to_le_bytes).concat()
        })
        .take_while(|&b| b != 0)
        .collect();
    let flags: Vec<&str> = Feature::ALL.into_iter().filter(|&f| model.has(f)).map(Feature::name).collect();
    let mut out = String::new();
    for cpu in 0..count {
        // Writing to a string can't fail.
        let _ = write!(
            out,
            "processor\t: {cpu}\nvendor_id\t: GenuineIntel\ncpu family\t: {family}\nmodel\t\t: {number}\nmodel name\t: {}\nstepping\t: {}\ncpu MHz\t\t: 1000.000\n\
             cache size\t: 1024 KB\nphysical id\t: 0\nsiblings\t: {count}\ncore id\t\t: {cpu}\ncpu cores\t: {count}\napicid\t\t: {cpu}\ninitial apicid\t: {cpu}\nfpu\t\t: yes\n\
             fpu_exception\t: yes\ncpuid level\t: {}\nwp\t\t: yes\nflags\t\t: {}\nbugs\t\t:\nbogomips\t: 2000.00\nclflush size\t: 64\ncache_alignment\t: 64\n\
             address sizes\t: 39 bits physical, 48 bits virtual\npower management:\n\n",
            String::from_utf8_lossy(&brand),
            leaf.eax & 15,
            model.cpuid(0, 0).eax,
            flags.join(" "),
        );
    }
    out
}
