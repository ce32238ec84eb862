//! The nodes of a cluster: whose turn it is, and who is left out for a while.
//!
//! Requests go around. A node that can't be reached, or says that it is unwell, rests; the rest doubles with each failure
//! more, so that a machine that swallows requests costs few of them. If all rest, the one whose rest ends first is asked
//! all the same: how often is for the driver's back-off to say.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use bytes::Bytes;
use elasticsearch::http::headers::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use elasticsearch::http::transport::Transport;
use elasticsearch::http::{Method, StatusCode};
use tokio::time::Instant;

use crate::answer;

/// How long a node rests after its first failure, and how long at most.
const RESTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The nodes; one or more.
pub(crate) struct Nodes {
    nodes: Vec<Node>,
    turn: AtomicUsize,
}

/// One node, with connections of its own.
struct Node {
    /// For errors; has no credentials in it.
    endpoint: String,
    transport: Transport,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    /// In a row.
    failures: u32,
    /// Until when it is left out.
    rests_until: Option<Instant>,
}

/// What a node answers.
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: StatusCode,
    /// How long it wants to be left alone, if it says so in seconds.
    pub(crate) retry_after: Option<Duration>,
    /// The body.
    pub(crate) body: Bytes,
}

impl Reply {
    /// Why the request was not taken. Whoever refuses credentials is not quoted: the answer may repeat them.
    pub(crate) fn reason(&self) -> String {
        let status = self.status;
        match status.as_u16() {
            401 | 403 => format!("the service refuses our credentials: {status}"),
            _ => match answer::reason(&self.body) {
                Some(reason) => format!("{status}: {reason}"),
                None => status.to_string(),
            },
        }
    }
}

/// A node whose turn it is. Unless it [answers](Self::answered), it has failed: also when the attempt is given up
/// because it takes too long, and all that remains of it is that this is dropped.
struct Turn<'n> {
    node: &'n Node,
    answered: bool,
}

impl Nodes {
    /// The nodes at these endpoints, each with the client that reaches it.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn new(nodes: Vec<(String, Transport)>) -> anyhow::Result<Self> {
        anyhow::ensure!(!nodes.is_empty(), "there is no endpoint");
        let node = |(endpoint, transport)| Node { endpoint, transport, health: Mutex::default() };
        Ok(Self { nodes: nodes.into_iter().map(node).collect(), turn: AtomicUsize::new(0) })
    }

    /// Sends a request to a node. One that can't be reached passes its turn on, until each was asked once. Has no
    /// deadline: the caller's holds.
    ///
    /// # Errors
    /// No node could be reached, or its answer broke off.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Body>) -> anyhow::Result<Reply> {
        let mut failed = anyhow!("there is no node");
        for _ in &self.nodes {
            let turn = self.next();
            match turn.node.send(method, path, body.as_ref()).await {
                Ok(reply) => {
                    // It could answer, but not do what it is there for.
                    let unwell = matches!(reply.status.as_u16(), 502..=504);
                    if !unwell {
                        turn.answered();
                    }
                    return Ok(reply);
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// The next node that does not rest, or else the one whose rest ends first.
    fn next(&self) -> Turn<'_> {
        let (now, first) = (Instant::now(), self.turn.fetch_add(1, Ordering::Relaxed));
        let around = (0..self.nodes.len()).map(|place| &self.nodes[first.wrapping_add(place) % self.nodes.len()]);
        let rest = |node: &&Node| {
            node.health().rests_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
        };
        // The first of those that rest no more, which are all equal, is the one whose turn it is.
        let node = around.min_by_key(rest).unwrap_or(&self.nodes[0]);
        Turn { node, answered: false }
    }
}

/// The body of a request, in one of the two forms that Elasticsearch takes.
pub(crate) enum Body {
    /// One JSON document.
    Json(Bytes),
    /// A document a line.
    Lines(Bytes),
}

impl Node {
    async fn send(&self, method: Method, path: &str, body: Option<&Body>) -> anyhow::Result<Reply> {
        let (bytes, form) = match body {
            None => (None, "application/json"),
            Some(Body::Json(bytes)) => (Some(bytes), "application/json"),
            Some(Body::Lines(bytes)) => (Some(bytes), "application/x-ndjson"),
        };
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(form))]);
        // A body of `Bytes` is handed on as it is, and not copied.
        let sent = self.transport.send(method, path, headers, None::<&()>, bytes, None).await;
        let response = sent.map_err(|error| self.failure(error))?;
        let (status, retry_after) = (response.status_code(), seconds(response.headers().get(RETRY_AFTER)));
        let body = response.bytes().await.map_err(|error| self.failure(error))?;
        Ok(Reply { status, retry_after, body })
    }

    /// The error in a line: which node, and what is at the bottom of it.
    fn failure(&self, error: elasticsearch::Error) -> anyhow::Error {
        anyhow!("{}: {}", self.endpoint, anyhow::Error::from(error).root_cause())
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    fn answered(mut self) {
        self.answered = true;
        *self.node.health() = Health::default();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let (now, mut health) = (Instant::now(), self.node.health());
        // Requests that fail together are one failure.
        if !self.answered && health.rests_until.is_none_or(|until| until <= now) {
            let (first, longest) = RESTS;
            health.rests_until = Some(now + first.saturating_mul(1 << health.failures.min(16)).min(longest));
            health.failures += 1;
        }
    }
}

/// The seconds of a `Retry-After` header (RFC 9110 section 10.2.3); a date is not heeded.
fn seconds(header: Option<&HeaderValue>) -> Option<Duration> {
    header?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(names: &[&str]) -> Nodes {
        let node = |name: &&str| ((*name).to_owned(), Transport::single_node("http://127.0.0.1:1").unwrap());
        Nodes::new(names.iter().map(node).collect()).unwrap()
    }

    /// Whose turn it is; they answer unless they are among those that `fail`.
    fn turns(nodes: &Nodes, number: usize, fail: &str) -> String {
        let turn = |_| {
            let turn = nodes.next();
            let name = turn.node.endpoint.clone();
            if !fail.contains(&name) {
                turn.answered();
            }
            name
        };
        (0..number).map(turn).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_fails_rests_longer_each_time() {
        let nodes = nodes(&["a", "b", "c"]);
        assert_eq!(turns(&nodes, 6, ""), "abcabc");
        assert_eq!(turns(&nodes, 7, "b"), "abcacca");
        tokio::time::advance(Duration::from_millis(1001)).await;
        assert_eq!(turns(&nodes, 6, "b").matches('b').count(), 1, "it is tried again");
        tokio::time::advance(Duration::from_millis(1001)).await;
        assert!(!turns(&nodes, 6, "b").contains('b'), "its second rest is longer");
        tokio::time::advance(Duration::from_millis(1001)).await;
        assert_eq!(turns(&nodes, 6, "").matches('b').count(), 2, "and it is back");
        assert_eq!(turns(&nodes, 6, "").matches('b').count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_rest_the_first_to_be_back_is_asked() {
        let nodes = nodes(&["a", "b"]);
        assert_eq!(turns(&nodes, 1, "a"), "a");
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(turns(&nodes, 1, "b"), "b");
        assert_eq!(turns(&nodes, 3, "ab"), "aaa");
        for _ in 0..100 {
            tokio::time::advance(RESTS.1).await;
            assert_eq!(turns(&nodes, 2, "ab").len(), 2, "no rest is so long that it overflows");
        }
    }

    #[test]
    fn a_wish_is_a_number_of_seconds() {
        let wish = |text| seconds(Some(&HeaderValue::from_static(text)));
        assert_eq!(wish("7"), Some(Duration::from_secs(7)));
        assert_eq!(wish("Fri, 31 Dec 1999 23:59:59 GMT"), None);
        assert_eq!(wish("-1"), None);
    }
}
