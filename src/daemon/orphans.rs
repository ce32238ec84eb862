//! What components hold on disk that are not there any more: told of, and thrown away when somebody says so.

use anyhow::{Context as _, bail};

use crate::buffer::Holding;
use crate::checkpoint::Store;

/// A line for each, and which of them are orphans.
pub(crate) fn list(found: &[(Holding, bool)]) -> String {
    let line =
        |(holding, orphaned): &(Holding, bool)| format!("{holding}{}", if *orphaned { ", orphaned" } else { "" });
    match found {
        [] => "There are no disk buffers.".to_owned(),
        found => found.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

/// Throws away what the component `name` holds, if it is not there any more. Says what that was.
///
/// # Errors
/// It is there, or holds nothing, or the disk says no.
pub(crate) fn drop_orphan(found: &[(Holding, bool)], name: &str, store: Option<&Store>) -> anyhow::Result<String> {
    let named: Vec<_> = found.iter().filter(|(holding, _)| holding.place.component.to_string() == name).collect();
    let orphans: Vec<&Holding> = named.iter().filter(|(_, orphaned)| *orphaned).map(|(holding, _)| holding).collect();
    match (named.is_empty(), orphans.is_empty()) {
        (true, _) => bail!("`{name}` holds nothing; `logd buffer ls` shows what does"),
        (false, true) => bail!("`{name}` is there and goes on with what it holds; take it out of its file first"),
        _ => {}
    }
    let mut said = Vec::new();
    for holding in orphans {
        holding.remove(store).with_context(|| format!("what `{name}` holds can't be dropped"))?;
        said.push(format!("Dropped {holding}."));
    }
    Ok(said.join("\n"))
}
