//! Numbers as people write them: thousands apart, no more digits than mean something.

use std::time::Duration;

use serde::Serialize;

/// From here on a number is written with an exponent.
const LARGE: f64 = 1e15;

/// A number that needs more decimals is written with an exponent.
const MOST_DECIMALS: usize = 9;

/// How many decimals give `value` two digits: 38 → 0, 3.8 → 1, 0.038 → 3.
pub(crate) fn decimals_of(value: f64) -> usize {
    // Rounded first: 9.96 has two digits as 10, not as 10.0.
    let scientific = format!("{:.1e}", value.abs());
    let exponent = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok());
    match exponent {
        Some(exponent) if value != 0.0 => usize::try_from(1 - exponent).unwrap_or(0).min(MOST_DECIMALS),
        _ => 0,
    }
}

/// `value` with so many decimals and its thousands apart: `1,180`, `-12,345.60`.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    if value.abs() >= LARGE || (decimals == MOST_DECIMALS && decimals_of(value) == MOST_DECIMALS) {
        return format!("{value:.1e}");
    }
    let text = format!("{value:.decimals$}");
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut grouped = String::with_capacity(text.len() + whole.len() / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    // What has been rounded to nothing has no sign.
    let sign = if digits.contains(|digit| ('1'..='9').contains(&digit)) { sign } else { "" };
    format!("{sign}{grouped}{fraction}")
}

/// `value` with two digits, or all digits before the point: `23`, `5.5`, `0.061`, `1,180`.
pub(crate) fn two_digits(value: f64) -> String {
    fixed(value, decimals_of(value))
}

/// A number that somebody has set, as short as it was written: `3`, `2.5`, `0.1`.
pub(crate) fn short(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-6 {
        return format!("{value:e}");
    }
    let text = fixed(value, 6);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A duration in its two largest units: `450 ms`, `50 s`, `5 min 10 s`, `2 h`, `3 d 4 h`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let pair = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => pair(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// A word as it stands in events, such as a severity's.
pub(crate) fn word(word: impl Serialize) -> String {
    serde_json::to_value(word).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digits_or_all_before_the_point() {
        let cases = [
            (23.29, "23"),
            (5.545, "5.5"),
            (9.96, "10"),
            (99.6, "100"),
            (0.0608, "0.061"),
            (1180.4, "1,180"),
            (-1234.5, "-1,234"),
            (1_000_000.0, "1,000,000"),
            (0.0, "0"),
            (-1e-12, "-1.0e-12"),
            (1.5e18, "1.5e18"),
        ];
        for (value, text) in cases {
            assert_eq!(two_digits(value), text);
        }
    }

    #[test]
    fn settings_are_told_as_they_were_written() {
        for (value, text) in [(3.0, "3"), (2.5, "2.5"), (0.07 * 100.0, "7"), (1200.0, "1,200"), (1e-9, "1e-9")] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn durations_take_two_units() {
        let cases = [(50, "50 s"), (310, "5 min 10 s"), (7200, "2 h"), (3900, "1 h 5 min"), (273_600, "3 d 4 h")];
        for (seconds, text) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        assert_eq!(span(Duration::from_millis(450)), "450 ms");
    }
}
