//! The file of an export: lines of JSON, a head that says what it is, and an entry for each key.
//!
//! States are the component's own bytes, in base64: what they mean is said beside them, for people, and not read again.

use std::io::BufRead;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

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

/// Reads a file: its head, names and states.
///
/// # Errors
/// It is no such file, of another version, or not whole.
pub(crate) fn read(file: impl BufRead) -> anyhow::Result<(Head, Vec<(Vec<u8>, Vec<u8>)>)> {
    let mut lines = file.lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let head: Head = serde_json::from_str(&first).context("this is no file of `logd state export`")?;
    let Head { format, version, entries, .. } = &head;
    ensure!(format == FORMAT, "this is no file of `logd state export`");
    ensure!(*version == VERSION, "the file is of version {version}, and this logd reads version {VERSION}");
    let mut states = Vec::new();
    for (line, number) in lines.zip(2..) {
        let entry = || {
            let Entry { name, state, .. } = serde_json::from_str(&line?)?;
            anyhow::Ok((STANDARD.decode(name)?, STANDARD.decode(state)?))
        };
        states.push(entry().with_context(|| format!("line {number} of the file can't be read"))?);
    }
    ensure!(states.len() == *entries, "the file is not whole: {} of {entries} lines are there", states.len());
    Ok((head, states))
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
        let (head, states) = read(file().join("\n").as_bytes()).expect("read");
        assert_eq!((head.r#type.as_str(), head.fingerprint.as_str()), ("zscore", "0000000000000abc"));
        assert_eq!(states, [(b"\0".to_vec(), b"w".to_vec()), (b"\x01web".to_vec(), vec![0, 255])]);
    }

    #[test]
    fn refuses_what_is_not_whole_and_what_is_something_else() {
        let error = |text: &str| format!("{:#}", read(text.as_bytes()).expect_err("refused"));
        let lines = file();
        assert_eq!(error(&lines[..2].join("\n")), "the file is not whole: 1 of 2 lines are there");
        let cut = lines.join("\n");
        assert!(error(&cut[..cut.len() - 5]).starts_with("line 3 of the file can't be read"));
        assert!(error("").starts_with("this is no file"));
        assert!(error(&lines[0].replace("logd state", "x")).starts_with("this is no file"));
        assert!(error(&lines[0].replace("\"version\":1", "\"version\":7")).contains("of version 7"));
    }
}
