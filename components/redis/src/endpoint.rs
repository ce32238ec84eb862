//! From the settings to a client of Redis.

use anyhow::{Context as _, anyhow};
use logd_sdk::report::Report;
use logd_sdk::settings::{ClientTls, Fault, Secret};
use redis::{Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates};

/// Where an endpoint leads to. What it says does not repeat the endpoint, in which somebody may have put a password.
fn parse(endpoint: &str) -> Result<ConnectionInfo, Fault> {
    const HELP: &str = r#"write "redis://HOST:PORT", "rediss://HOST:PORT" or "unix:///PATH""#;
    let info = endpoint.into_connection_info().map_err(|_| Fault::new("not an address of a Redis").help(HELP))?;
    let redis = info.redis_settings();
    if redis.username().is_some() || redis.password().is_some() {
        return Err(Fault::new("a user or password does not belong into the endpoint, where everybody sees it")
            .help("write password = \"${REDIS_PASSWORD}\", and username where there is one"));
    }
    if redis.db() != 0 {
        return Err(Fault::new("the database does not belong into the endpoint").help("write db = 1"));
    }
    if let Some(place) = endpoint.find(['?', '#']) {
        return Err(Fault::new("an endpoint has no options").at(place..endpoint.len()).help(HELP));
    }
    Ok(info)
}

/// Whether the connection is one with TLS.
fn is_tls(info: &ConnectionInfo) -> bool {
    matches!(info.addr(), ConnectionAddr::TcpTls { .. })
}

/// Where Redis is, and how we say who we are: the settings that are the same for all that talk to it.
pub(crate) struct Target<'s> {
    /// `endpoint`.
    pub(crate) endpoint: &'s str,
    /// `username`.
    pub(crate) username: Option<&'s str>,
    /// `password`; an empty one is none.
    pub(crate) password: Option<&'s Secret>,
    /// `tls`.
    pub(crate) tls: &'s ClientTls,
    /// `db`.
    pub(crate) db: u32,
}

impl Target<'_> {
    /// Says what is wrong with these settings.
    pub(crate) fn check(&self, report: &mut Report) {
        match parse(self.endpoint) {
            Err(fault) => {
                report.fault("endpoint", fault);
            }
            Ok(info) => match (is_tls(&info), self.tls.is_on(), self.tls.enabled) {
                (false, true, _) => {
                    report
                        .error("tls", "the endpoint is one without TLS, and `tls` would do nothing")
                        .help("write the endpoint as \"rediss://HOST:PORT\"");
                }
                (true, _, Some(false)) => {
                    report
                        .error(["tls", "enabled"], "the endpoint is one with TLS")
                        .help("write the endpoint as \"redis://HOST:PORT\"");
                }
                _ => {}
            },
        }
        self.tls.check("tls", report);
        if self.tls.key_pass.is_some() {
            report
                .error(["tls", "key_pass"], "a key with a passphrase can't be read")
                .help("take the passphrase off with `openssl pkey`, and guard the file");
        }
        if self.username.is_some() && self.password.is_none() {
            report.error("username", "`username` without `password`: Redis asks for both");
        }
    }

    /// A client. Nothing is connected yet.
    ///
    /// # Errors
    /// A file of the settings `tls` could not be read.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let info = parse(self.endpoint).map_err(|fault| anyhow!("`endpoint`: {}", fault.message))?;
        let mut redis = info.redis_settings().clone().set_db(i64::from(self.db));
        if let Some(password) = self.password.map(Secret::expose).filter(|text| !text.is_empty()) {
            redis = redis.set_password(password);
            if let Some(username) = self.username {
                redis = redis.set_username(username);
            }
        }
        let info = info.set_redis_settings(redis);
        if is_tls(&info) { with_tls(info, self.tls) } else { Ok(Client::open(info)?) }
    }
}

fn with_tls(mut info: ConnectionInfo, tls: &ClientTls) -> anyhow::Result<Client> {
    if tls.verify_certificate == Some(false)
        && let ConnectionAddr::TcpTls { host, port, tls_params, .. } = info.addr().clone()
    {
        info = info.set_addr(ConnectionAddr::TcpTls { host, port, insecure: true, tls_params });
    }
    let identity = tls.identity()?;
    let client_tls = identity
        .map(|(certificate, key)| ClientTlsConfig { client_cert: certificate.to_vec(), client_key: key.to_vec() });
    let certificates = TlsCertificates { client_tls, root_cert: tls.ca()?.map(<[u8]>::to_vec) };
    Client::build_with_tls(info, certificates).context("the certificates of `tls` can't be used")
}
