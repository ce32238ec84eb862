//! One run of a process: its time, its CPU, its memory, as the kernel accounts for them.

use std::process::Command;
use std::time::Instant;

use wait4::Wait4;

/// What a run took.
pub(crate) struct Measured {
    /// Seconds on the clock.
    pub(crate) wall: f64,
    /// Seconds of CPU, user and system.
    pub(crate) cpu: f64,
    /// The greatest resident memory, in bytes.
    pub(crate) memory: u64,
}

impl Measured {
    /// The same for a million events, where the run had `events`.
    pub(crate) fn per_million(self, events: u64) -> Self {
        #[allow(clippy::cast_precision_loss)]
        let millions = events as f64 / 1e6;
        Self { wall: self.wall / millions, cpu: self.cpu / millions, memory: self.memory }
    }
}

/// Runs a command to its end.
pub(crate) fn measure(command: &mut Command) -> Measured {
    // A benchmark measures the real clock.
    #[allow(clippy::disallowed_methods)]
    let start = Instant::now();
    let child = command.spawn().expect("the command can be started");
    let used = child.wait4().expect("the command can be waited for");
    assert!(used.status.success(), "{command:?} has failed: {}", used.status);
    Measured {
        wall: start.elapsed().as_secs_f64(),
        cpu: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
        memory: used.rusage.maxrss,
    }
}
