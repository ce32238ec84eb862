//! The door: all that the server asks.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use logd_sdk::settings::Secret;
use logd_sdk::{Clock, Time};

use crate::claims;
use crate::hashing::{Hasher, Outcome};
use crate::identity::{Identity, Invalid, Login, Origin, Refused};
use crate::issuer::{FetchJwks, Issuer};
use crate::jws::Jws;
use crate::limits::Limits;
use crate::password::{LONGEST_PASSWORD, check_name};
use crate::random;
use crate::secret;
use crate::sessions::{self, Sessions};
use crate::settings::AccessSettings;
use crate::store::UserStore;
use crate::tokens::{HS256, Tokens};
use crate::users::Users;

/// When somebody may come back whose password could not be looked at.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// What is kept of an ended login is kept for so much longer than its tokens, for clocks that differ.
const MARGIN: Duration = Duration::from_secs(60);

/// Who may do what. Clones share everything.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    clock: Clock,
    users: Users,
    hasher: Hasher,
    limits: Limits,
    tokens: Tokens,
    sessions: Sessions,
    issuer: Option<Issuer>,
}

/// The user that was made because there was none. To be printed once: the password is kept nowhere.
#[derive(Debug)]
pub struct FirstAdmin {
    /// The name, `admin`.
    pub username: String,
    /// The password, random.
    pub password: Secret,
}

/// What a program gets for a password or a refresh token.
#[derive(Debug)]
pub struct Grant {
    /// To be sent with every request, as `Authorization: Bearer …`; letters, digits and `-_.`, at most 4000
    /// of them.
    pub access_token: Secret,
    /// How long the access token is valid, in whole seconds.
    pub expires_in: Duration,
    /// To be given for the next [`Grant`], once; letters, digits and `-_.`.
    pub refresh_token: Secret,
    /// Who it is.
    pub identity: Identity,
}

/// What a browser gets for a password: one token, for a cookie.
#[derive(Debug)]
pub struct Session {
    /// The value of the cookie; letters, digits and `-_.`, at most 4000 of them.
    pub token: Secret,
    /// Who it is, and when the token ends.
    pub identity: Identity,
}

impl Access {
    /// Reads users, logins and the signing secret in `data_dir`, and makes what is not there: the folder, the secret,
    /// and an `admin` if there has never been a user, nor an outside issuer that could know one. `fetch` is needed
    /// where the issuer has a `jwks_url`; nothing is fetched before it is needed.
    ///
    /// # Errors
    /// The settings are wrong (they have not been checked), or a file can't be read, understood or written.
    pub async fn open(
        data_dir: &Path,
        settings: &AccessSettings,
        fetch: Option<Arc<dyn FetchJwks>>,
        clock: Clock,
    ) -> anyhow::Result<(Self, Option<FirstAdmin>)> {
        let (data_dir, settings) = (data_dir.to_owned(), settings.clone());
        let open = move || {
            let AccessSettings { users, tokens, issuer } = settings;
            let issuer = issuer.map(|issuer| Issuer::new(issuer, fetch)).transpose()?;
            let secret = tokens.secret.clone().map_or_else(|| secret::load_or_make(&data_dir), Ok)?;
            let store = UserStore::new(&data_dir);
            let needs_first = users.is_empty() && issuer.is_none();
            let first = if needs_first { store.make_first(clock.now())? } else { None };
            let inner = Inner {
                users: Users::load(&users, &secret, store)?,
                hasher: Hasher::new()?,
                limits: Limits::default(),
                sessions: Sessions::load(data_dir.join(sessions::FILE), *tokens.refresh_lifetime, &secret)?,
                tokens: Tokens::new(&secret, &tokens)?,
                issuer,
                clock,
            };
            Ok((Self(Arc::new(inner)), first))
        };
        tokio::task::spawn_blocking(open).await?
    }

    /// Checks a password, which takes some 30 ms, and ten seconds at most.
    ///
    /// # Errors
    /// [`Refused`]; `Denied` takes the same time whether there is such a user or not.
    pub async fn authenticate(&self, username: &str, password: &Secret, peer: IpAddr) -> Result<Login, Refused> {
        let Inner { users, hasher, limits, .. } = &*self.0;
        // What can't be a name is counted as one, so that it takes no room.
        let name = if check_name(username).is_ok() { username } else { "" };
        limits.begin(name, peer).map_err(|retry_after| Refused::TooMany { retry_after })?;
        if password.expose().len() > LONGEST_PASSWORD {
            return Err(Refused::Denied);
        }
        users.look().await;
        let (expected, login) = users.find(name).unzip();
        match (hasher.check(password.clone(), expected).await, login) {
            (Outcome::Right, Some(login)) => {
                limits.succeeded(name, peer);
                Ok(login)
            }
            (Outcome::Busy, _) => {
                limits.undo(name, peer);
                Err(Refused::Busy { retry_after: RETRY_AFTER })
            }
            _ => Err(Refused::Denied),
        }
    }

    /// Lets a program in that has given a password: an access token, and a refresh token for the next one.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub async fn grant(&self, login: &Login) -> anyhow::Result<Grant> {
        let Inner { sessions, clock, .. } = &*self.0;
        let now = clock.now();
        let (session, refresh_token) = sessions.begin(&login.username, &login.generation, now)?;
        self.keep().await;
        self.finish(login.clone(), session, now, refresh_token)
    }

    /// Lets a browser in that has given a password: one token, for a cookie, that [`slide`](Self::slide) makes anew
    /// while it is used.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn session(&self, login: &Login) -> anyhow::Result<Session> {
        let now = self.0.clock.now();
        let (token, identity) = self.0.tokens.issue(identity(login.clone(), random::id()?, now), now)?;
        Ok(Session { token, identity })
    }

    /// Gives the next access token and the next refresh token for a refresh token, which then is used up. Used once
    /// more, it ends the login, for somebody has stolen it.
    ///
    /// # Errors
    /// `Denied`, whatever is wrong with it; `Busy` if the system has no randomness to give.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Grant, Refused> {
        let Inner { users, sessions, tokens, clock, .. } = &*self.0;
        let now = clock.now();
        users.look().await;
        let renewed = sessions.renew(refresh_token.expose(), now, tokens.lifetime() + MARGIN);
        let granted = renewed.and_then(|renewed| match users.find(&renewed.username) {
            Some((_, login)) if login.generation == renewed.generation => Ok((renewed, login)),
            _ => {
                sessions.end(&renewed.session, now.after(tokens.lifetime() + MARGIN), now);
                Err("the user is not what it was")
            }
        });
        // What was denied may have ended a login.
        self.keep().await;
        let (renewed, login) = granted.map_err(|why| {
            tracing::debug!(why, "A refresh token is refused.");
            Refused::Denied
        })?;
        self.finish(login, renewed.session, renewed.began, renewed.refresh_token).map_err(|error| {
            tracing::error!(error = format!("{error:#}"), "A token can't be made.");
            Refused::Busy { retry_after: RETRY_AFTER }
        })
    }

    /// Who somebody is who has this access token, or cookie.
    ///
    /// # Errors
    /// It is not valid, for whatever reason.
    pub async fn verify(&self, token: &str) -> Result<Identity, Invalid> {
        self.identify(token).await.map_err(|_| Invalid)
    }

    /// The same of a token that came from `peer`, which may send only so many that are not valid. One that was valid and
    /// has expired is none of these: every program has one at times, and asks for the next.
    ///
    /// # Errors
    /// `Denied`, whatever is wrong with it, and `TooMany` where it is not the first.
    pub async fn verify_from(&self, token: &str, peer: IpAddr) -> Result<Identity, Refused> {
        let why = match self.identify(token).await {
            Ok(identity) => return Ok(identity),
            Err(why) => why,
        };
        if why != claims::EXPIRED {
            self.0.limits.refused_token(peer).map_err(|retry_after| Refused::TooMany { retry_after })?;
        }
        Err(Refused::Denied)
    }

    /// The next token for a cookie, once more than half of the time is gone, and until `refresh_lifetime` after the
    /// login.
    #[must_use]
    pub fn slide(&self, identity: &Identity) -> Option<Session> {
        let Inner { tokens, sessions, clock, .. } = &*self.0;
        let now = clock.now();
        let is_due = identity.expires_at.since(now) < tokens.lifetime() / 2;
        let may_go_on = identity.origin == Origin::Own && identity.began.after(sessions.lifetime()) > now;
        if !is_due || !may_go_on {
            return None;
        }
        let (token, identity) = tokens.issue(identity.clone(), now).ok()?;
        Some(Session { token, identity })
    }

    /// Ends what somebody was let in by: all access and refresh tokens of that login; of an outside issuer this one
    /// token.
    pub async fn logout(&self, identity: &Identity) {
        let Inner { tokens, sessions, clock, .. } = &*self.0;
        let now = clock.now();
        let last = match identity.origin {
            Origin::Own => now.after(tokens.lifetime()),
            Origin::Issuer => identity.expires_at,
        };
        sessions.end(&identity.session, last.after(MARGIN), now);
        self.keep().await;
    }

    /// Does what has to be done now and then: forgets what has expired, fetches an outside issuer's keys that are
    /// getting old. To be called once a minute or so.
    pub async fn tend(&self) {
        let Inner { users, sessions, issuer, clock, .. } = &*self.0;
        users.look_sometimes().await;
        sessions.tend(clock.now(), |username, generation| users.is_current(username, generation));
        self.keep().await;
        if let Some(issuer) = issuer {
            issuer.tend().await;
        }
    }

    async fn identify(&self, token: &str) -> Result<Identity, &'static str> {
        let identity = self.read(token).await;
        identity.inspect_err(|why| tracing::debug!(why, "A token is refused."))
    }

    async fn read(&self, token: &str) -> Result<Identity, &'static str> {
        let Inner { users, sessions, tokens, issuer, clock, .. } = &*self.0;
        let token = Jws::parse(token).ok_or("it is no token")?;
        let now = clock.now();
        let identity = match issuer {
            _ if token.is(HS256) => {
                let identity = tokens.read(&token, now)?;
                users.look_sometimes().await;
                if !users.is_current(&identity.username, &identity.generation) {
                    return Err("the user is not what it was");
                }
                identity
            }
            Some(issuer) if issuer.signs(&token) => issuer.read(&token, now).await?,
            _ => return Err("it is signed in a way that nobody here uses"),
        };
        if sessions.has_ended(&identity.session) {
            return Err("its login has ended");
        }
        Ok(identity)
    }

    fn finish(&self, login: Login, session: String, began: Time, refresh_token: Secret) -> anyhow::Result<Grant> {
        let Inner { tokens, clock, .. } = &*self.0;
        let (access_token, identity) = tokens.issue(identity(login, session, began), clock.now())?;
        Ok(Grant { access_token, expires_in: tokens.lifetime(), refresh_token, identity })
    }

    /// A disk that can't be written costs the logins at the next start, and nothing before.
    async fn keep(&self) {
        if let Err(error) = self.0.sessions.keep().await {
            tracing::error!(error = format!("{error:#}"), "The logins can't be kept; a restart will end some of them.");
        }
    }
}

fn identity(login: Login, session: String, began: Time) -> Identity {
    let Login { username, role, scope, generation } = login;
    Identity {
        username,
        role,
        services: scope.services,
        pipelines: scope.pipelines,
        // Until it is in a token.
        expires_at: began,
        origin: Origin::Own,
        session,
        began,
        generation,
    }
}

#[cfg(test)]
mod tests;
