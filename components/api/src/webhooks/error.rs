//! Why something can't be done with webhooks and silences.

use std::borrow::Cow;
use std::time::Duration;

/// Why something can't be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It is not there, or not for this user.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A field of the request can't be what it is.
    #[error("`{field}`: {reason}")]
    Invalid {
        /// Which.
        field: Cow<'static, str>,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// The URL may not be called, and why.
    #[error("`url`: {0}")]
    Refused(String),
    /// It does not go with how things stand.
    #[error("{0}")]
    Conflict(Cow<'static, str>),
    /// There are too many of them.
    #[error("{0}")]
    TooMany(Cow<'static, str>),
    /// It may be done later.
    #[error("{reason}")]
    Busy {
        /// Why not now.
        reason: Cow<'static, str>,
        /// When.
        after: Duration,
    },
    /// The store can't be read or written.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

impl Error {
    pub(super) fn invalid(field: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }
}
