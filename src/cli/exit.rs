//! Exit codes, after BSD's `sysexits.h` where it has one.

use std::process::ExitCode;

/// How a command has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Ok,
    /// Something that was acknowledged is lost, a stop was cut short, or what was to be shown does not hold.
    Failure,
    /// All is well, and something would change.
    Changes,
    /// The command line is wrong (`EX_USAGE`).
    Usage,
    /// Something that is needed is not to be had: a port, a folder, a service (`EX_UNAVAILABLE`).
    Unavailable,
    /// A configuration file is wrong (`EX_CONFIG`).
    Configuration,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Failure => 1,
            Exit::Changes => 2,
            Exit::Usage => 64,
            Exit::Unavailable => 69,
            Exit::Configuration => 78,
        })
    }
}
