//! Programs of the machine, and what they work on, which is made here: the same on every machine.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::guests::{Group, Guest, is_newer};

/// Name and command of each.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("gzip", &["gzip", "-c", "words"]),
    ("xz", &["xz", "-2", "-T1", "-c", "words"]),
    ("zstd", &["zstd", "-9", "-q", "-c", "words"]),
    ("openssl sha256", &["openssl", "dgst", "-sha256", "big"]),
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
    ("grep", &["grep", "-c", "ab.*x", "lines"]),
    ("cc1", &["cc1", "-quiet", "-O2", "-o", "-", "source.c"]),
];

/// Those that end as soon as they have started.
const STARTS: &[(&str, &[&str])] = &[
    ("start: /bin/true", &["/bin/true"]),
    ("start: bash -c :", &["bash", "-c", ":"]),
    ("start: python3 -c pass", &["/usr/bin/python3", "-c", "pass"]),
    ("start: perl -e 1", &["perl", "-e", "1"]),
    ("start: node -e 0", &["node", "-e", "0"]),
    ("start: gcc --version", &["gcc", "--version"]),
];

const SQL: &str = "create table t(a,b); with recursive c(x) as (select 1 union all select x+1 from c where x<250000) insert into t select x, x*7%1000 from c; \
                   select sum(a),count(distinct b) from t; create index i on t(b); select b,count(*) from t group by b limit 5;";
const AWK: &str = "{for(i=1;i<=NF;i++)c[$i]++} END{n=0;for(k in c)n+=c[k];print n}";

/// Where programs are looked for: not in the whole path, where wrappers may come first.
const DIRS: &str = "/usr/local/bin:/usr/bin:/bin";

/// The programs that are `wanted`, with their inputs in `work`, and those that are not there.
///
/// # Errors
/// An input can't be written.
pub fn all(work: &Path, wanted: &dyn Fn(&Guest) -> bool) -> Result<(Vec<Guest>, Vec<String>), String> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    let grouped = PROGRAMS.iter().map(|p| (Group::Programs, p)).chain(STARTS.iter().map(|p| (Group::Start, p)));
    for (group, &(name, command)) in grouped {
        let command = command.iter().map(|&a| a.to_owned()).collect();
        let mut guest = Guest { name: name.to_owned(), bits: 64, command, dir: work.to_owned(), group };
        if !wanted(&guest) {
            continue;
        }
        let path = if guest.command[0] == "cc1" { compiler() } else { which(&guest.command[0], DIRS) };
        match path {
            Some(path) => {
                guest.command[0] = path.display().to_string();
                found.push(guest);
            }
            None => missing.push(format!("{name}: {} is not installed", guest.command[0])),
        }
    }
    if found.iter().any(|g| g.group == Group::Programs) {
        inputs(work)?;
    }
    Ok((found, missing))
}

/// The compiler that gcc runs. Peers hand what a guest runs to the host's kernel, which would run it natively.
fn compiler() -> Option<PathBuf> {
    let said = Command::new("gcc").arg("-print-prog-name=cc1").output().ok()?;
    which(String::from_utf8_lossy(&said.stdout).trim(), DIRS)
}

/// Where `program` is: below one of `dirs`, which are separated by colons, if its name has no slash.
pub fn which(program: &str, dirs: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|p| p.is_file());
    }
    dirs.split(':').map(|d| Path::new(d).join(program)).find(|p| p.is_file())
}

/// A fixed pseudo-random sequence.
pub struct Random(u64);

impl Random {
    /// Its start.
    pub const fn new() -> Self {
        Self(1)
    }

    /// The next number, below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % n
    }
}

const PYTHON: &[u8] = b"\
def f(n):
    s = 0
    d = {}
    for i in range(n):
        d[i % 1000] = d.get(i % 1000, 0) + i * 3 % 7
        s += len(str(i))
    return s, sum(d.values())
print(f(700000))
";

/// Copies of the words in `big`.
const COPIES: usize = 32;

/// Writes what the programs read, unless this program has done so: words and lines, a script, a C source.
fn inputs(work: &Path) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    for (name, write) in [("words", words as Writer), ("lines", lines), ("big", big), ("source.c", source), ("loop.py", |out| out.write_all(PYTHON))] {
        let path = work.join(name);
        let made = || {
            let mut out = BufWriter::new(File::create(&path)?);
            write(&mut out)?;
            out.flush()
        };
        if !is_newer(&path, &own) {
            made().map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    Ok(())
}

type Writer = fn(&mut BufWriter<File>) -> io::Result<()>;

fn words(out: &mut BufWriter<File>) -> io::Result<()> {
    text(out, " ")
}

fn lines(out: &mut BufWriter<File>) -> io::Result<()> {
    text(out, "\n")
}

fn big(out: &mut BufWriter<File>) -> io::Result<()> {
    (0..COPIES).try_for_each(|_| words(out))
}

/// 400,000 words, of 5,000 that there are.
fn text(out: &mut impl Write, end: &str) -> io::Result<()> {
    let mut random = Random::new();
    let words: Vec<String> = (0..5000)
        .map(|_| {
            let len = 2 + random.below(8);
            (0..len).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
        })
        .collect();
    (0..400_000).try_for_each(|_| write!(out, "{}{end}", words[random.below(5000)]))
}

fn source(out: &mut BufWriter<File>) -> io::Result<()> {
    (0..150).try_for_each(|n| {
        let (loop_, m) = ("for (int i = 0; i < n; i++)", n + 2);
        writeln!(out, "int f{n}(int *a, int n) {{ int s = {n}; {loop_} {{ if (a[i] % {m} == 0) s += a[i] * {n}; else s ^= a[i] >> 3; }} return s; }}")
    })
}
