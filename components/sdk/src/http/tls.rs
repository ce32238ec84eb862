//! TLS for the server: certificates from PEM, replaceable while it runs.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// A server's certificate and key: TLS 1.2 and 1.3, HTTP/1.1 only. Clones share them, so that a renewed certificate
/// reaches a running server; connections that are open keep the old one.
#[derive(Clone, Debug)]
pub struct Tls {
    settings: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Tls {
    /// Reads a chain of certificates, the server's own first, and its key (PKCS 8, PKCS 1 or SEC 1).
    ///
    /// # Errors
    /// If either is missing or unreadable, or they don't belong together. The key is in no message.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> anyhow::Result<Self> {
        Ok(Self { settings: Arc::new(RwLock::new(settings(certificates, key)?)) })
    }

    /// Takes others for all connections from now on.
    ///
    /// # Errors
    /// As [`Tls::from_pem`]; then the old ones stay.
    pub fn replace(&self, certificates: &[u8], key: &[u8]) -> anyhow::Result<()> {
        let settings = settings(certificates, key)?;
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
        Ok(())
    }

    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner).clone();
        TlsAcceptor::from(settings).accept(stream).await
    }
}

fn settings(certificates: &[u8], key: &[u8]) -> anyhow::Result<Arc<ServerConfig>> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
        .collect::<Result<_, _>>()
        .context("the certificates are not valid PEM")?;
    ensure!(!chain.is_empty(), "there is no certificate in the PEM");
    let key = PrivateKeyDer::from_pem_slice(key).context("there is no valid private key in the PEM")?;
    // Named, not the process's default, which another library may have set or left unset.
    let mut settings = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the certificate and the private key don't fit together")?;
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(settings))
}
