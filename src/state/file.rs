//! The file of an export: lines of JSON, a head that says what it is, and an entry for each key.
//!
//! States are the component's own bytes, in base64: what they mean is said beside them, for people, and not read again.

use std::io::BufRead;

use anyhow::{Context as _, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::kept;

/// What every such file begins with.
const FORMAT: &str = "logd state";
/// The version of the form.
const VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    format: String,
    version: u32,
    /// Whose it was: `PIPELINE/NAME`.
    component: String,
    /// The component's type.
    pub(super) r#type: String,
    /// What the states are of, as 16 hexadecimal digits: see [`Keyed::fingerprint`](logd_sdk::keyed::Keyed::fingerprint).
    pub(super) fingerprint: String,
    /// How many lines follow.
    pub(super) entries: usize,
}

/// Another line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The key as people read it; none where it is how far event time has come.
    key: Option<String>,
    /// What it is kept under, in base64.
    name: String,
    /// What is kept, in base64.
    state: String,
}

impl Head {
    /// Of so many entries.
    pub(super) fn new(component: String, r#type: &str, fingerprint: u64, entries: usize) -> Self {
        let (format, fingerprint) = (FORMAT.to_owned(), format!("{fingerprint:016x}"));
        Self { format, version: VERSION, component, r#type: r#type.to_owned(), fingerprint, entries }
    }
}

/// The line of an entry.
pub(super) fn line(key: Option<String>, name: &[u8], state: &[u8]) -> anyhow::Result<String> {
    Ok(serde_json::to_string(&Entry { key, name: STANDARD.encode(name), state: STANDARD.encode(state) })?)
}

/// Reads a file: its head, and what was kept, one after the other. The last of it is an error if the file is not whole.
///
/// # Errors
/// It is no such file, or of another version.
pub(crate) fn read(file: impl BufRead) -> anyhow::Result<(Head, impl Iterator<Item = anyhow::Result<kept::Entry>>)> {
    let mut lines = file.lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let head: Head = serde_json::from_str(&first).context("this is no file of `logd state export`")?;
    let Head { format, version, entries, .. } = &head;
    let (entries, mut count) = (*entries, 0);
    ensure!(format == FORMAT, "this is no file of `logd state export`");
    ensure!(*version == VERSION, "the file is of version {version}, and this logd reads version {VERSION}");
    let states = std::iter::from_fn(move || {
        let Some(line) = lines.next() else {
            let missing =
                (count != entries).then(|| anyhow!("the file is not whole: {count} of {entries} lines are there"));
            count = entries;
            return missing.map(Err);
        };
        count += 1;
        Some(entry(line).with_context(|| format!("line {} of the file can't be read", count + 1)))
    });
    Ok((head, states))
}

fn entry(line: std::io::Result<String>) -> anyhow::Result<kept::Entry> {
    let Entry { name, state, .. } = serde_json::from_str(&line?)?;
    Ok((STANDARD.decode(name)?, STANDARD.decode(state)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<String> {
        let head = Head::new("p/slow".to_owned(), "zscore", 0xabc, 2);
        let lines = [line(None, b"\0", b"w"), line(Some("web".to_owned()), b"\x01web", &[0, 255])];
        let head = serde_json::to_string(&head).expect("written");
        std::iter::once(head).chain(lines.map(|line| line.expect("written"))).collect()
    }

    #[test]
    fn reads_what_it_writes() {
        let text = file().join("\n");
        let (head, states) = read(text.as_bytes()).expect("read");
        let states: Vec<_> = states.collect::<Result<_, _>>().expect("read");
        assert_eq!((head.r#type.as_str(), head.fingerprint.as_str()), ("zscore", "0000000000000abc"));
        assert_eq!(states, [(b"\0".to_vec(), b"w".to_vec()), (b"\x01web".to_vec(), vec![0, 255])]);
    }

    #[test]
    fn refuses_what_is_not_whole_and_what_is_something_else() {
        let error = |text: &str| {
            let all = read(text.as_bytes()).and_then(|(_, states)| states.collect::<anyhow::Result<Vec<_>>>());
            format!("{:#}", all.expect_err("refused"))
        };
        let lines = file();
        assert_eq!(error(&lines[..2].join("\n")), "the file is not whole: 1 of 2 lines are there");
        let cut = lines.join("\n");
        assert!(error(&cut[..cut.len() - 5]).starts_with("line 3 of the file can't be read"));
        assert!(error("").starts_with("this is no file"));
        assert!(error(&lines[0].replace("logd state", "x")).starts_with("this is no file"));
        assert!(error(&lines[0].replace("\"version\":1", "\"version\":7")).contains("of version 7"));
    }
}
