//! Figures that several daemons have counted, read back for the API of each.
//!
//! They stand under the classic keys, where the counters of several sinks add up: the hash `metrics` with the totals, and a
//! hash `service:NAME` for each service. A share of errors is reckoned from the counts, and not read: whoever writes one
//! writes it of a window, in percent or not.

mod settings;

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use anyhow::anyhow;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use logd_sdk::Time;
use logd_sdk::shared_stores::{Error, Service, SharedFigures, Totals};
use redis::{Pipeline, Value, cmd, from_redis_value};
use tokio::time::timeout;

pub use self::settings::FiguresSettings;
use crate::connections::Connections;
use crate::reply::{Verdict, verdict};

/// The totals.
const METRICS: &str = "metrics";
/// What the keys of services begin with.
const SERVICE: &str = "service:";
/// No more services are read.
const MAX_SERVICES: usize = 10_000;
/// So many keys are looked at, or hashes read, in one round trip: others are served in between.
const AT_ONCE: usize = 500;
/// How long connecting and being answered may take together, and all round trips of a question.
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));

/// The fields of the totals.
const TOTALS: [&str; 4] = ["total_logs", "error_logs", "anomalies_detected", "last_batch_time"];
/// The fields of a service.
const FIGURES: [&str; 3] = ["total_logs", "error_logs", "avg_response_time"];

/// Reads figures out of Redis.
pub(crate) struct FiguresReader(Connections);

impl fmt::Debug for FiguresReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FiguresReader")
    }
}

impl FiguresReader {
    /// Reads over this client's connections.
    pub(crate) fn new(client: redis::Client) -> Self {
        Self(Connections::new(client, TIMEOUTS.0))
    }

    async fn read_totals(&self, allowed: Option<&BTreeSet<String>>) -> Result<Totals, Error> {
        if allowed.is_some() {
            // The totals have others in them.
            let mut totals = Totals::default();
            for service in self.read_services(allowed).await? {
                totals.logs = totals.logs.saturating_add(service.logs);
                totals.errors = totals.errors.saturating_add(service.errors);
            }
            return Ok(totals);
        }
        let mut found = self.hashes(&[METRICS.to_owned()], &TOTALS).await?;
        let Some(fields) = found.pop().flatten() else {
            return Err(anyhow!("the key `{METRICS}` of Redis is no hash").into());
        };
        let [logs, errors, anomalies, last] = [0, 1, 2, 3].map(|place| fields.get(place).and_then(Option::as_deref));
        Ok(Totals {
            logs: count(logs),
            errors: count(errors),
            anomalies: Some(count(anomalies)),
            last_update: last.and_then(|text| Time::parse_rfc3339(text.as_bytes())),
        })
    }

    async fn read_services(&self, allowed: Option<&BTreeSet<String>>) -> Result<Vec<Service>, Error> {
        let keys: Vec<String> = match allowed {
            Some(allowed) => allowed.iter().take(MAX_SERVICES).map(|name| format!("{SERVICE}{name}")).collect(),
            None => self.keys().await?.into_iter().collect(),
        };
        let mut services = Vec::with_capacity(keys.len());
        for keys in keys.chunks(AT_ONCE) {
            let found = self.hashes(keys, &FIGURES).await?;
            let service = |(key, fields): (&String, Option<Vec<Option<String>>>)| {
                // One that is gone by now, or has nothing of a service in it, is none.
                let fields = fields.filter(|fields| fields.iter().any(Option::is_some))?;
                let [logs, errors, time] = [0, 1, 2].map(|place| fields.get(place).and_then(Option::as_deref));
                Some(Service {
                    name: key.strip_prefix(SERVICE)?.to_owned(),
                    logs: count(logs),
                    errors: count(errors),
                    avg_response_time: time.and_then(number),
                })
            };
            services.extend(keys.iter().zip(found).filter_map(service));
        }
        Ok(services)
    }

    /// The keys of services, in order. One that comes while we look may be missed.
    async fn keys(&self) -> Result<BTreeSet<String>, Error> {
        let (mut keys, mut cursor) = (BTreeSet::new(), "0".to_owned());
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(format!("{SERVICE}*")).arg("COUNT").arg(AT_ONCE).arg("TYPE").arg("hash");
            let reply = self.ask(scan).await?;
            let (next, found) = from_redis_value::<(String, Vec<Vec<u8>>)>(reply)
                .map_err(|_| anyhow!("Redis does not answer SCAN as it should"))?;
            keys.extend(found.into_iter().filter_map(|key| String::from_utf8(key).ok()));
            if next == "0" || keys.len() >= MAX_SERVICES {
                return Ok(keys.into_iter().take(MAX_SERVICES).collect());
            }
            cursor = next;
        }
    }

    /// These fields of each hash; nothing of what is no hash.
    async fn hashes(&self, keys: &[String], fields: &[&str]) -> Result<Vec<Option<Vec<Option<String>>>>, Error> {
        let mut commands = Pipeline::new();
        for key in keys {
            commands.add_command(cmd("HMGET").arg(key).arg(fields).take());
        }
        let replies = self.0.send(commands).await.map_err(|error| away(format!("{error:#}")))?;
        let fields = |reply: Value| match verdict(std::slice::from_ref(&reply)) {
            Verdict::Done => {
                let texts = from_redis_value::<Vec<Option<Vec<u8>>>>(reply);
                let texts = texts.map_err(|_| anyhow!("Redis does not answer HMGET as it should"))?;
                let text = |text: Option<Vec<u8>>| text.and_then(|text| String::from_utf8(text).ok());
                Ok(Some(texts.into_iter().map(text).collect()))
            }
            Verdict::Refused(_) => Ok(None),
            Verdict::Failed(reason) => Err(away(reason)),
        };
        replies.into_iter().map(fields).collect()
    }

    /// The reply to one command.
    async fn ask(&self, command: redis::Cmd) -> Result<Value, Error> {
        let mut commands = Pipeline::new();
        commands.add_command(command);
        let mut replies = self.0.send(commands).await.map_err(|error| away(format!("{error:#}")))?;
        match verdict(&replies) {
            Verdict::Done => Ok(replies.pop().unwrap_or(Value::Nil)),
            Verdict::Refused(reason) | Verdict::Failed(reason) => Err(away(reason)),
        }
    }
}

fn away(reason: String) -> Error {
    Error::Away { reason: format!("Redis: {reason}"), after: None }
}

/// What must not take for ever, however many round trips it is.
async fn in_time<T>(question: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let answer = timeout(TIMEOUTS.1, question).await;
    answer.unwrap_or_else(|_| Err(away(format!("it has not said all within {:?}", TIMEOUTS.1))))
}

/// A counter; 0 where there is none.
fn count(text: Option<&str>) -> u64 {
    let Some(text) = text else { return 0 };
    // Sums of fractions are written as such.
    text.parse().ok().or_else(|| number(text).map(|number| number as u64)).unwrap_or(0)
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

impl SharedFigures for FiguresReader {
    fn totals<'q>(&'q self, allowed: Option<&'q BTreeSet<String>>) -> BoxFuture<'q, Result<Totals, Error>> {
        in_time(self.read_totals(allowed)).boxed()
    }

    fn services<'q>(&'q self, allowed: Option<&'q BTreeSet<String>>) -> BoxFuture<'q, Result<Vec<Service>, Error>> {
        in_time(self.read_services(allowed)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_counts_nothing() {
        assert_eq!(count(Some("18446744073709551615")), u64::MAX);
        for (text, expected) in [("12", 12), ("12.9", 12), ("1e3", 1000), ("-4", 0), ("many", 0), ("NaN", 0), ("", 0)] {
            assert_eq!(count(Some(text)), expected, "{text}");
        }
        assert_eq!(count(None), 0);
        assert_eq!((number("12.25"), number("inf"), number("x")), (Some(12.25), None, None));
    }
}
