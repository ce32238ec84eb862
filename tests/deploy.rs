//! What users deploy and watch logd with: the files of `deploy/`, held against a running logd and the tools they are for.

mod compose;
mod dashboards;
mod monitoring;
mod pipelines;
mod start;

use std::path::{Path, PathBuf};

/// A file of the repository.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file of the repository.
fn text(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files of a folder of the repository, by their names.
fn folder(path: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}
