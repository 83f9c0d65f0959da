//! One run of one command: what it printed, and what it took.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a run took, children included.
#[derive(Clone, Debug)]
pub struct Run {
    /// Unit: seconds of processor time, user and system.
    pub cpu: f64,
    /// Unit: seconds.
    pub wall: f64,
    /// Peak resident size. Unit: MiB.
    pub memory: f64,
    /// Exit status, or minus the signal.
    pub status: i32,
    /// Standard output.
    pub output: Vec<u8>,
}

/// Runs `command` in `dir`, its standard error thrown away.
///
/// # Errors
/// It could not be started.
pub fn run(command: &[String], dir: &Path) -> Result<Run, String> {
    let start = Instant::now();
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("{}: {e}", command[0]))?;
    let mut output = Vec::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_end(&mut output).map_err(|e| format!("{}: {e}", command[0]))?;
    }
    let (status, usage) = wait(child.id())?;
    let status = std::process::ExitStatus::from_raw(status);
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 * 1e-6;
    Ok(Run {
        cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        wall: start.elapsed().as_secs_f64(),
        memory: usage.ru_maxrss as f64 / 1024.0,
        status: status.code().unwrap_or_else(|| -status.signal().unwrap_or(0)),
        output,
    })
}

fn wait(pid: u32) -> Result<(i32, libc::rusage), String> {
    let mut status = 0;
    // SAFETY: plain numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { core::mem::zeroed() };
    loop {
        // SAFETY: wait4 writes the two; the child is ours and nobody else waits for it.
        let got = unsafe { libc::wait4(pid as i32, &raw mut status, 0, &raw mut usage) };
        let error = std::io::Error::last_os_error();
        match got {
            -1 if error.kind() == std::io::ErrorKind::Interrupted => {}
            -1 => return Err(format!("wait4: {error}")),
            _ => return Ok((status, usage)),
        }
    }
}
