//! Real programs under forklift: the same standard output, standard error and exit status as without it, translated and interpreted.
//!
//! Every command, script and C program is three tests, `NAME::jit`, `NAME::lifted` and `NAME::interp`; the last works on smaller inputs. What a host lacks is ignored,
//! with the reason as the test's kind. `FORKLIFT_GUEST_NATIVE=1` runs everything natively twice, which tests the tests;
//! `FORKLIFT_GUEST_CACHE=DIR` lets forklift keep its cache in DIR instead of having none.

mod build;
mod commands;
mod harness;
mod inputs;
mod tiny;

use harness::{Engine, Guest};
use libtest_mimic::{Arguments, Trial};

fn main() {
    let mut args = Arguments::from_args();
    if args.test_threads.is_none() {
        args.test_threads = std::thread::available_parallelism().map(|n| n.get()).ok();
    }
    let guests = commands::commands().into_iter().chain(commands::scripts()).chain(build::programs()).chain(tiny::programs());
    let trials = guests.flat_map(|g| [Engine::Jit, Engine::Lifted, Engine::Interp].map(|e| trial(g.clone(), e)));
    libtest_mimic::run(&args, trials.chain(tiny::blessed()).collect()).exit();
}

fn trial(guest: Guest, engine: Engine) -> Trial {
    let missing = guest.missing();
    let name = format!("{}::{}", guest.name, engine.name());
    let trial = Trial::test(name, move || harness::compare(&guest, engine).map_err(Into::into));
    match missing {
        Some(reason) => trial.with_kind(reason).with_ignored_flag(true),
        None => trial,
    }
}
