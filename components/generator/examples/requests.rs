//! How fast a scenario is simulated: `cargo run -p logd-generator --release --example requests`.
//!
//! One thread, all services one after the other. Detectors are judged on many seeds, so that this counts.

use std::io::Write;

use logd_generator::scenario::{Scenario, Simulation};
use tokio::time::Instant;

fn main() -> std::io::Result<()> {
    let scenario = Scenario { days: 2, warm_up_days: 1, ..Scenario::incidents() };
    let simulation = Simulation::new(&scenario, 1);
    let mut out = std::io::stdout().lock();
    let (mut all, began) = (0, Instant::now());
    for (service, requests) in simulation.services() {
        let began = Instant::now();
        let (mut count, mut sum) = (0_u64, 0.0);
        for request in requests {
            count += 1;
            sum += request.latency_ms;
        }
        let nanoseconds = began.elapsed().as_nanos() as f64 / count as f64;
        let mean = sum / count as f64;
        writeln!(
            out,
            "{:<14} {count:>10} requests, {mean:>8.1} ms on average: {nanoseconds:.1} ns each",
            service.name
        )?;
        all += count;
    }
    let seconds = began.elapsed().as_secs_f64();
    writeln!(out, "{:<14} {all:>10} requests, {:.1} million a second", "all", all as f64 / seconds / 1e6)
}
