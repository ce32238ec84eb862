//! An append-only log on disk.
