//! Reads as a page and programs make them, at a pace, and how long each waits.

use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::support::measure::now;

/// Reads in a second.
const PACE: u32 = 200;
/// Connections that they come by.
const CONNECTIONS: u32 = 8;
/// Streams that are open meanwhile.
const STREAMS: usize = 50;
/// For how long.
const SPAN: Duration = Duration::from_secs(20);

/// What is read, one after the other.
const MIXED: [&str; 12] = [
    "/metrics",
    "/services",
    "/services/web-api",
    "/services/web-api/series?metric=logs&from=-15m",
    "/services/database/series?metric=latency_mean&from=-15m&step=5s",
    "/anomalies",
    "/incidents?limit=20",
    "/logs?service=payment-service",
    "/logs/search?q=payment&limit=20",
    "/logs/search?q=level:ERROR%20AND%20bank",
    "/logs/histogram?from=-15m",
    "/pipelines",
];

/// What is searched for: common words, rare ones, phrases, fields.
const SOUGHT: [&str; 8] = [
    "payment",
    "authorised%20AND%20bank",
    "%22failed%20with%20bank%20code%2042%22",
    "user_id:user_4242",
    "level:CRITICAL",
    "service:database%20AND%20vacuum",
    "request_id:req-000000000000",
    "response_time_ms:4999",
];

/// What came of them.
pub(crate) struct Outcome {
    /// How long each read has waited, in milliseconds.
    pub(crate) waits: Vec<f64>,
    /// Events that each stream got in a second.
    pub(crate) streamed: f64,
}

/// Reads at the pace, beside the streams.
pub(crate) fn run(client: &Client) -> Outcome {
    thread::scope(|scope| {
        let streams: Vec<_> =
            (0..STREAMS).map(|_| scope.spawn(|| client.follow("/stream", SPAN + Duration::from_secs(1)))).collect();
        let readers: Vec<_> = (0..CONNECTIONS).map(|number| scope.spawn(move || paced(client, number))).collect();
        let waits = readers.into_iter().flat_map(|reader| reader.join().expect("read")).collect();
        let events: usize = streams.into_iter().map(|stream| stream.join().expect("followed")).sum();
        Outcome { waits, streamed: events as f64 / STREAMS as f64 / SPAN.as_secs_f64() }
    })
}

/// One of the connections. A read that is late because the one before it waited counts from when it was due.
fn paced(client: &Client, number: u32) -> Vec<f64> {
    let every = Duration::from_secs(1) * CONNECTIONS / PACE;
    let (start, mut connection) = (now(), client.connect());
    let mut waits = Vec::new();
    for turn in 0.. {
        let due = every * turn + every * number / CONNECTIONS;
        if due >= SPAN {
            return waits;
        }
        thread::sleep(due.saturating_sub(start.elapsed()));
        let path = MIXED[(turn as usize * CONNECTIONS as usize + number as usize) % MIXED.len()];
        client.get(&mut connection, path);
        waits.push((start.elapsed() - due).as_secs_f64() * 1e3);
    }
    waits
}

/// How long searches wait, one after the other, in milliseconds.
pub(crate) fn searches(client: &Client) -> Vec<f64> {
    const TIMES: usize = 25;
    let mut connection = client.connect();
    let mut search = |query: &&str| {
        let start = now();
        client.get(&mut connection, &format!("/logs/search?q={query}&limit=20"));
        start.elapsed().as_secs_f64() * 1e3
    };
    (0..TIMES).flat_map(|_| SOUGHT.iter().map(&mut search).collect::<Vec<_>>()).collect()
}

/// Of these, so many of a hundred are not longer than what this returns.
pub(crate) fn quantile(waits: &mut [f64], percent: usize) -> f64 {
    waits.sort_by(f64::total_cmp);
    waits[(waits.len() * percent / 100).min(waits.len() - 1)]
}
