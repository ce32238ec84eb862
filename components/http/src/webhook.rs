//! The `webhook` sink: a signed call for each event.
//!
//! - `settings`: what it is told,
//! - `body`: what a call says,
//! - `signature`: that it comes from here; all signed calls have it,
//! - `gone`: whom it calls no more,
//! - here: one call.

mod body;
mod gone;
mod settings;
pub(crate) mod signature;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use logd_sdk::event::write_json;
use logd_sdk::sink::{Attempt, Sink};
use logd_sdk::{Batch, Clock};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};

use self::body::{Shape, text};
use self::gone::Gone;
pub(crate) use self::settings::WebhookSettings;
use self::signature::Signer;
use crate::client::{Client, Verdict};
use crate::fields::Fields;
use crate::headers::Headers;

/// A running `webhook` sink.
pub(crate) struct Webhook {
    client: Client,
    url: Url,
    body: Option<Shape>,
    headers: Headers,
    authorization: Option<HeaderValue>,
    signer: Signer,
    gone: Gone,
    clock: Clock,
}

impl Webhook {
    /// What is said of an event, and what that is.
    fn body_of(&self, batch: &Batch, row: usize) -> (Bytes, &'static str) {
        const JSON: &str = "application/json";
        let event = Fields::of(batch, row);
        match &self.body {
            None => {
                let mut body = Vec::new();
                write_json(batch, row, &mut body);
                (body.into(), JSON)
            }
            Some(Shape::Text(template)) => (text(template, event).into(), "text/plain; charset=utf-8"),
            Some(shape) => (shape.fill(event).unwrap_or_default().to_string().into(), JSON),
        }
    }

    /// What the user has set goes over what is set by itself; signatures can't be set.
    fn headers_of(
        &self,
        id: &str,
        values: &[HeaderValue],
        body: &[u8],
        kind: &'static str,
    ) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        self.headers.put(values, &mut headers);
        self.signer.put(id, self.clock.now(), body, &mut headers)?;
        Ok(headers)
    }

    /// Makes the call for an event.
    ///
    /// # Errors
    /// Why the event makes none.
    async fn call(&self, batch: &Batch, row: usize) -> Result<Verdict, String> {
        let values = self.headers.values(Fields::of(batch, row))?;
        let (body, kind) = self.body_of(batch, row);
        let id = batch.id(row).to_string();
        let headers = self.headers_of(&id, &values, &body, kind).map_err(|error| error.to_string())?;
        Ok(self.client.send(Method::POST, self.url.clone(), headers, body).await)
    }
}

impl Sink for Webhook {
    async fn probe(&self) -> anyhow::Result<()> {
        self.client.reach(&self.url).await
    }

    /// The driver gives it one event at a time; of several, those after one that failed wait with it.
    async fn deliver(&self, batch: &Batch) -> Attempt {
        let mut attempt = Attempt::delivered();
        for (row, number) in (0..batch.len()).zip(0_u32..) {
            if let Some(reason) = self.gone.reason() {
                attempt.reject.push((number, reason.clone()));
                attempt.error = Some(reason);
                continue;
            }
            match self.call(batch, row).await {
                Ok(Verdict::Delivered) => {}
                Ok(Verdict::Refused { status: StatusCode::GONE, .. }) => {
                    let reason = self.gone.say(self.clock.now());
                    attempt.reject.push((number, reason.clone()));
                    attempt.error = Some(reason);
                }
                Ok(Verdict::Refused { reason, .. }) | Err(reason) => attempt.reject.push((number, reason)),
                Ok(Verdict::Again { after, error }) => {
                    attempt.retry = (number..).take(batch.len() - row).collect();
                    (attempt.after, attempt.error) = (after, Some(error));
                    break;
                }
            }
        }
        attempt
    }

    async fn sync(&self) -> anyhow::Result<Option<Vec<u8>>> {
        self.gone.keep().map(Some)
    }

    async fn restore(&self, epoch: &[u8]) -> anyhow::Result<()> {
        self.gone.restore(epoch)
    }
}
