//! Signed calls to places that users have registered while logd runs.
//!
//! Who registers a place is not who runs the machine, so what may be called is decided by the one who makes the calls, and
//! for each call anew. The API knows nothing of HTTP clients: it is handed a [`Sender`].

use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::settings::{Fault, Secret};

/// One call, as Standard Webhooks has it: a POST of JSON.
#[derive(Clone, Debug)]
pub struct Call<'c> {
    /// Where to. It may hold a secret.
    pub url: &'c Secret,
    /// What it is signed with, the newest first; not at all if there is none.
    pub secrets: &'c [Secret],
    /// Names the call, and stays when it is made again: `webhook-id`.
    pub id: &'c str,
    /// JSON.
    pub body: Bytes,
    /// More headers. They can't take the place of those that the call needs.
    pub headers: &'c [(&'static str, &'c str)],
    /// How long it may take, from looking the name up to the end of the answer.
    pub within: Duration,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was answered.
    pub answer: Answer,
    /// How long it took.
    pub took: Duration,
}

/// What was answered, or why nothing was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The receiver has it.
    Delivered {
        /// The status.
        status: u16,
    },
    /// It may take it later: it is busy or can't be reached.
    Again {
        /// The status, if there was an answer.
        status: Option<u16>,
        /// Not before so long from now, if it said so; at most an hour.
        after: Option<Duration>,
        /// Why, in one line and without a secret.
        reason: String,
    },
    /// It won't take it as it is, or it may not be called.
    Refused {
        /// The status, if there was an answer.
        status: Option<u16>,
        /// Why, in one line and without a secret.
        reason: String,
    },
    /// It asks not to be called any more (410).
    Gone,
}

/// Makes calls, all by one bounded pool of connections. No redirect is followed, and little is read of an answer.
pub trait Sender: Debug + Send + Sync {
    /// Makes one call. The address is judged again where it is dialled.
    fn send<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Outcome>;

    /// Whether this URL may be called: how it is written, and where its name leads now. Takes a few seconds at most.
    ///
    /// # Errors
    /// It may not. The address is named, and the setting that would allow it; the URL is not.
    fn judge<'a>(&'a self, url: &'a Secret) -> BoxFuture<'a, Result<(), Fault>>;
}
