//! A file beside the pipeline's with certificates or a private key in it, in PEM.
//!
//! Like any [`TextFile`] it is read by the loader, so that one that is missing, or is not what it should be, is named at
//! the line that names it, and one that is renewed is given to its component. What is in it is shown to nobody.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use anyhow::Context as _;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TextFile;
use crate::report::{KeyPath, Report};

/// The path of a file in PEM and, once the loader has read it, what is in it.
#[derive(Clone, PartialEq, Eq)]
pub struct PemFile(TextFile);

impl PemFile {
    /// Where it is; relative to the working directory, or absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The file, for the loader.
    pub fn file(&mut self) -> &mut TextFile {
        &mut self.0
    }

    /// What is in it.
    ///
    /// # Errors
    /// It could not be read, which has been said.
    pub fn pem(&self) -> anyhow::Result<&[u8]> {
        let text = self.0.text().with_context(|| format!("{} can't be read", self.path().display()))?;
        Ok(text.as_bytes())
    }

    /// Says if there are no certificates in it; `key` is where it is named.
    pub fn check_certificates(&self, key: impl Into<KeyPath>, report: &mut Report) {
        let Some(text) = self.0.text() else { return };
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        // The error may quote a line of the file.
        if certificates.is_ok_and(|certificates| !certificates.is_empty()) {
            return;
        }
        let problem = report.error(key, format!("there is no certificate in PEM in {}", self.path().display()));
        problem.help("a certificate in PEM begins with -----BEGIN CERTIFICATE-----");
    }

    /// Says if there is no private key in it; `key` is where it is named. One that has a passphrase can't be looked into.
    pub fn check_private_key(&self, key: impl Into<KeyPath>, has_passphrase: bool, report: &mut Report) {
        let Some(text) = self.0.text() else { return };
        let is_encrypted = text.contains("ENCRYPTED");
        if is_encrypted && has_passphrase || PrivateKeyDer::from_pem_slice(text.as_bytes()).is_ok() {
            return;
        }
        let shown = self.path().display();
        if is_encrypted {
            report.error(key, format!("the private key in {shown} is encrypted"));
        } else {
            report
                .error(key, format!("there is no private key in PEM in {shown}"))
                .help("a private key in PEM begins with -----BEGIN PRIVATE KEY-----");
        }
    }
}

impl fmt::Debug for PemFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl<'de> Deserialize<'de> for PemFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TextFile::deserialize(deserializer).map(|file| Self(file.hidden()))
    }
}

/// As a path.
impl Serialize for PemFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.path().serialize(serializer)
    }
}

/// As a path.
impl JsonSchema for PemFile {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PemFile".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        TextFile::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a file with this text, as a certificate and as a key without and with a passphrase.
    fn problems(text: Option<&str>) -> [Vec<String>; 3] {
        let mut file: PemFile = toml::Value::String("x.pem".to_owned()).try_into().unwrap();
        if let Some(text) = text {
            file.file().set_text(text);
        }
        let say = |check: &dyn Fn(&mut Report)| {
            let mut report = Report::default();
            check(&mut report);
            report.problems().iter().map(|problem| problem.message.clone()).collect()
        };
        [
            say(&|report| file.check_certificates("f", report)),
            say(&|report| file.check_private_key("f", false, report)),
            say(&|report| file.check_private_key("f", true, report)),
        ]
    }

    #[test]
    fn says_what_is_not_in_it_and_nothing_of_what_is() {
        let block = |label: &str| format!("-----BEGIN {label}-----\nY2FuYXJ5\n-----END {label}-----\n");
        let fine = Vec::<String>::new;
        let certificate = || vec!["there is no certificate in PEM in x.pem".to_owned()];
        let key = || vec!["there is no private key in PEM in x.pem".to_owned()];
        let encrypted = || vec!["the private key in x.pem is encrypted".to_owned()];
        assert_eq!(problems(None), [fine(), fine(), fine()], "that it can't be read has been said");
        for nothing in ["", "canary", "-----BEGIN canary\n", "-----BEGIN PRIVATE KEY-----\nca%nary\n"] {
            assert_eq!(problems(Some(nothing)), [certificate(), key(), key()], "{nothing}");
        }
        assert_eq!(problems(Some(&block("CERTIFICATE"))), [fine(), key(), key()]);
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
            assert_eq!(problems(Some(&block(label))), [certificate(), fine(), fine()], "{label}");
        }
        assert_eq!(problems(Some(&block("ENCRYPTED PRIVATE KEY"))), [certificate(), encrypted(), fine()]);
        assert!(!format!("{:?}", problems(Some("canary"))).contains("canary"));
    }

    #[test]
    fn its_text_is_not_printed() {
        let mut file: PemFile = toml::Value::String("x.pem".to_owned()).try_into().unwrap();
        file.file().set_text("canary");
        assert!(file.file().is_hidden());
        assert_eq!(format!("{file:?}"), "\"x.pem\"");
    }
}
