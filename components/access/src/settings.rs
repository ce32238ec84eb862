//! The part of `[api]` in `logd.toml` that says who may do what: `users`, `tokens` and `issuer`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use logd_sdk::report::{KeyPath, Report};
use logd_sdk::settings::{Duration, Fault, Secret, TextFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::hashing;
use crate::jwks::KeySet;
use crate::password::{check_name, check_password};
use crate::role::{Role, Scope};

/// Shorter secrets can be guessed from one token (RFC 7518 section 3.2: as long as the hash).
const SHORTEST_SECRET: usize = 32;
/// Tokens that live longer than this are passwords.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);
const LONGEST_REFRESH: Duration = Duration::from_secs(30 * 24 * 3600);

/// All that is said about access. It is no table of its own: its fields stand in `[api]`.
#[derive(Clone, Debug, Default)]
pub struct AccessSettings {
    /// `[api.users.NAME]`.
    pub users: BTreeMap<String, UserSettings>,
    /// `[api.tokens]`.
    pub tokens: TokenSettings,
    /// `[api.issuer]`.
    pub issuer: Option<IssuerSettings>,
}

/// A user. With `logd user add` users are kept in `data_dir` instead, and need no line here.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UserSettings {
    /// The password, 12 to 1024 bytes, best taken from the environment. Either this or `password_hash`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// The argon2id hash of the password, as `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.
    #[serde(default)]
    pub password_hash: Option<Secret>,
    /// What the user may do.
    #[serde(default)]
    pub role: Role,
    /// The services that the user may see; all of them if it is left out.
    #[serde(default)]
    pub services: Option<BTreeSet<String>>,
    /// The pipelines that the user may see; all of them if it is left out.
    #[serde(default)]
    pub pipelines: Option<BTreeSet<String>>,
}

/// The tokens that logd gives to those who give a password.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSettings {
    /// The key that tokens are signed with (HS256), at least 32 bytes. Without it one is made at the first start, and
    /// kept in `data_dir`. Daemons that shall accept one another's tokens have the same, and the same `users`. Another
    /// secret ends all sessions.
    pub secret: Option<Secret>,
    /// How long an access token is valid, from 1m to 24h.
    pub lifetime: Duration,
    /// How long it can be renewed by refresh tokens, or a browser's session by being used, from the login on; at most
    /// 30d.
    pub refresh_lifetime: Duration,
    /// What stands in a token as its issuer (`iss`).
    pub issuer_name: String,
    /// Whom a token is for (`aud`).
    pub audience: String,
}

/// Somebody else whose tokens are accepted as well: an identity provider that speaks OpenID Connect, for example.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// The issuer: what stands in its tokens as `iss`, letter for letter.
    pub url: String,
    /// Whom its tokens have to be for (`aud`).
    pub audience: String,
    /// The one algorithm that its tokens are signed with.
    pub algorithm: IssuerAlgorithm,
    /// The file with its public keys (RFC 7517). Either this or `jwks_url`.
    #[serde(default, serialize_with = "path")]
    pub jwks_file: Option<TextFile>,
    /// Where its public keys are, by https. They are fetched when they are needed, and again when a token names a key
    /// that is not among them, at most once a minute.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// The claim that is the user's name.
    #[serde(default = "subject")]
    pub username_claim: String,
    /// The claim with the user's role or roles; without it the first of `role`, `roles` and `groups` that there is.
    /// For a claim within another there is a dot between them: `realm_access.roles`.
    #[serde(default)]
    pub role_claim: Option<String>,
    /// What has to stand in it for an admin; all others are viewers.
    #[serde(default = "admin")]
    pub admin_value: String,
    /// The claim with the services that the user may see; who has no such claim sees none.
    #[serde(default)]
    pub services_claim: Option<String>,
    /// The claim with the pipelines that the user may see; who has no such claim sees none.
    #[serde(default)]
    pub pipelines_claim: Option<String>,
}

/// How an outside issuer signs. Symmetric algorithms are not among them: who can check such a signature can make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
pub enum IssuerAlgorithm {
    /// RSA, PKCS #1 v1.5, SHA-256.
    RS256,
    /// RSA, PKCS #1 v1.5, SHA-384.
    RS384,
    /// RSA, PKCS #1 v1.5, SHA-512.
    RS512,
    /// RSA, PSS, SHA-256.
    PS256,
    /// RSA, PSS, SHA-384.
    PS384,
    /// RSA, PSS, SHA-512.
    PS512,
    /// ECDSA on P-256, SHA-256.
    ES256,
    /// ECDSA on P-384, SHA-384.
    ES384,
    /// Ed25519.
    EdDSA,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self {
            secret: None,
            lifetime: Duration::from_secs(30 * 60),
            refresh_lifetime: Duration::from_secs(12 * 3600),
            issuer_name: "logd".to_owned(),
            audience: "logd".to_owned(),
        }
    }
}

impl AccessSettings {
    /// Says all that is wrong; `at` is where `[api]` is in the report.
    pub fn check(&self, at: impl Into<KeyPath>, report: &mut Report) {
        let Self { users, tokens, issuer } = self;
        let at = at.into();
        let table = at.clone().key("users");
        for (name, user) in users {
            user.check(name, &table.clone().key(name), report);
        }
        tokens.check(&at.clone().key("tokens"), report);
        if let Some(issuer) = issuer {
            let at = at.clone().key("issuer");
            issuer.check(&at, report);
            if issuer.url == tokens.issuer_name {
                report.error(at.key("url"), "this is the name that logd's own tokens have (`tokens.issuer_name`)");
            }
        }
    }
}

impl UserSettings {
    /// What the user may see.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope { services: self.services.clone(), pipelines: self.pipelines.clone() }
    }

    fn check(&self, name: &str, at: &KeyPath, report: &mut Report) {
        if let Err(fault) = check_name(name) {
            report.fault(at.clone(), fault);
        }
        match (&self.password, &self.password_hash) {
            (Some(password), None) => {
                if let Err(fault) = check_password(name, password.expose()) {
                    report.fault(at.clone().key("password"), fault);
                }
            }
            (None, Some(hash)) => {
                if let Err(fault) = hashing::check(hash.expose()) {
                    report.fault(at.clone().key("password_hash"), fault);
                }
            }
            (Some(_), Some(_)) => {
                report.error(at.clone().key("password"), "there is a `password_hash` as well").help("leave one out");
            }
            (None, None) => {
                report
                    .error(at.clone(), format!("the user `{name}` has no password"))
                    .help("write password = \"${PASSWORD}\", or a `password_hash`");
            }
        }
        if let Err(fault) = self.scope().check() {
            let is_empty = |names: &Option<BTreeSet<String>>| names.as_ref().is_some_and(BTreeSet::is_empty);
            let is_pipelines = self.services.is_none() || is_empty(&self.pipelines) && !is_empty(&self.services);
            let key = if is_pipelines { "pipelines" } else { "services" };
            report.fault(at.clone().key(key), fault);
        }
    }
}

impl TokenSettings {
    fn check(&self, at: &KeyPath, report: &mut Report) {
        if let Some(Err(fault)) = self.secret.as_ref().map(|secret| check_secret(secret.expose().as_bytes())) {
            report.fault(at.clone().key("secret"), fault);
        }
        if self.lifetime < Duration::from_secs(60) || self.lifetime > LONGEST_LIFETIME {
            report
                .error(at.clone().key("lifetime"), "`lifetime` must lie between 1m and 24h")
                .help("write lifetime = \"30m\"");
        }
        if self.refresh_lifetime < self.lifetime || self.refresh_lifetime > LONGEST_REFRESH {
            report
                .error(at.clone().key("refresh_lifetime"), "`refresh_lifetime` must lie between `lifetime` and 30d")
                .help("write refresh_lifetime = \"12h\"");
        }
        for (key, text) in [("issuer_name", &self.issuer_name), ("audience", &self.audience)] {
            check_word(text, at.clone().key(key), report);
        }
    }
}

impl IssuerSettings {
    fn check(&self, at: &KeyPath, report: &mut Report) {
        let words = [
            ("url", Some(&self.url)),
            ("audience", Some(&self.audience)),
            ("username_claim", Some(&self.username_claim)),
            ("role_claim", self.role_claim.as_ref()),
            ("admin_value", Some(&self.admin_value)),
            ("services_claim", self.services_claim.as_ref()),
            ("pipelines_claim", self.pipelines_claim.as_ref()),
        ];
        for (key, text) in words {
            text.into_iter().for_each(|text| check_word(text, at.clone().key(key), report));
        }
        match (&self.jwks_file, &self.jwks_url) {
            (Some(file), None) => {
                let keys = file.text().map(|text| KeySet::parse(text.as_bytes(), self.algorithm));
                let at = at.clone().key("jwks_file");
                match keys {
                    Some(Err(fault)) => {
                        report.fault(at, fault);
                    }
                    Some(Ok(keys)) => keys.left_out.into_iter().for_each(|why| {
                        report.warning(at.clone(), why);
                    }),
                    None => {}
                }
            }
            (None, Some(url)) => {
                if let Err(fault) = check_url(url) {
                    report.fault(at.clone().key("jwks_url"), fault);
                }
            }
            (Some(_), Some(_)) => {
                report.error(at.clone().key("jwks_url"), "there is a `jwks_file` as well").help("leave one out");
            }
            (None, None) => {
                report
                    .error(at.clone(), "there is nothing to check its tokens with")
                    .help("write jwks_url = \"https://…\", or a `jwks_file`");
            }
        }
    }
}

impl IssuerAlgorithm {
    /// What it is called in a token's header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }
}

impl fmt::Display for IssuerAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Whether a key for HS256 is one.
pub(crate) fn check_secret(secret: &[u8]) -> Result<(), Fault> {
    let different = secret.iter().collect::<BTreeSet<_>>().len();
    if secret.len() < SHORTEST_SECRET {
        Err(Fault::new(format!("the secret has {} bytes; it needs at least {SHORTEST_SECRET}", secret.len()))
            .help("make one by `openssl rand -base64 32`, or leave it out"))
    } else if different < 8 {
        Err(Fault::new("the secret is the same few characters over and over")
            .help("make one by `openssl rand -base64 32`, or leave it out"))
    } else {
        Ok(())
    }
}

/// Names that are compared letter for letter.
fn check_word(text: &str, at: KeyPath, report: &mut Report) {
    if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) || text.trim() != text {
        report.error(at, "this must have 1 to 256 characters, without blanks around them");
    }
}

/// Keys that anybody on the way can change are no keys; on this machine nobody is on the way.
fn check_url(url: &str) -> Result<(), Fault> {
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let is_local = local
        .iter()
        .any(|local| url.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])));
    let authority = url.split("://").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let is_clean = url.chars().all(|letter| letter.is_ascii_graphic());
    if !is_clean || authority.is_empty() || authority.contains('@') {
        return Err(Fault::new("this is not the address of a key set").help("write jwks_url = \"https://HOST/PATH\""));
    }
    if url.starts_with("https://") || is_local {
        Ok(())
    } else {
        Err(Fault::new("keys that come without TLS can be changed on the way")
            .help("write jwks_url = \"https://HOST/PATH\""))
    }
}

fn subject() -> String {
    "sub".to_owned()
}

fn admin() -> String {
    "admin".to_owned()
}

fn path<S: Serializer>(file: &Option<TextFile>, serializer: S) -> Result<S::Ok, S::Error> {
    file.as_ref().map(TextFile::path).serialize(serializer)
}

#[cfg(test)]
mod tests;
