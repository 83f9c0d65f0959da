//! The rules between crates: arrows point one way, and four crates have no unsafe code. See ARCHITECTURE.md.

use std::fs;

use crate::{TaskResult, root};

/// What a crate may depend on, tests aside.
struct Rule {
    folder: &'static str,
    allowed: &'static [&'static str],
    /// The rule holds for `dev-dependencies` too: an oracle must not know what it judges.
    tests_too: bool,
    forbid_unsafe: bool,
}

const RULES: &[Rule] = &[
    Rule { folder: "frontend/x86", allowed: &["iced-x86"], tests_too: false, forbid_unsafe: true },
    Rule { folder: "frontend/interp", allowed: &["forklift-x86", "iced-x86"], tests_too: true, forbid_unsafe: true },
    Rule { folder: "frontend/lift", allowed: &["forklift-x86", "iced-x86", "cranelift-codegen", "cranelift-frontend"], tests_too: false, forbid_unsafe: true },
    Rule {
        folder: "jit",
        allowed: &["forklift-x86", "forklift-lift", "iced-x86", "cranelift-codegen", "cranelift-frontend", "libc", "memmap2", "thiserror"],
        tests_too: false,
        forbid_unsafe: false,
    },
    Rule { folder: "userland", allowed: &["flate2", "lzma-rust2", "ruzstd", "sha2", "tar", "thiserror"], tests_too: false, forbid_unsafe: true },
];

/// Crates that nothing else may depend on.
const LEAVES: &[&str] = &["forklift-fuzz", "forklift-benches", "xtask"];

/// Checks the rules; the error lists every violation.
pub fn check() -> TaskResult {
    let mut wrong = Vec::new();
    for rule in RULES {
        let manifest = read(&format!("{}/Cargo.toml", rule.folder))?;
        for (section, dep) in dependencies(&manifest) {
            let test_only = section.contains("dev-dependencies");
            let judged = dep.starts_with("forklift") || dep.starts_with("cranelift");
            if !rule.allowed.contains(&dep) && (!test_only || rule.tests_too && judged) {
                wrong.push(format!("{}: may not depend on {dep}", rule.folder));
            }
        }
        if rule.forbid_unsafe && !read(&format!("{}/src/lib.rs", rule.folder))?.contains("#![forbid(unsafe_code)]") {
            wrong.push(format!("{}: lacks #![forbid(unsafe_code)]", rule.folder));
        }
    }
    let runtime = read("runtime/Cargo.toml")?;
    if dependencies(&runtime).into_iter().any(|(section, dep)| section == "dependencies" && LEAVES.contains(&dep)) {
        wrong.push("runtime: may not depend on fuzz, benches or xtask".to_owned());
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(root().join(path)).map_err(|e| format!("{path}: {e}"))
}

/// Section and name of each dependency in a manifest. Our manifests have one dependency a line.
fn dependencies(manifest: &str) -> Vec<(&str, &str)> {
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(s) = line.strip_prefix('[') {
            section = s.trim_end_matches(']');
        } else if section.ends_with("dependencies") && !line.starts_with('#') {
            found.extend(line.split(['.', '=', ' ']).next().filter(|n| !n.is_empty()).map(|n| (section, n)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_dependencies() {
        let manifest = "[package]\nname = \"a\"\n[dependencies]\n# none\nb.workspace = true\nc = \"1\"\n\n[target.'cfg(unix)'.dev-dependencies]\nd = { path = \"x\" }\n[features]\ne = []\n";
        assert_eq!(dependencies(manifest), [("dependencies", "b"), ("dependencies", "c"), ("target.'cfg(unix)'.dev-dependencies", "d")]);
    }

    #[test]
    fn the_rules_hold() {
        check().unwrap();
    }
}
