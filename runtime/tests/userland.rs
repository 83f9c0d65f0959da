//! `forklift root` with a mirror in a directory, made here of a few small packages.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use forklift_userland::fetch::sha256;

/// A directory with a mirror, and places for roots and downloads, that is removed again.
struct World(PathBuf);

/// A file in a package: path, mode, content.
type Entry<'f> = (&'f str, u32, &'f [u8]);

impl World {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("forklift-userland-{}-{name}", std::process::id()));
        fs::create_dir_all(dir.join("mirror/pool")).unwrap();
        Self(dir)
    }

    /// Adds a package; returns its paragraph.
    fn package(&self, name: &str, fields: &str, files: &[Entry<'_>]) -> String {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, mode, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(*mode);
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, path, *content).unwrap();
        }
        let data = tar.into_inner().unwrap().finish().unwrap();
        let mut deb = b"!<arch>\n".to_vec();
        for (member, content) in [("debian-binary", &b"2.0\n"[..]), ("control.tar", b""), ("data.tar.gz", &data)] {
            deb.extend(format!("{member:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, content.len()).bytes());
            deb.extend(content);
            deb.extend(vec![b'\n'; content.len() % 2]);
        }
        let path = self.0.join("mirror/pool").join(format!("{name}.deb"));
        fs::write(&path, &deb).unwrap();
        format!(
            "Package: {name}\nVersion: 1\nArchitecture: amd64\n{fields}Filename: pool/{name}.deb\nSize: {}\nSHA256: {}\n\n",
            deb.len(),
            sha256(&path).unwrap()
        )
    }

    /// Publishes these paragraphs for the suite `test`.
    fn publish(&self, paragraphs: &[String]) {
        let dir = self.0.join("mirror/dists/test");
        let list = dir.join("main/binary-amd64/Packages");
        fs::create_dir_all(list.parent().unwrap()).unwrap();
        fs::write(&list, paragraphs.concat()).unwrap();
        let sum = sha256(&list).unwrap();
        let text = format!("Codename: test\nSHA256:\n {sum} {} main/binary-amd64/Packages\n", list.metadata().unwrap().len());
        fs::write(dir.join("InRelease"), text).unwrap();
    }

    fn forklift(&self, args: &[&str]) -> Output {
        let mut c = Command::new(env!("CARGO_BIN_EXE_forklift"));
        c.args(args).env("XDG_DATA_HOME", self.0.join("data")).env("XDG_CACHE_HOME", self.0.join("cache")).output().unwrap()
    }

    fn root(&self, args: &[&str]) -> String {
        let out = self.forklift(&[&["root"], args].concat());
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
    }

    /// Makes the root `name`.
    fn create(&self, name: &str, packages: &str, more: &[&str]) -> String {
        let mirror = format!("file://{}/mirror", self.0.display());
        self.root(&[&["create", name, "--packages", packages, "--suite", "test", "--mirror", &mirror], more].concat())
    }

    fn roots(&self) -> PathBuf {
        self.0.join("data/forklift/roots")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const HELLO: &[u8] = include_bytes!("../../tests/guest/tiny/hello.bin");
const CAT: &[u8] = include_bytes!("../../tests/guest/tiny/cat.bin");

#[test]
fn a_root_from_creation_to_removal() {
    let w = World::new("life");
    w.publish(&[
        w.package("hello", "Depends: data (>= 1), nothing | data\n", &[("./bin/hello", 0o755, HELLO)]),
        w.package("data", "", &[("./usr/share/data/text", 0o644, b"some text\n"), ("./tmp/", 0o755, b"")]),
        w.package("cat", "Depends: data\nMulti-Arch: same\n", &[("./usr/bin/cat", 0o755, CAT)]),
        w.package("base", "Essential: yes\n", &[("./usr/bin/bash", 0o755, HELLO)]),
    ]);
    let made = w.create("small", "hello", &["--allow-unsigned"]);
    assert!(made.contains("3 packages added") && made.ends_with(": base data hello\n"), "{made}");
    assert!(w.create("small", "hello", &["--allow-unsigned"]).contains("already"), "made twice");
    assert_eq!(w.root(&["list"]), "small: test amd64, 3 packages\n");
    let path = w.root(&["path", "small"]);
    assert_eq!(Path::new(path.trim()), w.roots().join("small"));
    assert!(w.root(&["add", "small", "cat", "--allow-unsigned"]).ends_with(": cat\n"));
    let out = w.forklift(&["run", "--root", "small", "cat", "/usr/share/data/text"]);
    assert_eq!((String::from_utf8_lossy(&out.stdout).as_ref(), out.status.code()), ("some text\n", Some(0)), "{}", String::from_utf8_lossy(&out.stderr));
    // In the root, whatever the host has earlier in the path.
    let mut c = Command::new(env!("CARGO_BIN_EXE_forklift"));
    fs::create_dir_all(w.0.join("first")).unwrap();
    fs::copy(w.0.join("data/forklift/roots/small/usr/bin/hello"), w.0.join("first/cat")).unwrap();
    c.args(["run", "--root", "small", "cat", "/usr/share/data/text"]).env("XDG_DATA_HOME", w.0.join("data")).env("XDG_CACHE_HOME", w.0.join("cache"));
    let out = c.env("PATH", format!("{}:/usr/bin", w.0.join("first").display())).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout), "some text\n", "{}", String::from_utf8_lossy(&out.stderr));
    let root = w.roots().join("small");
    assert_eq!(fs::read_link(root.join("bin/sh")).unwrap(), Path::new("bash"));
    assert_eq!(fs::read_to_string(root.join("var/lib/dpkg/info/cat:amd64.list")).unwrap(), "/usr/bin/cat\n");
    assert!(w.root(&["remove", "small"]).contains("removed") && w.root(&["list"]).is_empty());
}

#[test]
fn nothing_is_made_of_what_is_wrong() {
    let w = World::new("wrong");
    let good = w.package("good", "", &[("./a", 0o644, b"a")]);
    let needy = w.package("needy", "Depends: absent (>= 2)\n", &[]);
    let bad = w.package("bad", "", &[("./b", 0o644, b"b")]);
    let bad = bad.replace("SHA256: ", "SHA256: 0").replace("0\n\n", "\n\n");
    w.publish(&[good, needy, bad]);
    let unsigned = w.create("r", "good", &[]);
    assert!(unsigned.starts_with("forklift: root: ") && unsigned.contains("InRelease"), "{unsigned}");
    for (package, what) in [("absent", "there is no absent"), ("needy", "absent (>= 2) for needy"), ("bad", "checksum")] {
        let said = w.create("r", package, &["--allow-unsigned"]);
        assert!(said.starts_with("forklift: root: ") && said.contains(what), "{said}");
    }
    assert!(w.create("r", "good", &["--allow-unsigned", "--arch", "i386"]).contains("no packages for i386"));
    let release = w.0.join("mirror/dists/test/InRelease");
    let text = fs::read_to_string(&release).unwrap();
    fs::write(&release, format!("Valid-Until: Sat, 01 Aug 2020 10:00:00 UTC\n{text}")).unwrap();
    let said = w.create("r", "good", &["--allow-unsigned"]);
    assert!(said.contains("dists/test are outdated: valid until Sat, 01 Aug 2020 10:00:00 UTC"), "{said}");
    assert!(w.create("old", "good", &["--allow-unsigned", "--allow-outdated"]).contains("1 packages added"));
    let other = w.root(&["create", "r", "--packages", "good", "--suite", "nosuch", "--mirror", &format!("file://{}/mirror", w.0.display())]);
    assert!(other.contains("nosuch/InRelease"), "{other}");
    assert!(!w.roots().join("r").exists());
    fs::create_dir_all(w.0.join("precious")).unwrap();
    assert!(w.root(&["remove", &w.0.join("precious").display().to_string()]).contains("not a root"));
    assert!(w.0.join("precious").exists());
}

/// A program whose interpreter only the default root has, and one of the host that executes it.
#[cfg(target_arch = "x86_64")]
#[test]
fn the_default_root_has_the_interpreter() {
    let w = World::new("default");
    let program = w.0.join("program");
    let source = w.0.join("program.c");
    fs::write(&source, "#include <stdio.h>\nint main(void) { FILE *f = fopen(\"/of-the-root\", \"r\"); puts(f ? \"found\" : \"not found\"); return 3; }\n")
        .unwrap();
    let built = Command::new("gcc").arg("-Wl,--dynamic-linker=/lib/ld-of-forklift.so.1").arg("-o").arg(&program).arg(&source).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let path = program.display().to_string();
    let out = w.forklift(&["run", &path]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(127) && said.contains("forklift root create"), "{said}");
    let linker = fs::read("/lib64/ld-linux-x86-64.so.2").unwrap();
    w.publish(&[w.package("libc", "", &[("./lib/ld-of-forklift.so.1", 0o755, &linker), ("./of-the-root", 0o644, b"")])]);
    let made = w.root(&["create", "--packages", "libc", "--suite", "test", "--allow-unsigned", "--mirror", &format!("file://{}/mirror", w.0.display())]);
    assert!(made.contains("1 packages added"), "{made}");
    let script = w.0.join("script");
    fs::write(&script, format!("#!/bin/sh\n{path}\necho $?\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let out = w.forklift(&["run", &path]);
    assert_eq!((String::from_utf8_lossy(&out.stdout).as_ref(), out.status.code()), ("found\n", Some(3)), "{}", String::from_utf8_lossy(&out.stderr));
    let out = w.forklift(&["run", &script.display().to_string()]);
    assert_eq!(String::from_utf8_lossy(&out.stdout), "found\n3\n", "{}", String::from_utf8_lossy(&out.stderr));
}
