//! What forklift says about itself: the CPU models, the system calls, the manual page, shell completions.

use std::io::{self, Write};

use clap::CommandFactory;
use forklift_x86::{CpuModel, Feature};

use super::Cli;
use crate::syscall::{self, Support, names};

/// `forklift cpu`: the features of a model, and its CPUID leaves.
pub(super) fn cpu(model: CpuModel, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{model}: as CPUID shows it. Models: {}.", CpuModel::ALL.map(CpuModel::name).join(", "))?;
    let features: Vec<_> = Feature::ALL.into_iter().filter(|&f| model.has(f)).map(Feature::name).collect();
    writeln!(out, "features: {}", features.join(" "))?;
    writeln!(out, "\nleaf       sub  eax      ebx      ecx      edx")?;
    for (first, last) in [(0, model.cpuid(0, 0).eax), (0x8000_0000, model.cpuid(0x8000_0000, 0).eax)] {
        for leaf in first..=last {
            for sub in 0..if leaf == 0xd { 2 } else { 1 } {
                let l = model.cpuid(leaf, sub);
                writeln!(out, "{leaf:08x}  {sub:>3}  {:08x} {:08x} {:08x} {:08x}", l.eax, l.ebx, l.ecx, l.edx)?;
            }
        }
    }
    Ok(())
}

/// `forklift syscalls`: every number that the kernel's headers know, for both ABIs, and what forklift does with it.
pub(super) fn syscalls(out: &mut impl Write) -> io::Result<()> {
    let (mut full, mut partial, mut refused) = (0, 0, 0);
    writeln!(out, "{:<28} {:>6} {:>6}  support", "name", "x86-64", "i386")?;
    let number = |n: Option<u16>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let mut rows: Vec<_> = syscall::all().map(|e| e.spec).collect();
    rows.sort_by_key(|s| (s.x64.is_none(), s.x64, s.i386));
    for s in &rows {
        let support = match s.support {
            Support::Full => {
                full += 1;
                "full".to_owned()
            }
            Support::Partial(why) => {
                partial += 1;
                format!("partial: {why}")
            }
            Support::Refused(why) => {
                refused += 1;
                format!("refused: {why}")
            }
        };
        writeln!(out, "{:<28} {:>6} {:>6}  {support}", s.name, number(s.x64), number(s.i386))?;
    }
    let mut missing = 0;
    for (x64, table) in [(true, names::X64), (false, names::I386)] {
        for &(nr, name) in table {
            if !rows.iter().any(|s| if x64 { s.x64 } else { s.i386 } == Some(nr)) {
                missing += 1;
                let (a, b) = if x64 { (Some(nr), None) } else { (None, Some(nr)) };
                writeln!(out, "{name:<28} {:>6} {:>6}  missing: ENOSYS", number(a), number(b))?;
            }
        }
    }
    writeln!(out, "\n{full} full, {partial} partial, {refused} refused on purpose, {missing} missing")
}

/// What the command line's definition doesn't say.
const MORE: &str = include_str!("man.roff");

/// `forklift man`: the manual page in roff.
pub(super) fn man(out: &mut impl Write) -> io::Result<()> {
    let command = Cli::command();
    clap_mangen::Man::new(command.clone()).render(out)?;
    for sub in command.get_subcommands() {
        man_section(sub, &format!("forklift {}", sub.get_name()), out)?;
    }
    out.write_all(MORE.as_bytes())
}

/// The section of a command, and those of its commands.
fn man_section(command: &clap::Command, name: &str, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, ".SH \"COMMAND {}\"", name.trim_start_matches("forklift ").to_uppercase())?;
    let man = clap_mangen::Man::new(command.clone().bin_name(name));
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(out)?;
    }
    command.get_subcommands().try_for_each(|sub| man_section(sub, &format!("{name} {}", sub.get_name()), out))
}

/// `forklift completions SHELL`.
pub(super) fn completions(shell: clap_complete::Shell, out: &mut impl Write) {
    clap_complete::generate(shell, &mut Cli::command(), "forklift", out);
}

/// Prints to standard output; a reader that has left is no error.
pub(super) fn print(what: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> i32 {
    let mut text = Vec::new();
    let written = what(&mut text).and_then(|()| io::stdout().lock().write_all(&text));
    match written {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("forklift: writing to standard output: {e}");
            1
        }
        _ => 0,
    }
}
