//! What came of a reload, for whoever asked for it.

use crate::admin::control::Answer;

/// What came of a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// A line for each unit that changed.
    pub(crate) changed: Vec<String>,
    /// What is wrong with files; their last good versions run on.
    pub(crate) mistakes: Vec<String>,
    /// What is right and could not be started; what ran before goes on.
    pub(crate) failed: Vec<String>,
}

impl Verdict {
    /// Adds what came of other files.
    pub(crate) fn add(&mut self, other: Self) {
        self.changed.extend(other.changed);
        self.mistakes.extend(other.mistakes);
        self.failed.extend(other.failed);
    }

    /// Whether all that the files say runs now.
    pub(crate) fn is_good(&self) -> bool {
        self.mistakes.is_empty() && self.failed.is_empty()
    }

    /// As one text.
    pub(crate) fn text(&self) -> String {
        let mut lines: Vec<&str> = Vec::new();
        for group in [&self.changed, &self.failed, &self.mistakes] {
            lines.extend(group.iter().map(String::as_str));
        }
        if lines.is_empty() { "Nothing has changed.".to_owned() } else { lines.join("\n") }
    }

    /// As an answer.
    pub(crate) fn answer(&self) -> Answer {
        let text = self.text();
        match (self.failed.is_empty(), self.mistakes.is_empty()) {
            (true, true) => Answer::Done(text),
            (true, false) => Answer::Refused(text),
            (false, _) => Answer::Failed(text),
        }
    }
}
