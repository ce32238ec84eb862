//! Refuses a source that is too large or too deeply nested to be compiled.
//!
//! VRL's compiler and runtime recurse over the program's tree, and so does the mere dropping of one. A stack overflow
//! ends the process, so it must be ruled out before the parser sees the text. The tree is no deeper than the brackets
//! that are open and the operators that one statement chains.

use logd_sdk::settings::Fault;

/// The longest source, in bytes: a thousand lines of a real program.
const MAX_LENGTH: usize = 64 * 1024;
/// How many brackets may be open at once.
const MAX_DEPTH: usize = 32;
/// How many operators, `!` and `else` one statement may have.
const MAX_OPERATORS: usize = 250;

/// Refuses what is too large, too deep, or chains too much.
///
/// Looks at the brackets and operators of `source`, and at nothing else: what it means is the compiler's business.
pub(super) fn check(source: &str) -> Result<(), Fault> {
    if source.len() > MAX_LENGTH {
        return Err(Fault::new(format!("the program has {} bytes, and {MAX_LENGTH} are allowed", source.len())));
    }
    let mut scan = Scan::default();
    let mut characters = source.char_indices().peekable();
    let mut previous = '\n';
    while let Some((at, character)) = characters.next() {
        match character {
            '"' | '\'' => {
                // A text of any kind (`"…"`, `s'…'`, `r'…'`) ends at the same mark, unless that is escaped.
                while let Some((_, inner)) = characters.next() {
                    match inner {
                        '\\' => drop(characters.next()),
                        _ if inner == character => break,
                        _ => {}
                    }
                }
            }
            '#' => while characters.next_if(|(_, inner)| *inner != '\n').is_some() {},
            _ => {}
        }
        let word = !previous.is_alphanumeric() && source[at..].starts_with("else");
        let fault = scan.step(character, word, previous);
        if let Some(what) = fault {
            let length = character.len_utf8();
            return Err(Fault::new(what).at(at..at + length).help("split it into several statements"));
        }
        previous = character;
    }
    Ok(())
}

/// What is open at a place of the source.
#[derive(Default)]
struct Scan {
    depth: usize,
    operators: usize,
    /// Whether a line has ended outside all brackets: a statement ends there unless an operator goes on with it.
    line_ended: bool,
}

impl Scan {
    /// Takes one character; `word` says that `else` begins with it.
    fn step(&mut self, character: char, word: bool, previous: char) -> Option<String> {
        let operator = matches!(character, '|' | '&' | '?' | '!' | '+' | '-' | '*' | '/' | '%' | '=' | '<' | '>');
        if character == '\n' {
            self.line_ended = self.depth == 0;
        } else if self.line_ended && !character.is_whitespace() {
            self.line_ended = false;
            if !operator && !word {
                self.operators = 0;
            }
        }
        match character {
            '(' | '[' | '{' => self.depth += 1,
            ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
            // `||` and `==` are one operator each, `!!` is two.
            _ if word || operator && (character == '!' || character != previous) => self.operators += 1,
            _ => {}
        }
        if self.depth > MAX_DEPTH {
            return Some(format!("brackets are nested deeper than {MAX_DEPTH} levels"));
        }
        (self.operators > MAX_OPERATORS).then(|| format!("a statement has more than {MAX_OPERATORS} operators"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_programs_pass() {
        let statement = ".a = to_int(.b) ?? 0 # an apostrophe isn't a text\n.c = \"((((\\\"\" + s'[[[['\n";
        assert_eq!(check(&statement.repeat(600)), Ok(()));
        assert_eq!(check(".level == \"ERROR\" || .level == \"CRITICAL\""), Ok(()));
    }

    #[test]
    fn deep_ones_do_not() {
        for source in [
            "(".repeat(100),
            format!("{}true", "!".repeat(1000)),
            vec![".a"; 1000].join(" || "),
            vec![".a"; 1000].join("\n  || "),
            format!("if .a {{ 1 }} {}", "else if .b { 2 } ".repeat(1000)),
            " ".repeat(100_000),
        ] {
            assert!(check(&source).is_err(), "{}", &source[..40]);
        }
    }
}
