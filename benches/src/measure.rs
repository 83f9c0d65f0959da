//! One run of one command: what it printed, and what it took.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// A command that takes longer hangs, and is killed. Unit: wall clock.
const LONGEST: Duration = Duration::from_secs(900);

/// What a run took, children included.
#[derive(Clone, Debug)]
pub struct Run {
    /// Unit: seconds of processor time, user and system.
    pub cpu: f64,
    /// Unit: seconds.
    pub wall: f64,
    /// Peak resident size; at least this program's own, of which a child is a copy before it is anything else. Unit: MiB.
    pub memory: f64,
    /// Exit status, or minus the signal.
    pub status: i32,
    /// Length and hash of what it printed: to keep it would add to every child's size.
    pub output: (u64, u64),
}

/// Runs `command` in `dir`, its standard error thrown away, with forklift's cache below `cache` or where it is.
///
/// # Errors
/// It could not be started.
pub fn run(command: &[String], dir: &Path, cache: Option<&Path>) -> Result<Run, String> {
    let start = Instant::now();
    let mut child = spawn(command, dir, cache)?;
    let pid = child.id();
    let (done, is_done) = channel::<()>();
    let watch = std::thread::spawn(move || {
        if is_done.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
            // SAFETY: no memory involved; the number is the child's as long as nobody has waited for it.
            unsafe { libc::kill(pid as i32, libc::SIGKILL) };
        }
    });
    let output = read(&mut child, &command[0]);
    let ended = wait(pid);
    drop(done);
    let wall = start.elapsed().as_secs_f64();
    let _ = watch.join();
    let (status, usage) = ended?;
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 * 1e-6;
    Ok(Run { cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime), wall, memory: usage.ru_maxrss as f64 / 1024.0, status, output: output? })
}

/// Starts `command`, which says something and waits, and kills it; `memory` is its peak resident size until then.
///
/// # Errors
/// It could not be started, or ended.
pub fn size(command: &[String], dir: &Path) -> Result<Run, String> {
    let mut child = spawn(command, dir, None)?;
    let mut said = [0];
    let read = child.stdout.take().map_or(Ok(()), |mut out| out.read_exact(&mut said));
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let _ = child.kill();
    wait(child.id())?;
    let kib = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    let ok = read.is_ok() && kib.is_some();
    Ok(Run { cpu: 0.0, wall: 0.0, memory: kib.unwrap_or_default() / 1024.0, status: i32::from(!ok), output: (1, said[0].into()) })
}

fn spawn(command: &[String], dir: &Path, cache: Option<&Path>) -> Result<Child, String> {
    let mut c = Command::new(&command[0]);
    if let Some(cache) = cache {
        c.env("XDG_CACHE_HOME", cache);
    }
    c.args(&command[1..]).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    c.spawn().map_err(|e| format!("{}: {e}", command[0]))
}

/// FNV-1a, 64 bits.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x100_0000_01b3;

/// Length and hash of all that the child prints.
fn read(child: &mut Child, name: &str) -> Result<(u64, u64), String> {
    let (mut len, mut hash) = (0, FNV_OFFSET);
    let Some(mut out) = child.stdout.take() else { return Ok((0, 0)) };
    let mut part = vec![0; 64 << 10];
    loop {
        match out.read(&mut part) {
            Ok(0) => return Ok((len, hash)),
            Ok(n) => {
                len += n as u64;
                hash = part[..n].iter().fold(hash, |h, &b| (h ^ u64::from(b)).wrapping_mul(FNV_PRIME));
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(format!("{name}: {e}")),
        }
    }
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
            _ => {
                let status = ExitStatus::from_raw(status);
                return Ok((status.code().unwrap_or_else(|| -status.signal().unwrap_or(0)), usage));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Vec<String> {
        ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_run_and_its_end() {
        let at = Path::new("/");
        let (a, b) = (run(&sh("echo a"), at, None).unwrap(), run(&sh("printf 'a\\n'; exit 3"), at, None).unwrap());
        assert_eq!((a.status, b.status, a.output), (0, 3, b.output));
        assert_ne!(a.output, run(&sh("echo b"), at, None).unwrap().output);
        assert_eq!(run(&sh("kill -TERM $$"), at, None).unwrap().status, -libc::SIGTERM);
        assert!(run(&["/no/such".to_owned()], at, None).is_err_and(|e| e.contains("/no/such")));
    }

    #[test]
    fn the_size_of_what_waits() {
        assert!(size(&sh("echo; kill -STOP $$"), Path::new("/")).unwrap().memory > 0.1);
        assert_eq!(size(&sh("exit 0"), Path::new("/")).unwrap().status, 1);
    }
}
