//! One run of a process: its time, its CPU, its memory, as the kernel accounts for them.

use std::process::{Child, Command};
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
    let start = now();
    Process::start(command).finished(start)
}

/// A process that runs, and is killed if nobody waits for its end.
pub(crate) struct Process(Option<Child>);

impl Process {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(Some(command.spawn().expect("the command can be started")))
    }

    /// Asks it to stop: logd drains then.
    pub(crate) fn ask_to_stop(&self) {
        if let Some(child) = &self.0 {
            Command::new("kill").arg(child.id().to_string()).status().expect("asked");
        }
    }

    /// Waits for its end. The clock has run from `start` on.
    pub(crate) fn finished(mut self, start: Instant) -> Measured {
        let child = self.0.take().expect("it is waited for once");
        let used = child.wait4().expect("the process can be waited for");
        assert!(used.status.success(), "a process has failed: {}", used.status);
        Measured {
            wall: start.elapsed().as_secs_f64(),
            cpu: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
            memory: used.rusage.maxrss,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A benchmark measures the real clock.
#[allow(clippy::disallowed_methods)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
