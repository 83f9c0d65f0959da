//! What is measured: our own kernels, built for both ABIs, and the programs of [`crate::programs`].

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::{cold, programs};

/// Guests that are looked at together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Group {
    /// Our kernels for x86-64.
    #[serde(rename = "kernels-64")]
    Kernels64,
    /// Our kernels for i386.
    #[serde(rename = "kernels-32")]
    Kernels32,
    /// Programs of the machine.
    #[serde(rename = "programs")]
    Programs,
    /// What ends as soon as it has started.
    #[serde(rename = "start")]
    Start,
    /// Much code that runs once.
    #[serde(rename = "cold")]
    Cold,
    /// A static program that waits.
    #[serde(rename = "resident")]
    Resident,
}

impl Group {
    /// In the order of reports.
    pub const ALL: [Self; 6] = [Self::Kernels64, Self::Kernels32, Self::Programs, Self::Start, Self::Cold, Self::Resident];

    /// Its name on the command line and in files.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Kernels64 => "kernels-64",
            Self::Kernels32 => "kernels-32",
            Self::Programs => "programs",
            Self::Start => "start",
            Self::Cold => "cold",
            Self::Resident => "resident",
        }
    }

    /// What its numbers are.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Kernels64 => "Kernels, x86-64: processor time, times native",
            Self::Kernels32 => "Kernels, i386: processor time, times native",
            Self::Programs => "Programs: processor time, times native",
            Self::Start => "Start: processor time, ms",
            Self::Cold => "Cold code: processor time per distinct instruction, ns",
            Self::Resident => "Resident size of a static program, MiB",
        }
    }

    /// Whether its numbers are multiples of the native one.
    pub const fn is_ratio(self) -> bool {
        matches!(self, Self::Kernels64 | Self::Kernels32 | Self::Programs)
    }

    /// Whether forklift is measured with an empty cache, too.
    pub const fn has_both_caches(self) -> bool {
        matches!(self, Self::Start | Self::Cold)
    }

    /// How often a guest is run for each run that was asked for: milliseconds scatter more than seconds.
    pub const fn times(self) -> u32 {
        if self.has_both_caches() { 4 } else { 1 }
    }
}

/// A program to measure.
pub struct Guest {
    /// `KERNEL.64`, `KERNEL.32` or the program's name.
    pub name: String,
    /// Width of its ABI.
    pub bits: u32,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Where it runs.
    pub dir: PathBuf,
    /// What it is looked at with.
    pub group: Group,
}

/// All that `wanted` asks for, and why some are not there.
///
/// # Errors
/// A folder or an input can't be made.
pub fn all(sources: &Path, work: &Path, wanted: &dyn Fn(&Guest) -> bool) -> Result<(Vec<Guest>, Vec<String>), String> {
    fs::create_dir_all(work).map_err(|e| format!("{}: {e}", work.display()))?;
    let (mut guests, mut missing) = (Vec::new(), Vec::new());
    for source in kernels(sources)?.into_iter().chain([cold::source(work)]) {
        for bits in [64, 32] {
            let of_source: Vec<Guest> = kernel(&source, bits, work).into_iter().filter(|g| wanted(g)).collect();
            if let Some(first) = of_source.first() {
                if first.group == Group::Cold {
                    cold::write(&source)?;
                }
                match build(&source, bits, Path::new(&first.command[0])) {
                    Ok(()) => guests.extend(of_source),
                    Err(why) => missing.push(format!("{}: {why}", first.name)),
                }
            }
        }
    }
    let (programs, not_there) = programs::all(work, wanted)?;
    guests.extend(programs);
    guests.sort_by_key(|g| g.group);
    Ok((guests, [missing, not_there].concat()))
}

fn kernels(sources: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(sources).map_err(|e| format!("{}: {e}", sources.display()))?;
    let mut files: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    Ok(files)
}

/// What is measured of a source: one thing, but for the empty program.
fn kernel(source: &Path, bits: u32, work: &Path) -> Vec<Guest> {
    let stem = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let program = work.join(format!("{stem}.{bits}")).display().to_string();
    let guest = |name: &str, group, arguments: &[&str]| {
        let command = [&program[..]].iter().chain(arguments).map(|&a| a.to_owned()).collect();
        Guest { name: format!("{name}{stem}.{bits}"), bits, command, dir: work.to_owned(), group }
    };
    match &stem[..] {
        "empty" => vec![guest("start: ", Group::Start, &[]), guest("resident: ", Group::Resident, &["wait"])],
        "cold" => vec![guest("", Group::Cold, &[])],
        _ => vec![guest("", if bits == 64 { Group::Kernels64 } else { Group::Kernels32 }, &[])],
    }
}

/// Whether `out` was made after `from` was.
pub fn is_newer(out: &Path, from: &Path) -> bool {
    let modified = |p: &Path| fs::metadata(p).and_then(|m| m.modified()).ok();
    modified(out) > modified(from)
}

/// What a source's first line says after `flags: `.
fn flags(source: &Path) -> Result<String, String> {
    let mut line = String::new();
    let read = fs::File::open(source).and_then(|f| BufReader::new(f).read_line(&mut line));
    read.map_err(|e| format!("{}: {e}", source.display()))?;
    Ok(line.split_once("flags: ").map_or_else(String::new, |f| f.1.to_owned()))
}

/// Compiles a kernel, unless that was done.
fn build(source: &Path, bits: u32, out: &Path) -> Result<(), String> {
    if is_newer(out, source) {
        return Ok(());
    }
    let flags = flags(source)?;
    let compiler = if source.extension().is_some_and(|e| e == "cc") { "g++" } else { "gcc" };
    let sse = if bits == 32 { "-msse2 -mfpmath=sse " } else { "" };
    let mut c = Command::new(compiler);
    c.args(["-O2", "-static", &format!("-m{bits}")]).args(sse.split_whitespace()).args(flags.split_whitespace());
    let built = c.arg("-o").arg(out).arg(source).arg("-lm").output().map_err(|e| format!("{compiler}: {e}"))?;
    let said = String::from_utf8_lossy(&built.stderr);
    let error = said.lines().find(|l| l.contains("error")).or_else(|| said.lines().next()).unwrap_or_default();
    if built.status.success() { Ok(()) } else { Err(format!("{compiler} -m{bits}: {error}")) }
}
