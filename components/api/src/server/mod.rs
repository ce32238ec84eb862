//! The server: axum's router on the bounded server of the sdk.
//!
//! A request goes this way:
//!
//! 1. `adapter`: from the bounded server, whose limits every request has passed, to the router,
//! 2. `finish`: a name for the request, the headers that keep browsers safe, `ETag`, gzip,
//! 3. `guard`: who asks, how often, and whether a browser was tricked into it,
//! 4. `crate::routes`: what is asked for,
//! 5. `problem`: what is answered when that can't be done.

mod adapter;
mod finish;
mod guard;
mod problem;

pub(crate) use self::adapter::{Adapter, Peer};
pub(crate) use self::finish::finish;
pub(crate) use self::guard::{Admin, COOKIE, Token, Viewer, cookie, guard};
pub(crate) use self::problem::{Outcome, Problem};
