//! A configuration file's text, and where in it a byte stands.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::secrets;

/// A file that was read; diagnostics keep it, so that they can show its lines.
#[derive(Debug)]
pub struct SourceFile {
    path: PathBuf,
    text: String,
    line_starts: Vec<usize>,
    /// Where secrets stand, once somebody has asked.
    secrets: OnceLock<Vec<Range<usize>>>,
}

/// A place in a file as people count: both from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl SourceFile {
    /// A file with this text; the path is shown as it is given.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        let text = text.into();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(end, _)| end + 1)).collect();
        Arc::new(Self { path: path.into(), text, line_starts, secrets: OnceLock::new() })
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The whole text as it may be shown, of the same length.
    pub fn shown(&self) -> Cow<'_, str> {
        match self.secrets() {
            [] => Cow::Borrowed(&self.text),
            places => Cow::Owned(secrets::mask(&self.text, places)),
        }
    }

    /// `sentence`, which is about the bytes at `span`, without the secrets that stand there.
    pub fn redact(&self, sentence: &str, span: &Range<usize>) -> String {
        let touched = |place: &&Range<usize>| place.start <= span.end && span.start <= place.end;
        let places: Vec<_> = self.secrets().iter().filter(touched).cloned().collect();
        secrets::redact(sentence, &self.text, &places)
    }

    /// Where secrets stand: in configuration, and not in a program that it uses.
    /// Whether something in it is secret.
    pub fn has_secrets(&self) -> bool {
        !self.secrets().is_empty()
    }

    fn secrets(&self) -> &[Range<usize>] {
        let is_configuration = self.path.extension().is_some_and(|extension| extension == "toml");
        self.secrets.get_or_init(|| if is_configuration { secrets::places(&self.text) } else { Vec::new() })
    }

    /// The file's name without its extension: a pipeline's id.
    pub fn stem(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Where the byte at `offset` stands; beyond the end it is the end.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.line_of(offset);
        let column = self.text[self.line_starts[line]..offset].chars().count();
        Position { line: line + 1, column: column + 1 }
    }

    /// The bytes of the lines that `range` touches, and the number of the first, from 1.
    pub fn lines(&self, range: &Range<usize>) -> (Range<usize>, usize) {
        let first = self.line_of(range.start);
        let end = self.line_starts.get(self.line_of(range.end) + 1).copied().unwrap_or(self.text.len());
        (self.line_starts[first]..end, first + 1)
    }

    /// `range`, cut to this text and widened to whole characters.
    pub fn clamp(&self, range: Range<usize>) -> Range<usize> {
        let end = self.text.ceil_char_boundary(range.end.min(self.text.len()));
        self.text.floor_char_boundary(range.start.min(end))..end
    }

    /// The line of the byte at `offset`, from 0.
    fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters() {
        let file = SourceFile::new("dir/demo.toml", "a = 1\n\tß = \"x\"\r\n");
        let at = |offset| {
            let Position { line, column } = file.position(offset);
            (line, column)
        };
        assert_eq!(file.stem(), "demo");
        assert_eq!([at(0), at(5), at(6), at(7), at(8), at(9)], [(1, 1), (1, 6), (2, 1), (2, 2), (2, 2), (2, 3)]);
        assert_eq!(at(1000), (3, 1));
    }

    #[test]
    fn finds_whole_lines() {
        let file = SourceFile::new("x.toml", "a\nbc\nd");
        assert_eq!(file.lines(&(3..3)), (2..5, 2));
        assert_eq!(file.lines(&(0..6)), (0..6, 1));
        assert_eq!(file.clamp(9..12), 6..6);
    }
}
