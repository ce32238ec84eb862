//! The `logd` command: arguments → command → exit code.

fn main() -> std::process::ExitCode {
    logd::cli::main()
}
