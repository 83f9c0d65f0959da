//! The `forklift` command.
//!
//! The C library calls `main` directly: Rust's own start would change the disposition of SIGPIPE and install handlers, which the guest would inherit.

#![no_main]

use core::ffi::{c_char, c_int};

/// Entry point, called by the C library. The arguments come from `std::env`.
#[unsafe(no_mangle)]
pub extern "C" fn main(_argc: c_int, _argv: *const *const c_char) -> c_int {
    forklift::cli::main()
}
