//! Who somebody is, and the answers to those who are not let in.

use std::collections::BTreeSet;
use std::time::Duration;

use logd_sdk::Time;

use crate::role::{Role, Scope};

/// Who has been let in by a token, and what they may do and see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's name; of an outside issuer whatever `username_claim` says. Without control characters.
    pub username: String,
    /// What they may do.
    pub role: Role,
    /// The services that they may see; `None` is all.
    pub services: Option<BTreeSet<String>>,
    /// The pipelines that they may see; `None` is all.
    pub pipelines: Option<BTreeSet<String>>,
    /// When the token ends.
    pub expires_at: Time,
    /// Who says so.
    pub origin: Origin,
    /// What a logout ends: all tokens of this login, or of an outside issuer this token.
    pub(crate) session: String,
    /// When they gave their password.
    pub(crate) began: Time,
    /// What their account was like then.
    pub(crate) generation: String,
}

/// Whose word it is that somebody is who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// logd's own: they gave their password here.
    Own,
    /// The outside issuer's.
    Issuer,
}

impl Identity {
    /// What they may see, as one value.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope { services: self.services.clone(), pipelines: self.pipelines.clone() }
    }

    /// Whether they may do what needs `role`.
    #[must_use]
    pub fn may(&self, role: Role) -> bool {
        self.role >= role
    }
}

/// A user whose password was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub(crate) username: String,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
    pub(crate) generation: String,
}

impl Login {
    /// The user's name.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// What they may do.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such user, a wrong password, or no valid token: which of them is not said. 401.
    #[error("the credentials are not valid")]
    Denied,
    /// There were too many failures for this name or from this address. 429.
    #[error("there were too many failed attempts")]
    TooMany {
        /// When the next attempt is looked at; at least a second.
        retry_after: Duration,
    },
    /// Too many passwords are being checked, or the machine is too slow to. 503.
    #[error("too many passwords are being checked")]
    Busy {
        /// When it may be better.
        retry_after: Duration,
    },
}

/// A token is not valid; why is not said. 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is not valid")]
pub struct Invalid;
