//! Comma-separated values (RFC 4180), one record a line.
//!
//! A record without quotes, and that is nearly every one, is split at its delimiters and not copied; `csv-core` reads
//! the others. Batches are read side by side, so nobody can tell which line was a file's first: the header is known
//! by what it says.

use super::{Flat, Line, Reason};

/// Reads records of the columns that the user has named.
pub(in crate::parse) struct Csv {
    columns: Vec<String>,
    delimiter: u8,
    /// Whether a record that repeats the names of the columns is none.
    header: bool,
    /// Whether texts that spell a number become one.
    numbers: bool,
}

/// The [`Reason`] of a header: it is no failure.
pub(in crate::parse) const HEADER: &str = "header";

impl Csv {
    /// A reader of records with these columns, in this order.
    pub(in crate::parse) fn new(columns: Vec<String>, delimiter: u8, header: bool, numbers: bool) -> Self {
        Self { columns, delimiter, header, numbers }
    }

    /// The header's line is a record whose cells are the columns' names.
    fn check_header<'c>(&self, mut cells: impl Iterator<Item = &'c str>) -> Result<(), Reason> {
        let is_header =
            self.header && self.columns.iter().all(|name| cells.next() == Some(name)) && cells.next().is_none();
        if is_header { Err(Reason::new(HEADER, "the names of the columns")) } else { Ok(()) }
    }

    /// A record with more or fewer cells than there are columns is none: to guess which are meant would be worse.
    fn wrong_width(&self, found: usize) -> Reason {
        Reason::mismatch(format!("{found} cells where there are {} columns", self.columns.len()))
    }

    /// Reads a record that has quotes in it.
    fn read_quoted(&self, line: &mut Line<'_>) -> Result<(), Reason> {
        let mut reader = csv_core::ReaderBuilder::new().delimiter(self.delimiter).build();
        let (mut cells, mut ends) = (vec![0; line.text.len()], vec![0; self.columns.len() + 1]);
        let (_, _, written, found) = reader.read_record(line.text.as_bytes(), &mut cells, &mut ends);
        // The end of the input ends the record.
        let (_, _, _, last) = reader.read_record(&[], &mut cells[written..], &mut ends[found..]);
        let found = found + last;
        if found != self.columns.len() {
            return Err(self.wrong_width(found));
        }
        let mut start = 0;
        let cells: Vec<&str> = ends[..found]
            .iter()
            .map(|&end| str::from_utf8(&cells[std::mem::replace(&mut start, end)..end]).unwrap_or_default())
            .collect();
        self.check_header(cells.iter().copied())?;
        for (field, cell) in cells.into_iter().enumerate() {
            match super::number(cell).filter(|_| self.numbers) {
                Some(number) => line.slots[field] = number,
                None => line.put_copied(field, cell),
            }
        }
        Ok(())
    }
}

impl Flat for Csv {
    fn read(&self, line: &mut Line<'_>) -> Result<(), Reason> {
        let text = line.text.trim_end_matches(['\r', '\n']);
        if memchr::memchr(b'"', text.as_bytes()).is_some() {
            return self.read_quoted(line);
        }
        let delimiter = char::from(self.delimiter);
        self.check_header(text.split(delimiter))?;
        let mut found = 0;
        for (field, cell) in text.split(delimiter).enumerate() {
            found += 1;
            if field < self.columns.len() {
                if self.numbers { line.put_typed(field, cell) } else { line.put(field, cell) }
            }
        }
        if found == self.columns.len() { Ok(()) } else { Err(self.wrong_width(found)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::format::open::slot_value;
    use logd_sdk::Slot;

    fn read(text: &str) -> Result<Vec<String>, Reason> {
        let csv = Csv::new(["time", "value"].map(str::to_owned).to_vec(), b',', true, true);
        let (mut slots, mut copied) = (vec![Slot::Missing; 2], String::new());
        csv.read(&mut Line { text, base: 0, slots: &mut slots, copied: &mut copied })?;
        Ok(slots.iter().filter_map(|slot| slot_value(slot, text, &copied)).map(|value| value.to_string()).collect())
    }

    #[test]
    fn reads_records() {
        assert_eq!(read("2014-02-14 14:30:00,0.132\r").expect("a record"), [r#""2014-02-14 14:30:00""#, "0.132"]);
        assert_eq!(read(r#""a, ""b""",7"#).expect("a record"), [r#""a, \"b\"""#, "7"]);
        assert_eq!(read(r#"x,"#).expect("a record"), [r#""x""#, r#""""#]);
        assert_eq!(read("\"é\",\"\"").expect("a record"), [r#""é""#, r#""""#]);
    }

    #[test]
    fn knows_its_header() {
        for header in ["time,value", "\"time\",\"value\""] {
            assert_eq!(read(header).expect_err("a header").kind, HEADER);
        }
    }

    #[test]
    fn refuses_records_of_another_width() {
        for text in ["", "1", "1,2,3", "\"1\"", "\"1\",2,3", "\"1,2"] {
            assert_eq!(read(text).expect_err(text).kind, "format_mismatch", "{text}");
        }
    }
}
