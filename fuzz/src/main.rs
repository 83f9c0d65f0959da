//! `forklift-fuzz`, which `cargo xtask fuzz` runs: campaigns of random code through interpreter, JIT and this machine's CPU.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use forklift_fuzz::drive::{self, Options, Pair};
use forklift_fuzz::oracle::{self, Tier};
use forklift_fuzz::vectors;
use forklift_x86::Mode;

/// Which oracles are compared.
#[derive(Clone, Copy, ValueEnum)]
enum Oracles {
    /// JIT and CPU
    Jit,
    /// Interpreter and CPU
    Cpu,
    /// Both pairs
    Both,
}

/// How the JIT runs code.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tiers {
    /// Compiled
    Lifted,
    /// Compiled for memory that others see
    Ordered,
    /// As it is
    Direct,
    /// Compiled for who can't see the state at a fault
    Unseen,
}

/// Modes of the code.
#[derive(Clone, Copy, ValueEnum)]
enum Modes {
    /// 32-bit code
    #[value(name = "32")]
    Bits32,
    /// 64-bit code
    #[value(name = "64")]
    Bits64,
    /// Both
    Both,
}

/// Runs random code through interpreter, JIT and this machine's CPU, and compares.
#[derive(Parser)]
struct Args {
    /// How long
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many cases at most
    #[arg(long, default_value_t = u64::MAX)]
    cases: u64,
    /// Where chance starts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Who is compared
    #[arg(long, value_enum, default_value = "both")]
    oracle: Oracles,
    /// Only instructions whose names contain this
    #[arg(long, default_value = "")]
    filter: String,
    /// Mode of the code
    #[arg(long, value_enum, default_value = "both")]
    mode: Modes,
    /// How the JIT runs code; in turn, if it isn't told
    #[arg(long, value_enum)]
    tier: Option<Tiers>,
    /// Where mismatches of single instructions are saved as case files
    #[arg(long)]
    save: Option<PathBuf>,
    /// Print the tables of docs/testing.md instead
    #[arg(long)]
    report: bool,
    /// Record vectors from this machine's CPU into a file instead
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Replay vectors from a file instead
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Of these, only every so many-th
    #[arg(long, default_value_t = 1)]
    every: usize,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.report {
        print!("{}", drive::tables());
        return ExitCode::SUCCESS;
    }
    if let Some(result) = vectors_only(&args) {
        return exit(result);
    }
    let options = Options {
        time: Duration::from_secs(args.seconds),
        cases: args.cases,
        seed: args.seed,
        pair: match args.oracle {
            Oracles::Jit => Pair::Jit,
            Oracles::Cpu => Pair::Cpu,
            Oracles::Both => Pair::Both,
        },
        filter: args.filter.to_lowercase(),
        tier: args.tier.map(|t| match t {
            Tiers::Lifted => Tier::Lifted,
            Tiers::Ordered => Tier::Ordered,
            Tiers::Direct => Tier::Direct,
            Tiers::Unseen => Tier::Unseen,
        }),
        modes: match args.mode {
            Modes::Bits32 => vec![Mode::Bits32],
            Modes::Bits64 => vec![Mode::Bits64],
            Modes::Both => vec![Mode::Bits64, Mode::Bits32],
        },
        save: args.save,
    };
    exit(drive::run(&options).and_then(|t| report(&options, &t)))
}

/// The program's end: whether nothing was found, or why that can't be told.
fn exit(result: Result<bool, String>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

/// Records or replays, if that is wanted.
fn vectors_only(args: &Args) -> Option<Result<bool, String>> {
    let fail = |path: &PathBuf, e: std::io::Error| format!("{}: {e}", path.display());
    if let Some(path) = &args.record {
        let sets: Option<Vec<_>> = [Mode::Bits64, Mode::Bits32].into_iter().map(vectors::record).collect();
        let written = sets.ok_or_else(|| "this machine's CPU can't be asked".to_owned()).and_then(|s| {
            println!("{} vectors", s.iter().map(|v| v.all.len()).sum::<usize>());
            std::fs::write(path, vectors::write(&s)).map_err(|e| fail(path, e))
        });
        return Some(written.map(|()| true));
    }
    let path = args.replay.as_ref()?;
    Some(std::fs::read(path).map_err(|e| fail(path, e)).and_then(|file| {
        let sets = vectors::read(&file).ok_or("the file is damaged")?;
        Ok(replay(&sets, args))
    }))
}

/// Replays through the oracles that `args` name; whether all agree.
fn replay(sets: &[vectors::Vectors], args: &Args) -> bool {
    let mut players = Vec::new();
    if !matches!(args.oracle, Oracles::Jit) {
        players.push(("interpreter", vectors::Player::Interpreter(oracle::interpreter_batches())));
    }
    if !matches!(args.oracle, Oracles::Cpu) {
        let wanted = |t| args.tier.is_none_or(|w| w == t);
        players.extend(oracle::jit().filter(|_| wanted(Tiers::Lifted)).map(|j| ("JIT", vectors::Player::Jit(j))));
        players.extend(oracle::ordered().filter(|_| args.tier == Some(Tiers::Ordered)).map(|j| ("JIT, ordered", vectors::Player::Jit(j))));
        players.extend(oracle::unseen().filter(|_| args.tier == Some(Tiers::Unseen)).map(|j| ("JIT, unseen", vectors::Player::Jit(j))));
        players.extend(oracle::direct().filter(|_| wanted(Tiers::Direct)).map(|j| ("direct code", vectors::Player::Jit(j))));
    }
    let mut good = true;
    for (name, player) in &mut players {
        for set in sets {
            let done = vectors::replay(set, player, args.every);
            done.wrong.iter().take(20).for_each(|w| println!("{w}"));
            println!("{name}, {} bits: {} vectors agree, {} don't", set.mode.bitness(), done.passed, done.wrong.len());
            good &= done.wrong.is_empty();
        }
    }
    good
}

/// Prints what was found; whether that is nothing.
fn report(options: &Options, tally: &drive::Tally) -> Result<bool, String> {
    for m in &tally.mismatches {
        println!("{}", m.text);
    }
    if let Some(dir) = &options.save {
        let fail = |e: std::io::Error| format!("{}: {e}", dir.display());
        std::fs::create_dir_all(dir).map_err(fail)?;
        let cases: Vec<_> = tally.mismatches.iter().filter_map(drive::Mismatch::case).collect();
        std::fs::write(dir.join("found.txt"), cases.join("\n")).map_err(fail)?;
    }
    print!("{}", tally.summary(&options.modes, &options.filter));
    Ok(tally.mismatches.is_empty())
}
