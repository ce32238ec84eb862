//! Scores: what a detector expected of a figure.

use logd_archive::Score;
use logd_sdk::sink::Attempt;
use logd_sdk::{Batch, Field};
use vrl::owned_value_path;
use vrl::path::OwnedValuePath;

use super::{Open, component, text};

impl Open {
    /// Takes scores. Each is the columns of its batch.
    pub(super) fn scores(&self, batch: &Batch) -> Attempt {
        let find = |path: &OwnedValuePath| batch.columns().find(path);
        let column = |name: &str| find(&OwnedValuePath::single_field(name));
        let [value, expected, lower, upper, score] = ["value", "expected", "lower", "upper", "score"].map(column);
        let metric = column("field");
        let keys: Vec<(bool, usize)> = batch
            .columns()
            .paths()
            .iter()
            .enumerate()
            .filter(|(_, path)| path.segments.len() == 2 && path.segments[0] == owned_value_path!("key").segments[0])
            .map(|(place, path)| (path.segments[1..] == self.service().segments[..], place))
            .collect();
        for row in 0..batch.len() {
            let field = |column: Option<usize>| column.map_or(Field::Missing, |column| batch.field(row, column));
            let Some(value) = field(value).number() else { continue };
            let named = keys.iter().find(|(is_service, _)| *is_service);
            let service = match named {
                Some((_, place)) => text(batch.field(row, *place)).into_owned(),
                None => {
                    let values: Vec<_> = keys.iter().map(|(_, place)| text(batch.field(row, *place))).collect();
                    values.join("/")
                }
            };
            self.feed.score(&Score {
                detector: &component(batch, row),
                service: &service,
                metric: &text(field(metric)),
                time: batch.rows()[row].time,
                value,
                expected: field(expected).number(),
                lower: field(lower).number(),
                upper: field(upper).number(),
                score: field(score).number(),
            });
        }
        Attempt::delivered()
    }
}
