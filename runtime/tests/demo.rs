//! `forklift demo`: the embedded server serves every page that it is asked for.

use std::process::Command;

/// The value behind `key` in the demo's report.
fn value<'a>(report: &'a str, key: &str) -> &'a str {
    report.lines().find_map(|l| l.strip_prefix(key)).unwrap_or_default().trim()
}

#[test]
fn the_server_serves() {
    let out = Command::new(env!("CARGO_BIN_EXE_forklift")).arg("demo").env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR")).output().unwrap();
    let report = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{report}{}", String::from_utf8_lossy(&out.stderr));
    let code: u32 = value(&report, "guest").split(' ').next().unwrap().parse().unwrap();
    assert!(code < 1000, "the server has {code} bytes");
    assert!(value(&report, "served").starts_with("64 pages on 16 connections"), "{report}");
    assert!(value(&report, "page").contains("forklift"), "{report}");
    assert!(value(&report, "executed").contains("in 17 processes"), "{report}");
}
