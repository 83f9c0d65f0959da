//! Downloading, with a program that the host has: apt's own, which knows about proxies and credentials, curl, or wget.
//!
//! A file is written beside its place, goes on where an earlier download stopped, and gets its name when its checksum is right.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::progress::Progress;

/// How often a download is tried: mirrors fail now and then.
const TRIES: u32 = 4;
/// Before the second try; doubled before each other. Unit: seconds.
const PAUSE: u64 = 1;
/// How often the size of a file that is being downloaded is looked at.
const LOOK: Duration = Duration::from_millis(50);
const APT_HELPER: &str = "/usr/lib/apt/apt-helper";

/// A file to download.
#[derive(Clone, Debug)]
pub struct Item {
    /// Where from.
    pub url: String,
    /// Where to.
    pub to: PathBuf,
    /// Size and SHA-256 in hexadecimal, if they are known; the file is always downloaded anew otherwise.
    pub sum: Option<(u64, String)>,
}

/// Downloads `item`, unless it is there.
///
/// # Errors
/// [`Error::Download`], [`Error::NoDownloader`], [`Error::Io`].
pub fn fetch(item: &Item, progress: &mut Progress) -> Result<(), Error> {
    let part = item.to.with_file_name(format!("{}.part", item.to.file_name().unwrap_or_default().to_string_lossy()));
    if item.sum.is_none() {
        let _ = fs::remove_file(&part);
    } else if is_right(&item.to, item)? {
        progress.done(size(&item.to));
        return Ok(());
    }
    let mut why = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 && !item.url.starts_with("file:") {
            std::thread::sleep(Duration::from_secs(PAUSE << attempt));
        }
        // A complete one from an interrupted run isn't asked for again.
        if item.sum.as_ref().is_none_or(|(wanted, _)| size(&part) < *wanted)
            && let Err(e) = download(item, &part, progress)?
        {
            why = e;
            if why.contains("404") {
                break;
            }
            continue;
        }
        if is_right(&part, item)? {
            progress.done(size(&part));
            return fs::rename(&part, &item.to).map_err(Error::io(&item.to));
        }
        why = "what came has another checksum".to_owned();
        fs::remove_file(&part).map_err(Error::io(&part))?;
    }
    Err(Error::Download { url: item.url.clone(), why })
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |m| m.len())
}

fn is_right(path: &Path, item: &Item) -> Result<bool, Error> {
    let Some((wanted, sum)) = &item.sum else { return Ok(true) };
    Ok(path.exists() && size(path) == *wanted && sha256(path)? == *sum)
}

/// The SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// [`Error::Io`].
pub fn sha256(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(Error::io(path))? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok(hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// One try. The inner error is what the downloading program said.
fn download(item: &Item, part: &Path, progress: &Progress) -> Result<Result<(), String>, Error> {
    if let Some(path) = item.url.strip_prefix("file:") {
        let path = format!("/{}", path.trim_start_matches('/'));
        return Ok(fs::copy(path, part).map(drop).map_err(|e| e.to_string()));
    }
    let mut command = downloader(item, part)?;
    let name = item.to.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut run = || -> io::Result<Result<(), String>> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let status = loop {
            match child.try_wait()? {
                Some(status) => break status,
                None => progress.show(&name, size(part)),
            }
            std::thread::sleep(LOOK);
        };
        let mut said = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            stderr.read_to_string(&mut said)?;
        }
        // The last thing that apt says tells nothing.
        let last = said.lines().rfind(|l| !l.trim().is_empty() && !l.ends_with("Download Failed")).unwrap_or("it failed without a word");
        Ok(if status.success() { Ok(()) } else { Err(last.trim().to_owned()) })
    };
    run().map_err(Error::io(part))
}

fn downloader(item: &Item, part: &Path) -> Result<Command, Error> {
    let have = |program: &str| std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|d| d.join(program).is_file());
    if Path::new(APT_HELPER).exists() {
        let mut c = Command::new(APT_HELPER);
        c.args(["-qq", "-oAPT::Sandbox::User=root", "download-file", &item.url]).arg(part);
        return Ok(c);
    }
    if have("curl") {
        let mut c = Command::new("curl");
        c.args(["-fsSL", "-C", "-", "-o"]).arg(part).arg(&item.url);
        return Ok(c);
    }
    if have("wget") {
        let mut c = Command::new("wget");
        c.args(["-q", "-c", "-O"]).arg(part).arg(&item.url);
        return Ok(c);
    }
    Err(Error::NoDownloader(item.url.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("forklift-fetch-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn item(dir: &Path, sum: &str) -> Item {
        fs::write(dir.join("there"), "abc").unwrap();
        Item { url: format!("file://{}/there", dir.display()), to: dir.join("here"), sum: Some((3, sum.to_owned())) }
    }

    #[test]
    fn what_is_right_is_kept() {
        let dir = scratch("right");
        let item = item(&dir, ABC);
        fs::write(dir.join("here.part"), "abd").unwrap();
        fetch(&item, &mut Progress::default()).unwrap();
        assert_eq!(fs::read(dir.join("here")).unwrap(), b"abc");
        assert!(!dir.join("here.part").exists());
        fs::remove_file(dir.join("there")).unwrap();
        fetch(&item, &mut Progress::default()).unwrap();
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_is_wrong_is_not() {
        let dir = scratch("wrong");
        let item = item(&dir, &ABC.replace('b', "c"));
        let e = fetch(&item, &mut Progress::default()).unwrap_err().to_string();
        assert!(e.contains("another checksum") && !dir.join("here").exists(), "{e}");
        fs::remove_dir_all(dir).unwrap();
    }
}
