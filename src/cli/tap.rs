//! `logd tap`: events as they pass.

use std::io::{Write as _, stdout};
use std::num::NonZeroU32;

use clap::Args;

use super::Exit;
use super::running::Running;
use crate::admin::control::Command;

/// Show events as they pass a component or a port, one JSON object on a line; never slows the pipeline
#[derive(Args, Debug)]
pub(super) struct Tap {
    /// The component or the port, as inputs name it: PIPELINE/NAME, NAME, or NAME.PORT; of a sink, what it is given
    name: String,

    /// Only events that meet this condition, in VRL: '.level == "ERROR"'
    #[arg(long, value_name = "VRL")]
    filter: Option<String>,

    /// End after so many events
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// Show so many events in a second at most, and leave out the rest
    #[arg(long, value_name = "N", default_value = "100")]
    rate: NonZeroU32,

    #[command(flatten)]
    running: Running,
}

impl Tap {
    pub(super) fn execute(self) -> Exit {
        let Self { name, filter, limit, rate, running } = self;
        let mut left = limit.unwrap_or(u64::MAX);
        if left == 0 {
            return Exit::Ok;
        }
        running.follow(&Command::Tap { name, filter, rate: rate.get() }, |event| {
            left -= 1;
            // A reader that has had enough ends it.
            writeln!(stdout(), "{event}").is_ok() && left > 0
        })
    }
}
