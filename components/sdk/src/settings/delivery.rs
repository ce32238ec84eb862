//! How events are delivered to a service: the settings `batch` and `request`, the same for all sinks that have them.
//!
//! What a file leaves out is the sink's own default, so each setting is an `Option`, and [`BatchSettings::over`] and
//! [`RequestSettings::over`] put what is there over a [`Delivery`].

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::{ByteSize, Duration};
use crate::report::Report;
use crate::sink::{Concurrency, Delivery};

/// When a batch is sent: as soon as one of these is reached.
#[derive(Clone, Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchSettings {
    /// So many events. No request has more.
    #[serde(default)]
    max_events: Option<NonZeroUsize>,
    /// So many bytes.
    #[serde(default)]
    max_size: Option<ByteSize>,
    /// Its first event has waited so long.
    #[serde(default)]
    timeout: Option<Duration>,
}

/// How requests are made, and made again.
#[derive(Clone, Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestSettings {
    /// How many may be under way at once: a number, or `"adaptive"` for as many as make the service faster. With 1,
    /// events arrive in their order.
    #[serde(default)]
    concurrency: Option<ConcurrencySetting>,
    /// How long one may take before it counts as failed.
    #[serde(default)]
    timeout: Option<Duration>,
    /// At most so many are made within `rate_limit_duration`.
    #[serde(default)]
    rate_limit_num: Option<NonZeroU32>,
    /// The span of time of `rate_limit_num`; a second by default.
    #[serde(default)]
    rate_limit_duration: Option<Duration>,
    /// How long to wait after a first failure. The wait doubles with each one more, and is drawn at random from its
    /// upper half.
    #[serde(default)]
    retry_initial_backoff: Option<Duration>,
    /// How long to wait at most. There is no limit to how often: what is not delivered is kept.
    #[serde(default)]
    retry_max_duration: Option<Duration>,
}

/// A number, or `"adaptive"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConcurrencySetting {
    /// As many as make the service faster.
    Adaptive,
    /// So many.
    Fixed(NonZeroUsize),
}

impl BatchSettings {
    /// Says what is wrong with them; `key` is where they stand.
    pub fn check(&self, key: &str, report: &mut Report) {
        if self.max_size.is_some_and(|size| size.bytes() == 0) {
            report.error([key, "max_size"], "`max_size` must be larger than nothing");
        }
    }

    /// These settings, and those of `delivery` where there is none.
    #[must_use]
    pub fn over(&self, delivery: Delivery) -> Delivery {
        Delivery {
            max_events: self.max_events.map_or(delivery.max_events, NonZeroUsize::get),
            max_bytes: self.max_size.map_or(delivery.max_bytes, ByteSize::in_memory),
            timeout: self.timeout.map_or(delivery.timeout, |timeout| *timeout),
            most_events: self.max_events.unwrap_or(delivery.most_events),
            ..delivery
        }
    }
}

impl RequestSettings {
    /// Says what is wrong with them; `key` is where they stand.
    pub fn check(&self, key: &str, report: &mut Report) {
        let spans = [
            ("timeout", self.timeout),
            ("rate_limit_duration", self.rate_limit_duration),
            ("retry_initial_backoff", self.retry_initial_backoff),
            ("retry_max_duration", self.retry_max_duration),
        ];
        for (name, _) in spans.into_iter().filter(|(_, span)| span.is_some_and(|span| span.is_zero())) {
            report.error([key, name], format!("`{name}` must be longer than nothing"));
        }
        if self.rate_limit_duration.is_some() && self.rate_limit_num.is_none() {
            report
                .error([key, "rate_limit_duration"], "`rate_limit_duration` without `rate_limit_num` limits nothing")
                .help("write rate_limit_num = 100");
        }
    }

    /// These settings, and those of `delivery` where there is none.
    #[must_use]
    pub fn over(&self, delivery: Delivery) -> Delivery {
        let most = delivery.concurrency.most();
        let span = self.rate_limit_duration.map_or(std::time::Duration::from_secs(1), |span| *span);
        Delivery {
            concurrency: match self.concurrency {
                None => delivery.concurrency,
                Some(ConcurrencySetting::Fixed(number)) => Concurrency::Fixed(number),
                Some(ConcurrencySetting::Adaptive) => {
                    Concurrency::Adaptive(NonZeroUsize::new(most.max(8)).unwrap_or(NonZeroUsize::MIN))
                }
            },
            attempt_timeout: self.timeout.map_or(delivery.attempt_timeout, |timeout| *timeout),
            rate_limit: self.rate_limit_num.map(|number| (number.get(), span)).or(delivery.rate_limit),
            first_backoff: self.retry_initial_backoff.map_or(delivery.first_backoff, |wait| *wait),
            longest_backoff: self.retry_max_duration.map_or(delivery.longest_backoff, |wait| *wait),
            ..delivery
        }
    }
}

impl<'de> Deserialize<'de> for ConcurrencySetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = ConcurrencySetting;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number from 1, or \"adaptive\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                match text {
                    "adaptive" => Ok(ConcurrencySetting::Adaptive),
                    other => match other.parse() {
                        Ok(number) => Ok(ConcurrencySetting::Fixed(number)),
                        Err(_) => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                    },
                }
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                usize::try_from(number)
                    .ok()
                    .and_then(NonZeroUsize::new)
                    .map(ConcurrencySetting::Fixed)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Signed(number), &self))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for ConcurrencySetting {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Concurrency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number from 1, or `\"adaptive\"`.",
            "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "string", "pattern": r"^(adaptive|[0-9]+)$|\$" }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Result<RequestSettings, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn what_is_written_goes_over_the_defaults() {
        let batch: BatchSettings = toml::from_str("max_events = 10\ntimeout = '2s'").unwrap();
        let delivery = batch.over(Delivery::remote());
        assert_eq!((delivery.max_events, delivery.max_bytes), (10, Delivery::remote().max_bytes));
        assert_eq!(delivery.most_events.get(), 10);
        let settings = request("concurrency = 3\nrate_limit_num = 5\nretry_max_duration = '30s'").unwrap();
        let delivery = settings.over(delivery);
        assert_eq!(delivery.concurrency, Concurrency::Fixed(NonZeroUsize::new(3).unwrap()));
        assert_eq!(delivery.rate_limit, Some((5, std::time::Duration::from_secs(1))));
        assert_eq!(delivery.longest_backoff, std::time::Duration::from_secs(30));
        assert_eq!(request("").unwrap().over(Delivery::remote()), Delivery::remote());
    }

    #[test]
    fn concurrency_is_a_number_or_adaptive() {
        assert_eq!(request("concurrency = 'adaptive'").unwrap().concurrency, Some(ConcurrencySetting::Adaptive));
        for wrong in ["concurrency = 0", "concurrency = 'many'", "concurrency = -1"] {
            assert!(request(wrong).unwrap_err().contains("a number from 1, or \"adaptive\""), "{wrong}");
        }
    }
}
