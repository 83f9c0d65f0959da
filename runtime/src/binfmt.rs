//! What the kernel's binfmt_misc is told, so that it starts x86 programs with forklift.
//!
//! The kernel compares the first bytes of a file with a magic under a mask, and runs the interpreter with the file's path in front of the arguments
//! (Documentation/admin-guide/binfmt-misc.rst). Flag F has it open the interpreter at once, so that it is found in containers and chroots, too; flag P
//! keeps the program's own name, and from Linux 5.12 on says so in AT_FLAGS, by which [`by_kernel`] knows.

use std::ffi::OsString;
use std::path::Path;

use forklift_x86::Mode;

/// Machines of ELF files: EM_386 and EM_X86_64.
const EM_386: u8 = 3;
const EM_X86_64: u8 = 62;

/// Length of the part of the ELF header that is compared: up to the machine.
const MAGIC_LEN: usize = 20;

/// What is compared: all but the kind of system (EI_OSABI), whether it is ET_EXEC or ET_DYN, and bits that no file sets.
const MASK: [u8; MAGIC_LEN] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xfe, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff];

/// Bit of AT_FLAGS for a program that was started with flag P (AT_FLAGS_PRESERVE_ARGV0).
const PRESERVE_ARGV0: u64 = 1;

/// What the kernel lets a line have at most, its end included.
const MAX_LINE: usize = 1920;

/// Programs of one ABI.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// Programs of 32 bits.
    I386,
}

impl Arch {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Amd64, Self::I386];

    /// Debian's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::I386 => "i386",
        }
    }

    /// That of a mode.
    pub const fn of(mode: Mode) -> Self {
        match mode {
            Mode::Bits64 => Self::Amd64,
            Mode::Bits32 => Self::I386,
        }
    }

    /// The name of its entry in binfmt_misc.
    pub const fn entry(self) -> &'static str {
        match self {
            Self::Amd64 => "forklift-amd64",
            Self::I386 => "forklift-i386",
        }
    }

    /// The first bytes of its programs: an ELF header up to the machine, of type ET_EXEC.
    pub fn magic(self) -> [u8; MAGIC_LEN] {
        let (class, machine) = match self {
            Self::Amd64 => (2, EM_X86_64),
            Self::I386 => (1, EM_386),
        };
        let mut magic = [0; MAGIC_LEN];
        magic[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1, 1]);
        magic[16] = 2;
        magic[18] = machine;
        magic
    }
}

/// Why a path can't be an interpreter, if it can't.
pub fn unfit(interpreter: &Path) -> Option<&'static str> {
    let path = interpreter.as_os_str().as_encoded_bytes();
    if path.first() != Some(&b'/') {
        return Some("it must be absolute");
    }
    // The kernel's limit is that of a #! line.
    (path.len() > 126 || path.iter().any(|b| b":\n".contains(b))).then_some("the kernel takes up to 126 bytes, without a colon")
}

/// The line that is written to `register`, or kept in binfmt.d, for an interpreter that is not [`unfit`].
pub fn line(arch: Arch, interpreter: &Path, flags: &str) -> String {
    let escaped = |bytes: &[u8]| bytes.iter().map(|b| format!("\\x{b:02x}")).collect::<String>();
    let line = format!(":{}:M::{}:{}:{}:{flags}", arch.entry(), escaped(&arch.magic()), escaped(&MASK), interpreter.display());
    debug_assert!(line.len() < MAX_LINE);
    line
}

/// The flags for a kernel with this release: P only where the program can be told of it.
pub fn flags(release: &str) -> &'static str {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= (5, 12) { "PF" } else { "F" }
}

/// Whether an entry of binfmt_misc, as the kernel shows it, takes programs of this ABI.
pub fn takes(shown: &str, arch: Arch) -> bool {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    field(shown, "magic ").is_some_and(|m| m == hex(&arch.magic()))
}

/// What follows `name` on its line of a shown entry.
pub fn field<'s>(shown: &'s str, name: &str) -> Option<&'s str> {
    shown.lines().find_map(|l| l.strip_prefix(name)).map(str::trim)
}

/// Whether the kernel has started this process for a program, by an entry with flag P.
pub fn by_kernel() -> bool {
    // SAFETY: no memory involved.
    let at_flags = unsafe { libc::getauxval(libc::AT_FLAGS) };
    at_flags & PRESERVE_ARGV0 != 0
}

/// The name of a program, if it has another than its path, and its path and arguments: what follows `forklift` in the kernel's arguments, or `None` if those are a
/// command line. Of an entry without flag P, only a path with a slash can be told from one.
pub fn arguments(args: &[OsString], by_kernel: bool) -> Option<(Option<OsString>, Vec<OsString>)> {
    let (path, rest) = args.split_first()?;
    match rest.split_first() {
        Some((name, rest)) if by_kernel => Some((Some(name.clone()), std::iter::once(path).chain(rest).cloned().collect())),
        _ if path.as_encoded_bytes().contains(&b'/') => Some((None, args.to_vec())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_the_kernel_reads() {
        let l = line(Arch::I386, Path::new("/usr/bin/forklift"), "PF");
        let zeros = "\\x00".repeat(9);
        assert_eq!(
            l,
            format!(
                ":forklift-i386:M::\\x7f\\x45\\x4c\\x46\\x01\\x01\\x01{zeros}\\x02\\x00\\x03\\x00:\
                 \\xff\\xff\\xff\\xff\\xff\\xfe\\xfe\\x00{}\\xfe\\xff\\xff\\xff:/usr/bin/forklift:PF",
                "\\xff".repeat(8)
            )
        );
        assert_eq!(line(Arch::Amd64, Path::new("/f"), "F").split(':').nth(4).unwrap().len(), 4 * MAGIC_LEN);
    }

    #[test]
    fn magics_match_programs_and_nothing_else() {
        let takes = |arch: Arch, head: &[u8]| arch.magic().iter().zip(MASK).zip(head).all(|((m, mask), b)| m & mask == b & mask);
        let tiny = include_bytes!("../../tests/guest/tiny/hello.bin");
        assert!(takes(Arch::I386, tiny) || tiny[7] != 0, "a header that overlaps may differ");
        let mut pie = Arch::Amd64.magic();
        (pie[7], pie[16]) = (3, 3);
        assert!(takes(Arch::Amd64, &pie) && !takes(Arch::I386, &pie));
        let mut arm = Arch::Amd64.magic();
        arm[18] = 183;
        assert!(!takes(Arch::Amd64, &arm));
    }

    #[test]
    fn paths_that_the_kernel_takes() {
        assert_eq!(unfit(Path::new("/usr/bin/forklift")), None);
        assert!(unfit(Path::new("forklift")).is_some() && unfit(Path::new("/a:b")).is_some() && unfit(Path::new(&format!("/{}", "a".repeat(126)))).is_some());
    }

    #[test]
    fn the_name_is_kept_from_linux_5_12_on() {
        assert_eq!(["4.19.0-arm64", "5.11.22", "5.12", "6.1.0-40", ""].map(flags), ["F", "F", "PF", "PF", "F"]);
    }

    #[test]
    fn reads_what_the_kernel_shows() {
        let shown = "enabled\ninterpreter /usr/bin/q\nflags: PF\noffset 0\nmagic 7f454c4602010100000000000000000002003e00\nmask fff\n";
        assert!(takes(shown, Arch::Amd64) && !takes(shown, Arch::I386));
        assert_eq!((field(shown, "interpreter "), field(shown, "flags: ")), (Some("/usr/bin/q"), Some("PF")));
    }

    #[test]
    fn arguments_with_and_without_a_name() {
        let strings = |args: &[&str]| args.iter().map(OsString::from).collect::<Vec<_>>();
        let given = |args: &[&str], by_kernel| arguments(&strings(args), by_kernel);
        assert_eq!(given(&["/bin/a", "-a", "b"], false), Some((None, strings(&["/bin/a", "-a", "b"]))));
        assert_eq!(given(&["/bin/a", "-a", "b"], true), Some((Some("-a".into()), strings(&["/bin/a", "b"]))));
        assert_eq!(given(&["run", "a", "b"], true), Some((Some("a".into()), strings(&["run", "b"]))));
        assert_eq!((given(&["run", "a", "b"], false), given(&[], false), given(&[], true)), (None, None, None));
    }
}
