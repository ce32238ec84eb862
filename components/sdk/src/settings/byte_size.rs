//! A number of bytes with its unit in the value: `"64 MiB"`.

use std::fmt;
use std::str::FromStr;

use super::Fault;
use super::quantity;
use super::text::text_setting;

/// A number of bytes, as `"64 MiB"`, `"1 GB"`, `"512 KiB"` or `"100 B"`.
///
/// `kB`, `MB`, `GB`, `TB` are powers of 1000, `KiB`, `MiB`, `GiB`, `TiB` powers of 1024; upper and lower case are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// Units with their bytes, largest first.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];
const UNITS_HELP: &str = r#"the units are B, kB, MB, GB, TB and KiB, MiB, GiB, TiB, as in "64 MiB""#;

text_setting!(
    ByteSize,
    expected: "a size like \"64 MiB\"",
    bare_number: Some(bare_number),
    schema: {
        "type": "string",
        "description": "A number of bytes with its unit: B, kB, MB, GB, TB (of 1000) or KiB, MiB, GiB, TiB (of 1024).",
        "examples": ["100 B", "512 KiB", "64 MiB", "1 GB"],
        "pattern": r"^\s*[0-9.]+\s*([kKmMgGtT][iI]?)?[bB]\s*$|\$"
    }
);

impl ByteSize {
    /// So many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many MiB, for defaults.
    pub const fn mebibytes(count: u32) -> Self {
        Self((count as u64) << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes in memory, at most what this machine can address.
    pub fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// The hint for a number without unit: in the unit that says it most briefly.
fn bare_number(number: &str) -> Fault {
    let help = match number.parse() {
        Ok(bytes) => format!("write \"{}\"", ByteSize(bytes)),
        Err(_) => UNITS_HELP.to_owned(),
    };
    Fault::new(format!("the size {number} has no unit")).help(help)
}

/// One `NUMBER UNIT`; the number may have a fraction, and what it makes is rounded down to whole bytes.
impl FromStr for ByteSize {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let wrong = |why: String| Fault::new(format!("`{text}` is not a size: {why}")).help(UNITS_HELP);
        let (number, unit, rest) = quantity::take(text.trim());
        if number.is_empty() || !rest.is_empty() {
            return Err(wrong("expected one number and its unit".to_owned()));
        }
        if unit.is_empty() {
            return Err(bare_number(number));
        }
        let (_, scale) = UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .ok_or_else(|| wrong(format!("unknown unit `{unit}`")))?;
        quantity::scaled(number, (*scale).into())
            .and_then(|bytes| u64::try_from(bytes).ok())
            .map(Self)
            .ok_or_else(|| wrong(format!("`{number}` is no number or too large")))
    }
}

impl fmt::Display for ByteSize {
    /// In the largest unit that divides it: `64 MiB`, `1 GB`, `1500 B`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, scale)| self.0 != 0 && self.0.is_multiple_of(*scale));
        let (unit, scale) = whole.unwrap_or(&("B", 1));
        write!(formatter, "{} {unit}", self.0 / scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, bytes, printed) in [
            ("64 MiB", 64 << 20, "64 MiB"),
            ("1GB", 1_000_000_000, "1 GB"),
            ("512 kib", 512 << 10, "512 KiB"),
            ("1.5 KiB", 1536, "1536 B"),
            ("1.5 kB", 1500, "1500 B"),
            ("100 B", 100, "100 B"),
            ("0 B", 0, "0 B"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, printed), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, message) in [
            ("5", "the size 5 has no unit"),
            ("", "`` is not a size: expected one number and its unit"),
            ("1 MiB 5", "`1 MiB 5` is not a size: expected one number and its unit"),
            ("5 megs", "`5 megs` is not a size: unknown unit `megs`"),
            ("99999999999 TiB", "`99999999999 TiB` is not a size: `99999999999` is no number or too large"),
        ] {
            assert_eq!(text.parse::<ByteSize>().unwrap_err().message, message);
        }
        assert_eq!(bare_number("1048576").help.unwrap(), r#"write "1 MiB""#);
    }
}
