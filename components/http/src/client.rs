//! The guarded HTTP client of all that calls out.
//!
//! A receiver is a stranger: it may hang, send without end, point elsewhere, or have a name that leads into the network
//! that logd stands in. So no redirect is followed, everything has a deadline, little is read of an answer, and an
//! address is judged where it is dialled, so that it is the one that was judged:
//!
//! - [`target`]: which URIs there are, and how they must be written,
//! - [`address`]: which addresses may be dialled,
//! - [`resolver`]: from names to addresses that may be dialled,
//! - [`connection`]: how a target is reached (TLS, proxy), and the client that is built of it,
//! - [`verdict`]: what an answer means for what was sent.

mod address;
mod connection;
mod resolver;
mod target;
mod verdict;

#[cfg(test)]
mod tests;

pub(crate) use self::address::{Addresses, List};
pub(crate) use self::connection::{Client, Connection};
pub(crate) use self::resolver::System;
pub(crate) use self::target::Target;
pub(crate) use self::verdict::Verdict;
