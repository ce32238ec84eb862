//! Disk buffers: what stands in front of a sink that may be away for longer than memory lasts.
//!
//! A sink with `buffer.type = "disk"` becomes two connected parts of the graph, which have a [disk log](logd_disklog)
//! between them and nothing else:
//!
//! ```text
//! … ─► out.buffer (a sink: writes to the log)   │ disk │   out.buffered (a source: reads from it) ─► out
//! ```
//!
//! So each side has epochs, checkpoints, retries and metrics like any other part: a sink that is away holds back nobody
//! upstream, and its positions and effects are as exact as without a buffer.
//!
//! What was written behind the last complete epoch comes again after a crash. So the reader sees nothing of an epoch until
//! that is complete, and what a crash leaves behind it is never read: nothing is doubled on the way.

mod expand;
mod holdings;
mod log;
mod reader;
mod settings;
mod writer;

pub(crate) use expand::{FOLDER, expand};
pub(crate) use holdings::{Holding, Place, places};
pub(crate) use log::Buffers;
pub(crate) use settings::{BufferSettings, WhenFull};
