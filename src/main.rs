//! The `logd` command: arguments → command → exit code.

/// Batches are made by one thread and freed by another, megabytes at a time: glibc's own allocator gives such memory
/// back to the system at once, and fetches it anew page by page. This one gives it back after some seconds, by a thread of
/// its own: without that it would do so only while the program goes on asking for memory, and never at rest.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    logd::cli::main()
}
