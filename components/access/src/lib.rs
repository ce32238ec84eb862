//! Who may do what: users, passwords, tokens, roles. No HTTP: the API's server asks, and this crate answers.
//!
//! ```text
//! name, password ──► Access::authenticate ──► Login ──┬─► Access::grant    access token + refresh token (programs)
//!      limits, users, argon2id                        └─► Access::session  one token for a cookie (dashboard)
//! refresh token ───► Access::refresh ──► Grant        single use; a second use ends the session
//! access token ────► Access::verify ──► Identity      own (HS256), or of an outside issuer (JWKS)
//!      limits        Access::verify_from              one that came with a request
//! Identity ────────► Access::slide (a cookie while it is used), Access::logout
//! ```
//!
//! - Users stand in `logd.toml` ([`UserSettings`]) or in `data_dir/users.json` ([`UserStore`], which `logd user`
//!   changes, also while the daemon runs). A name that stands in both is that of `logd.toml`.
//! - Each change of a user (password, role, scope, removal) makes a new *generation*. It is in every token, so that the
//!   change ends all of the user's sessions.
//! - All tokens and answers are secrets ([`logd_sdk::settings::Secret`]), and who is refused learns nothing from it:
//!   [`Refused::Denied`] and [`Invalid`] are the same for every reason. The reason is a line of the log at `debug`.
//! - What touches the disk or hashes does it off the runtime's threads, with a deadline. [`UserStore`] blocks.
//!
//! What the server has to do: hand in a [`FetchJwks`] where the issuer has a `jwks_url`; print [`FirstAdmin`] once;
//! call [`Access::tend`] once a minute or so; answer [`Refused::TooMany`] with 429 and [`Refused::Busy`] with 503,
//! both with `Retry-After`, [`Refused::Denied`] and [`Invalid`] with 401; take tokens from the `Authorization` header
//! or the cookie only, never from an address.

mod access;
mod claims;
mod files;
mod hashing;
mod identity;
mod issuer;
mod json;
mod jwks;
mod jws;
mod limits;
mod password;
mod random;
mod roca;
mod role;
mod secret;
mod sessions;
mod settings;
mod store;
#[cfg(test)]
mod testing;
mod tokens;
mod users;
#[cfg(test)]
mod wycheproof;

pub use access::{Access, FirstAdmin, Grant, Session};
pub use identity::{Identity, Invalid, Login, Origin, Refused};
pub use issuer::FetchJwks;
pub use password::{check_name, check_password, random_password};
pub use role::{Role, Scope};
pub use settings::{AccessSettings, IssuerAlgorithm, IssuerSettings, TokenSettings, UserSettings};
pub use store::{StoredUser, UserStore};
