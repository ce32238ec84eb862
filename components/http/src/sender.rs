//! The calls of webhooks that were registered through the API, by the guarded client.
//!
//! Who registers a webhook chooses where logd connects to from within its network. So only addresses of the internet are
//! called, and those that the one who runs logd has listed: judged when a webhook is registered, so that its owner is
//! told, and for each call where the address is dialled, which is what counts.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::future::BoxFuture;
use logd_sdk::Clock;
use logd_sdk::sender::{Answer, Call, Outcome, Sender};
use logd_sdk::settings::{ClientTls, Fault, Network, Secret};
use reqwest::dns::Resolve;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use tokio::time::Instant;

use crate::client::{Addresses, Client, Connection, List, System, Target, Verdict};
use crate::webhook::signature::Signer;

/// How long a call may take if nobody wants less.
const TIMEOUT: Duration = Duration::from_secs(10);

/// So many connections to a host are kept while nobody uses them: a webhook has one call at a time.
const IDLE: usize = 1;

/// Calls registered webhooks.
#[derive(Debug)]
pub struct WebhookSender {
    client: Client,
    addresses: Addresses,
    clock: Clock,
}

impl WebhookSender {
    /// One that calls addresses of the internet and of these networks, which `setting` lists.
    ///
    /// # Errors
    /// The client can't be made.
    pub async fn new(clock: Clock, networks: Vec<Network>, setting: &'static str) -> anyhow::Result<Self> {
        Self::with(clock, List { setting, networks }, Arc::new(System)).await
    }

    /// One that takes the addresses of names from `names`.
    async fn with(clock: Clock, list: List, names: Arc<dyn Resolve>) -> anyhow::Result<Self> {
        let addresses = Addresses::Listed(Arc::new(list));
        let tls = ClientTls::default();
        let connection =
            Connection { tls: &tls, proxy: None, addresses: addresses.clone(), timeout: TIMEOUT, idle: IDLE };
        let client = connection.client_with(clock.clone(), names).await?;
        Ok(Self { client, addresses, clock })
    }

    async fn call(&self, call: Call<'_>) -> Answer {
        let refused = |reason: String| Answer::Refused { status: None, reason };
        let target = match Target::parse(call.url.expose(), &self.addresses) {
            Ok(target) => target,
            Err(fault) => return refused(fault.message),
        };
        let headers = match self.headers(&call) {
            Ok(headers) => headers,
            Err(error) => return refused(format!("{error:#}")),
        };
        let client = self.client.within(call.within.min(TIMEOUT));
        let (status, verdict) = client.ask(Method::POST, target.url().clone(), headers, call.body).await;
        let status = status.map(|status| status.as_u16());
        match verdict {
            Verdict::Delivered => Answer::Delivered { status: status.unwrap_or_default() },
            Verdict::Again { after, error } => Answer::Again { status, after, reason: error },
            Verdict::Refused { status: StatusCode::GONE, .. } => Answer::Gone,
            Verdict::Refused { reason, .. } => Answer::Refused { status, reason },
        }
    }

    fn headers(&self, call: &Call<'_>) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in call.headers {
            let value = HeaderValue::from_str(value).with_context(|| format!("`{name}` can't have its value"))?;
            headers.insert(HeaderName::try_from(*name)?, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Signer::new(call.secrets)?.put(call.id, self.clock.now(), &call.body, &mut headers)?;
        Ok(headers)
    }
}

impl Sender for WebhookSender {
    fn send<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let start = Instant::now();
            let answer = self.call(call).await;
            Outcome { answer, took: start.elapsed() }
        })
    }

    fn judge<'a>(&'a self, url: &'a Secret) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let target = Target::parse(url.expose(), &self.addresses)?;
            self.client.judge(target.url()).await.map_err(|error| Fault::new(format!("{error:#}")))
        })
    }
}
