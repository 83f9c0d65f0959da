//! Measures guests natively, under forklift and under peers, all in one run, and compares: `cargo xtask bench`.
//!
//! Every number comes from commands that ran in turns on the same machine; what a guest prints must be what it prints natively, or its row says so and doesn't
//! count. This program stays small: a child begins as a copy of it, which counts for the child's peak size. Modules: what is measured (`guests`, `programs`, `cold`), by what (`runners`), one run (`measure`), the numbers of a row (`row`), all of them and
//! those of the last time (`report`), as a picture (`chart`).

mod chart;
mod cold;
mod guests;
mod measure;
mod programs;
mod report;
mod row;
mod runners;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use guests::{Group, Guest};
use measure::Run;
use report::Report;
use row::Row;
use runners::Runner;

#[derive(Parser)]
#[command(about = "Measures guests natively, under forklift and under peers", args_override_self = true)]
struct Options {
    /// The forklift to measure.
    #[arg(long)]
    forklift: PathBuf,
    /// Options for its `run`, separated by spaces.
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    options: String,
    /// Other translators, by name or path, with options if need be, separated by commas: `qemu`, `/path/to/blink`, `qemu11=/path/to/qemu-ARCH`. ARCH stands for
    /// x86_64 or i386; what comes before `=` is the name in reports.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Only guests whose name or group (kernels-64, kernels-32, programs, start, cold, resident) contains this. Results don't go to where those of all guests do.
    #[arg(long)]
    filter: Option<String>,
    /// Runs of each command; short ones are run more often.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    reps: u32,
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
    let mut options = Options::parse();
    // Guests run elsewhere.
    for path in [&mut options.forklift, &mut options.work] {
        *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
    }
    match bench(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every guest did under forklift what it does natively.
fn bench(o: &Options) -> Result<bool, String> {
    if !cfg!(target_arch = "x86_64") {
        return Err("guests are compared with their native runs, for which this must be an x86-64 machine".to_owned());
    }
    let wanted = |g: &Guest| o.filter.as_ref().is_none_or(|f| g.name.contains(f.as_str()) || g.group.key().contains(f.as_str()));
    let (guests, mut missing) = guests::all(&o.sources, &o.work, &wanted)?;
    if guests.is_empty() && missing.is_empty() {
        return Err(format!("no guest's name or group contains '{}'", o.filter.as_deref().unwrap_or_default()));
    }
    let widths: Vec<u32> = [64, 32].into_iter().filter(|&b| guests.iter().any(|g| g.bits == b)).collect();
    let runners = runners::all(&o.forklift, &o.options, &o.peers, &widths)?;
    let mut report = Report::new(&runners, o.reps);
    for guest in &guests {
        match measure_one(o, guest, &runners) {
            Ok(row) => {
                println!("{}", row.text());
                report.rows.push(row);
            }
            Err(why) => missing.push(format!("{}: {why}", guest.name)),
        }
    }
    missing.iter().for_each(|m| println!("not measured: {m}"));
    if report.rows.is_empty() {
        return Err("nothing was measured".to_owned());
    }
    print!("{}", report.means_text());
    if let Some((name, last)) = report.last_in(&o.results)? {
        println!("beside {name}:\n{}", report.changes_since(&last));
    }
    let kept = if o.filter.is_some() { o.work.join("results") } else { o.results.clone() };
    println!("written to {}", report.write(&kept)?.display());
    Ok(report.is_right())
}

fn measure_one(o: &Options, guest: &Guest, runners: &[Runner]) -> Result<Row, String> {
    let of_guest: Vec<&Runner> = runners.iter().filter(|r| r.runs(guest.group)).collect();
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); of_guest.len()];
    for _ in 0..o.reps * guest.group.times() {
        for (runner, runs) in of_guest.iter().zip(&mut runs) {
            // One that failed once is not asked again.
            if runs.last().is_none_or(|r: &Run| r.status == 0) {
                runs.push(measure_run(o, guest, runner, runs.is_empty())?);
            }
        }
        if let Some(status) = runs[0].last().map(|r| r.status).filter(|&s| s != 0) {
            return Err(format!("ends natively with status {status}"));
        }
    }
    Ok(Row::new(guest, &of_guest, &runs))
}

fn measure_run(o: &Options, guest: &Guest, runner: &Runner, first: bool) -> Result<Run, String> {
    let command = runner.command(guest);
    let cache = runner.empty_cache.then(|| o.work.join("empty-cache"));
    if let Some(cache) = &cache {
        empty(cache)?;
    }
    if guest.group == Group::Resident {
        return measure::size(&command, &guest.dir);
    }
    let run = || measure::run(&command, &guest.dir, cache.as_deref());
    if first && guest.group.has_both_caches() && !runner.empty_cache {
        // Fills the cache.
        run()?;
    }
    run()
}

fn empty(cache: &Path) -> Result<(), String> {
    match std::fs::remove_dir_all(cache) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {e}", cache.display())),
        _ => Ok(()),
    }
}
