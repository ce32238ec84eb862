//! From the settings to a client of Redis.

use anyhow::{Context as _, anyhow};
use logd_sdk::settings::{ClientTls, Fault};
use redis::{Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates};

use crate::settings::RedisSettings;

/// Where an endpoint leads to. What it says does not repeat the endpoint, in which somebody may have put a password.
pub(crate) fn parse(endpoint: &str) -> Result<ConnectionInfo, Fault> {
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
pub(crate) fn is_tls(info: &ConnectionInfo) -> bool {
    matches!(info.addr(), ConnectionAddr::TcpTls { .. })
}

/// A client for these settings. Nothing is connected yet.
///
/// # Errors
/// A file of the settings `tls` could not be read.
pub(crate) fn client(settings: &RedisSettings) -> anyhow::Result<Client> {
    let info = parse(&settings.endpoint).map_err(|fault| anyhow!("`endpoint`: {}", fault.message))?;
    let mut redis = info.redis_settings().clone().set_db(i64::from(settings.db));
    if let Some(password) = settings.password.as_ref().map(|password| password.expose()).filter(|text| !text.is_empty())
    {
        redis = redis.set_password(password);
        if let Some(username) = &settings.username {
            redis = redis.set_username(username);
        }
    }
    let info = info.set_redis_settings(redis);
    if is_tls(&info) { with_tls(info, &settings.tls) } else { Ok(Client::open(info)?) }
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
