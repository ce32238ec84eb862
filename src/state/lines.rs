//! Lines on their way from the daemon to the command: who receives them knows whether they are all.

use serde::{Deserialize, Serialize};

/// Lines that are made one after the other, without their ends.
pub(crate) type Lines = Box<dyn Iterator<Item = anyhow::Result<String>> + Send>;

/// What is sent after all lines, by which who receives them knows that there are no more; or why there are no more.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    end: Option<String>,
}

/// Lines as they are sent, with their ends; and that they end.
pub(crate) fn sent(lines: Lines) -> impl Iterator<Item = String> {
    let mut left = Some(lines);
    std::iter::from_fn(move || {
        let end = match left.as_mut()?.next() {
            Some(Ok(line)) => return Some(line + "\n"),
            Some(Err(error)) => Some(format!("{error:#}")),
            None => None,
        };
        left = None;
        // It has only texts for keys, the one thing that could not be written.
        Some(serde_json::to_string(&End { end }).unwrap_or_default() + "\n")
    })
}

/// A line that was [sent](sent), without its end; nothing after the last.
///
/// # Errors
/// The next one could not be made.
pub(crate) fn received(line: &str) -> anyhow::Result<Option<&str>> {
    match serde_json::from_str(line) {
        Ok(End { end: Some(why) }) => anyhow::bail!(why),
        Ok(End { end: None }) => Ok(None),
        Err(_) => Ok(Some(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_receives_lines_knows_whether_they_are_all() {
        let texts = |lines: Vec<anyhow::Result<String>>| sent(Box::new(lines.into_iter())).collect::<Vec<_>>();
        let told =
            |text: &str| received(text.trim_end()).map(|line| line.map(str::to_owned)).map_err(|e| e.to_string());
        let line = || "{\"key\":\"web\"}".to_owned();
        let whole = texts(vec![Ok(line()), Ok(line())]);
        let heard: Vec<_> = whole.iter().map(|line| told(line)).collect();
        assert_eq!(heard, [Ok(Some(line())), Ok(Some(line())), Ok(None)]);
        let broken = texts(vec![Ok(line()), Err(anyhow::anyhow!("the disk is gone")), Ok(line())]);
        let heard: Vec<_> = broken.iter().map(|line| told(line)).collect();
        assert_eq!(heard, [Ok(Some(line())), Err("the disk is gone".to_owned())]);
    }
}
