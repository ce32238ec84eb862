//! The settings of the API: `[api]` in `logd.toml`.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;

use logd_access::{AccessSettings, IssuerSettings, TokenSettings, UserSettings};
use logd_archive::Options;
use logd_sdk::report::{KeyPath, Report};
use logd_sdk::settings::{Address, ByteSize, Duration, Network, TextFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stores::{Figures, Logs};

/// The API and the dashboard: served while there is a sink of type `api`.
// What `logs` and `metrics` may be is for those to say who read them: here they are what was made of it.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[schemars(rename = "ApiSettings", bound = "L: JsonSchema + Default + Serialize, M: JsonSchema + Default + Serialize")]
#[serde(default, deny_unknown_fields)]
pub struct ApiSettings<L = Logs, M = Figures> {
    /// Where they are served.
    pub address: Address,
    /// Where people reach them, for links in messages, such as `https://logd.example.com`; by default at `address`.
    pub base_url: Option<String>,
    /// Serves HTTPS, and nothing in the clear.
    pub tls: Option<TlsFiles>,
    /// Pages of these origins may use the API, such as `https://tools.example.com`; by default none but its own.
    pub cors_origins: Vec<String>,
    /// Requests that somebody may make in a second; as many more may come at once.
    pub rate_limit: NonZeroU32,
    /// Live streams that may be open at once.
    pub max_streams: NonZeroUsize,
    /// How long, and how much, is kept.
    pub retention: Retention,
    /// Logs that are kept for search in a second. Of more than that errors come first, and then a fair sample of each
    /// service; all are counted.
    pub max_rate: NonZeroU32,
    /// Which logs are shown.
    pub logs: L,
    /// Which totals are shown.
    pub metrics: M,
    /// Webhooks that are registered through the API.
    pub webhooks: Webhooks,
    /// Users by their names. `logd user` adds others.
    pub users: BTreeMap<String, UserSettings>,
    /// The tokens that users get.
    pub tokens: TokenSettings,
    /// Somebody else whose tokens are taken.
    pub issuer: Option<IssuerSettings>,
}

/// The certificate of the API, and its key. Both are read again with each reload.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate and those that lead to its issuer, as PEM.
    pub crt_file: PathBuf,
    /// Its key, as PEM.
    pub key_file: PathBuf,
}

/// How long, and how much, is kept.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// What is older is deleted.
    pub max_age: Duration,
    /// When there is more on disk than this, the oldest logs are deleted.
    pub max_bytes: ByteSize,
}

/// Webhooks that are registered through the API.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Addresses and networks that they may call beside those of the internet, such as `10.0.0.0/8`.
    pub allow: Vec<Network>,
    /// The share of a service's logs that are errors, over five minutes, above which `high_error_rate` is called.
    pub high_error_rate: f64,
}

impl<L: Default, M: Default> Default for ApiSettings<L, M> {
    fn default() -> Self {
        Self {
            address: Address::local(8000),
            base_url: None,
            tls: None,
            cors_origins: Vec::new(),
            rate_limit: const { NonZeroU32::new(100).unwrap() },
            max_streams: const { NonZeroUsize::new(100).unwrap() },
            retention: Retention::default(),
            max_rate: Options::default().max_rate,
            logs: L::default(),
            metrics: M::default(),
            webhooks: Webhooks::default(),
            users: BTreeMap::new(),
            tokens: TokenSettings::default(),
            issuer: None,
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        let Options { max_age, max_bytes, .. } = Options::default();
        Self { max_age: Duration::from_secs(max_age.as_secs()), max_bytes: ByteSize::new(max_bytes) }
    }
}

impl Default for Webhooks {
    fn default() -> Self {
        Self { allow: Vec::new(), high_error_rate: 0.1 }
    }
}

impl ApiSettings {
    /// Whether logs and totals are read by the same.
    pub(crate) fn has_same_stores(&self, other: &Self) -> bool {
        let logs = match (&self.logs, &other.logs) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        logs && match (&self.metrics, &other.metrics) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// Whether the same may come in by the same.
    pub(crate) fn has_same_access(&self, other: &Self) -> bool {
        let access = |settings: &Self| {
            let Self { users, tokens, issuer, .. } = settings.clone();
            Self { users, tokens, issuer, ..Self::default() }
        };
        access(self).is_same(&access(other))
    }
}

impl<L: Debug, M: Debug> ApiSettings<L, M> {
    /// The files whose text belongs to them, but for those of `logs` and `metrics`.
    pub fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        let file = self.issuer.as_mut().and_then(|issuer| issuer.jwks_file.as_mut());
        file.map(|file| (KeyPath::from(["api", "issuer", "jwks_file"]), file)).into_iter().collect()
    }

    /// Whether they are the same to the letter, secrets and files too, as far as they are known here: `logs` and `metrics`
    /// may differ in what does not show.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let secrets = |settings: &Self| {
            let users = settings.users.values().flat_map(|user| [&user.password, &user.password_hash]);
            let all = users.chain([&settings.tokens.secret]);
            all.map(|secret| secret.as_ref().map(|secret| secret.expose().to_owned())).collect::<Vec<_>>()
        };
        let keys = |settings: &Self| {
            settings.issuer.as_ref().and_then(|issuer| issuer.jwks_file.as_ref()?.text().map(str::to_owned))
        };
        format!("{self:?}") == format!("{other:?}") && secrets(self) == secrets(other) && keys(self) == keys(other)
    }

    /// The same, with other `logs` and `metrics`.
    #[must_use]
    pub fn with_stores<N, F>(self, logs: N, metrics: F) -> ApiSettings<N, F> {
        ApiSettings {
            logs,
            metrics,
            address: self.address,
            base_url: self.base_url,
            tls: self.tls,
            cors_origins: self.cors_origins,
            rate_limit: self.rate_limit,
            max_streams: self.max_streams,
            retention: self.retention,
            max_rate: self.max_rate,
            webhooks: self.webhooks,
            users: self.users,
            tokens: self.tokens,
            issuer: self.issuer,
        }
    }

    /// Says what is wrong with them, but for `logs` and `metrics`.
    pub fn check(&self, report: &mut Report) {
        if let Some(url) = &self.base_url
            && !is_origin(url)
        {
            let key = KeyPath::from(["api", "base_url"]);
            report.error(key, "this is no base of URLs").help("write it as \"https://logd.example.com\"");
        }
        for (place, origin) in self.cors_origins.iter().enumerate() {
            if !is_origin(origin) {
                let key = KeyPath::from(["api", "cors_origins"]).index(place);
                report.error(key, "this is no origin").help("write it as \"https://tools.example.com\"");
            }
        }
        if !(self.webhooks.high_error_rate > 0.0 && self.webhooks.high_error_rate <= 1.0) {
            let key = KeyPath::from(["api", "webhooks", "high_error_rate"]);
            report.error(key, "a share lies between 0 and 1").help("write 0.1 for one log in ten");
        }
        self.access().check("api", report);
    }

    /// What is said about access.
    #[must_use]
    pub fn access(&self) -> AccessSettings {
        AccessSettings { users: self.users.clone(), tokens: self.tokens.clone(), issuer: self.issuer.clone() }
    }

    /// What is kept.
    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            max_age: *self.retention.max_age,
            max_bytes: self.retention.max_bytes.bytes(),
            max_rate: self.max_rate,
        }
    }

    /// Where people reach the API when it is served at `address`.
    pub(crate) fn base(&self, address: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.base_url.clone().unwrap_or_else(|| format!("{scheme}://{address}"))
    }
}

/// Scheme, host and perhaps a port; no path.
fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
    })
}
