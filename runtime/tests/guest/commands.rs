//! Single commands, one a line of `tests/guest/commands.txt`, and the scripts of `tests/guest/scripts`.
//!
//! A line of commands is `NAME: PROGRAM ARGS…`, with shell quotes. A script is run by the interpreter that its first line names; a second line
//! may hold `# needs: PROGRAMS` and a third `# work: JIT INTERP`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::harness::{Guest, find};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guest")
}

/// The commands.
pub fn commands() -> Vec<Guest> {
    let text = fs::read_to_string(folder().join("commands.txt")).unwrap_or_default();
    text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split_once(": ")).map(|(name, line)| command(name, split(line))).collect()
}

fn command(name: &str, mut argv: Vec<String>) -> Guest {
    let program = argv[0].clone();
    if let Some(path) = find(&program) {
        argv[0] = path.to_string_lossy().into_owned();
    }
    Guest { name: name.to_owned(), needs: vec![program], argv: Arc::new(move || Ok(argv.clone())), work: [1, 1] }
}

/// Splits as a shell does, knowing single quotes only.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The scripts.
pub fn scripts() -> Vec<Guest> {
    let mut files: Vec<_> = fs::read_dir(folder().join("scripts")).into_iter().flatten().flatten().map(|e| e.path()).collect();
    files.sort();
    files.iter().filter_map(|f| script(f)).collect()
}

fn script(file: &Path) -> Option<Guest> {
    let text = fs::read_to_string(file).ok()?;
    let option =
        |name: &str| text.lines().take(4).find_map(|l| l.strip_prefix("# ").or(l.strip_prefix("-- "))?.strip_prefix(name)?.strip_prefix(": ")).unwrap_or("");
    let interpreter = text.lines().next()?.strip_prefix("#!")?.split_whitespace().next()?.to_owned();
    let work: Vec<u64> = option("work").split_whitespace().filter_map(|n| n.parse().ok()).collect();
    let path = file.to_str()?.to_owned();
    Some(Guest {
        name: format!("script-{}", file.file_stem()?.to_str()?),
        needs: option("needs").split_whitespace().map(str::to_owned).chain([interpreter]).collect(),
        argv: Arc::new(move || Ok(vec![path.clone()])),
        work: [work.first().copied().unwrap_or(1), work.get(1).copied().unwrap_or(1)],
    })
}
