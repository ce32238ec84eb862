//! The `http` sink: batches as the bodies of requests.
//!
//! - `settings`: what it is told,
//! - `uri`: where an event goes,
//! - `body`: what it looks like there,
//! - here: one attempt. Events of one batch may go to different URIs, and a receiver may take them in smaller pieces only.

mod body;
mod settings;
mod uri;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use logd_sdk::Batch;
use logd_sdk::sink::{Attempt, Sink};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_128;

use self::body::Packer;
pub(crate) use self::settings::HttpSinkSettings;
use self::uri::Uri;
use crate::client::{Client, Verdict};
use crate::fields::Fields;
use crate::headers::Headers;

/// The same whenever the same events are sent (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A running `http` sink.
pub(crate) struct HttpSink {
    client: Client,
    uri: Uri,
    method: Method,
    headers: Headers,
    authorization: Option<HeaderValue>,
    packer: Packer,
}

/// The events that go in one request.
struct Part {
    url: Url,
    /// The values of the headers that were set.
    headers: Vec<HeaderValue>,
    rows: Vec<u32>,
}

impl HttpSink {
    /// Divides the batch by where its events go. Those that make no request are rejected.
    fn parts(&self, batch: &Batch, reject: &mut Vec<(u32, String)>) -> VecDeque<Part> {
        let mut parts: BTreeMap<(Url, Vec<HeaderValue>), Vec<u32>> = BTreeMap::new();
        for (row, number) in (0..batch.len()).zip(0_u32..) {
            let event = Fields::of(batch, row);
            match self.uri.of(event).and_then(|url| Ok((url, self.headers.values(event)?))) {
                Ok(place) => parts.entry(place).or_default().push(number),
                Err(reason) => reject.push((number, reason)),
            }
        }
        parts.into_iter().map(|((url, headers), rows)| Part { url, headers, rows }).collect()
    }

    async fn send(&self, batch: &Batch, part: &Part) -> Verdict {
        let body = match self.packer.pack(batch, &part.rows) {
            Ok(body) => Bytes::from(body),
            Err(error) => return Verdict::Again { after: None, error: error.to_string() },
        };
        self.client.send(self.method.clone(), part.url.clone(), self.headers_of(batch, part), body).await
    }

    /// What the user has set goes over what is set by itself.
    fn headers_of(&self, batch: &Batch, part: &Part) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.packer.content_type()));
        if let Some(coding) = self.packer.content_encoding() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let ids: Vec<u8> = part.rows.iter().flat_map(|row| batch.id(*row as usize).0.to_le_bytes()).collect();
        if let Ok(key) = HeaderValue::try_from(format!("{:032x}", xxh3_128(&ids))) {
            headers.insert(IDEMPOTENCY_KEY, key);
        }
        self.headers.put(&part.headers, &mut headers);
        headers
    }
}

impl Sink for HttpSink {
    async fn probe(&self) -> anyhow::Result<()> {
        self.client.reach(self.uri.base().url()).await
    }

    async fn deliver(&self, batch: &Batch) -> Attempt {
        let mut attempt = Attempt::delivered();
        let begun = Instant::now();
        let mut parts = self.parts(batch, &mut attempt.reject);
        while let Some(mut part) = parts.pop_front() {
            let verdict = if begun.elapsed() < self.client.timeout() {
                self.send(batch, &part).await
            } else {
                Verdict::Again { after: None, error: "the requests before it took all the time".to_owned() }
            };
            match verdict {
                Verdict::Delivered => {}
                Verdict::Refused { status: StatusCode::PAYLOAD_TOO_LARGE, .. } if part.rows.len() > 1 => {
                    let rows = part.rows.split_off(part.rows.len() / 2);
                    parts.push_front(Part { url: part.url.clone(), headers: part.headers.clone(), rows });
                    parts.push_front(part);
                }
                Verdict::Refused { reason, .. } => {
                    attempt.reject.extend(part.rows.into_iter().map(|row| (row, reason.clone())));
                }
                Verdict::Again { after, error } => {
                    // A receiver that has no time for these has none for the others.
                    attempt.retry.extend(part.rows);
                    attempt.retry.extend(parts.drain(..).flat_map(|part| part.rows));
                    (attempt.after, attempt.error) = (after, Some(error));
                }
            }
        }
        attempt.retry.sort_unstable();
        attempt
    }
}
