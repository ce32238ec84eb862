//! An append-only log on disk, from which a crash takes nothing that was acknowledged.
//!
//! It stands behind whatever must outlive the process: requests that were answered before they were worked on, batches
//! in front of a sink that is away, dead letters. Records are opaque bytes and have numbers from 1 on, without a gap,
//! which are never given twice, so that a number can be an event's identity.
//!
//! - [`Log`] is the log itself, blocking and of one owner; it makes [`Reader`]s, as many as are wanted.
//! - [`Writer`] puts it behind a thread, for many tasks at once that share one `fdatasync`; a [`Follower`] waits for more.
//! - [`inspect`] looks at a folder that another process may have open, and writes nothing.
//! - [`fs`] is the filesystem as a trait, and [`testing`] one whose power can be cut.
//!
//! `docs/disk-log.md` tells the guarantees and how they came about; [`mod@format`] shows the bytes.

mod active;
mod bad;
mod error;
mod follower;
pub mod format;
pub mod fs;
pub mod inspect;
mod log;
mod place;
mod reader;
mod recover;
pub mod testing;
mod view;
mod walk;
mod writer;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use follower::Follower;
pub use format::MAX_RECORD;
pub use log::Log;
pub use reader::{Chunk, Follow, Reader};
pub use recover::{Odd, Recovered};
pub use view::View;
pub use writer::Writer;
