//! From pieces to batches: small requests travel together.
//!
//! The bytes of small pieces are copied to one block, large ones stay where they are. A block for each request would
//! save that copy and cost more: every batch is searched block by block downstream, and a body of a hundred bytes holds
//! the connection's whole read buffer for as long as it travels.

use std::sync::Arc;

use bytes::Bytes;
use logd_sdk::{Batch, Block, Columns, Partition, Row, Slot};

use crate::decode::{PIECE_BYTES, PIECE_EVENTS, Piece};

/// A piece of up to this many bytes is copied.
const SMALL: usize = 16 * 1024;

/// Pieces that are to become one batch: small ones, or one large one.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pieces: Vec<Piece>,
    bytes: usize,
    events: usize,
}

impl Gathered {
    /// Adds a piece, or gives it back when there is no room for it beside the others.
    pub(crate) fn add(&mut self, piece: Piece) -> Result<(), Piece> {
        let (bytes, events) = (self.bytes + piece.bytes.len(), self.events + piece.rows.len());
        let is_large = |piece: &Piece| piece.bytes.len() > SMALL;
        let fits = || !is_large(&piece) && bytes <= PIECE_BYTES && events <= PIECE_EVENTS;
        if !self.pieces.first().is_none_or(|first| !is_large(first) && fits()) {
            return Err(piece);
        }
        self.pieces.push(piece);
        (self.bytes, self.events) = (bytes, events);
        Ok(())
    }

    /// The batch, if there is anything in it. Rows have their places and times already.
    pub(crate) fn into_batch(mut self, partition: &Arc<Partition>, columns: &Arc<Columns>) -> Option<Batch> {
        let alone = self.pieces.pop_if(|last| last.bytes.len() > SMALL);
        // Of one request, and so of one time.
        let time = alone.as_ref().and_then(|piece| Some(piece.rows.first()?.time));
        let Piece { bytes, rows, slots, text } = alone.unwrap_or_else(|| self.join());
        if rows.is_empty() {
            return None;
        }
        let mut block = Block::new(bytes, Arc::clone(partition));
        block.greatest = time.unwrap_or(block.greatest);
        let mut batch = Batch::new(block, rows);
        if !columns.is_empty() {
            batch.set_columns(Arc::clone(columns), slots, text);
        }
        if time.is_none() {
            batch.note_times();
        }
        Some(batch)
    }

    /// One piece of all of them.
    fn join(self) -> Piece {
        let mut bytes = Vec::with_capacity(self.bytes);
        let mut joined = Piece { rows: Vec::with_capacity(self.events), ..Piece::default() };
        for piece in self.pieces {
            // Both are far below 4 GiB.
            let (base, text) = (bytes.len() as u32, joined.text.len() as u32);
            bytes.extend_from_slice(&piece.bytes);
            joined.text.push_str(&piece.text);
            let moved = |row: Row| Row { start: row.start + base, end: row.end + base, ..row };
            joined.rows.extend(piece.rows.into_iter().map(moved));
            joined.slots.extend(piece.slots.into_iter().map(|slot| match slot {
                Slot::Block { start, end } => Slot::Block { start: start + base, end: end + base },
                Slot::Text { start, end } => Slot::Text { start: start + text, end: end + text },
                slot => slot,
            }));
        }
        joined.bytes = Bytes::from(bytes);
        joined
    }
}

#[cfg(test)]
mod tests {
    use logd_sdk::{Body, Field, Time};
    use vrl::path::OwnedValuePath;

    use super::*;
    use crate::decode::Decoder;
    use crate::settings::{Codec, Framing};

    fn columns() -> Arc<Columns> {
        Columns::new(["a", "b"].map(OwnedValuePath::single_field))
    }

    fn piece(body: impl Into<Bytes>) -> Piece {
        let decoder = Decoder::new(Framing::NewlineDelimited, Codec::Json, &columns());
        decoder.decode(&body.into()).unwrap().remove(0)
    }

    fn batch(gathered: Gathered) -> Batch {
        gathered.into_batch(&Partition::new("test/http", ""), &columns()).unwrap()
    }

    #[test]
    fn small_pieces_share_a_block_and_keep_their_fields() {
        let mut gathered = Gathered::default();
        let bodies =
            ["{\"a\":\"one\",\"b\":\"\\u0031\"}\n{\"a\":2}", "{\"b\":\"three\"}", "{\"a\":\"four\",\"b\":\"\\n\"}"];
        let mut sequence = 10;
        for body in bodies {
            let mut piece = piece(body);
            piece.place(&mut sequence, Time::from_micros(7));
            gathered.add(piece).unwrap();
        }
        let batch = batch(gathered);
        assert_eq!((batch.blocks().len(), sequence), (1, 14));
        let fields: Vec<_> = (0..4).map(|row| [batch.field(row, 0), batch.field(row, 1)]).collect();
        let expected = [
            [Field::Text("one"), Field::Text("1")],
            [Field::Integer(2), Field::Missing],
            [Field::Missing, Field::Text("three")],
            [Field::Text("four"), Field::Text("\n")],
        ];
        assert_eq!(fields, expected);
        for (row, document) in bodies.iter().flat_map(|body| body.split('\n')).enumerate() {
            assert_eq!(batch.raw(row), document.as_bytes());
            assert_eq!((batch.rows()[row].position, batch.rows()[row].time.as_micros()), (10 + row as u64, 7));
            assert!(matches!(batch.rows()[row].body, Body::Json));
        }
        assert_eq!(batch.blocks()[0].greatest, Time::from_micros(7));
    }

    #[test]
    fn a_large_piece_is_not_copied_and_goes_alone() {
        let large = || Bytes::from(format!("{{\"a\":\"{}\"}}", "x".repeat(SMALL)));
        let (mut gathered, body) = (Gathered::default(), large());
        gathered.add(piece(body.clone())).unwrap();
        assert!(gathered.add(piece("{}")).is_err());
        assert!(gathered.add(piece(large())).is_err());
        assert_eq!(batch(gathered).blocks()[0].bytes.as_ptr(), body.as_ptr());
        let mut gathered = Gathered::default();
        gathered.add(piece("{}")).unwrap();
        assert!(gathered.add(piece(large())).is_err());
    }

    #[test]
    fn a_batch_has_its_bounds() {
        let mut gathered = Gathered::default();
        let thousand = "{}\n".repeat(1000);
        for _ in 0..4 {
            gathered.add(piece(thousand.clone())).unwrap();
        }
        let back = gathered.add(piece(thousand)).unwrap_err();
        assert_eq!(back.rows.len(), 1000);
        assert_eq!(batch(gathered).len(), 4000);
    }
}
