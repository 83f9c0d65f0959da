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
    /// Until when it is meant to be used, as it says it, and in seconds since 1970.
    valid_until: Option<(String, u64)>,
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
        let until = |text: &str| Ok((text.to_owned(), seconds(text).ok_or_else(|| bad(format!("Valid-Until is no date: {text}")))?));
        let valid_until = p.get("Valid-Until").map(until).transpose()?;
        Ok(Self { sums, by_hash: p.get("Acquire-By-Hash") == Some("yes"), valid_until })
    }

    /// Until when it was valid, if that is over `now`, in seconds since 1970.
    pub fn outdated(&self, now: u64) -> Option<&str> {
        self.valid_until.as_ref().filter(|(_, until)| *until < now).map(|(text, _)| text.as_str())
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

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Seconds since 1970 of a date as in `Mon, 07 Dec 2026 00:22:33 UTC`; archives use no other time zone.
fn seconds(date: &str) -> Option<u64> {
    let (_, date) = date.split_once(',')?;
    let [day, month, year, time, "UTC" | "GMT" | "+0000"] = date.split_whitespace().collect::<Vec<_>>()[..] else { return None };
    let month = MONTHS.iter().position(|m| *m == month)? as u64;
    let [day, year] = [day, year].map(|n| n.parse::<u64>().ok());
    let (day, year) = (day.filter(|d| (1..=31).contains(d))?, year.filter(|y| (1970..10_000).contains(y))?);
    let time: Vec<u64> = time.split(':').map(|n| n.parse().ok()).collect::<Option<_>>()?;
    let [hour @ 0..=23, minute @ 0..=59, second @ 0..=60] = time[..] else { return None };
    // Years begin in March, so that the day of a leap year is the last; months of 30.6 days come out right from there on.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + day - 1;
    let days = days.checked_sub(DAYS_TO_1970)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// From March of year 0.
const DAYS_TO_1970: u64 = 719_468;

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
    fn knows_until_when_it_is_valid() {
        let of = |date: &str| Release::parse(&unchecked(&TEXT.replace("X: -", &format!("Valid-Until: {date}"))), "a");
        let r = of("Mon, 07 Dec 2026 00:22:33 UTC").unwrap();
        assert_eq!((r.outdated(1_796_602_953), r.outdated(1_796_602_954)), (None, Some("Mon, 07 Dec 2026 00:22:33 UTC")));
        assert_eq!(Release::parse(&unchecked(TEXT), "a").unwrap().outdated(u64::MAX), None);
        for date in [
            "",
            "tomorrow",
            "Mon, 07 Dec 2026 00:22:33 CET",
            "Mon, 07 Dez 2026 00:22:33 UTC",
            "Mon, 7 Dec 2026 24:00:00 UTC",
            "Mon, 07 Dec 99999999999999999999 00:00:00 UTC",
        ] {
            assert_eq!(of(date).unwrap_err().to_string(), format!("InRelease of a: Valid-Until is no date: {date}"));
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let of = [
            "Thu, 01 Jan 1970 00:00:00 UTC",
            "Tue, 29 Feb 2000 12:00:00 GMT",
            "Wed, 01 Mar 2000 00:00:00 +0000",
            "Sun, 28 Feb 2100 23:59:59 UTC",
            "Mon, 01 Mar 2100 00:00:00 UTC",
        ];
        assert_eq!(of.map(seconds), [0, 951_825_600, 951_868_800, 4_107_542_399, 4_107_542_400].map(Some));
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
