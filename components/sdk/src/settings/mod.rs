//! The types that settings are made of: durations, sizes, paths, templates, secrets, addresses, and groups of them that
//! several components have (`batch`, `request`, `encoding`, `tls`).
//!
//! Units stand in the value and not in the name (`size = "5s"`, `max_size = "64 MiB"`), so each of these is written as a
//! string, is read from its text by [`FromStr`](std::str::FromStr), and says in its [`Fault`] what was given, what is
//! expected, and an example. A component puts them into its settings struct as they are: serde reads them, schemars
//! describes them.

mod address;
mod byte_size;
mod delivery;
mod duration;
mod encoding;
mod fault;
mod moment;
mod network;
mod path;
mod pem_file;
mod quantity;
mod secret;
mod template;
mod text;
mod text_file;
mod tls;

pub use address::Address;
pub use byte_size::ByteSize;
pub use delivery::{BatchSettings, ConcurrencySetting, RequestSettings};
pub use duration::Duration;
pub use encoding::{Codec, Encoding};
pub use fault::Fault;
pub use moment::Moment;
pub use network::Network;
pub use path::{EventPath, FieldPath};
pub use pem_file::PemFile;
pub use secret::Secret;
pub use template::{NameTemplate, Template};
pub use text_file::TextFile;
pub use tls::ClientTls;
