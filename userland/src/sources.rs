//! Which mirrors this system's apt uses (sources.list(5)), so that nobody has to name one.

use std::fs;
use std::path::{Path, PathBuf};

use crate::control::{Paragraph, paragraphs};

/// A suite on a mirror.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// The mirror, without a slash at its end.
    pub mirror: String,
    /// The suite: `bookworm`, `bookworm-security`.
    pub suite: String,
    /// Parts of it: `main`.
    pub components: Vec<String>,
    /// Who signs it, if the configuration says so.
    pub keyring: Option<PathBuf>,
}

/// What a suite's name has behind that of its release.
const POCKETS: [&str; 3] = ["", "-updates", "-security"];

/// All sources for binary packages in apt's configuration below `etc`, in its order.
pub fn configured(etc: &Path) -> Vec<Source> {
    let mut files = vec![etc.join("apt/sources.list")];
    let parts = fs::read_dir(etc.join("apt/sources.list.d")).into_iter().flatten().flatten().map(|e| e.path());
    let mut parts: Vec<_> = parts.filter(|p| p.extension().is_some_and(|e| e == "list" || e == "sources")).collect();
    parts.sort_unstable();
    files.append(&mut parts);
    files.iter().flat_map(|f| parse(&fs::read_to_string(f).unwrap_or_default(), f.extension().is_some_and(|e| e == "sources"))).collect()
}

fn parse(text: &str, deb822: bool) -> Vec<Source> {
    if !deb822 {
        return text.lines().filter_map(one_line).collect();
    }
    let text: String = text.lines().filter(|l| !l.starts_with('#')).map(|l| format!("{l}\n")).collect();
    paragraphs(&text).flat_map(stanza).collect()
}

/// `deb [signed-by=FILE] URL SUITE COMPONENT…`
fn one_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim().strip_prefix("deb")?;
    let rest = line.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(r) => r.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let (mirror, suite) = (words.next()?, words.next()?);
    let keyring = options.split_whitespace().find_map(|o| o.strip_prefix("signed-by="));
    source(mirror, suite, words.map(str::to_owned).collect(), keyring)
}

fn stanza(p: Paragraph<'_>) -> Vec<Source> {
    if p.get("Enabled").is_some_and(|e| e.eq_ignore_ascii_case("no")) || !p.words("Types").any(|t| t == "deb") {
        return Vec::new();
    }
    let components: Vec<_> = p.words("Components").map(str::to_owned).collect();
    let each = |mirror| p.words("Suites").filter_map(|suite| source(mirror, suite, components.clone(), p.get("Signed-By"))).collect::<Vec<_>>();
    p.words("URIs").take(1).flat_map(each).collect()
}

fn source(mirror: &str, suite: &str, components: Vec<String>, keyring: Option<&str>) -> Option<Source> {
    let known = ["http://", "https://", "file:/"].iter().any(|scheme| mirror.starts_with(scheme));
    let keyring = keyring.filter(|k| k.starts_with('/')).map(PathBuf::from);
    known.then(|| Source { mirror: mirror.trim_end_matches('/').to_owned(), suite: suite.to_owned(), components, keyring })
}

/// The sources for the release `wanted` with its updates, made from those `configured` for it or else for the host's release.
pub fn choose(configured: &[Source], wanted: &str, host: Option<&str>) -> Vec<Source> {
    for release in [Some(wanted), host].into_iter().flatten() {
        let mut found: Vec<Source> = Vec::new();
        for pocket in POCKETS {
            let name = format!("{release}{pocket}");
            let main = |s: &&Source| s.suite == name && s.components.iter().any(|c| c == "main");
            let new = |s: &Source| Source { suite: format!("{wanted}{pocket}"), components: vec!["main".to_owned()], ..s.clone() };
            found.extend(configured.iter().find(main).map(new));
        }
        if found.iter().any(|s| s.suite == wanted) {
            return found;
        }
    }
    Vec::new()
}

/// The name of the host's release, if it is Debian.
pub fn host_release(etc: &Path) -> Option<String> {
    let text = fs::read_to_string(etc.join("os-release")).ok()?;
    let value = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim_matches('"'));
    value("VERSION_CODENAME=").filter(|_| value("ID=") == Some("debian")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZA: &str = "# a comment\nTypes: deb deb-src\nURIs: http://m.example/debian/\n# another\nSuites: trixie trixie-updates\nComponents: main contrib\nSigned-By: /k.gpg\n\n\
                          Types: deb\nURIs: http://s.example/debian-security\nSuites: trixie-security\nComponents: main\n\nEnabled: no\nTypes: deb\nURIs: http://x\nSuites: trixie\n";

    #[test]
    fn both_formats() {
        let found = parse(STANZA, true);
        assert_eq!(found.iter().map(|s| s.suite.as_str()).collect::<Vec<_>>(), ["trixie", "trixie-updates", "trixie-security"]);
        assert_eq!((found[0].mirror.as_str(), found[0].keyring.as_deref()), ("http://m.example/debian", Some(Path::new("/k.gpg"))));
        let found =
            parse("deb-src http://a b main\ndeb [arch=amd64 signed-by=/k.gpg]  https://a.example/d/ b main # c\n#deb http://x y z\ndeb cdrom:[x] y z\n", false);
        assert_eq!(
            found,
            [Source { mirror: "https://a.example/d".to_owned(), suite: "b".to_owned(), components: vec!["main".to_owned()], keyring: Some("/k.gpg".into()) }]
        );
    }

    #[test]
    fn the_hosts_mirror_serves_other_releases() {
        let configured = parse(STANZA, true);
        let suites = |wanted, host| choose(&configured, wanted, host).iter().map(|s| s.suite.clone()).collect::<Vec<_>>();
        assert_eq!(suites("trixie", None), ["trixie", "trixie-updates", "trixie-security"]);
        assert_eq!(suites("bookworm", Some("trixie")), ["bookworm", "bookworm-updates", "bookworm-security"]);
        assert_eq!(suites("bookworm", Some("noble")), [""; 0]);
    }
}
