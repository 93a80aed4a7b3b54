//! The `tamis` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    tamis::cli::main()
}
