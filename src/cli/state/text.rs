//! What components keep, as people read it.

use std::fmt::Write as _;

use crate::state::{Listed, Shown};

/// A table of components.
pub(super) fn list(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "No component keeps a state.\n".to_owned();
    }
    let width = listed.iter().map(|one| one.component.len()).max().unwrap_or_default().max("component".len());
    let mut text = format!("{:<width$}  {:<9}  {:>9}  {:>12}  last epoch\n", "component", "type", "keys", "bytes");
    for Listed { component, r#type, keys, bytes, at } in listed {
        let (kind, at) = (r#type.as_deref().unwrap_or("(gone)"), at.as_deref().unwrap_or("not known"));
        let _ = writeln!(text, "{component:<width$}  {kind:<9}  {keys:>9}  {bytes:>12}  {at}");
    }
    text
}

/// One key: its name, what is known of it, and its size.
pub(super) fn shown(shown: &Shown) -> String {
    let Shown { key, bytes, words, .. } = shown;
    let key = if key.is_empty() { "(no key)" } else { key };
    match words {
        Some(words) => format!("{key}: {words}; {bytes} bytes\n"),
        None => format!("{key}: {bytes} bytes\n"),
    }
}
