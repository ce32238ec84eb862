//! `logd generate`: what the generator makes, to stdout.

use std::io::{BufWriter, ErrorKind, stdout};

use clap::Args;
use logd_generator::{Plan, write_lines};
use logd_sdk::Clock;

use super::Exit;
use super::settings::say;

/// Write the generator's logs to stdout, one JSON document a line
#[derive(Args, Debug)]
pub(super) struct Generate {
    /// How many lines; without it, until it is stopped
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    /// Lines a second; 0 is as fast as it can
    #[arg(long, value_name = "N", default_value_t = 0)]
    rate: u32,

    /// The same seed makes the same lines, but for their times
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

impl Generate {
    pub(super) fn execute(self) -> Exit {
        let now = Clock::system().now().as_micros();
        let plan =
            Plan { seed: self.seed, start: now, live: now, rate: self.rate, count: self.count, incidents: Vec::new() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let mut out = BufWriter::with_capacity(1 << 16, stdout().lock());
        let written = runtime.and_then(|runtime| runtime.block_on(write_lines(&plan, &mut out)));
        // What the reader did not want any more needs no second try when the writer is dropped.
        drop(out.into_parts());
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                say(&format!("logd: the output can't be written: {error}\n"));
                Exit::Unavailable
            }
            _ => Exit::Ok,
        }
    }
}
