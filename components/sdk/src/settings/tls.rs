//! How a client makes sure whom it talks to: the settings `tls` of sources and sinks that connect to a service.

use std::path::PathBuf;

use anyhow::Context as _;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Secret;
use crate::report::Report;

/// TLS of a connection to a service.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientTls {
    /// Whether it is used; where an address says so itself (`https://`, `rediss://`), that decides. On by default where
    /// one of the other settings is given.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// A file with the certificates, in PEM, by which the service's is judged; by default those that browsers trust.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// A file with the client's own certificate, in PEM, for services that ask for one.
    #[serde(default)]
    pub crt_file: Option<PathBuf>,
    /// The file with its private key, in PEM.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// The passphrase of that key.
    #[serde(default)]
    pub key_pass: Option<Secret>,
    /// Whether the service's certificate must be valid. Without it anybody can pose as the service.
    #[serde(default)]
    pub verify_certificate: Option<bool>,
}

impl ClientTls {
    /// Whether these settings ask for TLS.
    #[must_use]
    pub fn is_on(&self) -> bool {
        let Self { enabled, ca_file, crt_file, key_file, key_pass, verify_certificate } = self;
        let given = ca_file.is_some() || crt_file.is_some() || key_file.is_some() || key_pass.is_some();
        enabled.unwrap_or(given || verify_certificate.is_some())
    }

    /// Says what is wrong with them; `key` is where they stand.
    pub fn check(&self, key: &str, report: &mut Report) {
        if self.crt_file.is_some() != self.key_file.is_some() {
            report.error(key, "`crt_file` and `key_file` belong together: a certificate needs its key");
        }
        if self.verify_certificate == Some(false) {
            report
                .warning(
                    [key, "verify_certificate"],
                    "the service's certificate is not checked: anybody can pose as it",
                )
                .help("give the service's own authority as `ca_file` instead");
        }
    }

    /// The certificates of `ca_file`, if it is given.
    ///
    /// # Errors
    /// The file can't be read.
    pub async fn ca(&self) -> anyhow::Result<Option<Vec<u8>>> {
        read(self.ca_file.as_ref()).await
    }

    /// The client's certificate followed by its key, both in PEM, if they are given.
    ///
    /// # Errors
    /// One of the files can't be read.
    pub async fn identity(&self) -> anyhow::Result<Option<(Vec<u8>, Vec<u8>)>> {
        Ok(read(self.crt_file.as_ref()).await?.zip(read(self.key_file.as_ref()).await?))
    }
}

async fn read(path: Option<&PathBuf>) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(path) = path else { return Ok(None) };
    let bytes = tokio::fs::read(path).await.with_context(|| format!("{} can't be read", path.display()))?;
    Ok(Some(bytes))
}
