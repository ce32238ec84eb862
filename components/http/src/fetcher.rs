//! Gets small documents by HTTPS for the daemon itself, by the guarded client: the keys of an issuer of tokens.

use anyhow::Context as _;
use logd_sdk::Clock;
use logd_sdk::settings::ClientTls;
use std::time::Duration;
use tokio::sync::OnceCell;

use crate::client::{Addresses, Client, Connection, Target};

/// How long it may take to get one.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Gets documents from places that whoever runs the machine has named, so that any address will do.
#[derive(Debug)]
pub struct Fetcher {
    clock: Clock,
    client: OnceCell<Client>,
}

impl Fetcher {
    /// One that connects to nothing before it has to.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, client: OnceCell::new() }
    }

    /// Gets what is at `url`, with the status 200 and without following redirects.
    ///
    /// # Errors
    /// It can't be had, or has more than `most` bytes.
    pub async fn fetch(&self, url: &str, most: usize) -> anyhow::Result<Vec<u8>> {
        let target = Target::parse(url, &Addresses::Any)?;
        let tls = ClientTls::default();
        let connection = Connection { tls: &tls, proxy: None, addresses: Addresses::Any, timeout: TIMEOUT, idle: 1 };
        let client = self.client.get_or_try_init(|| connection.client(self.clock.clone())).await?;
        client.get(target.url().clone(), most).await.context("a document can't be had")
    }
}
