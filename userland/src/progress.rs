//! One line that shows how far a download is, for a person at a terminal; others see nothing of it.

use std::io::{IsTerminal, Write};

/// Width of the bar. Unit: characters.
const BAR: u64 = 30;
const MIB: f64 = 1024.0 * 1024.0;

/// How far it is.
#[derive(Debug, Default)]
pub struct Progress {
    /// Unit: bytes.
    total: u64,
    done: u64,
    shown: bool,
}

impl Progress {
    /// For `total` bytes, shown if standard error is a terminal.
    pub fn new(total: u64) -> Self {
        Self { total, done: 0, shown: std::io::stderr().is_terminal() }
    }

    /// Shows that `here` bytes of the file `name` are there.
    pub fn show(&self, name: &str, here: u64) {
        if self.shown {
            let line = bar(self.done + here, self.total);
            let name: String = name.chars().take(40).collect();
            let _ = write!(std::io::stderr(), "\r\x1b[K{line} {name}");
        }
    }

    /// A file of `size` bytes is complete.
    pub fn done(&mut self, size: u64) {
        self.done += size;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn bar(done: u64, total: u64) -> String {
    let full = done.saturating_mul(BAR).checked_div(total).unwrap_or(0).min(BAR) as usize;
    let mib = |n: u64| n as f64 / MIB;
    format!("[{}{}] {:.1} of {:.1} MiB", "#".repeat(full), " ".repeat(BAR as usize - full), mib(done), mib(total.max(done)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        assert_eq!(bar(0, 0), format!("[{}] 0.0 of 0.0 MiB", " ".repeat(30)));
        assert_eq!(bar(1 << 20, 3 << 20), format!("[{}{}] 1.0 of 3.0 MiB", "#".repeat(10), " ".repeat(20)));
        assert_eq!(bar(3, 2), format!("[{}] 0.0 of 0.0 MiB", "#".repeat(30)));
    }
}
