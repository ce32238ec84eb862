//! What an anomaly of templates rests on: figures from which its score can be computed again.

use serde::{Deserialize, Serialize};

use super::rate::{Change, Figures};

/// A template that is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateShown {
    /// Names it: 16 hexadecimal digits.
    pub template_id: String,
    /// As it reads.
    pub template: String,
}

/// What the verdict on one template, or on many at once, rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PatternEvidence {
    /// The figures; of many templates those of the worst.
    pub figures: Figures,
    /// How many templates the incident is about.
    pub total: usize,
    /// The template, or up to ten of them, the worst first.
    pub templates: Vec<TemplateShown>,
}

impl PatternEvidence {
    /// The score, computed again: see [`Figures::score`]; of new templates, how many there are.
    #[must_use]
    pub fn score(&self) -> f64 {
        if self.figures.change == Change::New { self.total as f64 } else { self.figures.score() }
    }
}
