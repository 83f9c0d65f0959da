//! From a path to a program in memory, as execve(2) does it.
//!
//! [`open`] does what can fail with the old program still there: finding the file, `#!` lines ([`script`]), ELF headers ([`elf`]), the interpreter. [`load`] maps
//! it into an empty address space ([`image`]), with the [`vdso`] and the initial [`stack`].

pub mod elf;
mod image;
pub mod script;
mod stack;
pub mod vdso;

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use forklift_x86::Mode;

use crate::binfmt::Arch;
use crate::errno::Errno;
use crate::error::Error;
use crate::paths::Last;
use crate::root::in_root;
use elf::Elf;

pub use image::load;
pub use stack::StackInfo;

/// Scripts that are run by scripts, at most.
const MAX_SCRIPTS: usize = 5;

/// A file that was opened to be executed.
#[derive(Debug)]
pub struct ExecFile {
    /// The file.
    pub file: File,
    /// Its path on the host, absolute, links resolved.
    pub host_path: PathBuf,
    /// Its path as the guest sees it.
    pub guest_path: PathBuf,
}

/// A program that can be loaded.
#[derive(Debug)]
pub struct Executable {
    /// The ELF file.
    pub exe: ExecFile,
    /// Its headers.
    pub elf: Elf,
    /// Its ELF interpreter (the dynamic linker).
    pub interp: Option<(ExecFile, Elf)>,
    /// Path as given to execve, for AT_EXECFN and the name of the process.
    pub filename: CString,
    /// Arguments, with what `#!` lines have put in front.
    pub argv: Vec<CString>,
    /// The root of [`Places::roots`] that has its interpreter, if it is used for that.
    pub default_root: Option<PathBuf>,
}

/// Where programs are looked for.
#[derive(Clone, Copy, Default, Debug)]
pub struct Places<'p> {
    /// Absolute paths are looked up below it first.
    pub root: Option<&'p Path>,
    /// The place of the roots that `forklift root` has made. Without a root, the one called `amd64` or `i386` is used for programs whose interpreter isn't on the host.
    pub roots: Option<&'p Path>,
}

impl Places<'_> {
    fn default_root(&self, mode: Mode) -> Option<PathBuf> {
        let roots = self.roots.filter(|_| self.root.is_none())?;
        Some(roots.join(Arch::of(mode).name())).filter(|r| r.is_dir())
    }
}

/// What a path turned out to be.
#[derive(Debug)]
pub enum Opened {
    /// A program for us.
    Guest(Box<Executable>),
    /// An ELF file for another machine (with its number), perhaps the host: not ours to run. With the arguments after `#!` processing.
    Foreign(ExecFile, u16, Vec<CString>),
}

fn os(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

/// Opens `path`, resolved below `root`, with the checks of execve(2).
///
/// # Errors
/// [`Error::Exec`] with ENOENT, EACCES, ….
pub(crate) fn open_exec(root: Option<&Path>, path: &CStr) -> Result<ExecFile, Error> {
    let shown = Path::new(os(path.to_bytes()));
    let fail = |errno: Errno, why: &str| Error::exec(shown, errno, why);
    let host = in_root(root, path, Last::Target).map_err(|e| fail(e, "its links go in a circle"))?;
    let host = Path::new(os(host.to_bytes()));
    let meta = std::fs::metadata(host).map_err(Errno::from).map_err(|e| fail(e, &e.to_string()))?;
    if !meta.is_file() {
        let kind = if meta.is_dir() {
            "a directory"
        } else if meta.file_type().is_fifo() {
            "a pipe"
        } else {
            "not a regular file"
        };
        return Err(fail(Errno::EACCES, &format!("this is {kind}, not a program")));
    }
    let c_host = CString::new(host.as_os_str().as_bytes()).map_err(|_| fail(Errno::ENOENT, "path with a zero"))?;
    // SAFETY: a string of ours.
    if unsafe { libc::faccessat(libc::AT_FDCWD, c_host.as_ptr(), libc::X_OK, libc::AT_EACCESS) } != 0 {
        return Err(fail(Errno::last(), &format!("not executable (mode {:o}); try chmod +x", meta.mode() & 0o7777)));
    }
    let file = File::open(host).map_err(Errno::from).map_err(|e| fail(e, &format!("can't be read: {e}")))?;
    let host_path = std::fs::canonicalize(host).unwrap_or_else(|_| host.to_owned());
    let guest_path = match root.and_then(|r| std::fs::canonicalize(r).ok()).and_then(|r| host_path.strip_prefix(r).ok().map(Path::to_owned)) {
        Some(rest) => Path::new("/").join(rest),
        None => host_path.clone(),
    };
    Ok(ExecFile { file, host_path, guest_path })
}

/// Finds out what `path` is and whether it can be executed.
///
/// # Errors
/// [`Error::Exec`] with the errno that execve(2) gives.
pub fn open(places: Places<'_>, path: &CStr, argv: Vec<CString>) -> Result<Opened, Error> {
    let root = places.root;
    let filename = path.to_owned();
    let (mut at, mut argv) = (filename.clone(), argv);
    for _ in 0..=MAX_SCRIPTS {
        let exe = open_exec(root, &at)?;
        let shown = PathBuf::from(os(at.to_bytes()));
        let head = elf::read_head(&exe.file).map_err(|e| Error::exec(&shown, e, "can't be read"))?;
        match script::parse(&head).map_err(|e| Error::exec(&shown, e, "the #! line names no interpreter, or is too long"))? {
            Some(line) => {
                let s = |v: Vec<u8>| CString::new(v).map_err(|_| Error::exec(&shown, Errno::ENOEXEC, "zero in the #! line"));
                let interpreter = s(line.interpreter)?;
                let mut front = vec![interpreter.clone()];
                front.extend(line.arg.map(s).transpose()?);
                front.push(at);
                argv.splice(..argv.len().min(1), front);
                at = interpreter;
            }
            None => return open_elf(places, exe, &head, filename, argv),
        }
    }
    Err(Error::exec(os(filename.to_bytes()), Errno::ELOOP, "scripts run by scripts, too deep"))
}

fn open_elf(places: Places<'_>, exe: ExecFile, head: &[u8; elf::HEAD], filename: CString, argv: Vec<CString>) -> Result<Opened, Error> {
    let path = exe.guest_path.clone();
    match elf::machine(head) {
        None => return Err(Error::exec(path, Errno::ENOEXEC, "neither an ELF program nor a script with #!")),
        Some(m) if elf::mode_of(m).is_none() => return Ok(Opened::Foreign(exe, m, argv)),
        Some(_) => {}
    }
    let elf = Elf::parse(&exe.file, head).map_err(|e| Error::exec(&path, e, "bad ELF header, or program headers that Linux refuses"))?;
    let (interp, default_root) = match elf.interpreter(&exe.file).map_err(|e| Error::exec(&path, e, "bad PT_INTERP"))? {
        None => (None, None),
        Some(p) => match (open_interp(places.root, &path, &p, elf.mode), places.default_root(elf.mode)) {
            (Err(e), Some(root)) if e.errno() == Errno::ENOENT => (Some(open_interp(Some(&root), &path, &p, elf.mode)?), Some(root)),
            (opened, _) => (Some(opened?), None),
        },
    };
    Ok(Opened::Guest(Box::new(Executable { exe, elf, interp, filename, argv, default_root })))
}

fn open_interp(root: Option<&Path>, exe: &Path, path: &[u8], mode: Mode) -> Result<(ExecFile, Elf), Error> {
    let shown = PathBuf::from(os(path));
    let package = match mode {
        Mode::Bits64 => "x86-64",
        Mode::Bits32 => "i386",
    };
    let c_path = CString::new(path).map_err(|_| Error::exec(exe, Errno::ENOENT, "bad PT_INTERP"))?;
    let file = open_exec(root, &c_path).map_err(|e| {
        let hint = format!(
            "the program asks for the interpreter {}, which can't be opened ({}); install the {package} C library, or have one made by `forklift root create`, or give --root DIR with one",
            shown.display(),
            e.errno()
        );
        Error::exec(exe, e.errno(), hint)
    })?;
    let head = elf::read_head(&file.file).map_err(|e| Error::exec(&shown, e, "can't be read"))?;
    let bad = |_| Error::exec(&shown, Errno::ELIBBAD, "this is no ELF interpreter for x86");
    let elf = Elf::parse(&file.file, &head).map_err(bad)?;
    if elf.mode != mode {
        return Err(Error::exec(&shown, Errno::ELIBBAD, format!("the interpreter isn't for {package}")));
    }
    Ok((file, elf))
}
