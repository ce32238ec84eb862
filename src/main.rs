//! The `logd` command: arguments → command → exit code.

/// Batches are made by one thread and freed by another, megabytes at a time: glibc's own allocator gives such memory
/// back to the system at once, and fetches it anew page by page.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    logd::cli::main()
}
