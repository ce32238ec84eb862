//! The client that reaches a node: by which URL, over which TLS, and with which credentials. These settings are the same
//! for all that talk to Elasticsearch.

use anyhow::Context as _;
use elasticsearch::auth::{ClientCertificate, Credentials};
use elasticsearch::cert::{Certificate, CertificateValidation};
use elasticsearch::http::Url;
use elasticsearch::http::headers::{AUTHORIZATION, HeaderValue};
use elasticsearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use logd_sdk::report::{KeyPath, Report};
use logd_sdk::settings::{ClientTls, Fault};

use crate::auth::AuthSettings;
use crate::nodes::Nodes;

/// What the clients of all nodes have in common.
struct Client {
    /// Whether requests are compressed by gzip.
    gzip: bool,
    authorization: Option<HeaderValue>,
    /// Whether any certificate will do.
    any: bool,
    /// Those by which a node's is judged, beside those that browsers trust; in PEM.
    authority: Option<Vec<u8>>,
    /// The client's own, with its key; in PEM.
    identity: Option<Vec<u8>>,
}

impl Client {
    /// Takes from the settings what they have in common.
    ///
    /// # Errors
    /// A file could not be read, or `check` was not heeded.
    fn new(gzip: bool, auth: Option<&AuthSettings>, tls: &ClientTls) -> anyhow::Result<Self> {
        Ok(Self {
            gzip,
            authorization: auth.map(AuthSettings::header).transpose()?,
            any: tls.verify_certificate == Some(false),
            authority: tls.ca()?.map(<[u8]>::to_vec),
            identity: tls.identity()?.map(|(certificate, key)| [certificate, key].join(&b'\n')),
        })
    }

    /// The client for one node.
    ///
    /// # Errors
    /// A file of the settings `tls` has not in it what it should.
    fn of(&self, endpoint: &str) -> anyhow::Result<Transport> {
        let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url(endpoint)?));
        builder = builder.request_body_compression(self.gzip);
        if let Some(authorization) = &self.authorization {
            builder = builder.header(AUTHORIZATION, authorization.clone());
        }
        if self.any {
            builder = builder.cert_validation(CertificateValidation::None);
        } else if let Some(authority) = &self.authority {
            let authority = Certificate::from_pem(authority).context("`tls.ca_file` has no certificate in PEM")?;
            builder = builder.cert_validation(CertificateValidation::Full(authority));
        }
        if let Some(identity) = &self.identity {
            builder = builder.auth(Credentials::Certificate(ClientCertificate::Pem(identity.clone())));
        }
        builder.build().context("`tls.crt_file` and `tls.key_file` are no certificate and key in PEM")
    }
}

/// The nodes at these endpoints. Nothing is connected yet.
///
/// # Errors
/// A file could not be read or has not in it what it should, or `check` was not heeded.
pub(crate) fn nodes(
    endpoints: &[String],
    gzip: bool,
    auth: Option<&AuthSettings>,
    tls: &ClientTls,
) -> anyhow::Result<Nodes> {
    let client = Client::new(gzip, auth, tls)?;
    let node = |endpoint: &String| Ok((endpoint.clone(), client.of(endpoint)?));
    Nodes::new(endpoints.iter().map(node).collect::<anyhow::Result<_>>()?)
}

/// Says what is wrong with the settings `endpoints`, `auth` and `tls`.
pub(crate) fn check(endpoints: &[String], auth: Option<&AuthSettings>, tls: &ClientTls, report: &mut Report) {
    if endpoints.is_empty() {
        report.error("endpoints", "there is no endpoint").help("write endpoints = [\"http://localhost:9200\"]");
    }
    for (place, endpoint) in endpoints.iter().enumerate() {
        if let Err(fault) = url(endpoint) {
            report.fault(KeyPath::from("endpoints").index(place), fault);
        }
    }
    if let Some(auth) = auth {
        auth.check("auth", report);
    }
    tls.check("tls", report);
    if tls.key_pass.is_some() {
        report.error(["tls", "key_pass"], "an encrypted key can't be read here").help("give it decrypted");
    }
    if tls.is_on() && endpoints.iter().all(|endpoint| endpoint.starts_with("http://")) {
        report.warning("tls", "no endpoint uses TLS").help("write https:// in `endpoints`");
    }
}

/// The URL of an endpoint.
///
/// # Errors
/// It is none of a node.
fn url(endpoint: &str) -> Result<Url, Fault> {
    let fault = |message: &str| Err(Fault::new(message).help("write \"http://localhost:9200\""));
    let Ok(url) = Url::parse(endpoint) else { return fault("this is no URL") };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        fault("an endpoint begins with `http://` or `https://`, and a host")
    } else if !url.username().is_empty() || url.password().is_some() {
        fault("an endpoint has no user or password in it: they belong into `auth`")
    } else if url.query().is_some() || url.fragment().is_some() {
        fault("an endpoint ends with its host, port or path")
    } else {
        Ok(url)
    }
}
