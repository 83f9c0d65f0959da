//! The `forklift` command.

fn main() {
    forklift::cli::main();
}
