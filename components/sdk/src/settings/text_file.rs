//! A file beside the pipeline's whose text belongs to a component's settings, such as a program.
//!
//! The loader reads it, and not the component. So `check` looks at the text and stays pure, a mistake in it is shown at
//! its line, a change of it is a change of the pipeline, and what was checked is what is built: also when the component
//! is built again after a failure, and the file has been edited in between.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

/// The path of a text file and, once the loader has read it, its text.
#[derive(Clone, PartialEq, Eq)]
pub struct TextFile {
    path: PathBuf,
    text: Option<Arc<str>>,
    is_hidden: bool,
}

impl TextFile {
    /// Where it is; relative to the working directory, or absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it; `None` if it could not be read, which has been said.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Whether no message may show a line of it, for it may be a secret.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    /// The same, as one of which no message may show a line.
    #[must_use]
    pub(super) fn hidden(self) -> Self {
        Self { is_hidden: true, ..self }
    }

    /// Takes note of what is in it.
    pub fn set_text(&mut self, text: impl Into<Arc<str>>) {
        self.text = Some(text.into());
    }
}

/// Without the text, which is long, and may not be for all eyes.
impl fmt::Debug for TextFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(formatter)
    }
}

impl<'de> Deserialize<'de> for TextFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { path: PathBuf::deserialize(deserializer)?, text: None, is_hidden: false })
    }
}

/// As a path.
impl JsonSchema for TextFile {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TextFile".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        PathBuf::json_schema(generator)
    }
}
