//! Numbers with a unit, as durations and sizes are written: exact decimals, no floating point.

/// Takes one `NUMBER UNIT` off the front of `text`: the number's digits, the unit's letters (either may be empty, with
/// blanks around the unit dropped), and what is left.
pub(super) fn take(text: &str) -> (&str, &str, &str) {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let rest = rest.trim_start();
    let letters = rest.find(|c: char| c.is_ascii_digit() || c.is_whitespace()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    (number, unit, rest.trim_start())
}

/// `number` (digits, with at most one point) times `scale`, rounded down; `None` when it is no number or above 2^127.
pub(super) fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) || fraction.len() > 18 {
        return None;
    }
    let value = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u128>().ok() };
    let shift = 10_u128.pow(fraction.len() as u32);
    value(whole)?.checked_mul(scale)?.checked_add(value(fraction)?.checked_mul(scale)? / shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_number_and_unit_apart() {
        assert_eq!(take("1m30s"), ("1", "m", "30s"));
        assert_eq!(take("1.5 GiB"), ("1.5", "GiB", ""));
        assert_eq!(take("5"), ("5", "", ""));
        assert_eq!(take("-5s"), ("", "-", "5s"));
    }

    #[test]
    fn scales_exactly() {
        assert_eq!(scaled("1.5", 1000), Some(1500));
        assert_eq!(scaled(".25", 4), Some(1));
        assert_eq!(scaled("0.1", 1_000_000_000), Some(100_000_000));
        for wrong in ["", ".", "1.2.3", "340282366920938463463374607431768211456", "0.1234567890123456789"] {
            assert_eq!(scaled(wrong, 1000), None, "{wrong}");
        }
    }
}
