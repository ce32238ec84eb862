//! Every bound of the server in one place, each with the attack it stops.
//!
//! A server without such bounds is held up by one slow client, or filled by one large one. The defaults let a log
//! shipper on a bad line through and bound what a flood of strangers can take.

use std::time::Duration;

/// What one server allows, of time, of bytes and of connections.
///
/// ```
/// use logd_sdk::http::Limits;
///
/// let limits = Limits { max_body: 1 << 20, ..Limits::default() };
/// assert!(limits.max_decoded <= limits.memory);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte of a head to its last, and for a TLS handshake; also from the connection to the first
    /// byte. Stops Slowloris (CVE-2007-6750), which opens many connections and sends a header now and then. Answer:
    /// 408. Default 10 s.
    pub header_timeout: Duration,
    /// How long a connection may wait between an answer and the next request (RFC 9112 section 9.5). Longer than the
    /// pause between two scrapes or two batches, or each would need a new connection. Default 75 s.
    pub idle_timeout: Duration,
    /// The time a body has before [`Limits::min_body_rate`] counts. Default 10 s.
    pub body_grace: Duration,
    /// Bytes per second that a body must bring on average after [`Limits::body_grace`]; at least 1. Stops the slow
    /// POST, which announces a large body and sends it byte by byte. Answer: 408. Default 1 KiB/s.
    pub min_body_rate: u64,
    /// The longest time for a whole body, at whatever rate. Answer: 408. Default 60 s.
    pub body_timeout: Duration,
    /// How long a client may take nothing of an answer. Stops the slow read, which asks for much and then closes its
    /// TCP window. Default 30 s.
    pub write_timeout: Duration,
    /// How long a refused client that still sends is read and ignored before its connection closes: closed at once,
    /// the reset would destroy the answer on its way (RFC 9112 section 9.6). Default 5 s.
    pub linger_timeout: Duration,
    /// How long requests under way may take after the server was told to stop. Default 5 s.
    pub shutdown_timeout: Duration,
    /// Bytes of request line and headers together. Answer: 431 (RFC 6585 section 5). Default 32 KiB.
    pub max_header_bytes: usize,
    /// How many header lines, trailers too. Answer: 431. Default 100.
    pub max_headers: usize,
    /// Bytes of a body as it is sent. Answer: 413. Default 16 MiB.
    pub max_body: usize,
    /// Bytes of a body after decompression: gzip packs a thousand bytes of zeros in one, zstd far more (CWE-409). Answer:
    /// 413. Default 32 MiB.
    pub max_decoded: usize,
    /// Bytes of all bodies and decoders in memory together, from their first byte until their request is answered, so
    /// under back-pressure too. A body for which there is no room is read to its end without being kept. Three
    /// quarters must hold the largest body and a decoder, up to 9 MiB, or that body would for ever be told to come back
    /// later. Answer: 503. Default 56 MiB.
    pub memory: usize,
    /// Connections at one time. One more gets 503 and is closed. Each may cost up to 64 KiB for the bytes being
    /// read, each of the first 32 up to 512 KiB, beyond [`Limits::memory`]. Default 1,024.
    pub max_connections: usize,
    /// Connections at one time from one IPv4 address or IPv6 /64 network. Half of all, so that no single machine can
    /// shut the others out. One more gets 503. Default 512.
    pub max_connections_per_peer: usize,
    /// The `Retry-After` of every 503; whole seconds are sent, at least one (RFC 9110 section 10.2.3). Default 1 s.
    pub retry_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: usize = 1024;
        const MIB: usize = 1024 * KIB;
        Self {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_grace: Duration::from_secs(10),
            min_body_rate: 1024,
            body_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            linger_timeout: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(5),
            max_header_bytes: 32 * KIB,
            max_headers: 100,
            max_body: 16 * MIB,
            max_decoded: 32 * MIB,
            memory: 56 * MIB,
            max_connections: 1024,
            max_connections_per_peer: 512,
            retry_after: Duration::from_secs(1),
        }
    }
}

impl Limits {
    /// The time a body may take in all when `received` bytes of it are there.
    pub(super) fn body_allowance(&self, received: u64) -> Duration {
        let earned = Duration::from_millis(received.saturating_mul(1000) / self.min_body_rate.max(1));
        self.body_timeout.min(self.body_grace.saturating_add(earned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_earns_time_by_its_bytes_up_to_the_total() {
        let limits = Limits::default();
        assert_eq!(limits.body_allowance(0), Duration::from_secs(10));
        assert_eq!(limits.body_allowance(20 * 1024), Duration::from_secs(30));
        assert_eq!(limits.body_allowance(u64::MAX), Duration::from_secs(60));
    }
}
