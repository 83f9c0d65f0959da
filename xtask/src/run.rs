//! Running commands.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::{TaskResult, root};

/// A command in the workspace's root.
pub fn command(program: &str, args: &[&str]) -> Command {
    let mut c = Command::new(program);
    c.args(args).current_dir(root());
    c
}

/// The cargo that runs this task.
pub fn cargo(args: &[&str]) -> Command {
    let mut c = command(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()), args);
    // Set for this process by the outer cargo; they would make the inner one build anew.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_MANIFEST_PATH"] {
        c.env_remove(name);
    }
    c
}

/// Runs a command that must succeed.
pub fn run(c: &mut Command) -> TaskResult {
    match c.status() {
        Ok(s) if s.success() => Ok(()),
        Ok(s) => Err(format!("{}: {s}", show(c))),
        Err(e) => Err(format!("{}: {e}", show(c))),
    }
}

/// Runs a command, hands each line of its standard output to `line`, and returns whether it succeeded.
pub fn lines(c: &mut Command, mut line: impl FnMut(&str)) -> Result<bool, String> {
    let fail = |e: std::io::Error, c: &Command| format!("{}: {e}", show(c));
    let mut child = c.stdout(Stdio::piped()).spawn().map_err(|e| fail(e, c))?;
    if let Some(out) = child.stdout.take() {
        for l in BufReader::new(out).split(b'\n').map_while(Result::ok) {
            line(&String::from_utf8_lossy(&l));
        }
    }
    child.wait().map(|s| s.success()).map_err(|e| fail(e, c))
}

/// The standard output of a command, or `None` if it fails.
pub fn output(c: &mut Command) -> Option<String> {
    let out = c.stderr(Stdio::null()).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Whether `program` is in the path.
pub fn have(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|d| d.join(program).is_file())
}

fn show(c: &Command) -> String {
    let args: Vec<_> = c.get_args().map(|a| a.to_string_lossy()).collect();
    format!("{} {}", c.get_program().to_string_lossy(), args.join(" "))
}
