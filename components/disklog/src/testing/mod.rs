//! For tests, of this crate and of whoever builds on it: a filesystem in memory that fails as real ones do.

mod disk;

pub use disk::{Disk, Fault};
