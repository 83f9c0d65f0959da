//! The vdso: a small ELF image that the kernel maps into every program. Ours makes system calls; what it saves the guest is nothing but the lookup, as the
//! calls end in the host's vdso anyway.
//!
//! The image is built here, for either class: one segment with ELF header, program headers, dynamic section, symbols with the version LINUX_2.6, strings, hash table,
//! code. It takes one page.

use forklift_x86::Mode;

/// A vdso image.
pub struct Vdso {
    /// The page.
    pub image: Vec<u8>,
    /// i386: offset of `__kernel_vsyscall`.
    pub vsyscall: u64,
    /// i386: where SYSENTER returns to.
    pub sysenter_return: u64,
    /// i386: offset of `__kernel_sigreturn`.
    pub sigreturn: u64,
    /// i386: offset of `__kernel_rt_sigreturn`.
    pub rt_sigreturn: u64,
}

/// A function: name and code.
struct Func {
    name: &'static str,
    code: Vec<u8>,
}

/// `mov eax, nr; syscall; ret`.
fn call64(name: &'static str, nr: u32) -> Func {
    let mut code = vec![0xb8];
    code.extend(nr.to_le_bytes());
    code.extend([0x0f, 0x05, 0xc3]);
    Func { name, code }
}

/// `push ebx; mov ebx, [esp+8]; mov ecx, [esp+12]; mov edx, [esp+16]; mov eax, nr; int 0x80; pop ebx; ret`.
fn call32(name: &'static str, nr: u32) -> Func {
    let mut code = vec![0x53, 0x8b, 0x5c, 0x24, 8, 0x8b, 0x4c, 0x24, 12, 0x8b, 0x54, 0x24, 16, 0xb8];
    code.extend(nr.to_le_bytes());
    code.extend([0xcd, 0x80, 0x5b, 0xc3]);
    Func { name, code }
}

/// Offset in `__kernel_vsyscall` behind its `int 0x80`, where the registers that a SYSENTER sequence pushes are popped.
const LANDING: u64 = 5;

fn functions(mode: Mode) -> Vec<Func> {
    match mode {
        Mode::Bits64 => vec![
            call64("__vdso_clock_gettime", 228),
            call64("__vdso_gettimeofday", 96),
            call64("__vdso_time", 201),
            call64("__vdso_getcpu", 309),
            call64("__vdso_clock_getres", 229),
        ],
        Mode::Bits32 => vec![
            // push ecx; push edx; push ebp; int 0x80; pop ebp; pop edx; pop ecx; ret
            Func { name: "__kernel_vsyscall", code: vec![0x51, 0x52, 0x55, 0xcd, 0x80, 0x5d, 0x5a, 0x59, 0xc3] },
            // pop eax; mov eax, 119; int 0x80
            Func { name: "__kernel_sigreturn", code: vec![0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80] },
            // mov eax, 173; int 0x80
            Func { name: "__kernel_rt_sigreturn", code: vec![0xb8, 173, 0, 0, 0, 0xcd, 0x80] },
            call32("__vdso_clock_gettime", 265),
            call32("__vdso_gettimeofday", 78),
            call32("__vdso_time", 13),
            call32("__vdso_clock_gettime64", 403),
            call32("__vdso_clock_getres", 266),
            call32("__vdso_getcpu", 318),
        ],
    }
}

/// Bytes in the making, with the class's word size.
struct Out {
    bytes: Vec<u8>,
    word: usize,
}

impl Out {
    fn num(&mut self, v: u64, len: usize) {
        self.bytes.extend(&v.to_le_bytes()[..len]);
    }
    fn word(&mut self, v: usize) {
        self.num(v as u64, self.word);
    }
    fn align(&mut self, to: usize) -> usize {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
        self.bytes.len()
    }
}

/// The hash of symbol and version names (System V ABI).
fn hash(name: &str) -> u32 {
    name.bytes().fold(0, |h: u32, b| {
        let h = (h << 4).wrapping_add(b.into());
        let top = h & 0xf000_0000;
        (h ^ top >> 24) & !top
    })
}

/// Names that stand first in the string table: the image's own and the version's.
const SONAME: [&str; 2] = ["linux-vdso.so.1", "linux-gate.so.1"];
const VERSION: &str = "LINUX_2.6";

/// The offsets of the image's parts.
#[derive(Default)]
struct Parts {
    strtab: usize,
    strsz: usize,
    symtab: usize,
    hash: usize,
    versym: usize,
    verdef: usize,
    dynamic: usize,
    dynamic_size: usize,
}

/// Builds the image for a class.
pub fn build(mode: Mode) -> Vdso {
    let is_64 = mode == Mode::Bits64;
    let (word, ehdr, phdr) = if is_64 { (8, 64, 56) } else { (4, 52, 32) };
    let soname = SONAME[usize::from(!is_64)];
    let funcs = functions(mode);
    let mut o = Out { bytes: vec![0; ehdr + 2 * phdr], word };

    // Strings.
    let mut p = Parts { strtab: o.align(8), ..Parts::default() };
    let mut names = vec![0u8];
    let mut name_at = |s: &str| {
        let at = names.len();
        names.extend(s.bytes().chain([0]));
        at
    };
    let (soname_at, version_at) = (name_at(soname), name_at(VERSION));
    let func_names: Vec<usize> = funcs.iter().map(|f| name_at(f.name)).collect();
    p.strsz = names.len();
    o.bytes.extend(names);

    // Code comes first in layout terms only by offset: it is placed behind the tables, whose sizes are known.
    let symbols = funcs.len() + 1;
    let sym_size = if is_64 { 24 } else { 16 };
    p.symtab = o.align(8);
    p.hash = (p.symtab + symbols * sym_size).next_multiple_of(8);
    p.versym = (p.hash + 4 * (2 + 1 + symbols)).next_multiple_of(8);
    p.verdef = (p.versym + 2 * symbols).next_multiple_of(8);
    p.dynamic = (p.verdef + 2 * (20 + 8)).next_multiple_of(16);
    p.dynamic_size = 10 * 2 * word;
    let mut code_at = (p.dynamic + p.dynamic_size).next_multiple_of(64);
    let addrs: Vec<usize> = funcs
        .iter()
        .map(|f| {
            let at = code_at;
            code_at = (at + f.code.len()).next_multiple_of(16);
            at
        })
        .collect();

    symbol_table(&mut o, is_64, sym_size, &func_names, &addrs, &funcs);
    hash_table(&mut o, symbols);
    versions(&mut o, symbols, soname, soname_at, version_at);
    dynamic(&mut o, &p, soname_at, sym_size);
    for (f, &at) in funcs.iter().zip(&addrs) {
        o.bytes.resize(at, 0x90);
        o.bytes.extend(&f.code);
    }
    let size = o.bytes.len();
    headers(&mut o, &p, is_64, ehdr, phdr, size);
    o.bytes.resize(4096, 0);
    let at = |name: &str| funcs.iter().position(|f| f.name == name).map_or(0, |i| addrs[i] as u64);
    let vsyscall = at("__kernel_vsyscall");
    Vdso { image: o.bytes, vsyscall, sysenter_return: vsyscall + LANDING, sigreturn: at("__kernel_sigreturn"), rt_sigreturn: at("__kernel_rt_sigreturn") }
}

/// STB_GLOBAL << 4 | STT_FUNC.
const GLOBAL_FUNC: u64 = 0x12;

fn symbol_table(o: &mut Out, is_64: bool, sym_size: usize, names: &[usize], addrs: &[usize], funcs: &[Func]) {
    o.bytes.extend(vec![0; sym_size]);
    for ((&name, &addr), f) in names.iter().zip(addrs).zip(funcs) {
        let size = f.code.len() as u64;
        o.num(name as u64, 4);
        if is_64 {
            o.num(GLOBAL_FUNC, 1);
            o.num(0, 1);
            o.num(1, 2);
            o.num(addr as u64, 8);
            o.num(size, 8);
        } else {
            o.num(addr as u64, 4);
            o.num(size, 4);
            o.num(GLOBAL_FUNC, 1);
            o.num(0, 1);
            o.num(1, 2);
        }
    }
}

/// One bucket with all symbols in a chain.
fn hash_table(o: &mut Out, symbols: usize) {
    o.align(8);
    o.num(1, 4);
    o.num(symbols as u64, 4);
    o.num(1, 4);
    o.num(0, 4);
    for i in 1..symbols {
        o.num(if i + 1 < symbols { i as u64 + 1 } else { 0 }, 4);
    }
}

/// All symbols have version 2; version 1 is the file's own.
fn versions(o: &mut Out, symbols: usize, soname: &str, soname_at: usize, version_at: usize) {
    o.align(8);
    o.num(0, 2);
    (1..symbols).for_each(|_| o.num(2, 2));
    o.align(8);
    for (flags, ndx, name, at, next) in [(1, 1, soname, soname_at, 28), (0, 2, VERSION, version_at, 0)] {
        o.num(1, 2);
        o.num(flags, 2);
        o.num(ndx, 2);
        o.num(1, 2);
        o.num(hash(name).into(), 4);
        o.num(20, 4);
        o.num(next, 4);
        o.num(at as u64, 4);
        o.num(0, 4);
    }
}

fn dynamic(o: &mut Out, p: &Parts, soname_at: usize, sym_size: usize) {
    o.align(16);
    let entries = [
        (14, soname_at),
        (4, p.hash),
        (5, p.strtab),
        (6, p.symtab),
        (10, p.strsz),
        (11, sym_size),
        (0x6fff_fff0, p.versym),
        (0x6fff_fffc, p.verdef),
        (0x6fff_fffd, 2),
        (0, 0),
    ];
    for (tag, v) in entries {
        o.word(tag);
        o.word(v);
    }
}

fn headers(o: &mut Out, p: &Parts, is_64: bool, ehdr: usize, phdr: usize, size: usize) {
    let mut h = Out { bytes: Vec::new(), word: o.word };
    h.bytes.extend([0x7f, b'E', b'L', b'F', if is_64 { 2 } else { 1 }, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    h.num(3, 2);
    h.num(if is_64 { 62 } else { 3 }, 2);
    h.num(1, 4);
    h.word(0);
    h.word(ehdr);
    h.word(0);
    h.num(0, 4);
    h.num(ehdr as u64, 2);
    h.num(phdr as u64, 2);
    h.num(2, 2);
    h.num(0, 2);
    h.num(0, 2);
    h.num(0, 2);
    // PT_LOAD with R and X, PT_DYNAMIC with R.
    for (kind, flags, at, len, align) in [(1, 5, 0, size, 4096), (2, 4, p.dynamic, p.dynamic_size, 8)] {
        h.num(kind, 4);
        if is_64 {
            h.num(flags, 4);
        }
        h.word(at);
        h.word(at);
        h.word(at);
        h.word(len);
        h.word(len);
        if !is_64 {
            h.num(flags, 4);
        }
        h.word(align);
    }
    o.bytes[..h.bytes.len()].copy_from_slice(&h.bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_a_page() {
        for mode in [Mode::Bits64, Mode::Bits32] {
            let v = build(mode);
            assert_eq!(v.image.len(), 4096);
            assert!(v.image.ends_with(&[0; 64]));
        }
        assert_eq!(hash(VERSION), 61_765_110);
    }
}
