//! The C programs of `tests/guest/c`, built for both ABIs, static and dynamic.
//!
//! A program's first line may hold options: `// variants: x64 i386-static`, `// flags: -O1 -lm`, `// work: 100 10`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::harness::Guest;

/// A way to build: name, compiler, its options, what the host must have.
struct Variant {
    name: &'static str,
    compiler: &'static str,
    options: &'static [&'static str],
    needs: &'static str,
}

const MULTILIB: &str = "/usr/lib32/libc.a";

const VARIANTS: &[Variant] = &[
    Variant { name: "x64", compiler: "gcc", options: &[], needs: "gcc" },
    Variant { name: "x64-static", compiler: "gcc", options: &["-static"], needs: "gcc" },
    Variant { name: "i386", compiler: "gcc", options: &["-m32"], needs: MULTILIB },
    Variant { name: "i386-static", compiler: "gcc", options: &["-m32", "-static"], needs: MULTILIB },
    Variant { name: "musl-static-pie", compiler: "musl-gcc", options: &["-static-pie", "-fPIE"], needs: "musl-gcc" },
];

/// All C programs in all their variants.
pub fn programs() -> Vec<Guest> {
    let mut files: Vec<_> = fs::read_dir(source_dir()).into_iter().flatten().flatten().map(|e| e.path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "c"));
    files.sort();
    files.iter().flat_map(|f| VARIANTS.iter().filter_map(|v| program(f, v))).collect()
}

fn program(source: &Path, v: &'static Variant) -> Option<Guest> {
    let text = fs::read_to_string(source).ok()?;
    let option = |name: &str| text.lines().take(6).find_map(|l| l.strip_prefix("// ")?.strip_prefix(name)?.strip_prefix(": "));
    if option("variants").is_some_and(|l| !l.split_whitespace().any(|n| n == v.name)) {
        return None;
    }
    let work: Vec<u64> = option("work").map_or(vec![], |w| w.split_whitespace().filter_map(|n| n.parse().ok()).collect());
    let flags: Vec<String> = option("flags").unwrap_or("").split_whitespace().map(str::to_owned).collect();
    let source = source.to_owned();
    Some(Guest {
        name: format!("c-{}-{}", source.file_stem()?.to_str()?, v.name),
        needs: vec![v.compiler.to_owned(), v.needs.to_owned()],
        argv: Arc::new(move || build(&source, v, &flags).map(|p| vec![p.to_string_lossy().into_owned()])),
        work: [work.first().copied().unwrap_or(1), work.get(1).copied().unwrap_or(1)],
    })
}

fn source_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guest/c")
}

/// Builds a program unless it is there and newer than its source.
fn build(source: &Path, v: &Variant, flags: &[String]) -> Result<PathBuf, String> {
    /// A program must not be replaced while another test runs it.
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = BUILDING.lock();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest-programs").join(v.name);
    fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let program = dir.join(source.file_stem().unwrap_or_default());
    let time = |p: &Path| fs::metadata(p).and_then(|m| m.modified()).ok();
    if time(&program).is_some_and(|t| Some(t) > time(source)) {
        return Ok(program);
    }
    let fresh = dir.join(format!("{}.{}", source.file_stem().unwrap_or_default().to_string_lossy(), std::process::id()));
    let out = Command::new(v.compiler).args(["-O2", "-w"]).args(v.options).arg("-o").arg(&fresh).arg(source).arg("-pthread").args(flags).arg("-lm").output();
    let out = out.map_err(|e| format!("{}: {e}", v.compiler))?;
    if !out.status.success() {
        return Err(format!("{}: {}", source.display(), String::from_utf8_lossy(&out.stderr)));
    }
    fs::rename(&fresh, &program).map_err(|e| format!("{}: {e}", program.display()))?;
    Ok(program)
}
