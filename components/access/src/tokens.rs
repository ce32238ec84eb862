//! logd's own access tokens: signed with HS256, read by nobody else.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use logd_sdk::Time;
use logd_sdk::settings::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::claims;
use crate::identity::{Identity, Origin};
use crate::jws::Jws;
use crate::random;
use crate::role::{Role, Scope};
use crate::settings::{TokenSettings, check_secret};

/// What their header says.
pub(crate) const HS256: &str = "HS256";

/// Makes and reads access tokens.
pub(crate) struct Tokens {
    signing: EncodingKey,
    checking: DecodingKey,
    issuer: String,
    audience: String,
    lifetime: Duration,
}

/// All that is in one.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Content {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    /// A name of its own, for whoever wants to tell two apart.
    jti: String,
    /// The login that it came from.
    sid: String,
    /// When that was.
    auth_time: i64,
    role: Role,
    scope: Scope,
    /// What the user's account was like then.
    #[serde(rename = "gen")]
    generation: String,
}

impl Tokens {
    /// # Errors
    /// None, if the settings have been checked.
    pub(crate) fn new(secret: &Secret, settings: &TokenSettings) -> anyhow::Result<Self> {
        let key = secret.expose().as_bytes();
        check_secret(key).map_err(|fault| anyhow!(fault.message))?;
        Ok(Self {
            signing: EncodingKey::from_secret(key),
            checking: DecodingKey::from_secret(key),
            issuer: settings.issuer_name.clone(),
            audience: settings.audience.clone(),
            lifetime: Duration::from_secs(settings.lifetime.as_secs()),
        })
    }

    /// How long one lives, in whole seconds.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Makes one for `who`; the answer's `expires_at` is the token's own.
    ///
    /// # Errors
    /// There is no randomness.
    pub(crate) fn issue(&self, who: Identity, now: Time) -> anyhow::Result<(Secret, Identity)> {
        let seconds = |time: Time| time.as_micros().div_euclid(1_000_000);
        let iat = seconds(now);
        let exp = seconds(now.after(self.lifetime));
        let content = Content {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: who.username.clone(),
            iat,
            nbf: iat,
            exp,
            jti: random::id()?,
            sid: who.session.clone(),
            auth_time: seconds(who.began),
            role: who.role,
            scope: who.scope(),
            generation: who.generation.clone(),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &content, &self.signing)
            .context("a token can't be signed")?;
        Ok((Secret::from(token), Identity { expires_at: Time::from_micros(exp * 1_000_000), ..who }))
    }

    /// Who it says it is, if it is one that was made here and is valid now. Whether the user is still the same, and
    /// has not logged out, is not known here.
    ///
    /// # Errors
    /// What is wrong with it, for the log.
    pub(crate) fn read(&self, token: &Jws<'_>, now: Time) -> Result<Identity, &'static str> {
        let payload = token.verify(&self.checking, HS256, Algorithm::HS256).ok_or("its signature is wrong")?;
        let claims = claims::check(&payload, &self.issuer, &self.audience, now)?;
        let content: Content =
            serde_json::from_value(Value::Object(claims.all)).map_err(|_| "claims are missing, or are not ours")?;
        Ok(Identity {
            username: content.sub,
            role: content.role,
            services: content.scope.services,
            pipelines: content.scope.pipelines,
            expires_at: claims.expires_at,
            origin: Origin::Own,
            session: content.sid,
            began: Time::from_micros(content.auth_time.saturating_mul(1_000_000)),
            generation: content.generation,
        })
    }
}

#[cfg(test)]
mod tests;
