//! How a target is reached, and the client that does it.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use logd_sdk::Clock;
use logd_sdk::report::Report;
use logd_sdk::settings::{ClientTls, Secret};
use reqwest::dns::{Name, Resolve};
use reqwest::header::HeaderMap;
use reqwest::{Certificate, Identity, Method, Proxy, Response, StatusCode, Url, redirect};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::resolver::{Guard, System};
use super::{Addresses, Target, Verdict};

/// What a client says that it is.
const USER_AGENT: &str = concat!("logd/", env!("CARGO_PKG_VERSION"));

/// How long it may take to look a name up and to connect.
const CONNECT: Duration = Duration::from_secs(10);

/// How long it may take to look a name up for a verdict on it.
const LOOK_UP: Duration = Duration::from_secs(5);

/// So much of an answer's body is read, in bytes: enough for a reason, and for a connection to be used again.
pub(super) const MOST_READ: usize = 64 << 10;

/// How long it may take to read that: what an answer means is known before.
const READ: Duration = Duration::from_secs(5);

/// The settings of a sink that say how its target is reached.
#[derive(Clone)]
pub(crate) struct Connection<'s> {
    pub(crate) tls: &'s ClientTls,
    pub(crate) proxy: Option<&'s Secret>,
    pub(crate) addresses: Addresses,
    /// How long one request may take.
    pub(crate) timeout: Duration,
    /// How many connections to a host are kept while nobody uses them.
    pub(crate) idle: usize,
}

impl Connection<'_> {
    /// How long the driver is to wait for an attempt of several requests: each has `timeout` for itself, and none is begun
    /// after that time.
    pub(crate) fn attempt_timeout(&self) -> Duration {
        self.timeout.saturating_mul(2).saturating_add(READ)
    }

    /// Says what is wrong with the settings, for this target.
    pub(crate) fn check(&self, target: Option<&Target>, report: &mut Report) {
        self.tls.check("tls", report);
        if self.tls.key_pass.is_some() {
            report
                .error(["tls", "key_pass"], "a key with a passphrase can't be read here")
                .help("decrypt the key, and let nobody else read its file");
        }
        if self.tls.is_on() && target.is_some_and(Target::is_plain) {
            report.error("tls", "`tls` is set, but the URI begins with `http://`").help("write https://");
        }
        let Some(proxy) = self.proxy else { return };
        if Proxy::all(proxy.expose()).is_err() || !proxy.expose().starts_with("http") {
            report.error("proxy", "this is not the URI of a proxy").help("write \"http://proxy.example.com:3128\"");
        }
        if self.addresses != Addresses::Any {
            report.error("addresses", "a proxy looks names up by itself, so that addresses can't be checked here");
        }
    }

    /// Builds the client.
    ///
    /// # Errors
    /// A file can't be read, or is not what it should be.
    pub(crate) async fn client(&self, clock: Clock) -> anyhow::Result<Client> {
        self.client_with(clock, Arc::new(System)).await
    }

    /// Builds the client, which takes the addresses of names from `names`.
    pub(crate) async fn client_with(&self, clock: Clock, names: Arc<dyn Resolve>) -> anyhow::Result<Client> {
        let names = Arc::new(Guard::new(self.addresses.clone(), names));
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            // What is read of an answer is bounded as it comes; another crate may have switched unpacking on.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .connect_timeout(CONNECT.min(self.timeout))
            .pool_max_idle_per_host(self.idle)
            .dns_resolver(Arc::clone(&names))
            .danger_accept_invalid_certs(self.tls.verify_certificate == Some(false));
        if let Some(ca) = self.tls.ca()? {
            let certificates = Certificate::from_pem_bundle(ca).context("`tls.ca_file` is not PEM")?;
            ensure!(!certificates.is_empty(), "there is no certificate in `tls.ca_file`");
            builder = builder.tls_built_in_root_certs(false);
            for certificate in certificates {
                builder = builder.add_root_certificate(certificate);
            }
        }
        if let Some((certificate, key)) = self.tls.identity()? {
            let identity = Identity::from_pem(&[certificate, key].concat());
            builder =
                builder.identity(identity.context("`tls.crt_file` and `tls.key_file` are no certificate and key")?);
        }
        let mut proxy = None;
        if let Some(uri) = self.proxy {
            let no_uri = || anyhow::anyhow!("`proxy` is no URI");
            builder = builder.proxy(Proxy::all(uri.expose()).map_err(|_| no_uri())?);
            proxy = Some(Place::of(&Url::parse(uri.expose()).map_err(|_| no_uri())?)?);
        }
        let http = builder.build().context("the client can't be made")?;
        Ok(Client { http, names, proxy, timeout: self.timeout, clock })
    }
}

/// Makes requests. Its clones share their connections.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    names: Arc<Guard>,
    proxy: Option<Place>,
    timeout: Duration,
    clock: Clock,
}

/// Where a URL leads, without what in it may be a secret.
#[derive(Clone, Debug)]
struct Place {
    host: String,
    port: u16,
}

impl Place {
    fn of(url: &Url) -> anyhow::Result<Self> {
        let host = url.host_str().context("there is no host")?.trim_matches(['[', ']']).to_owned();
        Ok(Self { host, port: url.port_or_known_default().context("there is no port")? })
    }
}

impl Client {
    /// How long one request may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The same client and its connections, for requests that may take so long.
    pub(crate) fn within(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Makes one request, of a URL that was made from a [`Target`].
    pub(crate) async fn send(&self, method: Method, url: Url, headers: HeaderMap, body: Bytes) -> Verdict {
        self.ask(method, url, headers, body).await.1
    }

    /// The same, with the answer's status, if there is one.
    pub(crate) async fn ask(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> (Option<StatusCode>, Verdict) {
        let request = self.http.request(method, url).timeout(self.timeout).headers(headers).body(body);
        match request.send().await {
            Ok(mut response) => {
                let mut body = Vec::new();
                // However that ends, the status says what became of the request.
                let _ = timeout(READ, read(&mut response, &mut body)).await;
                let status = response.status();
                (Some(status), Verdict::of(status, response.headers(), &body, self.clock.now()))
            }
            Err(error) => (None, Verdict::Again { after: None, error: self.describe(&error) }),
        }
    }

    /// Gets a document, of a URL that was made from a [`Target`].
    ///
    /// # Errors
    /// There is none, or it has more than `most` bytes.
    pub(crate) async fn get(&self, url: Url, most: usize) -> anyhow::Result<Vec<u8>> {
        let whole = async {
            let request = self.http.get(url).timeout(self.timeout);
            let mut response = request.send().await.map_err(|error| anyhow::anyhow!(self.describe(&error)))?;
            ensure!(response.status() == StatusCode::OK, "the answer is {}", response.status());
            let mut document = Vec::new();
            while let Some(chunk) = response.chunk().await.context("the answer broke off")? {
                ensure!(document.len() + chunk.len() <= most, "it has more than {most} bytes");
                document.extend_from_slice(&chunk);
            }
            Ok(document)
        };
        timeout(self.timeout, whole).await.with_context(|| format!("no answer within {:?}", self.timeout))?
    }

    /// Whether the host of a URL that was made from a [`Target`] leads to an address that may be dialled.
    ///
    /// # Errors
    /// It does not, or can't be resolved.
    pub(crate) async fn judge(&self, url: &Url) -> anyhow::Result<()> {
        let place = Place::of(url)?;
        timeout(LOOK_UP, self.resolve(&place))
            .await
            .with_context(|| format!("`{}` could not be resolved within {LOOK_UP:?}", place.host))??;
        Ok(())
    }

    /// Whether a connection can be made to where `url` leads, or to the proxy. Nothing is sent: nobody knows what a
    /// stranger would make of it.
    ///
    /// # Errors
    /// None can be made, and why.
    pub(crate) async fn reach(&self, url: &Url) -> anyhow::Result<()> {
        let place = match &self.proxy {
            Some(proxy) => proxy.clone(),
            None => Place::of(url)?,
        };
        let within = CONNECT.min(self.timeout);
        let connected = timeout(within, self.connect(&place)).await;
        connected.with_context(|| format!("no connection within {within:?}"))?.context("it can't be reached")
    }

    async fn connect(&self, place: &Place) -> anyhow::Result<()> {
        TcpStream::connect(&self.resolve(place).await?[..]).await?;
        Ok(())
    }

    async fn resolve(&self, Place { host, port }: &Place) -> anyhow::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![(address, *port).into()]);
        }
        let found = self.names.resolve(host.parse::<Name>()?).await.map_err(anyhow::Error::from_boxed)?;
        Ok(found.map(|address| (address.ip(), *port).into()).collect())
    }

    /// What went wrong, without the URI, which may hold a secret.
    fn describe(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            return match error.is_connect() {
                true => format!("no connection within {:?}", CONNECT.min(self.timeout)),
                false => format!("no answer within {:?}", self.timeout),
            };
        }
        let mut cause: &dyn Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let what = if error.is_connect() { "it can't be reached" } else { "the request failed" };
        format!("{what}: {cause}")
    }
}

async fn read(response: &mut Response, body: &mut Vec<u8>) {
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MOST_READ - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == MOST_READ {
            return;
        }
    }
}
