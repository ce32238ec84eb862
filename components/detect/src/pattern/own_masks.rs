//! Masks of the user: regular expressions, by which a part of a line becomes `<name>`.
//!
//! They are looked for before the built-in ones, in the order in which they stand. Their time is linear in the line's
//! length, of which no more is read than templates are made of.

use std::borrow::Cow;

use regex::{NoExpand, Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Deserialize;

/// A pattern takes so many bytes of memory at most.
const LARGEST: usize = 1 << 20;

/// A mask of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MaskSettings {
    /// What stands in its place: `name = "user"` becomes `<user>`. Letters and `_`.
    pub(super) name: String,
    /// What is masked: a regular expression, in the syntax of the Rust crate `regex`.
    pub(super) pattern: String,
}

/// All of them, ready to be used.
#[derive(Debug, Default)]
pub(super) struct OwnMasks(Vec<(Regex, String)>);

impl MaskSettings {
    /// The regular expression.
    ///
    /// # Errors
    /// It is none, or too large.
    pub(super) fn compile(&self) -> Result<Regex, regex::Error> {
        RegexBuilder::new(&self.pattern).size_limit(LARGEST).build()
    }

    /// Whether the name is one.
    pub(super) fn has_name(&self) -> bool {
        let fits = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        !self.name.is_empty() && self.name.bytes().all(fits)
    }
}

impl OwnMasks {
    /// Compiles them.
    ///
    /// # Errors
    /// A pattern can't be compiled.
    pub(super) fn new(settings: &[MaskSettings]) -> anyhow::Result<Self> {
        let mask = |mask: &MaskSettings| Ok((mask.compile()?, format!("<{}>", mask.name)));
        settings.iter().map(mask).collect::<anyhow::Result<_>>().map(Self)
    }

    /// The line with all of them in their places.
    pub(super) fn apply<'l>(&self, line: &'l str) -> Cow<'l, str> {
        self.0.iter().fold(Cow::Borrowed(line), |line, (pattern, name)| match line {
            Cow::Borrowed(line) => pattern.replace_all(line, NoExpand(name)),
            Cow::Owned(line) => Cow::Owned(pattern.replace_all(&line, NoExpand(name)).into_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_applied_in_order() {
        let mask = |name: &str, pattern: &str| MaskSettings { name: name.to_owned(), pattern: pattern.to_owned() };
        let masks = OwnMasks::new(&[mask("user", "user=\\w+"), mask("any", "<user>|x+")]).unwrap();
        assert_eq!(masks.apply("user=$1 user=bob xx y"), "user=$1 <any> <any> y");
        assert_eq!(OwnMasks::default().apply("as it is"), "as it is");
        assert!(OwnMasks::new(&[mask("a", "(")]).is_err());
        assert!(OwnMasks::new(&[mask("a", "(\\w{1000}){1000}")]).is_err(), "too large");
    }
}
