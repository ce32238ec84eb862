//! The segment at the end of a log: the only one that is written to.

use crate::Error;
use crate::format::{Header, SEGMENT_HEADER};
use crate::fs::{File, write_all};
use crate::place::Place;
use crate::view::Segment;

/// What may be done with the segment at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It takes more.
    Whole,
    /// A write has failed: what it holds can be made durable, but nothing is added.
    Closed,
    /// A sync has failed: what it holds beyond the last sync has to be written anew elsewhere.
    Lost,
}

/// The segment at the end.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) segment: Segment,
    pub(crate) file: Box<dyn File>,
    /// The end of the file, as far as it is not known to be durable.
    pub(crate) tail: Vec<u8>,
    /// Up to here the file is on its way to the disk, or there.
    pub(crate) on_its_way: u64,
    pub(crate) state: State,
    /// The file's name is durable.
    pub(crate) named: bool,
    /// The last release that stands in the file.
    pub(crate) released: u64,
}

/// Makes a segment's file, with `tail` behind its header.
///
/// It gets its name when all that it says again is durable, for the name ends the segment before.
pub(crate) fn create(place: &Place, header: &Header, tail: Vec<u8>) -> Result<Active, Error> {
    let Header { ordinal, first, before, released, .. } = *header;
    let length = (SEGMENT_HEADER + tail.len()) as u64;
    let segment = Segment { ordinal, named: first, first, before: Some(before), length };
    let (path, new) = (place.path(&segment), place.new_path(&segment));
    let file = place.fs.create(&new).map_err(Error::io("made", &new))?;
    let made = write_all(&*file, &header.encode(), 0)
        .and_then(|()| write_all(&*file, &tail, SEGMENT_HEADER as u64))
        .and_then(|()| if tail.is_empty() { Ok(()) } else { file.sync_data() })
        .and_then(|()| place.fs.rename(&new, &path));
    if let Err(error) = made {
        // One that stays is removed at the next start.
        let _ = place.fs.remove(&new);
        return Err(Error::io("made", &path)(error));
    }
    Ok(Active { segment, file, tail, on_its_way: length, state: State::Whole, named: false, released })
}
