//! A sweep: the same input with a setting at one value after the other, `sensitivity=0.5..2`.

use std::str::FromStr;

/// A setting and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// The setting, by its path in the file or its own name.
    pub setting: String,
    /// From the first to the last, each the same multiple of the one before.
    pub values: Vec<f64>,
}

/// So many values, unless another number is asked for.
const STEPS: usize = 7;
/// More would take a run each.
const MOST: usize = 100;
/// Values between the ends are rounded to so many digits.
const DIGITS: i32 = 4;

impl FromStr for Sweep {
    type Err = String;

    /// `SETTING=FROM..TO`, or `SETTING=FROM..TO/STEPS`.
    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is no sweep; write SETTING=FROM..TO, such as sensitivity=0.5..2");
        let (setting, range) = text.split_once('=').ok_or_else(form)?;
        let (range, steps) = match range.split_once('/') {
            Some((range, steps)) => (range, steps.trim().parse().map_err(|_| form())?),
            None => (range, STEPS),
        };
        let (from, to) = range.split_once("..").ok_or_else(form)?;
        let number = |text: &str| text.trim().parse::<f64>().map_err(|_| form());
        let (from, to) = (number(from)?, number(to)?);
        let usable = |value: f64| value > 0.0 && value.is_finite();
        if !usable(from) || !usable(to) {
            return Err("the ends of a sweep are greater than 0: its steps are multiples".to_owned());
        }
        if !(2..=MOST).contains(&steps) {
            return Err(format!("a sweep has 2 to {MOST} steps, not {steps}"));
        }
        let setting = setting.trim();
        if setting.is_empty() {
            return Err(form());
        }
        Ok(Self { setting: setting.to_owned(), values: geometric(from, to, steps) })
    }
}

fn geometric(from: f64, to: f64, steps: usize) -> Vec<f64> {
    let between = |step: usize| rounded(from * (to / from).powf(step as f64 / (steps - 1) as f64));
    let mut values: Vec<f64> = (0..steps).map(between).collect();
    (values[0], values[steps - 1]) = (from, to);
    values
}

fn rounded(value: f64) -> f64 {
    // What is written is what is run.
    let digits = usize::try_from(DIGITS - 1 - value.log10().floor() as i32).unwrap_or(0);
    format!("{value:.digits$}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_from_one_end_to_the_other_in_equal_multiples() {
        let sweep: Sweep = "sensitivity=0.5..2".parse().unwrap();
        assert_eq!(sweep.setting, "sensitivity");
        assert_eq!(sweep.values, [0.5, 0.63, 0.7937, 1.0, 1.26, 1.587, 2.0]);
        let sweep: Sweep = "transforms.d.samples = 1000 .. 10/3".parse().unwrap();
        assert_eq!((sweep.setting.as_str(), &sweep.values[..]), ("transforms.d.samples", &[1000.0, 100.0, 10.0][..]));
    }

    #[test]
    fn says_what_is_no_sweep() {
        for (text, expected) in [
            ("sensitivity", "`sensitivity` is no sweep; write SETTING=FROM..TO"),
            ("x=1..y", "`x=1..y` is no sweep"),
            ("=1..2", "`=1..2` is no sweep"),
            ("x=0..2", "the ends of a sweep are greater than 0"),
            ("x=1..2/1", "a sweep has 2 to 100 steps, not 1"),
            ("x=1..inf", "the ends of a sweep are greater than 0"),
        ] {
            let error = text.parse::<Sweep>().unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
