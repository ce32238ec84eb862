//! The `http` source, with and without a sync before the answer, next to a bare hyper server.

use std::time::Duration;

use crate::bench::Bench;
use crate::rounds::compare;
use crate::support::http::{LOGS_A_REQUEST, Server, bodies, measure};
use crate::support::measure::Measured;
use crate::table::Row;

/// How many requests are sent.
const REQUESTS: usize = 1000;

/// Prints the rows.
pub(crate) fn run(bench: &Bench) {
    let mut bodies = bodies(bench.file());
    bodies.truncate(REQUESTS);
    let events = |server: Server| server.passes() * (bodies.len() * LOGS_A_REQUEST) as u64;
    let take = |server| measure(server, bench.folder(), bench.file(), &bodies);
    for (name, server) in
        [("http source, `received`, one core", Server::Received), ("http source, `durable`, one core", Server::Durable)]
    {
        #[allow(clippy::cast_precision_loss)]
        let speed = |server: Server, taken: &Taken| events(server) as f64 / taken.0.wall;
        let share = |bare: &Taken, own: &Taken| speed(server, own) / speed(Server::Bare, bare);
        let round = compare(|| take(Server::Bare), || take(server), share);
        Row::new("bare hyper server, one core").events(events(Server::Bare), round.bare.0).waits(&round.bare.1).print();
        Row::new(name).events(events(server), round.own.0).waits(&round.own.1).share(round.share).print();
    }
}

/// What a server has taken, and how long requests have waited.
type Taken = (Measured, Vec<Duration>);
