//! Making a root, and adding packages to one: lists of packages, choice, downloads, unpacking.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::deb;
use crate::error::Error;
use crate::fetch::{Item, fetch};
use crate::finish::finish;
use crate::index::{Index, Package};
use crate::progress::Progress;
use crate::release::{self, Release};
use crate::resolve::resolve;
use crate::roots::{self, Label, STATUS};
use crate::sources::{Source, choose, configured, host_release};
use crate::tree::Tree;

/// Lists of packages in the ways to compress them, the shortest first.
const LISTS: [&str; 3] = ["Packages.xz", "Packages.gz", "Packages"];
/// How often a list that doesn't fit the signed checksums is asked for, with a new InRelease: the mirror may be in the middle of an update.
const TRIES: u32 = 2;

/// The package that only says that directories are merged, as they are; others want it or one that would merge them, in Perl.
const IS_MERGED: &str = "usr-is-merged";

/// Where packages come from, and how far they are trusted.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The keyring that signatures must be of, if not that of the sources or Debian's.
    pub keyring: Option<PathBuf>,
    /// Go on without a signature.
    pub allow_unsigned: bool,
    /// Go on with lists that were valid once.
    pub allow_outdated: bool,
    /// Where downloads are kept.
    pub downloads: PathBuf,
    /// The host's /etc.
    pub etc: PathBuf,
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Added {
    /// Names of the packages that were added.
    pub packages: Vec<String>,
    /// Unit: bytes, as downloaded.
    pub bytes: u64,
}

/// Makes a root at `root`, all of it or nothing, with `packages` and what they need; with `essential`, also with what packages needn't name.
///
/// # Errors
/// [`Error`].
pub fn create(root: &Path, label: &Label, packages: &[String], essential: bool, settings: &Settings) -> Result<Added, Error> {
    // An empty directory may be there.
    if fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_some()) || root.is_symlink() {
        return Err(Error::Exists(root.to_owned()));
    }
    let index = lists(label, settings)?;
    let mut wanted = packages.to_vec();
    if essential {
        wanted.extend(index.essential());
        wanted.extend(index.get(IS_MERGED).map(|p| p.name.clone()));
    }
    let new = root.with_file_name(format!(".{}.new", root.file_name().unwrap_or_default().to_string_lossy()));
    if new.exists() {
        fs::remove_dir_all(&new).map_err(Error::io(&new))?;
    }
    let nothing = BTreeMap::new();
    let added = install(&new, resolve(&index, &wanted, &nothing)?, settings)?;
    label.write(&new)?;
    let _ = fs::remove_dir(root);
    fs::rename(&new, root).map_err(Error::io(root))?;
    Ok(added)
}

/// Adds `packages` and what they need to the root at `root`.
///
/// # Errors
/// [`Error`].
pub fn add(root: &Path, packages: &[String], settings: &Settings) -> Result<Added, Error> {
    let label = Label::read(root)?;
    let index = lists(&label, settings)?;
    let installed = roots::installed(root);
    install(root, resolve(&index, packages, &installed)?, settings)
}

/// The packages of all sources.
fn lists(label: &Label, settings: &Settings) -> Result<Index, Error> {
    let sources = match &label.mirror {
        Some(mirror) => {
            let main = vec!["main".to_owned()];
            vec![Source { mirror: mirror.trim_end_matches('/').to_owned(), suite: label.suite.clone(), components: main, keyring: None }]
        }
        None => choose(&configured(&settings.etc), &label.suite, host_release(&settings.etc).as_deref()),
    };
    if sources.is_empty() {
        return Err(Error::NoMirror(label.suite.clone()));
    }
    let mut index = Index::default();
    for source in &sources {
        match list(source, &label.arch, settings) {
            Ok(text) => index.add(&text, &source.mirror, &label.arch),
            Err(e @ Error::Download { .. }) if source.suite != label.suite => eprintln!("forklift: root: going on without {}: {e}", source.suite),
            Err(e) => return Err(e),
        }
    }
    index.finish();
    Ok(index)
}

/// The text of a source's list of packages.
fn list(source: &Source, arch: &str, settings: &Settings) -> Result<String, Error> {
    let dir = settings.downloads.join("lists");
    fs::create_dir_all(&dir).map_err(Error::io(&dir))?;
    let mut last = None;
    for _ in 0..TRIES {
        let release = release(source, &dir, settings)?;
        match packages_file(source, arch, &release, &dir) {
            Ok(path) => return read(&path),
            Err(e @ Error::Download { .. }) => last = Some(e),
            Err(e) => return Err(e),
        }
    }
    Err(last.unwrap_or_else(|| Error::NoMirror(source.suite.clone())))
}

fn release(source: &Source, dir: &Path, settings: &Settings) -> Result<Release, Error> {
    let to = dir.join(format!("{}.InRelease", source.suite.replace('/', "_")));
    let url = format!("{}/dists/{}/InRelease", source.mirror, source.suite);
    fetch(&Item { url, to: to.clone(), sum: None }, &mut Progress::new(0))?;
    let keyring = settings.keyring.clone().or_else(|| source.keyring.clone()).or_else(release::default_keyring);
    let text = match release::check(&to, keyring.as_deref()) {
        Err(_) if settings.allow_unsigned => release::unchecked(&fs::read_to_string(&to).map_err(Error::io(&to))?),
        checked => checked?,
    };
    let release = Release::parse(&text, &source.suite)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    match release.outdated(now) {
        Some(until) if !settings.allow_outdated => Err(Error::Outdated { suite: format!("{}/dists/{}", source.mirror, source.suite), until: until.to_owned() }),
        _ => Ok(release),
    }
}

fn packages_file(source: &Source, arch: &str, release: &Release, dir: &Path) -> Result<PathBuf, Error> {
    let suite = format!("{}/dists/{}", source.mirror, source.suite);
    let folder = format!("main/binary-{arch}");
    let listed = LISTS.iter().find_map(|name| Some((*name, release.sum(&format!("{folder}/{name}"))?)));
    let Some((name, sum)) = listed else {
        return Err(Error::Malformed(suite, format!("it has no packages for {arch}")));
    };
    let to = dir.join(format!("{}_{arch}_{name}", source.suite.replace('/', "_")));
    let get = |path: &str| fetch(&Item { url: format!("{suite}/{folder}/{path}"), to: to.clone(), sum: Some(sum.clone()) }, &mut Progress::new(sum.0));
    // Not every mirror has what it announces.
    let had = release.by_hash && get(&format!("by-hash/SHA256/{}", sum.1)).is_ok();
    if !had {
        get(name)?;
    }
    Ok(to)
}

fn read(path: &Path) -> Result<String, Error> {
    let file = fs::File::open(path).map_err(Error::io(path))?;
    let name = path.to_string_lossy();
    // The name that the mirror has for it.
    let name = name.rsplit('_').next().unwrap_or(&name);
    let mut bytes = Vec::new();
    deb::decompress(name, std::io::BufReader::new(file)).and_then(|mut r| r.read_to_end(&mut bytes)).map_err(Error::io(path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Downloads and unpacks packages, and tells dpkg in the root of them.
fn install(root: &Path, packages: Vec<&Package>, settings: &Settings) -> Result<Added, Error> {
    let dir = settings.downloads.join("packages");
    fs::create_dir_all(&dir).map_err(Error::io(&dir))?;
    let bytes = packages.iter().map(|p| p.size).sum();
    let mut progress = Progress::new(bytes);
    for p in &packages {
        let item = Item { url: format!("{}/{}", p.mirror, p.path), to: dir.join(p.file_name()), sum: Some((p.size, p.sha256.clone())) };
        fetch(&item, &mut progress)?;
    }
    drop(progress);
    let tree = Tree::new(root).map_err(Error::io(root))?;
    for p in &packages {
        let files = deb::unpack(&dir.join(p.file_name()), &tree)?;
        roots::write(&root.join(list_of(p)), &(files.join("\n") + "\n"))?;
    }
    finish(root)?;
    record(root, &packages)?;
    Ok(Added { packages: packages.iter().map(|p| p.name.clone()).collect(), bytes })
}

/// Where dpkg keeps the list of a package's files.
fn list_of(p: &Package) -> PathBuf {
    let field = |name: &str| p.control.lines().find_map(|l| l.strip_prefix(name)).map(str::trim);
    let arch = field("Architecture:").filter(|_| field("Multi-Arch:") == Some("same")).map_or_else(String::new, |a| format!(":{a}"));
    Path::new("var/lib/dpkg/info").join(format!("{}{arch}.list", p.name))
}

/// Adds packages to dpkg's list of what is there: unpacked, with their scripts not run.
fn record(root: &Path, packages: &[&Package]) -> Result<(), Error> {
    let path = root.join(STATUS);
    let mut text = fs::read_to_string(&path).unwrap_or_default();
    for p in packages {
        let (name, rest) = p.control.split_once('\n').unwrap_or((&p.control, ""));
        text += &format!("{name}\nStatus: install ok unpacked\n{rest}\n\n");
    }
    roots::write(&path, &text)
}
