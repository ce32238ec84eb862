//! More columns for a batch that has some: fields that a transform adds to events.

use vrl::path::OwnedValuePath;

use super::{Batch, Columns, Slot};

impl Batch {
    /// Adds columns for the fields `added`, all of them at the top of an event: `slots` holds one for each row and added
    /// column, row by row, `text` what their text slots point into. Columns of a field of the same name, or of a part of
    /// it, are forgotten. Bodies stay as they are.
    pub fn add_columns(&mut self, added: &[OwnedValuePath], slots: &[Slot], text: &str) {
        debug_assert_eq!(slots.len(), self.rows.len() * added.len(), "one slot for each row and column");
        let is_kept = |path: &OwnedValuePath| {
            let top = path.segments.first();
            top.is_some() && added.iter().all(|added| added.segments.first() != top)
        };
        let kept: Vec<usize> =
            (0..self.columns.len()).filter(|&column| is_kept(&self.columns.paths()[column])).collect();
        let paths = kept.iter().map(|&column| self.columns.paths()[column].clone());
        let columns = Columns::new(paths.chain(added.iter().cloned()));
        let before = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        let moved = |slot: &Slot| match slot {
            Slot::Text { start, end } => Slot::Text { start: start + before, end: end + before },
            slot => slot.clone(),
        };
        let mut all = Vec::with_capacity(self.rows.len() * columns.len());
        for row in 0..self.rows.len() {
            let old = &self.slots[row * self.columns.len()..];
            all.extend(kept.iter().map(|&column| old[column].clone()));
            all.extend(slots[row * added.len()..(row + 1) * added.len()].iter().map(moved));
        }
        let mut texts = std::mem::take(&mut self.text);
        texts.push_str(text);
        self.set_columns(columns, all, texts);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use vrl::owned_value_path;

    use super::*;
    use crate::event::{Block, Body, Field, Partition, Row};
    use crate::time::Time;

    #[test]
    fn added_columns_stand_beside_the_old_and_write_over_their_own() {
        let row = Row { body: Body::Columns, ..Row::line(0, 0, 0, Time::EPOCH) };
        let mut batch = Batch::new(Block::new(Bytes::new(), Partition::new("test", "")), vec![row.clone(), row]);
        let text = |start, end| Slot::Text { start, end };
        let old = [owned_value_path!("a"), owned_value_path!("b", "c"), owned_value_path!("d")];
        let slots = vec![text(0, 1), Slot::Null, Slot::Integer(1), text(1, 2), Slot::Null, Slot::Integer(2)];
        batch.set_columns(Columns::new(old), slots, "xy".to_owned());
        let added = [owned_value_path!("b"), owned_value_path!("e")];
        batch.add_columns(&added, &[text(0, 2), Slot::Missing, text(2, 3), Slot::Null], "uvw");
        let values: Vec<String> = (0..2).map(|row| batch.value(row).to_string()).collect();
        assert_eq!(values, [r#"{ "a": "x", "b": "uv", "d": 1 }"#, r#"{ "a": "y", "b": "w", "d": 2, "e": null }"#]);
        let place = batch.columns().find(&added[0]).unwrap();
        assert_eq!(batch.field(1, place), Field::Text("w"));
        assert_eq!(batch.columns().find(&owned_value_path!("b", "c")), None);
    }
}
