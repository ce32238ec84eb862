//! What stands on descriptors of this process: files, standard input and output.
//!
//! Both sources read alike. A stream of bytes becomes events in three steps, and no step copies a line:
//!
//! ```text
//! read into a buffer (buffer) ──► ranges of it that are events (lines) ──► a batch whose block is the buffer
//!            ▲                                   │
//!            └──── the line that was cut off ────┘
//! ```
//!
//! Which files there are, and what became of them since the last look, is the matter of [`follow`].

mod blackhole;
mod buffer;
mod console;
mod file_sink;
mod file_source;
mod follow;
mod lines;
mod multiline;
mod replay;
mod stdin;

#[cfg(test)]
mod testing;

use logd_sdk::Component;

pub use replay::{RecordedFile, Replay};

/// The components of this family.
pub static COMPONENTS: &[Component] = &[
    Component::source::<file_source::FileSourceSettings>(),
    Component::source::<stdin::StdinSettings>(),
    Component::sink::<blackhole::BlackholeSettings>(),
    Component::sink::<console::ConsoleSettings>(),
    Component::sink::<file_sink::FileSinkSettings>(),
];
