//! `#!` scripts, by the kernel's rules (fs/binfmt_script.c; execve(2), "Interpreter scripts").

use super::elf::HEAD;
use crate::errno::{Errno, SysResult};

/// What the first line of a script asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shebang {
    /// Path of the interpreter.
    pub interpreter: Vec<u8>,
    /// Its one optional argument: the rest of the line.
    pub arg: Option<Vec<u8>>,
}

const fn is_blank(b: u8) -> bool {
    b == b' ' || b == b'\t'
}

const fn is_end(b: u8) -> bool {
    is_blank(b) || b == 0
}

/// Parses the first line. `None` if the file isn't a script.
///
/// # Errors
/// ENOEXEC if there is no interpreter, or its path is cut off.
pub fn parse(head: &[u8; HEAD]) -> SysResult<Option<Shebang>> {
    let Some(line) = head.strip_prefix(b"#!") else { return Ok(None) };
    let line = match line.iter().position(|&b| b == b'\n') {
        Some(n) => &line[..n],
        None => {
            // The last byte of the head is never looked at.
            let line = &line[..line.len() - 1];
            let name = line.iter().position(|&b| !is_blank(b)).ok_or(Errno::ENOEXEC)?;
            line[name..].iter().position(|&b| is_end(b)).ok_or(Errno::ENOEXEC)?;
            line
        }
    };
    let end = line.iter().rposition(|&b| !is_blank(b)).map_or(0, |n| n + 1);
    let line = &line[..end];
    let start = line.iter().position(|&b| !is_blank(b)).ok_or(Errno::ENOEXEC)?;
    let line = &line[start..];
    let sep = line.iter().position(|&b| is_end(b)).unwrap_or(line.len());
    let arg = match line.get(sep) {
        Some(&b) if b != 0 => line[sep..].iter().position(|&b| !is_blank(b)).map(|n| until_zero(&line[sep + n..])),
        _ => None,
    };
    if sep == 0 {
        return Err(Errno::ENOEXEC);
    }
    Ok(Some(Shebang { interpreter: line[..sep].to_vec(), arg }))
}

fn until_zero(b: &[u8]) -> Vec<u8> {
    b.split(|&b| b == 0).next().unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> SysResult<Option<(String, Option<String>)>> {
        let mut head = [0; HEAD];
        head[..text.len()].copy_from_slice(text.as_bytes());
        let s = |v: Vec<u8>| String::from_utf8(v).unwrap();
        Ok(parse(&head)?.map(|b| (s(b.interpreter), b.arg.map(s))))
    }

    #[test]
    fn lines() {
        let ok = |i: &str, a: Option<&str>| Ok(Some((i.to_owned(), a.map(str::to_owned))));
        assert_eq!(parsed("#!/bin/sh\n"), ok("/bin/sh", None));
        assert_eq!(parsed("#! \t/bin/sh  -e -x \nfoo"), ok("/bin/sh", Some("-e -x")));
        assert_eq!(parsed("#!/bin/sh"), ok("/bin/sh", None));
        assert_eq!(parsed("#!\n"), Err(Errno::ENOEXEC));
        assert_eq!(parsed("#!   \n"), Err(Errno::ENOEXEC));
        assert_eq!(parsed("echo"), Ok(None));
        assert_eq!(parsed(&format!("#!{}", "x".repeat(254))), Err(Errno::ENOEXEC));
    }
}
