//! The `logd` command: arguments → command → exit code.

/// Batches are made by one thread and freed by another, megabytes at a time: glibc's own allocator gives such memory
/// back to the system at once, and fetches it anew page by page. Without huge pages: what is used here and there of one
/// would count for the whole.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    logd::cli::main()
}
