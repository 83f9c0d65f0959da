//! The command line.

mod binfmt;
mod cache;
mod demo;
mod info;
mod root;
mod run;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use forklift_x86::CpuModel;

use crate::binfmt::{arguments, by_kernel};
use crate::dump::Dump;
use crate::exec::EXEC_COMMAND;
use crate::perf;

/// Runs Linux programs for i386 and x86-64 on this machine, whatever its processor.
///
/// `forklift PATH ARGS…`, with a slash in PATH, is short for `forklift run -- PATH ARGS…`.
#[derive(Parser, Debug)]
#[command(name = "forklift", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a program. Its exit status is forklift's.
    Run(RunArgs),
    /// Show what CPUID says to a program.
    Cpu {
        /// The model.
        #[arg(default_value_t = CpuModel::V3)]
        model: CpuModel,
    },
    /// Show which system calls are there, for both ABIs.
    Syscalls,
    /// Look after the translated code that is kept from one run to the next.
    Cache {
        /// What to do.
        #[arg(value_enum)]
        action: cache::Action,
    },
    /// Have the kernel start x86 programs with forklift by itself (binfmt_misc).
    Binfmt {
        #[command(subcommand)]
        action: binfmt::Action,
    },
    /// Make and look after userlands of Debian's packages, for `forklift run --root`.
    Root {
        #[command(subcommand)]
        action: root::Action,
    },
    /// Print the manual page: forklift man | man -l -
    Man,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Show forklift at work: an embedded i386 web server, asked for its page.
    Demo(demo::DemoArgs),
}

/// Options of `forklift run`.
#[derive(clap::Args, Debug)]
struct RunArgs {
    /// Look up absolute paths below this directory first; a name without a slash may be that of a root that `forklift root` has made.
    #[arg(long, value_name = "DIR|NAME")]
    root: Option<PathBuf>,
    /// Set or, without a value, remove a variable of the program's environment.
    #[arg(short = 'E', value_name = "NAME[=VALUE]")]
    env: Vec<OsString>,
    /// Print system calls to standard error, or to FILE.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    strace: Option<Option<PathBuf>>,
    /// Never compile: interpret.
    #[arg(long)]
    interp: bool,
    /// Neither use nor keep translated code of other runs.
    #[arg(long)]
    no_cache: bool,
    /// On ARM: let threads see each other's accesses to vectors and floating-point numbers in another order than on x86. Faster; few programs mind.
    #[arg(long)]
    weak_vectors: bool,
    /// The CPU that the program sees.
    #[arg(long, value_name = "MODEL", default_value_t = CpuModel::V3)]
    cpu: CpuModel,
    /// Print blocks when they are compiled: asm (the program's), clif, host; of blocks that begin in these ranges only, if there are any.
    #[arg(short = 'd', value_name = "KIND[,KIND…][@START-END…]")]
    dump: Option<Dump>,
    /// Write where translated code lies, under the program's names, for perf(1).
    #[arg(long, value_name = "KIND", value_enum, conflicts_with = "interp")]
    perf: Option<perf::Kind>,
    /// Print statistics when the program ends.
    #[arg(long)]
    stats: bool,
    /// The name that the program finds as its own.
    #[arg(long, value_name = "NAME")]
    argv0: Option<OsString>,
    /// A name without a slash is a path, too.
    #[arg(skip)]
    exact: bool,
    /// The program and its arguments. A name without a slash is looked up in PATH.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

impl RunArgs {
    /// Those of a command line without options.
    fn new(program: Vec<OsString>) -> Self {
        Self {
            root: None,
            env: Vec::new(),
            strace: None,
            interp: false,
            no_cache: false,
            weak_vectors: false,
            cpu: CpuModel::V3,
            dump: None,
            perf: None,
            stats: false,
            argv0: None,
            exact: false,
            program,
        }
    }
}

/// The program and its arguments, if `args` run one and have no option. Starting the parser costs as much as starting a small program.
fn without_options(args: &[OsString]) -> Option<&[OsString]> {
    let [_, run, rest @ ..] = args else { return None };
    let program = match rest {
        [first, program @ ..] if first == "--" => program,
        [first, ..] if first.as_encoded_bytes().starts_with(b"-") => return None,
        _ => rest,
    };
    (run == "run" && !program.is_empty()).then_some(program)
}

/// Entry point of the binary.
pub fn main() -> i32 {
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_default();
    let args: Vec<_> = args.collect();
    let by_kernel = by_kernel();
    if args.first().is_some_and(|first| first == EXEC_COMMAND) && !by_kernel {
        return run::exec(args.into_iter().skip(1));
    }
    if let Some((argv0, program)) = arguments(&args, by_kernel) {
        return run::run(RunArgs { argv0, exact: by_kernel, ..RunArgs::new(program) });
    }
    let args: Vec<_> = std::iter::once(name).chain(args).collect();
    if let Some(program) = without_options(&args) {
        return run::run(RunArgs::new(program.to_vec()));
    }
    match Cli::parse_from(args).command {
        Command::Run(args) => run::run(args),
        Command::Cpu { model } => info::print(|out| info::cpu(model, out)),
        Command::Syscalls => info::print(info::syscalls),
        Command::Cache { action } => cache::run(action),
        Command::Binfmt { action } => binfmt::run(&action),
        Command::Root { action } => root::run(action),
        Command::Man => info::print(info::man),
        Command::Completions { shell } => info::print(|out| {
            info::completions(shell, out);
            Ok(())
        }),
        Command::Demo(args) => demo::demo(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_options_is_as_parsed() {
        let lines: [&[&str]; 5] =
            [&["run", "true"], &["run", "--", "true", "-x"], &["run", "--", "-odd", "--"], &["run", "sh", "--stats", "-c", ":"], &["run", ""]];
        for line in lines {
            let args: Vec<OsString> = ["forklift"].iter().chain(line).map(OsString::from).collect();
            let short = without_options(&args).map(|program| RunArgs::new(program.to_vec()));
            let Command::Run(parsed) = Cli::parse_from(&args).command else { panic!("{line:?}") };
            assert_eq!(format!("{short:?}"), format!("{:?}", Some(parsed)));
        }
        for line in [&["run", "--stats", "true"][..], &["run"], &["run", "--"], &["cpu", "v3"], &["man"], &[]] {
            let args: Vec<OsString> = ["forklift"].iter().chain(line).map(OsString::from).collect();
            assert_eq!(without_options(&args), None, "{line:?}");
        }
    }
}
