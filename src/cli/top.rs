//! `logd top`: how the daemon is, over and over.

use std::io::{Write as _, stdout};
use std::thread;
use std::time::Duration;

use clap::Args;
use logd_sdk::control::Overview;

use super::Exit;
use super::running::{Running, read};
use super::status::text;
use crate::admin::control::Command;

/// Show how the daemon is, over and over, until Ctrl-C
#[derive(Args, Debug)]
pub(super) struct Top {
    #[command(flatten)]
    running: Running,

    /// End after so many times
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// From one time to the next.
const EVERY: Duration = Duration::from_secs(1);
/// Moves to the corner of a terminal, and clears what was there.
const CLEAR: &str = "\x1b[H\x1b[2J";

impl Top {
    pub(super) fn execute(self) -> Exit {
        let (mut before, mut is_read): (Option<Overview>, bool) = (None, true);
        for _ in 0..self.count.unwrap_or(u64::MAX) {
            let exit = self.running.ask(&Command::Status, |answer| {
                let now: Overview = read(&answer)?;
                let shown = text(before.as_ref().unwrap_or(&now), &now, EVERY);
                before = Some(now);
                // A reader that has had enough ends it.
                is_read = write!(stdout(), "{CLEAR}{shown}").and_then(|()| stdout().flush()).is_ok();
                Ok(Exit::Ok)
            });
            if exit != Exit::Ok || !is_read {
                return exit;
            }
            thread::sleep(EVERY);
        }
        Exit::Ok
    }
}
