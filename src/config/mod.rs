//! From files to values: find, parse, substitute, read, resolve, with every mistake of every file in one run.
//!
//! ```text
//! paths → load::documents → load::pipelines → Pipeline::read, Pipeline::report (by component) → resolve::resolve → edges
//!         syntax            ${VAR}, shape      settings, used files, checks                      names, cycles
//! ```
//!
//! Every step adds to one [`Diagnostics`](diagnostic::Diagnostics) and goes on with what is left, so that later steps find
//! their mistakes too; none repeats what an earlier one has said.

mod addresses;
pub(crate) mod compile;
mod complaint;
mod cycles;
pub mod daemon;
pub mod diagnostic;
pub mod document;
mod fields;
mod input;
mod literal;
pub mod load;
pub mod pipeline;
mod pipeline_tests;
pub mod read;
pub mod render;
mod repair;
pub mod resolve;
mod secrets;
pub mod source_file;
pub mod substitute;
mod suggest;
mod syntax;
#[cfg(test)]
mod tests;
mod used;
mod written;

pub(crate) use load::Texts;
pub(crate) use source_file::SourceFile;
