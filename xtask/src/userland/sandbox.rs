//! What commands need around them that execute programs of the root: natively the root as the system, and for the emulated forklift a kernel that starts it.
//!
//! Both are made in namespaces that end with the command: in those of a user, if the kernel lets it (binfmt_misc from Linux 6.7 on), or else, as root, in one of mounts.
//! In the latter case, what is registered is seen by the whole system, and taken back at the end.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use crate::run::command;

/// The options of unshare(1) that are tried.
const NAMESPACES: [&[&str]; 2] = [&["--user", "--map-root-user", "--mount"], &["--mount"]];

/// Unit: bytes.
const ELF_HEADER: usize = 64;

/// Runs a command with a directory as the system, as forklift shows it to guests: with the host's directories that it has not. Arguments: the root, a directory to
/// make the system in, the command's directory, the command.
const AS_SYSTEM: &str = r#"set -e
root=$1 new=$2 dir=$3; shift 3
mount -t tmpfs none "$new"
for d in "$root"/*; do
    n=$new/${d##*/}
    if [ -L "$d" ]; then cp -P "$d" "$n"; else mkdir "$n"; mount --rbind "$d" "$n"; fi
done
for d in dev proc sys tmp; do mkdir -p "$new/$d"; mount --rbind "/$d" "$new/$d"; done
mkdir -p "$new$dir"; mount --bind "$dir" "$new$dir"
exec chroot "$new" /bin/sh -c 'cd "$0" && exec "$@"' "$dir" "$@"
"#;

/// Runs a command where the kernel starts programs by an entry of binfmt_misc. Arguments: the entry's name, the entry, the command.
const REGISTERED: &str = r#"set -e
misc=/proc/sys/fs/binfmt_misc name=$1 entry=$2; shift 2
mount -t binfmt_misc none $misc
[ ! -e $misc/$name ] || echo -1 > $misc/$name
printf %s "$entry" > $misc/register
trap 'echo -1 > $misc/$name' EXIT
trap 'exit 1' HUP INT TERM
"$@"
"#;

/// A way to run commands.
pub struct Sandbox {
    /// Arguments of unshare(1).
    start: Vec<String>,
}

impl Sandbox {
    /// With the root as the system.
    pub fn as_system(root: &Path, new: &Path, dir: &Path) -> Result<Self, String> {
        Self::of(AS_SYSTEM, &[root, new, dir].map(|p| p.to_string_lossy().into_owned()))
    }

    /// With a kernel that starts the program `file` with `interpreter`, and no other: all of its ELF header is compared.
    pub fn registered(file: &Path, interpreter: &Path) -> Result<Self, String> {
        let mut header = [0; ELF_HEADER];
        File::open(file).and_then(|mut f| f.read_exact(&mut header)).map_err(|e| format!("{}: {e}", file.display()))?;
        let magic: String = header.iter().map(|b| format!("\\x{b:02x}")).collect();
        let name = format!("forklift-test-{}", std::process::id());
        let entry = format!(":{name}:M::{magic}::{}:PF", interpreter.display());
        Self::of(REGISTERED, &[name, entry])
    }

    fn of(script: &str, args: &[String]) -> Result<Self, String> {
        let mut why = String::new();
        for options in NAMESPACES {
            let mut start: Vec<String> = options.iter().map(|&o| o.to_owned()).collect();
            start.extend(["--", "sh", "-c", script, "sh"].map(str::to_owned));
            start.extend_from_slice(args);
            let sandbox = Self { start };
            let out = sandbox.command(command("true", &[])).output().map_err(|e| format!("unshare: {e}"))?;
            if out.status.success() {
                return Ok(sandbox);
            }
            why = String::from_utf8_lossy(&out.stderr).lines().next().unwrap_or("unshare failed").to_owned();
        }
        Err(why)
    }

    /// The command in the sandbox.
    pub fn command(&self, c: Command) -> Command {
        let mut inside = command("unshare", &[]);
        inside.args(&self.start).arg(c.get_program()).args(c.get_args());
        inside
    }
}
