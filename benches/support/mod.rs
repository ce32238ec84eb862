//! What the benchmarks share: logd as a process, what it took, the pipeline that is measured most, and HTTP.

pub(crate) mod http;
pub(crate) mod logd;
pub(crate) mod measure;
pub(crate) mod pipeline;
