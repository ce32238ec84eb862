//! The names in `inputs`: `NAME`, `NAME.port`, `FILE/NAME`, `FILE/NAME.port`, with `*` for any text in each part.

/// A name in `inputs`, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Input<'t> {
    /// The pipeline, if it is not this one.
    pub(super) file: Option<&'t str>,
    /// The component.
    pub(super) name: &'t str,
    /// The output, if it is not the main one.
    pub(super) port: Option<&'t str>,
}

impl<'t> Input<'t> {
    /// Takes `text` apart; any text is a name of something, be it of nothing that there is.
    pub(super) fn parse(text: &'t str) -> Self {
        let (file, rest) = text.split_once('/').map_or((None, text), |(file, rest)| (Some(file), rest));
        let (name, port) = rest.split_once('.').map_or((rest, None), |(name, port)| (name, Some(port)));
        Self { file, name, port }
    }

    /// Whether it may stand for several outputs.
    pub(super) fn is_pattern(&self) -> bool {
        [self.file, Some(self.name), self.port].into_iter().flatten().any(|part| part.contains('*'))
    }
}

/// Whether `pattern`, in which `*` stands for any text, matches the whole of `text`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut pieces: Vec<_> = rest.split('*').collect();
    let end = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(found) = text.find(piece) else { return false };
        text = &text[found + piece.len()..];
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_names_apart() {
        let input = |file, name, port| Input { file, name, port };
        assert_eq!(Input::parse("a"), input(None, "a", None));
        assert_eq!(Input::parse("a.late"), input(None, "a", Some("late")));
        assert_eq!(Input::parse("demo/a.late"), input(Some("demo"), "a", Some("late")));
        assert_eq!(Input::parse("/.a.b"), input(Some(""), "", Some("a.b")));
        assert!(
            Input::parse("*/a").is_pattern() && Input::parse("a.*").is_pattern() && !Input::parse("a").is_pattern()
        );
    }

    #[test]
    fn matches_stars() {
        for (pattern, text) in [("*", ""), ("*", "abc"), ("a*", "abc"), ("*c", "abc"), ("a*b*c", "a-b-b-c"), ("a", "a")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("a*", "ba"), ("*c", "cb"), ("a*a", "a"), ("a*bc*c", "abc"), ("", "a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
