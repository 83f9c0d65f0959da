//! A program of 20,000 functions, each of which is called once: what it takes to come by a translation.
//!
//! They are written in assembly language, so that the number of instructions is known.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::guests::is_newer;
use crate::programs::Random;

const FUNCTIONS: usize = 20_000;
/// Instructions of each function.
const LENGTH: usize = 20;

/// Distinct instructions that the functions run.
pub const INSTRUCTIONS: usize = FUNCTIONS * LENGTH;

/// Where its source is.
pub fn source(work: &Path) -> PathBuf {
    work.join("cold.c")
}

/// Writes the source, unless this program has done so.
///
/// # Errors
/// It can't be written.
pub fn write(path: &Path) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("{}: {e}", path.display());
    if std::env::current_exe().is_ok_and(|own| is_newer(path, &own)) {
        return Ok(());
    }
    let mut out = BufWriter::new(File::create(path).map_err(fail)?);
    program(&mut out).and_then(|()| out.flush()).map_err(fail)
}

fn program(out: &mut impl Write) -> std::io::Result<()> {
    let mut random = Random::new();
    writeln!(out, "// flags: -fno-pie -no-pie\n#include <stdio.h>\nunsigned g[64] = {{1}};")?;
    for n in 0..FUNCTIONS {
        writeln!(out, "void f{n}(void); __asm__(\".p2align 4\\nf{n}:{}\");", function(&mut random))?;
    }
    writeln!(out, "static void (*const all[])(void) = {{")?;
    (0..FUNCTIONS).try_for_each(|n| writeln!(out, "f{n},"))?;
    writeln!(out, "}};\nint main(void) {{\n    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) all[i]();")?;
    writeln!(out, "    printf(\"%08x\\n\", g[0] ^ g[1]);\n}}")
}

/// [`LENGTH`] instructions, which use registers that a function may change in both ABIs. A branch ends a block, whichever way it goes.
fn function(random: &mut Random) -> String {
    let mut lines = vec![format!("mov g+{},%eax", 4 * random.below(64)), format!("mov ${},%ecx", random.below(1 << 30)), "mov %eax,%edx".to_owned()];
    while lines.len() < LENGTH - 2 {
        let (a, b) = (["%eax", "%ecx", "%edx"][random.below(3)], ["%eax", "%ecx", "%edx"][random.below(3)]);
        lines.push(match random.below(8) {
            0 => format!("imul ${},{a},{b}", random.below(1 << 30)),
            1 => format!("add g+{},{a}", 4 * random.below(64)),
            2 => format!("shr ${},{a}", 1 + random.below(8)),
            3 => format!("rol ${},{a}", 1 + random.below(31)),
            4 => format!("xor {a},{b}"),
            5 => format!("add {a},{b}"),
            6 => format!("test ${},{a}", 1 << random.below(8)),
            _ => "jnz 1f\\n1:".to_owned(),
        });
    }
    lines.push(format!("mov %eax,g+{}", 4 * random.below(64)));
    lines.push("ret".to_owned());
    lines.iter().map(|l| format!("\\n{l}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_as_many_instructions_as_is_said() {
        let mut random = Random::new();
        for _ in 0..100 {
            let text = function(&mut random);
            assert_eq!(text.split("\\n").filter(|l| !l.is_empty() && *l != "1:").count(), LENGTH, "{text}");
        }
    }
}
