//! The bare loop: what a program costs that does nothing but the work itself. It reads lines, takes four fields out of
//! each with `sonic-rs`, and adds up counts, errors and response times for each service.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, ExitCode};

use serde::Deserialize;

/// The argument by which this program runs the loop instead of the benchmark.
pub(crate) const ROLE: &str = "bare-loop";

/// The four fields.
#[derive(Deserialize)]
struct Log<'l> {
    timestamp: &'l str,
    service: &'l str,
    level: &'l str,
    response_time_ms: f64,
}

#[derive(Default)]
struct Sums {
    service: String,
    count: u64,
    errors: u64,
    time: f64,
}

/// This program, as the loop over `input`, on one core.
pub(crate) fn command(input: &Path) -> Command {
    let mut command = crate::support::logd::pinned(&std::env::current_exe().expect("this program has a path"));
    command.arg(ROLE).arg(input);
    command
}

/// The loop.
pub(crate) fn run(input: &Path) -> ExitCode {
    match sums(input) {
        Ok(sums) => {
            black_box(sums);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", input.display());
            ExitCode::FAILURE
        }
    }
}

fn sums(input: &Path) -> io::Result<Vec<Sums>> {
    let mut file = File::open(input)?;
    let mut buffer = vec![0; 256 << 10];
    let (mut sums, mut filled): (Vec<Sums>, usize) = (Vec::new(), 0);
    loop {
        let read = file.read(&mut buffer[filled..])?;
        if read == 0 {
            return Ok(sums);
        }
        filled += read;
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &buffer[..filled]) {
            add(&mut sums, &buffer[start..end])?;
            start = end + 1;
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
    }
}

fn add(sums: &mut Vec<Sums>, line: &[u8]) -> io::Result<()> {
    let log: Log<'_> = sonic_rs::from_slice(line).map_err(io::Error::other)?;
    black_box(log.timestamp);
    let place = match sums.iter().position(|sum| sum.service == log.service) {
        Some(place) => place,
        None => {
            sums.push(Sums { service: log.service.to_owned(), ..Sums::default() });
            sums.len() - 1
        }
    };
    let sum = &mut sums[place];
    sum.count += 1;
    sum.errors += u64::from(matches!(log.level, "ERROR" | "CRITICAL"));
    sum.time += log.response_time_ms;
    Ok(())
}
