//! Measures guests natively, under forklift and under peers, all in one run, and compares: `cargo xtask bench`.
//!
//! Every number is a ratio of two commands that ran in turns on the same machine; what a guest prints must be what it prints natively, or its row says so
//! and doesn't count.

mod guests;
mod measure;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use guests::Guest;
use measure::{Run, run};
use report::{Report, Row};

#[derive(Parser)]
#[command(about = "Measures guests natively, under forklift and under peers")]
struct Options {
    /// The forklift to measure.
    #[arg(long)]
    forklift: PathBuf,
    /// Options for its `run`, separated by spaces.
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    options: String,
    /// Other translators, by path or name, separated by commas; `ARCH` in one stands for i386 or x86_64.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Only guests whose name contains this.
    #[arg(long)]
    filter: Option<String>,
    /// Runs of each command.
    #[arg(long, default_value_t = 5)]
    reps: usize,
    /// Where results are kept, a folder a run.
    #[arg(long)]
    results: PathBuf,
    /// Where guests and their inputs are made.
    #[arg(long)]
    work: PathBuf,
    /// Folder of the guests' sources.
    #[arg(long)]
    sources: PathBuf,
}

fn main() -> ExitCode {
    match bench(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every guest that ran printed what it prints natively.
fn bench(o: &Options) -> Result<bool, String> {
    let wanted = |g: &Guest| o.filter.as_ref().is_none_or(|f| g.name.contains(f.as_str()));
    let (guests, missing) = guests::all(&o.sources, &o.work, &wanted)?;
    let mut report = Report::new(o.peers.clone());
    for guest in guests {
        let row = measure_one(o, &guest)?;
        println!("{}", row.line());
        report.rows.push(row);
    }
    missing.iter().for_each(|m| println!("not measured: {m}"));
    report.summary().iter().for_each(|l| println!("{l}"));
    let dir = report.write(&o.results)?;
    println!("written to {}", dir.display());
    Ok(report.rows.iter().all(|r| r.ours().is_none_or(|t| t.correct)))
}

fn measure_one(o: &Options, guest: &Guest) -> Result<Row, String> {
    let commands = commands(o, guest);
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); commands.len()];
    for _ in 0..o.reps.max(1) {
        for (c, runs) in commands.iter().zip(&mut runs) {
            // One that failed once is not asked again.
            if runs.last().is_none_or(|r: &Run| r.status == 0) {
                runs.push(run(c, &guest.dir)?);
            }
        }
    }
    Ok(Row::new(guest, &runs))
}

/// Natively, under forklift, under each peer.
fn commands(o: &Options, guest: &Guest) -> Vec<Vec<String>> {
    let native = guest.command.clone();
    let mut ours = vec![o.forklift.display().to_string(), "run".to_owned()];
    ours.extend(o.options.split_whitespace().map(str::to_owned));
    ours.extend(native.iter().cloned());
    let peers = o.peers.iter().map(|p| {
        let mut c = vec![p.replace("ARCH", if guest.bits == 32 { "i386" } else { "x86_64" })];
        c.extend(native.iter().cloned());
        c
    });
    [native.clone(), ours].into_iter().chain(peers).collect()
}
