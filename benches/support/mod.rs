//! What the benchmarks share: logd as a process, what it took, the pipeline that is measured most, and HTTP.

pub(crate) mod http;
pub(crate) mod logd;
pub(crate) mod measure;
pub(crate) mod pipeline;

/// Whether a job of this name was chosen.
pub(crate) fn wanted(chosen: &[impl AsRef<str>], name: &str) -> bool {
    chosen.is_empty() || chosen.iter().any(|chosen| name.contains(chosen.as_ref()))
}
