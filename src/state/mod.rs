//! What components keep by key, such as baselines and open windows, for those who look at it, forget it, or carry it
//! elsewhere.
//!
//! All of it is read out of the [store](crate::checkpoint::Store) of the checkpoints, as of the last complete epoch: by the
//! daemon that runs, for nobody else can open the store then, or in its absence by the command itself. What a state means
//! only its component knows ([`Keyed::describe`](logd_sdk::keyed::Keyed::describe)), which is built for that and not run.

mod file;
mod keeper;
mod listed;
mod shown;

pub(crate) use file::read as read_file;
pub(crate) use keeper::Keeper;
pub(crate) use listed::{Listed, list, types};
pub(crate) use shown::Shown;

/// Lines that are made one after the other, without their ends.
pub(crate) type Lines = Box<dyn Iterator<Item = anyhow::Result<String>> + Send>;

/// How a line begins that says why no others follow.
const BROKEN: &str = "{\"broken\":";

/// A line as it is sent, with its end; in the place of one that can't be made, why.
pub(crate) fn sent(line: anyhow::Result<String>) -> String {
    line.unwrap_or_else(|error| format!("{BROKEN}{}}}", serde_json::Value::from(format!("{error:#}")))) + "\n"
}

/// A line that was [sent](sent), without its end.
///
/// # Errors
/// It could not be made.
pub(crate) fn received(line: &str) -> anyhow::Result<&str> {
    anyhow::ensure!(!line.starts_with(BROKEN), "{line}");
    Ok(line)
}
