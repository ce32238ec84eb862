//! Connections to Redis, each with one request under way, and none used again that has not answered.
//!
//! A connection is taken out while it is in use and put back once all is answered. One that fails, is too slow (a peer
//! that is gone without a word), or whose request is cancelled, is gone with it, and the next request makes a new one,
//! which says the password again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Pipeline, Value};

use crate::reply::has_failure;

/// The connections of one sink, or of one reader.
pub(crate) struct Connections {
    client: Client,
    /// How long connecting and being answered may take together.
    timeout: Duration,
    /// Those that are not in use; as many at most as requests were ever under way at once.
    idle: Mutex<Vec<MultiplexedConnection>>,
}

impl Connections {
    /// None yet.
    pub(crate) fn new(client: Client, timeout: Duration) -> Self {
        Self { client, timeout, idle: Mutex::default() }
    }

    /// How long connecting and being answered may take together.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends the commands in one round trip. Returns a reply for each, errors of Redis among them.
    ///
    /// # Errors
    /// Redis can't be reached, refuses the connection, or does not answer in time.
    pub(crate) async fn send(&self, commands: Pipeline) -> anyhow::Result<Vec<Value>> {
        let exchange = tokio::time::timeout(self.timeout, self.exchange(commands));
        let outcome = exchange.await.unwrap_or_else(|_| Err(anyhow!("Redis did not answer within {:?}", self.timeout)));
        if outcome.is_err() {
            // What broke one connection has most likely broken all.
            self.idle().clear();
        }
        outcome
    }

    async fn exchange(&self, mut commands: Pipeline) -> anyhow::Result<Vec<Value>> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        // Replies are looked at one by one.
        let replies: Vec<Value> = commands
            .ignore_errors()
            .query_async(&mut connection)
            .await
            .map_err(|error| failed("the connection to Redis broke", &error))?;
        // A role or a permission that is not what it should be may be that of this connection.
        if !has_failure(&replies) {
            self.idle().push(connection);
        }
        Ok(replies)
    }

    async fn connect(&self) -> anyhow::Result<MultiplexedConnection> {
        // The deadline is that of the whole exchange.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await;
        connection.map_err(|error| failed("no connection to Redis", &error))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<MultiplexedConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What caused the error is in its own text already.
fn failed(what: &str, error: &redis::RedisError) -> anyhow::Error {
    anyhow::anyhow!("{what}: {error}")
}
