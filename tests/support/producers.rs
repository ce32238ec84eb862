//! Clients that send numbered events to an `http` source, and keep a ledger of what was acknowledged.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;

use super::DEADLINE;

/// A client with one connection, which it makes anew when it is gone.
pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
    /// How often nobody has listened.
    refused: usize,
}

impl Client {
    /// One that calls this address.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None, refused: 0 }
    }

    /// Sends a request; the status of the answer, if there is one.
    pub(crate) fn post(&mut self, headers: &str, body: &[u8]) -> Option<u16> {
        let status = self.try_post(headers, body);
        if status.is_none() {
            self.connection = None;
        }
        status
    }

    fn try_post(&mut self, headers: &str, body: &[u8]) -> Option<u16> {
        if self.connection.is_none() {
            let Ok(stream) = TcpStream::connect(self.address) else {
                self.refused += 1;
                return None;
            };
            stream.set_read_timeout(Some(DEADLINE)).ok()?;
            stream.set_nodelay(true).ok()?;
            self.connection = Some(BufReader::new(stream));
        }
        let connection = self.connection.as_mut()?;
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        connection.get_mut().write_all(&[head.as_bytes(), body].concat()).ok()?;
        let (mut status, mut length, mut closes) = (None, 0, false);
        loop {
            let mut line = String::new();
            if connection.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_lowercase();
            match line.split_once(": ") {
                _ if line.is_empty() => break,
                Some(("content-length", value)) => length = value.parse().ok()?,
                Some(("connection", value)) => closes = value == "close",
                Some(_) => {}
                None => status = line.get(9..12).and_then(|status| status.parse().ok()),
            }
        }
        connection.read_exact(&mut vec![0; length]).ok()?;
        if closes {
            self.connection = None;
        }
        status
    }
}

/// What clients send.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// How many clients there are.
    pub(crate) clients: usize,
    /// How many requests each of them makes in a second, if it is answered so fast; without it, as many as are answered.
    pub(crate) rate: Option<u32>,
    /// How long an event is, in bytes.
    pub(crate) size: usize,
    /// Whether every other client repeats a request until it is acknowledged, under one `Idempotency-Key`.
    pub(crate) repeats: bool,
    /// The number of each client's first request. Numbers of events are made of it.
    pub(crate) first: u32,
}

impl Load {
    /// As much as is answered, of events of 100 bytes.
    pub(crate) const FULL: Self = Self { clients: 4, rate: None, size: 100, repeats: true, first: 0 };

    /// The same, at some so many events a second.
    pub(crate) fn at(self, events_per_second: usize) -> Self {
        let rate = u32::try_from(events_per_second / (self.clients * EVENTS)).expect("no such rate");
        Self { rate: Some(rate.max(1)), ..self }
    }

    /// How many events a second that are, where there is a rate.
    pub(crate) fn events_per_second(self) -> f64 {
        (self.clients * EVENTS) as f64 * self.rate.map_or(f64::INFINITY, f64::from)
    }
}

/// So many events are in a request.
const EVENTS: usize = 20;

/// What clients were promised.
#[derive(Default)]
struct Ledger {
    acknowledged: Mutex<HashSet<u64>>,
    requests: AtomicUsize,
    refused: AtomicUsize,
    unavailable: AtomicUsize,
    /// No new request is begun,
    stop: AtomicBool,
    /// and none is repeated.
    abandon: AtomicBool,
}

/// Clients at work. An event is a line whose first word is its number.
pub(crate) struct Producers {
    ledger: Arc<Ledger>,
    threads: Vec<JoinHandle<()>>,
}

impl Producers {
    /// Starts them.
    pub(crate) fn start(address: SocketAddr, load: Load) -> Self {
        let ledger = Arc::<Ledger>::default();
        let start = |name: usize| {
            let ledger = Arc::clone(&ledger);
            std::thread::spawn(move || produce(name, Client::new(address), load, &ledger))
        };
        let threads = (0..load.clients).map(start).collect();
        Self { ledger, threads }
    }

    /// How many requests were acknowledged so far.
    pub(crate) fn requests(&self) -> usize {
        self.ledger.requests.load(Relaxed)
    }

    /// How often nobody has listened so far.
    pub(crate) fn refused(&self) -> usize {
        self.ledger.refused.load(Relaxed)
    }

    /// How often the answer was 503 so far.
    pub(crate) fn unavailable(&self) -> usize {
        self.ledger.unavailable.load(Relaxed)
    }

    /// How many events were acknowledged so far.
    pub(crate) fn events(&self) -> usize {
        self.requests() * EVENTS
    }

    /// Ends them, when each has the answer that it waits for, and returns the events that were acknowledged.
    pub(crate) fn stop(mut self) -> HashSet<u64> {
        self.ledger.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("no client panics");
        }
        std::mem::take(&mut *self.ledger.acknowledged.lock().expect("no client panics"))
    }
}

impl Drop for Producers {
    fn drop(&mut self) {
        self.ledger.abandon.store(true, Relaxed);
    }
}

fn produce(name: usize, mut client: Client, load: Load, ledger: &Ledger) {
    // The others go on with new events.
    let stubborn = load.repeats && name.is_multiple_of(2);
    let mut turn = Instant::now();
    for request in load.first.. {
        let first = (name as u64) << 40 | u64::from(request) << 8;
        let events = first..first + EVENTS as u64;
        let body: String = events.clone().map(|event| format!("{event} {}\n", "x".repeat(load.size))).collect();
        let key = if stubborn { format!("Idempotency-Key: {name}-{request}\r\n") } else { String::new() };
        loop {
            if ledger.abandon.load(Relaxed) {
                return;
            }
            let status = client.post(&key, body.as_bytes());
            ledger.refused.fetch_add(std::mem::take(&mut client.refused), Relaxed);
            ledger.unavailable.fetch_add(usize::from(status == Some(503)), Relaxed);
            if status == Some(200) {
                ledger.acknowledged.lock().expect("no client panics").extend(events);
                ledger.requests.fetch_add(1, Relaxed);
                break;
            }
            // The port is closed for a moment: there is nothing to wait for but time.
            std::thread::sleep(Duration::from_millis(2));
            if !stubborn {
                break;
            }
        }
        if ledger.stop.load(Relaxed) {
            return;
        }
        if let Some(rate) = load.rate {
            // What was missed is not made up for: a rate is not exceeded.
            turn = (turn + Duration::from_secs(1) / rate).max(Instant::now());
            std::thread::sleep(turn - Instant::now());
        }
    }
}
