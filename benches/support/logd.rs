//! logd as a process.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use super::measure::measure;

/// The logd of this build, on core 0 alone or on all.
pub(crate) fn logd(one_core: bool) -> Command {
    let logd = Path::new(env!("CARGO_BIN_EXE_logd"));
    if one_core { pinned(logd) } else { Command::new(logd) }
}

/// A program that may use core 0 only.
pub(crate) fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program);
    command
}

/// Writes `count` classic logs.
pub(crate) fn generate(path: &Path, count: u64) {
    let file = File::create(path).expect("a file for the logs");
    let mut command = logd(false);
    command.args(["generate", "--seed", "1", "--rate", "0", "--count", &count.to_string()]).stdout(Stdio::from(file));
    measure(&mut command);
}
