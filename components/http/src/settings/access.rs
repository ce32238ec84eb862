//! Settings of who may send, and how it is kept secret: credentials and certificates. Sinks send the same credentials.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use logd_sdk::http;
use logd_sdk::report::{KeyPath, Report};
use logd_sdk::settings::{PemFile, Secret, TextFile};
use reqwest::header::HeaderValue;
use schemars::JsonSchema;
use serde::Deserialize;

/// Credentials.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthSettings {
    /// How they are sent.
    strategy: Strategy,
    /// The name, for `basic`; without a colon. It may be called `user` too.
    #[serde(default, alias = "user")]
    username: Option<String>,
    /// The password, for `basic`.
    #[serde(default)]
    password: Option<Secret>,
    /// The token, for `bearer`.
    #[serde(default)]
    token: Option<Secret>,
}

/// How credentials are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Strategy {
    /// Name and password (RFC 7617).
    Basic,
    /// A token (RFC 6750).
    Bearer,
}

/// A server's certificate.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSettings {
    /// The file with the certificate, and those that it was signed with, in PEM.
    crt_file: PemFile,
    /// The file with its private key, in PEM.
    key_file: PemFile,
}

impl AuthSettings {
    pub(crate) fn check(&self, report: &mut Report) {
        let Self { strategy, username, password, token } = self;
        let given = [("username", username.is_some()), ("password", password.is_some()), ("token", token.is_some())];
        for (key, given) in given {
            let wanted = (key == "token") == (*strategy == Strategy::Bearer);
            if given && !wanted {
                report.error(["auth", key], format!("`{key}` is not for this strategy"));
            } else if !given && wanted {
                report.error("auth", format!("this strategy needs a `{key}`"));
            }
        }
        if username.as_ref().is_some_and(|username| username.contains(':')) {
            report.error(["auth", "username"], "a name with a colon can't be sent (RFC 7617)");
        }
        if password.as_ref().is_some_and(|password| password.expose().is_empty()) {
            report.error(["auth", "password"], "the password is empty");
        }
        let sendable = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if token.as_ref().is_some_and(|token| !sendable(token.expose())) {
            report
                .error(["auth", "token"], "the token is empty, or has characters that can't be sent")
                .help("letters, digits and -._~+/= can be sent");
        }
    }

    /// As a client sends them.
    ///
    /// # Errors
    /// They have not been checked.
    pub(crate) fn header(&self) -> anyhow::Result<HeaderValue> {
        let text = match self.strategy {
            Strategy::Basic => {
                let password = self.password.as_ref().context("`auth.password` is missing")?.expose();
                let username = self.username.as_deref().context("`auth.username` is missing")?;
                format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
            }
            Strategy::Bearer => {
                format!("Bearer {}", self.token.as_ref().context("`auth.token` is missing")?.expose())
            }
        };
        let mut header = HeaderValue::try_from(text)?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// As a server expects them.
    pub(super) fn build(&self) -> anyhow::Result<http::Auth> {
        Ok(match self.strategy {
            Strategy::Basic => {
                let password = self.password.as_ref().context("`auth.password` is missing")?;
                http::Auth::basic(self.username.as_deref().context("`auth.username` is missing")?, password.expose())
            }
            Strategy::Bearer => http::Auth::bearer(self.token.as_ref().context("`auth.token` is missing")?.expose()),
        })
    }
}

impl TlsSettings {
    /// The files that they name.
    pub(super) fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        vec![(["tls", "crt_file"].into(), self.crt_file.file()), (["tls", "key_file"].into(), self.key_file.file())]
    }

    pub(super) fn check(&self, report: &mut Report) {
        let mut found = Report::default();
        self.crt_file.check_certificates(["tls", "crt_file"], &mut found);
        self.key_file.check_private_key(["tls", "key_file"], false, &mut found);
        if !found.has_errors()
            && let (Ok(certificates), Ok(key)) = (self.crt_file.pem(), self.key_file.pem())
            && let Err(error) = http::Tls::from_pem(certificates, key)
        {
            // Without its cause, which may quote a file.
            found.error("tls", error.to_string());
        }
        report.append(found);
    }

    /// Gives a server what is in the files now.
    pub(super) fn renew(&self, tls: &http::Tls) -> anyhow::Result<()> {
        tls.replace(self.crt_file.pem()?, self.key_file.pem()?)
    }

    pub(super) fn build(&self) -> anyhow::Result<http::Tls> {
        http::Tls::from_pem(self.crt_file.pem()?, self.key_file.pem()?).with_context(|| {
            format!("`tls` with {} and {}", self.crt_file.path().display(), self.key_file.path().display())
        })
    }
}
