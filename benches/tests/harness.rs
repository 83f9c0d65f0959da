//! The harness from the outside, on the shortest guest, with a script in forklift's place that runs programs as they are.
#![cfg(target_arch = "x86_64")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn bench(dir: &Path, args: &[&str]) -> Output {
    let script = dir.join("translator");
    fs::create_dir_all(dir).unwrap();
    fs::write(&script, "#!/bin/sh\nif [ \"$1\" = run ]; then shift; exec \"$@\"; fi\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let mut c = Command::new(env!("CARGO_BIN_EXE_forklift-bench"));
    c.arg("--forklift").arg(&script).arg("--work").arg(dir.join("work")).arg("--results").arg(dir.join("results"));
    c.args(["--sources", concat!(env!("CARGO_MANIFEST_DIR"), "/guest"), "--reps", "1"]).args(args).output().unwrap()
}

fn temp(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("forklift-bench-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    dir
}

#[test]
fn a_row_and_its_files() {
    let dir = temp("row");
    let out = bench(&dir, &["--filter", "empty.64"]);
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && said.contains("start: empty.64, 4 runs\n  native") && said.contains("resident: empty.64, 1 runs"), "{out:?}");
    // Results of some guests only are not those of all.
    assert!(!dir.join("results").exists());
    let folder = fs::read_dir(dir.join("work/results")).unwrap().next().unwrap().unwrap().path();
    for (file, part) in [("results.json", "\"forklift, empty cache\""), ("table.md", "| start: empty.64 |"), ("chart.svg", "</svg>")] {
        assert!(fs::read_to_string(folder.join(file)).unwrap().contains(part), "{file}");
    }
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn what_is_wrong_is_named() {
    let dir = temp("wrong");
    let said = |args: &[&str]| {
        let out = bench(&dir, args);
        assert_eq!(out.status.code(), Some(1), "{out:?}");
        String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout)
    };
    assert_eq!(said(&["--filter", "empty.64", "--peers", "no-such-translator"]), "the peer no-such-translator is not there\n");
    assert_eq!(said(&["--filter", "no-such-guest"]), "no guest's name or group contains 'no-such-guest'\n");
    fs::create_dir_all(dir.join("sources")).unwrap();
    fs::write(dir.join("sources/broken.c"), "int main(void) { return x; }\n").unwrap();
    let sources = dir.join("sources").display().to_string();
    assert!(said(&["--filter", "broken", "--sources", &sources]).contains("not measured: broken.64: gcc -m64: "));
    fs::remove_dir_all(&dir).unwrap();
}
