//! From lines to templates: what lines have in common, with `<*>` where they differ.
//!
//! The method is Drain's: P. He, J. Zhu, Z. Zheng, M. R. Lyu, *Drain: An Online Log Parsing Approach with Fixed Depth
//! Tree*, ICWS 2017. A line's words ([`mask`]) lead down a [`tree`] of fixed depth, by their number and the first of
//! them, to the templates that it may belong to; of those it joins the most [similar](template), or begins a new one.
//!
//! **Crates.** Looked at before this was written: `logdrain` 0.3 (keeps wall-clock times, bounds leaves but not how many
//! there are, numbers templates as they come, and takes its snapshots by `bincode` 1, which is no longer maintained),
//! `drain3` 0.3 (trains on all lines before it matches any), `drain-rs` 0.3 and `drain-flow` 0.6 (no licence stated),
//! `drainrs` 0.1 (not released since 2022). None bounds what it keeps of lines that somebody else writes, or has ids that
//! outlive it; and the method itself is short.

mod mask;
mod template;
mod tree;

pub(crate) use mask::{beginning, normalize};
pub(crate) use tree::Miner;
