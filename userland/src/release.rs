//! InRelease files: checksums of a suite's lists of packages, signed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::control::{Paragraph, paragraphs};
use crate::error::Error;

const ARCHIVE_KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";

/// What a suite says of its files.
#[derive(Debug, Default)]
pub struct Release {
    /// Size and SHA-256 by path below the suite.
    sums: HashMap<String, (u64, String)>,
    /// Whether files can be had by their checksum, which a mirror in the middle of an update doesn't spoil.
    pub by_hash: bool,
}

/// The keyring that is used if nothing else is said.
pub fn default_keyring() -> Option<PathBuf> {
    Some(PathBuf::from(ARCHIVE_KEYRING)).filter(|k| k.exists())
}

/// What is signed in the InRelease file at `path`.
///
/// # Errors
/// [`Error::Unchecked`], [`Error::BadSignature`].
pub fn check(path: &Path, keyring: Option<&Path>) -> Result<String, Error> {
    let name = path.display().to_string();
    let keyring = keyring.ok_or_else(|| Error::Unchecked(name.clone(), "install debian-archive-keyring, or give --keyring FILE"))?;
    // What gpgv prints is what is signed: nothing in front of it or behind it is believed.
    let out = Command::new("gpgv").args(["--status-fd", "2", "--output", "-", "--keyring"]).arg(keyring).arg(path).output();
    let out = out.map_err(|_| Error::Unchecked(name.clone(), "install gpgv"))?;
    let said = String::from_utf8_lossy(&out.stderr);
    let count = |word: &str| said.lines().filter_map(|l| l.strip_prefix("[GNUPG:] ")).filter(|l| l.split(' ').next() == Some(word)).count();
    // Several keys sign; that some aren't known is as it should be. A second text would be one that none of them signs.
    if count("GOODSIG") > 0 && count("BADSIG") == 0 && count("PLAINTEXT") == 1 {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    let why = said.lines().rfind(|l| l.starts_with("gpgv:")).unwrap_or("gpgv: no good signature");
    Err(Error::BadSignature(name, why.to_owned()))
}

/// What is said to be signed in an InRelease file, unchecked.
pub fn unchecked(text: &str) -> String {
    let Some((_, rest)) = text.split_once(SIGNED) else { return text.to_owned() };
    let body = rest.split_once("\n\n").map_or("", |(_, body)| body);
    let body = body.split(SIGNATURE).next().unwrap_or_default();
    body.lines().map(|l| format!("{}\n", l.strip_prefix("- ").unwrap_or(l))).collect()
}

impl Release {
    /// Reads what was signed, which must be for `suite`.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(text: &str, suite: &str) -> Result<Self, Error> {
        let bad = |why: String| Error::Malformed(format!("InRelease of {suite}"), why);
        let p = paragraphs(text).next().ok_or_else(|| bad("it is empty".to_owned()))?;
        let names = [p.get("Codename"), p.get("Suite")];
        if !names.contains(&Some(suite)) {
            return Err(bad(format!("it is of {}", names[0].or(names[1]).unwrap_or("nothing"))));
        }
        let sums = sums(p);
        if sums.is_empty() {
            return Err(bad("no SHA-256 checksums".to_owned()));
        }
        Ok(Self { sums, by_hash: p.get("Acquire-By-Hash") == Some("yes") })
    }

    /// Size and SHA-256 of the file at `path`.
    pub fn sum(&self, path: &str) -> Option<&(u64, String)> {
        self.sums.get(path)
    }
}

fn sums(p: Paragraph<'_>) -> HashMap<String, (u64, String)> {
    let line = |l: &str| {
        let mut words = l.split_whitespace();
        let (sum, size, path) = (words.next()?, words.next()?, words.next()?);
        Some((path.to_owned(), (size.parse().ok()?, sum.to_owned())))
    };
    p.lines("SHA256").filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSuite: stable\nCodename: a\nAcquire-By-Hash: yes\nSHA256:\n 00 12 main/x\n 01 5 main/y\nX: -\n- -z\n\
                        -----BEGIN PGP SIGNATURE-----\nabc\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn reads_checksums() {
        let r = Release::parse(&unchecked(TEXT), "a").unwrap();
        assert!(r.by_hash && r.sum("main/y") == Some(&(5, "01".to_owned())) && r.sum("z").is_none());
        assert!(Release::parse(&unchecked(TEXT), "stable").is_ok());
    }

    #[test]
    fn another_suite_is_refused() {
        assert_eq!(Release::parse(&unchecked(TEXT), "b").unwrap_err().to_string(), "InRelease of b: it is of a");
        assert!(unchecked(TEXT).ends_with("X: -\n-z\n"));
    }

    #[test]
    fn nothing_is_believed_without_a_key() {
        let e = check(Path::new("/nowhere"), None).unwrap_err().to_string();
        assert!(e.contains("debian-archive-keyring") && e.contains("--allow-unsigned"), "{e}");
    }
}
