//! How we say who we are: the settings `auth`, and the header that they make.

use anyhow::Context as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use elasticsearch::http::headers::HeaderValue;
use logd_sdk::report::Report;
use logd_sdk::settings::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is shown to the service at each request.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthSettings {
    /// As `basic`, a `user` and a `password`. As `api_key`, an `api_key` in the form that Elasticsearch calls "encoded".
    /// As `bearer`, a `token`.
    strategy: Strategy,
    /// The user of `basic`.
    #[serde(default)]
    user: Option<String>,
    /// The password of `basic`.
    #[serde(default)]
    password: Option<Secret>,
    /// The key of `api_key`.
    #[serde(default)]
    api_key: Option<Secret>,
    /// The token of `bearer`.
    #[serde(default)]
    token: Option<Secret>,
}

/// How a client shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Strategy {
    /// By a user and a password (RFC 7617).
    Basic,
    /// By an API key of Elasticsearch.
    ApiKey,
    /// By a token (RFC 6750).
    Bearer,
}

impl AuthSettings {
    /// Says what is wrong with them; `key` is where they stand.
    pub(crate) fn check(&self, key: &str, report: &mut Report) {
        let given = [
            ("user", Strategy::Basic, self.user.is_some()),
            ("password", Strategy::Basic, self.password.is_some()),
            ("api_key", Strategy::ApiKey, self.api_key.is_some()),
            ("token", Strategy::Bearer, self.token.is_some()),
        ];
        for (name, strategy, given) in given {
            if given && strategy != self.strategy {
                report.error([key, name], format!("`{name}` has no place in this `strategy`"));
            } else if !given && strategy == self.strategy {
                report.error(key, format!("this `strategy` needs `{name}`"));
            }
        }
        if self.user.as_ref().is_some_and(|user| user.contains(':')) {
            report.error([key, "user"], "a user has no colon in it: it would end there");
        }
        for (name, secret) in [("api_key", &self.api_key), ("token", &self.token)] {
            if secret.as_ref().is_some_and(|secret| header(secret.expose()).is_none()) {
                report.error([key, name], format!("`{name}` has a character that no header can carry"));
            }
        }
    }

    /// Whether they are the same to the letter.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let Self { strategy, user, password, api_key, token } = self;
        let secrets = [(password, &other.password), (api_key, &other.api_key), (token, &other.token)];
        (strategy, user) == (&other.strategy, &other.user)
            && secrets.iter().all(|(one, other)| Secret::are_same(one.as_ref(), other.as_ref()))
    }

    /// The value of the `Authorization` header, marked so that no log shows it.
    ///
    /// # Errors
    /// `check` was not heeded.
    pub(crate) fn header(&self) -> anyhow::Result<HeaderValue> {
        let exposed = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        let value = match self.strategy {
            Strategy::Basic => self.user.as_ref().zip(exposed(&self.password)).map(|(user, password)| {
                let credentials = STANDARD.encode(format!("{user}:{password}"));
                format!("Basic {credentials}")
            }),
            Strategy::ApiKey => exposed(&self.api_key).map(|key| format!("ApiKey {key}")),
            Strategy::Bearer => exposed(&self.token).map(|token| format!("Bearer {token}")),
        };
        value.as_deref().and_then(header).context("`auth` is not complete")
    }
}

fn header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(text: &str) -> (Vec<String>, AuthSettings) {
        let settings: AuthSettings = toml::from_str(text).unwrap();
        let mut report = Report::default();
        settings.check("auth", &mut report);
        (report.problems().iter().map(|found| format!("{}: {}", found.key, found.message)).collect(), settings)
    }

    #[test]
    fn each_strategy_makes_its_header() {
        for (text, expected) in [
            ("strategy = 'basic'\nuser = 'Aladdin'\npassword = 'open sesame'", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("strategy = 'api_key'\napi_key = 'aWQ6a2V5'", "ApiKey aWQ6a2V5"),
            ("strategy = 'bearer'\ntoken = 'canary'", "Bearer canary"),
        ] {
            let (problems, settings) = auth(text);
            assert!(problems.is_empty(), "{problems:?}");
            let header = settings.header().unwrap();
            assert_eq!(header, expected);
            let shown = format!("{settings:?} {header:?}");
            for secret in ["sesame", "aWQ6a2V5", "canary", "QWxh"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_the_strategy_is_refused() {
        assert_eq!(
            auth("strategy = 'basic'\nuser = 'a:b'\ntoken = 'x'").0,
            [
                "auth: this `strategy` needs `password`",
                "auth.token: `token` has no place in this `strategy`",
                "auth.user: a user has no colon in it: it would end there",
            ]
        );
        let (problems, settings) = auth("strategy = 'bearer'\ntoken = \"can\\nary\"");
        assert_eq!(problems, ["auth.token: `token` has a character that no header can carry"]);
        assert!(!settings.header().unwrap_err().to_string().contains("ary"));
    }
}
