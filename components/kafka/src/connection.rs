//! How a cluster is reached: addresses, TLS, credentials, and the options of librdkafka, for source and sink alike.
//!
//! What these settings make of a client is librdkafka's configuration, which also judges them: each option is tried by
//! itself when settings are checked, so that a wrong one is found at its line and not when the client is made.

use std::collections::BTreeMap;

use anyhow::anyhow;
use logd_sdk::report::Report;
use logd_sdk::settings::{ClientTls, Secret};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use schemars::JsonSchema;
use serde::Deserialize;

/// Credentials.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sasl {
    /// How they are shown to the brokers.
    mechanism: Mechanism,
    /// The user.
    username: String,
    /// The password.
    password: Secret,
}

/// How credentials are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum Mechanism {
    /// In the clear: only with `tls`.
    #[serde(rename = "PLAIN")]
    Plain,
    /// By a challenge, with SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// By a challenge, with SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl Mechanism {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Options that have settings of their own, by their beginnings, with what to write instead.
const OWN: &[(&str, &str)] = &[
    ("bootstrap.servers", "`bootstrap_servers`"),
    ("metadata.broker.list", "`bootstrap_servers`"),
    ("security.protocol", "`tls` and `sasl`"),
    ("sasl.", "`sasl`"),
    ("ssl.", "`tls`"),
    ("enable.ssl.certificate.verification", "`tls.verify_certificate`"),
];

/// Options that would change what logd relies on, by their beginnings.
const FORBIDDEN: &[&str] =
    &["plugin.library.paths", "log.queue", "log_level", "statistics.interval.ms", "interceptors"];

/// The settings of a connection, as they stand in those of the source or the sink.
#[derive(Clone, Copy)]
pub(crate) struct Connection<'s> {
    /// Brokers, with commas between.
    pub(crate) bootstrap_servers: &'s str,
    /// Credentials, if any are asked for.
    pub(crate) sasl: Option<&'s Sasl>,
    /// TLS.
    pub(crate) tls: Option<&'s ClientTls>,
    /// Options of librdkafka.
    pub(crate) options: &'s BTreeMap<String, String>,
}

impl Connection<'_> {
    /// Says what is wrong with them. `own` and `forbidden` are what the component itself has to say of options: those
    /// that it has settings for, and those that would break what it promises.
    pub(crate) fn check(&self, report: &mut Report, own: &[(&str, &str)], forbidden: &[&str]) {
        let servers = self.bootstrap_servers;
        if servers.split(',').any(|server| server.trim().is_empty() || server.trim().contains(char::is_whitespace)) {
            report
                .error("bootstrap_servers", "a broker's address is missing")
                .help(r#"write bootstrap_servers = "kafka-1:9092,kafka-2:9092""#);
        }
        let encrypted = self.tls.is_some_and(ClientTls::is_on);
        if let Some(tls) = self.tls {
            tls.check("tls", report);
        }
        if let Some(sasl) = self.sasl {
            if sasl.username.is_empty() {
                report.error(["sasl", "username"], "the user has no name");
            }
            if sasl.mechanism == Mechanism::Plain && !encrypted {
                report
                    .warning(["sasl", "mechanism"], "PLAIN without TLS shows the password to the network")
                    .help("write tls.enabled = true, or take SCRAM-SHA-512");
            }
        }
        for (key, value) in self.options {
            let begins = |option: &&str| key.starts_with(*option);
            let instead = OWN.iter().chain(own).find(|(option, _)| begins(option));
            let problem = if let Some((_, setting)) = instead {
                Some(format!("`{key}` is for {setting} to say"))
            } else if FORBIDDEN.iter().chain(forbidden).any(begins) {
                Some(format!("`{key}` can't be set: no event is lost or doubled because logd decides it"))
            } else {
                fault(key, value)
            };
            if let Some(problem) = problem {
                report.error(["librdkafka_options", key.as_str()], problem);
            }
        }
    }

    /// The configuration of a client that connects so.
    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.extend(self.options.clone());
        config.set("bootstrap.servers", self.bootstrap_servers).set("client.id", "logd");
        // Warnings are needed whatever is logged: they tell of offsets that were reset.
        if (config.log_level as i32) < RDKafkaLogLevel::Warning as i32 {
            config.set_log_level(RDKafkaLogLevel::Warning);
        }
        let tls = self.tls.filter(|tls| tls.is_on());
        let protocol = match (tls.is_some(), self.sasl.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        if let Some(Sasl { mechanism, username, password }) = self.sasl {
            config.set("sasl.mechanism", mechanism.name());
            config.set("sasl.username", username).set("sasl.password", password.expose());
        }
        if let Some(ClientTls { ca_file, crt_file, key_file, key_pass, verify_certificate, .. }) = tls {
            let files =
                [("ssl.certificate.location", crt_file), ("ssl.key.location", key_file), ("ssl.ca.location", ca_file)];
            // OpenSSL is built in, and does not know where this system keeps the authorities that it trusts.
            config.set("ssl.ca.location", "probe");
            for (option, path) in files.into_iter().filter_map(|(option, file)| Some((option, file.as_ref()?))) {
                config.set(option, path.path().to_string_lossy());
            }
            if let Some(passphrase) = key_pass {
                config.set("ssl.key.password", passphrase.expose());
            }
            if *verify_certificate == Some(false) {
                config.set("enable.ssl.certificate.verification", "false");
            }
        }
        config
    }
}

/// What librdkafka has against an option, if it has anything.
fn fault(key: &str, value: &str) -> Option<String> {
    let mut config = ClientConfig::new();
    config.set(key, value);
    config.create_native_config().err().map(|error| text(&error))
}

/// Whether this can be a topic's name, or a member's: 249 letters, digits, `.`, `_` and `-` at most, as Kafka has it.
pub(crate) fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=249).contains(&name.len()) && name.bytes().all(is_part) && !matches!(name, "." | "..")
}

/// The error as a person may read it: the value of an option may be a secret, and is left out.
pub(crate) fn text(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, description, key, _) => format!("{key}: {description}"),
        error => error.to_string(),
    }
}

/// The same as an error that goes up.
pub(crate) fn failure(error: &KafkaError) -> anyhow::Error {
    anyhow!(text(error))
}

/// Passes a line of librdkafka's own log on.
pub(crate) fn log(component: &str, level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
            tracing::error!(target: "librdkafka", component, facility, message, "The Kafka client has an error.");
        }
        RDKafkaLogLevel::Warning => {
            tracing::warn!(target: "librdkafka", component, facility, message, "The Kafka client warns.");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", component, facility, message, "The Kafka client informs.");
        }
        RDKafkaLogLevel::Debug => {
            tracing::debug!(target: "librdkafka", component, facility, message, "The Kafka client is debugged.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(options: &[(&str, &str)]) -> Vec<String> {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let connection = Connection { bootstrap_servers: "a:1, b:2", sasl: None, tls: None, options: &options };
        let mut report = Report::default();
        connection.check(&mut report, &[("group.id", "`group_id`")], &["enable.auto.commit"]);
        report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
    }

    #[test]
    fn options_are_judged_by_librdkafka_and_by_what_logd_promises() {
        assert_eq!(problems(&[("fetch.max.bytes", "1000000"), ("socket.keepalive.enable", "true")]), [""; 0]);
        for (option, value, expected) in [
            ("fetch.max.byte", "1", "No such configuration property"),
            ("fetch.max.bytes", "many", "Invalid value"),
            ("enable.auto.commit", "true", "can't be set"),
            ("plugin.library.paths", "/tmp/evil.so", "can't be set"),
            ("group.id", "other", "is for `group_id` to say"),
            ("sasl.password", "canary", "is for `sasl` to say"),
        ] {
            let found = problems(&[(option, value)]).join("\n");
            assert!(found.starts_with(&format!("librdkafka_options.{option}: ")), "{found}");
            assert!(found.contains(expected) && !found.contains("canary"), "{found}");
        }
    }

    #[test]
    fn credentials_and_certificates_reach_the_client() {
        let sasl: Sasl = toml::from_str("mechanism = 'SCRAM-SHA-512'\nusername = 'me'\npassword = 'canary'").unwrap();
        let tls: ClientTls = toml::from_str("ca_file = '/ca.pem'\nverify_certificate = false").unwrap();
        let (options, bootstrap_servers) = (BTreeMap::new(), "a:1");
        let connection = Connection { bootstrap_servers, sasl: Some(&sasl), tls: Some(&tls), options: &options };
        let config = connection.config();
        for (option, value) in [
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.password", "canary"),
            ("ssl.ca.location", "/ca.pem"),
            ("enable.ssl.certificate.verification", "false"),
        ] {
            assert_eq!(config.get(option), Some(value), "{option}");
        }
        assert!(!format!("{sasl:?} {config:?}").contains("canary"));
        let wrong = KafkaError::ClientConfig(
            rdkafka::types::RDKafkaConfRes::RD_KAFKA_CONF_INVALID,
            "Invalid".to_owned(),
            "sasl.password".to_owned(),
            "canary".to_owned(),
        );
        assert_eq!(text(&wrong), "sasl.password: Invalid");
    }
}
