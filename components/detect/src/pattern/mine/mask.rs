//! Masks what varies from line to line before templates are mined: numbers, addresses, ids and paths become `<*>`.
//!
//! One pass over the line's bytes, without regular expressions, for it is done to every line:
//!
//! | masked                                   | such as                                    | becomes          |
//! |------------------------------------------|--------------------------------------------|------------------|
//! | numbers, dates, times, IPv4 with a port  | `3`, `-1.5`, `19:01:37,536`, `10.0.0.1:80` | `<*>`            |
//! | a number with a unit of up to 3 letters  | `12ms`, `64KB`                             | `<*>ms`, `<*>KB` |
//! | any other word that begins with a digit  | `0x1f`, `20T00`, `3fa9c`                   | `<*>`            |
//! | 8 or more hexadecimal digits in a row    | `deadbeef01`                               | `<*>`            |
//! | UUIDs, IPv6 and MAC addresses            | `fe80::1`                                  | `<*>`            |
//! | paths from a `/` at a word's beginning   | `/var/log/x.log`, `http://host/x?y=1`      | `<*>`, `http:<*>`|
//!
//! Words are parted by ASCII white space; how much of it there is does not count. Escape sequences of terminals (ECMA-48,
//! such as colours) are taken out, and are not noticed by anybody.

/// What stands in a template for whatever varies.
pub(crate) const WILDCARD: &str = "<*>";

/// So many bytes of a line are read: what a template is made of stands at its beginning.
const LONGEST_LINE: usize = 2048;

/// So many words of a line are read.
const MOST_TOKENS: usize = 128;

/// Stands for the rest of a line that is too long.
const REST: &str = "…";

/// As much of a line as can matter, and a little more: so that it is seen that there was more.
pub(crate) fn beginning(line: &str) -> &str {
    &line[..line.floor_char_boundary(LONGEST_LINE + 4)]
}

/// Appends the line to `out`, its words with one space between them; what varies is masked if `mask` says so.
pub(crate) fn normalize(line: &str, mask: bool, out: &mut String) {
    let end = if line.len() > LONGEST_LINE { line.floor_char_boundary(LONGEST_LINE) } else { line.len() };
    let mut scan = Scan { line: &line[..end], at: 0, start: out.len(), word: out.len(), mask, out };
    let mut tokens = 0;
    while scan.skip_space() {
        if tokens == MOST_TOKENS {
            scan.separate();
            scan.out.push_str(REST);
            return;
        }
        let before = scan.out.len();
        scan.separate();
        scan.token();
        if scan.out.len() == scan.word {
            // It was nothing but colour.
            scan.out.truncate(before);
        } else {
            tokens += 1;
        }
    }
    if end < line.len() {
        scan.separate();
        scan.out.push_str(REST);
    }
}

/// A pass over one line.
struct Scan<'a> {
    line: &'a str,
    /// How far it is.
    at: usize,
    /// Where the line's text begins in `out`,
    start: usize,
    /// and that of its current word.
    word: usize,
    mask: bool,
    out: &'a mut String,
}

/// Kinds of bytes; those above 127 are letters of no consequence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Digit,
    Letter,
    Slash,
    Escape,
    Other,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        let character = byte as u8;
        if character.is_ascii_digit() {
            classes[byte] = Class::Digit;
        } else if character.is_ascii_alphabetic() || character == b'_' {
            classes[byte] = Class::Letter;
        } else if matches!(character, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c) {
            classes[byte] = Class::Space;
        }
        byte += 1;
    }
    classes[b'/' as usize] = Class::Slash;
    classes[0x1b] = Class::Escape;
    classes
};

fn class(byte: u8) -> Class {
    CLASSES[byte as usize]
}

fn is_word(byte: u8) -> bool {
    matches!(class(byte), Class::Digit | Class::Letter)
}

impl Scan<'_> {
    fn bytes(&self) -> &[u8] {
        self.line.as_bytes()
    }

    /// The byte `ahead` of where it is; 0 beyond the end.
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Where the run of bytes that are `wanted` ends.
    fn run(&self, from: usize, wanted: impl Fn(u8) -> bool) -> usize {
        let rest = &self.bytes()[from..];
        from + rest.iter().position(|&byte| !wanted(byte)).unwrap_or(rest.len())
    }

    /// Goes to the next word; whether there is one.
    fn skip_space(&mut self) -> bool {
        self.at = self.run(self.at, |byte| class(byte) == Class::Space);
        self.at < self.line.len()
    }

    /// Begins a word.
    fn separate(&mut self) {
        if self.out.len() > self.start {
            self.out.push(' ');
        }
        self.word = self.out.len();
    }

    /// Goes to `end`, and takes what stands before it as it is.
    fn take(&mut self, end: usize) {
        self.out.push_str(&self.line[self.at..end]);
        self.at = end;
    }

    /// Goes to `end`, and takes a wildcard for what stands before it.
    fn hide(&mut self, end: usize) {
        self.out.push_str(WILDCARD);
        self.at = end;
    }

    /// Reads up to the next space.
    fn token(&mut self) {
        while let Some(&byte) = self.bytes().get(self.at) {
            match class(byte) {
                Class::Space => return,
                Class::Escape => self.escape(),
                Class::Digit if self.mask => self.number(),
                Class::Letter if self.mask => self.letters(),
                Class::Slash if self.mask && self.begins_path() => self.path(),
                Class::Digit | Class::Letter | Class::Slash => self.take(self.at + 1),
                Class::Other => self.take(self.run(self.at + 1, |byte| class(byte) == Class::Other)),
            }
        }
    }

    /// Leaves out `ESC [ … final byte`; of any other sequence the `ESC` alone.
    fn escape(&mut self) {
        self.at += 1;
        if self.peek(0) == b'[' {
            let end = self.run(self.at + 1, |byte| (0x20..0x40).contains(&byte));
            // Where the sequence is broken off, what follows is text, and may be a character of several bytes.
            self.at = if self.bytes().get(end).is_some_and(|byte| (0x40..0x7f).contains(byte)) { end + 1 } else { end };
        }
    }

    /// A word that begins with a digit.
    fn number(&mut self) {
        if let Some(end) = self.uuid().or_else(|| self.colons()) {
            return self.hide(end);
        }
        self.drop_sign();
        let mut end = self.run(self.at, |byte| byte.is_ascii_digit());
        // The parts of dates, times, versions, addresses and lists of numbers.
        loop {
            let next = self.bytes().get(end + 1).copied().unwrap_or(0);
            if !matches!(self.bytes().get(end), Some(b'.' | b',' | b':' | b'-' | b'/')) || !next.is_ascii_digit() {
                break;
            }
            end = self.run(end + 1, |byte| byte.is_ascii_digit());
        }
        let word_end = self.run(end, is_word);
        let unit = &self.bytes()[end..word_end];
        let is_unit = unit.len() <= 3 && unit.iter().all(u8::is_ascii_alphabetic);
        self.hide(if is_unit { end } else { word_end });
        if is_unit {
            self.take(word_end);
        }
        // `20T00:05:10Z` and `3fa9c.17`: what goes on as a number is one with it.
        if !is_unit && matches!(self.peek(0), b'.' | b',' | b':' | b'-') && self.peek(1).is_ascii_digit() {
            self.at += 1;
            self.out.truncate(self.out.len() - WILDCARD.len());
            self.number();
        }
    }

    /// Takes a `-` or `+` before a number away, where it is no hyphen.
    fn drop_sign(&mut self) {
        let word = &self.out.as_bytes()[self.word..];
        if let [before @ .., b'-' | b'+'] = word
            && matches!(before.last(), None | Some(b'=' | b':' | b'(' | b'[' | b',' | b'"' | b'\''))
        {
            self.out.truncate(self.out.len() - 1);
        }
    }

    /// A word that begins with a letter.
    fn letters(&mut self) {
        /// A word of so many hexadecimal digits, one of them none of the letters, is taken for a number.
        const HEXADECIMAL: usize = 8;
        let end = self.run(self.at, is_word);
        let word = &self.bytes()[self.at..end];
        let is_number =
            word.len() >= HEXADECIMAL && word.iter().all(u8::is_ascii_hexdigit) && word.iter().any(u8::is_ascii_digit);
        match self.uuid().or_else(|| self.colons()) {
            Some(end) => self.hide(end),
            None if is_number => self.hide(end),
            None => self.take(end),
        }
    }

    /// Where the UUID ends that begins here (RFC 9562: 8-4-4-4-12 hexadecimal digits).
    fn uuid(&self) -> Option<usize> {
        const LENGTH: usize = 36;
        const HYPHENS: [usize; 4] = [8, 13, 18, 23];
        if self.peek(8) != b'-' {
            return None;
        }
        let text = self.bytes().get(self.at..self.at + LENGTH)?;
        let fits = |(place, byte): (usize, &u8)| {
            if HYPHENS.contains(&place) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
        };
        let ends = !is_word(self.peek(LENGTH));
        (ends && text.iter().enumerate().all(fits)).then_some(self.at + LENGTH)
    }

    /// Where the IPv6 or MAC address ends that begins here: hexadecimal digits with two or more colons between them,
    /// one of the digits at least being none of the letters.
    fn colons(&self) -> Option<usize> {
        /// The longest group of digits.
        const GROUP: usize = 4;
        let first = self.run(self.at, |byte| byte.is_ascii_hexdigit());
        if first - self.at > GROUP || self.bytes().get(first) != Some(&b':') {
            return None;
        }
        let mut end = self.run(first, |byte| byte.is_ascii_hexdigit() || byte == b':');
        // A colon at the end belongs to the sentence.
        while end > first && self.bytes()[end - 1] == b':' && self.bytes()[end - 2] != b':' {
            end -= 1;
        }
        let text = &self.bytes()[self.at..end];
        let colons = text.iter().filter(|&&byte| byte == b':').count();
        let ends = !self.bytes().get(end).copied().is_some_and(is_word);
        let has_digit = text.iter().any(u8::is_ascii_digit);
        // What has digits only is a time of day, of which a number's parts take care.
        let has_letter = text.iter().any(u8::is_ascii_alphabetic) || text.windows(2).any(|pair| pair == b"::");
        (colons >= 2 && ends && has_digit && has_letter).then_some(end)
    }

    /// Whether the slash here is at a word's beginning, and has something behind it.
    fn begins_path(&self) -> bool {
        let before = self.out.as_bytes()[self.word..].last();
        let begins =
            matches!(before, None | Some(b'=' | b'(' | b'[' | b'{' | b'"' | b'\'' | b'`' | b'<' | b':' | b','));
        begins && in_path(self.peek(1)) && self.at + 1 < self.line.len()
    }

    fn path(&mut self) {
        let mut end = self.run(self.at, in_path);
        // What ends a sentence is no part of it.
        while end > self.at + 1 && matches!(self.bytes()[end - 1], b'.' | b':') {
            end -= 1;
        }
        self.hide(end);
    }
}

/// Whether a path can go on with this byte.
fn in_path(byte: u8) -> bool {
    !matches!(
        byte,
        0..=b' '
            | b'"'
            | b'\''
            | b'`'
            | b'('
            | b')'
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b'<'
            | b'>'
            | b','
            | b';'
            | b'|'
            | 0x7f
    )
}

#[cfg(test)]
mod tests;
