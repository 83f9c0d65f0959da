//! What is measured: our own kernels, built for both ABIs, and programs of the machine, on inputs that are made here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    /// `kernels.64`, `kernels.32` or `programs`: what its ratio is averaged with.
    pub group: &'static str,
}

/// All that `wanted` asks for, and why some are not there.
///
/// # Errors
/// A folder or an input can't be made.
pub fn all(sources: &Path, work: &Path, wanted: &dyn Fn(&Guest) -> bool) -> Result<(Vec<Guest>, Vec<String>), String> {
    fs::create_dir_all(work).map_err(|e| format!("{}: {e}", work.display()))?;
    let (mut guests, mut missing) = (Vec::new(), Vec::new());
    for source in kernels(sources)? {
        for bits in [64, 32] {
            let guest = kernel(&source, bits, work);
            if wanted(&guest) {
                match build(&source, bits, work, Path::new(&guest.command[0])) {
                    Ok(()) => guests.push(guest),
                    Err(why) => missing.push(format!("{}: {why}", guest.name)),
                }
            }
        }
    }
    for p in PROGRAMS {
        let guest = program(p, work);
        match which(p.1[0]) {
            _ if !wanted(&guest) => {}
            Some(path) => guests.push(Guest { command: [vec![path], guest.command[1..].to_vec()].concat(), ..guest }),
            None => missing.push(format!("{}: {} is not installed", p.0, p.1[0])),
        }
    }
    if guests.iter().any(|g| g.group == "programs") {
        inputs(work)?;
    }
    Ok((guests, missing))
}

fn kernels(sources: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(sources).map_err(|e| format!("{}: {e}", sources.display()))?;
    let mut files: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    Ok(files)
}

fn stem(source: &Path) -> String {
    source.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn kernel(source: &Path, bits: u32, work: &Path) -> Guest {
    let name = format!("{}.{bits}", stem(source));
    let command = vec![work.join(&name).display().to_string()];
    Guest { name, bits, command, dir: work.to_owned(), group: if bits == 64 { "kernels.64" } else { "kernels.32" } }
}

/// Compiles a kernel, unless that was done. A `.py` writes the C source.
fn build(source: &Path, bits: u32, work: &Path, out: &Path) -> Result<(), String> {
    let modified = |p: &Path| fs::metadata(p).and_then(|m| m.modified()).ok();
    if modified(out) > modified(source) {
        return Ok(());
    }
    let text = fs::read_to_string(source).map_err(|e| e.to_string())?;
    let flags = text.lines().find_map(|l| l.split_once("flags: ")).map_or("", |f| f.1);
    let extension = source.extension().unwrap_or_default();
    let mut source = source.to_owned();
    if extension == "py" {
        let made = Command::new("python3").arg(&source).output().map_err(|e| format!("python3: {e}"))?;
        source = work.join(format!("{}.c", stem(&source)));
        fs::write(&source, made.stdout).map_err(|e| e.to_string())?;
    }
    let compiler = if extension == "cc" { "g++" } else { "gcc" };
    let sse = if bits == 32 { "-msse2 -mfpmath=sse " } else { "" };
    let mut c = Command::new(compiler);
    c.args(["-O2", "-static", &format!("-m{bits}")]).args(sse.split_whitespace()).args(flags.split_whitespace());
    let built = c.arg("-o").arg(out).arg(&source).arg("-lm").output().map_err(|e| format!("{compiler}: {e}"))?;
    let said = String::from_utf8_lossy(&built.stderr);
    if built.status.success() { Ok(()) } else { Err(format!("{compiler}: {}", said.lines().next().unwrap_or_default())) }
}

/// Name and command of each real program.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("gzip", &["gzip", "-c", "words"]),
    ("xz", &["xz", "-2", "-T1", "-c", "words"]),
    ("zstd", &["zstd", "-9", "-q", "-c", "words"]),
    ("openssl sha256", &["openssl", "dgst", "-sha256", "words", "words", "words", "words", "words", "words", "words", "words"]),
    ("openssl aes", &["openssl", "enc", "-aes-256-cbc", "-K", "00", "-iv", "00", "-in", "words"]),
    ("sqlite3", &["sqlite3", ":memory:", SQL]),
    ("python3", &["/usr/bin/python3", "loop.py"]),
    ("perl", &["perl", "-e", "my %h; my $s=0; for my $i (1..900000){ $h{$i%1000}+=$i*3%7; $s+=length(\"$i\"); } print \"$s\\n\";"]),
    ("lua", &["lua5.4", "-e", "local s=0 for i=1,20000000 do s=s+i%7*3 end print(s)"]),
    ("luajit", &["luajit", "-e", "local s=0 for i=1,60000000 do s=s+i%7*3 end print(s)"]),
    ("node", &["node", "-e", "let s=0;for(let i=0;i<2e7;i++)s=(s+i*3)%1000003;console.log(s)"]),
    ("gawk", &["gawk", AWK, "words"]),
    ("mawk", &["mawk", AWK, "words"]),
    ("bash", &["bash", "-c", "s=0; for ((i=0;i<120000;i++)); do s=$((s+i%7)); done; echo $s"]),
    ("sort", &["sort", "lines"]),
    ("grep", &["grep", "-c", "ab.*xy", "lines"]),
    ("cc1", &["gcc", "-O2", "-S", "-o", "-", "source.c"]),
    ("start: true", &["/bin/true"]),
    ("start: bash", &["bash", "-c", ":"]),
    ("start: python3", &["/usr/bin/python3", "-c", "pass"]),
    ("start: perl", &["perl", "-e", "1"]),
    ("start: node", &["node", "-e", "0"]),
    ("start: gcc", &["gcc", "--version"]),
];

const SQL: &str = "create table t(a,b); with recursive c(x) as (select 1 union all select x+1 from c where x<250000) insert into t select x, x*7%1000 from c; \
                   select sum(a),count(distinct b) from t; create index i on t(b); select b,count(*) from t group by b limit 5;";
const AWK: &str = "{for(i=1;i<=NF;i++)c[$i]++} END{n=0;for(k in c)n+=c[k];print n}";

fn program((name, command): &(&str, &[&str]), work: &Path) -> Guest {
    let command = command.iter().map(|&a| a.to_owned()).collect();
    let group = if name.starts_with("start") { "start-up" } else { "programs" };
    Guest { name: (*name).to_owned(), bits: 64, command, dir: work.to_owned(), group }
}

fn which(program: &str) -> Option<String> {
    if program.starts_with('/') {
        return Path::new(program).exists().then(|| program.to_owned());
    }
    ["/usr/local/bin", "/usr/bin", "/bin"].iter().map(|d| format!("{d}/{program}")).find(|p| Path::new(p).exists())
}

/// Writes what the programs read: words and lines of a fixed pseudo-random sequence, scripts, a C source.
fn inputs(work: &Path) -> Result<(), String> {
    let mut x = 1u64;
    let mut next = |n: u64| {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (x >> 33) % n
    };
    let words: Vec<String> = (0..5000).map(|_| (0..2 + next(8)).map(|_| char::from(b'a' + next(26) as u8)).collect()).collect();
    let text: Vec<&str> = (0..400_000).map(|_| words[next(5000) as usize].as_str()).collect();
    let source: String = (0..150)
        .map(|n| {
            format!(
                "int f{n}(int *a, int n) {{ int s = {n}; for (int i = 0; i < n; i++) {{ if (a[i] % {} == 0) s += a[i] * {n}; else s ^= a[i] >> 3; }} return s; }}\n",
                n + 2
            )
        })
        .collect();
    let python = "def f(n):\n    s = 0\n    d = {}\n    for i in range(n):\n        d[i % 1000] = d.get(i % 1000, 0) + i * 3 % 7\n        s += len(str(i))\n    return s, sum(d.values())\nprint(f(700000))\n";
    let files = [("words", text.join(" ")), ("lines", text.join("\n")), ("source.c", source), ("loop.py", python.to_owned())];
    files.iter().try_for_each(|(name, text)| fs::write(work.join(name), text).map_err(|e| format!("{name}: {e}")))
}
