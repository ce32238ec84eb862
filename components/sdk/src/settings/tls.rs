//! How a client makes sure whom it talks to: the settings `tls` of sources and sinks that connect to a service.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PemFile, Secret, TextFile};
use crate::report::{KeyPath, Report};

/// TLS of a connection to a service.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ClientTls {
    /// Whether it is used; where an address says so itself (`https://`, `rediss://`), that decides. On by default where
    /// one of the other settings is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// A file with the certificates, in PEM, by which the service's is judged; by default those that browsers trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PemFile>,
    /// A file with the client's own certificate, in PEM, for services that ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crt_file: Option<PemFile>,
    /// The file with its private key, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PemFile>,
    /// The passphrase of that key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_pass: Option<Secret>,
    /// Whether the service's certificate must be valid. Without it anybody can pose as the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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

    /// Whether they are the same to the letter, the passphrase and what is in the files too.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let Self { enabled, ca_file, crt_file, key_file, key_pass, verify_certificate } = self;
        (enabled, verify_certificate) == (&other.enabled, &other.verify_certificate)
            && (ca_file, crt_file, key_file) == (&other.ca_file, &other.crt_file, &other.key_file)
            && Secret::are_same(key_pass.as_ref(), other.key_pass.as_ref())
    }

    /// The files that they name, for [`Settings::files`](crate::Settings::files); `key` is where they stand.
    pub fn files(&mut self, key: &str) -> Vec<(KeyPath, &mut TextFile)> {
        let Self { ca_file, crt_file, key_file, .. } = self;
        let files = [("ca_file", ca_file), ("crt_file", crt_file), ("key_file", key_file)];
        files.into_iter().filter_map(|(name, file)| Some(([key, name].into(), file.as_mut()?.file()))).collect()
    }

    /// Says what is wrong with them; `key` is where they stand.
    pub fn check(&self, key: &str, report: &mut Report) {
        if self.crt_file.is_some() != self.key_file.is_some() {
            report.error(key, "`crt_file` and `key_file` belong together: a certificate needs its key");
        }
        for (name, file) in [("ca_file", &self.ca_file), ("crt_file", &self.crt_file)] {
            if let Some(file) = file {
                file.check_certificates([key, name], report);
            }
        }
        if let Some(file) = &self.key_file {
            file.check_private_key([key, "key_file"], self.key_pass.is_some(), report);
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

    /// The certificates of `ca_file` in PEM, if it is given.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn ca(&self) -> anyhow::Result<Option<&[u8]>> {
        self.ca_file.as_ref().map(PemFile::pem).transpose()
    }

    /// The client's certificate and its key, both in PEM, if they are given.
    ///
    /// # Errors
    /// One of the files could not be read.
    pub fn identity(&self) -> anyhow::Result<Option<(&[u8], &[u8])>> {
        let Some((certificate, key)) = self.crt_file.as_ref().zip(self.key_file.as_ref()) else { return Ok(None) };
        Ok(Some((certificate.pem()?, key.pem()?)))
    }
}
