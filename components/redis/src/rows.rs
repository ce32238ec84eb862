//! The keys and texts that a batch's events make.

use std::borrow::Cow;
use std::collections::HashMap;

use logd_sdk::Batch;
use logd_sdk::settings::{FieldPath, Template};
use logd_sdk::sink::Attempt;

/// A template, with the places of its fields in one batch.
pub(crate) struct Texts<'b> {
    template: &'b Template,
    batch: &'b Batch,
    columns: Vec<(&'b FieldPath, Option<usize>)>,
}

impl<'b> Texts<'b> {
    /// The texts that `template` makes of the events of `batch`.
    pub(crate) fn new(template: &'b Template, batch: &'b Batch) -> Self {
        let columns = template.fields().map(|field| (field, batch.columns().find(field.path()))).collect();
        Self { template, batch, columns }
    }

    /// The text of an event.
    ///
    /// # Errors
    /// The first field that the event does not have.
    pub(crate) fn of(&self, row: usize) -> Result<Cow<'b, str>, &'b FieldPath> {
        self.template.render(self.batch.rows()[row].time, |field| {
            let column = self.columns.iter().find_map(|(path, column)| (*path == field).then_some(*column))??;
            self.batch.field(row, column).display().map(Cow::into_owned)
        })
    }
}

/// The rows of one key, in order.
pub(crate) struct Group<'b> {
    /// The key.
    pub(crate) key: Cow<'b, str>,
    /// Its rows.
    pub(crate) rows: Vec<u32>,
}

/// Puts the rows of each key together, keys in the order in which they come first. A row without a key is rejected.
pub(crate) fn by_key<'b>(template: &'b Template, batch: &'b Batch, attempt: &mut Attempt) -> Vec<Group<'b>> {
    if let Some(key) = template.only_literal() {
        let rows: Vec<u32> = (0_u32..).take(batch.len()).collect();
        return if rows.is_empty() { Vec::new() } else { vec![Group { key: key.into(), rows }] };
    }
    let (mut groups, mut places) = (Vec::<Group<'b>>::new(), HashMap::<Cow<'b, str>, usize>::new());
    let texts = Texts::new(template, batch);
    for (row, number) in (0..batch.len()).zip(0_u32..) {
        match texts.of(row) {
            Err(field) => {
                attempt.reject.push((number, format!("the event has no field `{field}`, which its key needs")))
            }
            Ok(key) => match places.get(&key) {
                Some(&place) => groups[place].rows.push(number),
                None => {
                    places.insert(key.clone(), groups.len());
                    groups.push(Group { key, rows: vec![number] });
                }
            },
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use logd_sdk::settings::NameTemplate;

    use super::*;
    use crate::testing::batch;

    #[test]
    fn rows_of_a_key_stay_together_and_in_order() {
        let template: NameTemplate = "service:{{ service }}".parse().expect("a template");
        let batch =
            batch(&[r#"{"service":"b"}"#, r#"{"service":"a"}"#, r#"{"other":1}"#, r#"{"service":"b"}"#], &["service"]);
        let mut attempt = Attempt::delivered();
        let groups = by_key(&template, &batch, &mut attempt);
        let groups: Vec<_> = groups.iter().map(|group| (group.key.as_ref(), group.rows.as_slice())).collect();
        assert_eq!(groups, [("service:b", [0, 3].as_slice()), ("service:a", [1].as_slice())]);
        assert_eq!(attempt.reject, [(2, "the event has no field `service`, which its key needs".to_owned())]);
    }
}
