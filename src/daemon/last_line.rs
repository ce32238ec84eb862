//! The last line of a terminal, for whoever says over and over how things are.
//!
//! The terminal's scrolling region (DECSTBM, ECMA-48's private cousin that every terminal emulator has) leaves the last
//! line out, so that whoever else writes to the terminal, the console sink among them, scrolls above it and need not know.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stderr};

/// The last line of the terminal at stderr. It is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct LastLine {
    rows: u16,
}

impl LastLine {
    /// On stderr, if that is a terminal that can do more than print.
    pub(crate) fn on_terminal() -> Option<Self> {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        (stderr().is_terminal() && !is_dumb).then_some(Self { rows: 0 })
    }

    /// Writes the text into the last line, in one piece.
    pub(crate) fn draw(&mut self, text: &str) {
        let Some((terminal_size::Width(columns), terminal_size::Height(rows))) =
            terminal_size::terminal_size_of(stderr())
        else {
            return;
        };
        if rows < 3 {
            return;
        }
        let mut out = String::new();
        if rows != self.rows {
            // A new size: a line is freed below what stands there, and all else scrolls above it.
            let _ = write!(out, "\n\x1b7\x1b[1;{}r\x1b8\x1b[1A", rows - 1);
            self.rows = rows;
        }
        let text: String =
            text.chars().filter(|c| !c.is_control()).take(usize::from(columns).saturating_sub(2)).collect();
        let _ = write!(out, "\x1b7\x1b[{rows};1H\x1b[2K\x1b[7m▸ {text}\x1b[0m\x1b8");
        let _ = stderr().write_all(out.as_bytes());
    }
}

impl Drop for LastLine {
    fn drop(&mut self) {
        if self.rows > 0 {
            let _ = stderr().write_all(format!("\x1b7\x1b[r\x1b[{};1H\x1b[2K\x1b8", self.rows).as_bytes());
        }
    }
}

/// A whole number with commas: `1,012`.
pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
