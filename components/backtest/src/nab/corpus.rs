//! NAB's data, as its repository has it: `data/CATEGORY/FILE.csv` and `labels/combined_windows.json`.

use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use chrono::NaiveDateTime;

/// As times stand in the data; windows have fractions of seconds.
const TIME: &str = "%Y-%m-%d %H:%M:%S%.f";

/// The file of windows, by series.
const WINDOWS: &str = "combined_windows.json";

/// Series with windows of time in which something is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Corpus {
    /// The folder in which their names lead to their files.
    pub data: PathBuf,
    /// In the order of their names.
    pub series: Vec<Series>,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its category and file, such as `realTraffic/speed_7578.csv`.
    pub name: String,
    /// When each value was taken, in whatever zone the data is.
    pub times: Vec<NaiveDateTime>,
    /// The values, one for each time.
    pub values: Vec<f64>,
    /// First and last point of each window, in order.
    pub windows: Vec<RangeInclusive<usize>>,
}

impl Corpus {
    /// Reads all series that have an entry in the file of windows. The folders `data` and `labels` may be left out.
    ///
    /// # Errors
    /// If a file is missing or not as it should be.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let within = |name| Some(folder.join(name)).filter(|path| path.is_dir()).unwrap_or_else(|| folder.to_owned());
        let (data, labels) = (within("data"), within("labels").join(WINDOWS));
        let text = fs::read(&labels).with_context(|| format!("{} can't be read", labels.display()))?;
        let windows: BTreeMap<String, Vec<[String; 2]>> =
            serde_json::from_slice(&text).with_context(|| format!("{} has no windows", labels.display()))?;
        let read = |(name, windows): (String, Vec<[String; 2]>)| {
            let path = data.join(&name);
            let text = fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))?;
            Series::parse(name, &text, &windows).with_context(|| format!("{} is not as it should be", path.display()))
        };
        let series = windows.into_iter().map(read).collect::<anyhow::Result<_>>()?;
        Ok(Self { data, series })
    }
}

impl Series {
    /// The part of the name before the file.
    #[must_use]
    pub fn category(&self) -> &str {
        self.name.split_once('/').map_or("", |(category, _)| category)
    }

    /// Reads lines of time and value below a heading.
    fn parse(name: String, text: &str, windows: &[[String; 2]]) -> anyhow::Result<Self> {
        let mut series = Self { name, times: Vec::new(), values: Vec::new(), windows: Vec::new() };
        for (line, number) in text.lines().zip(1..).skip(1).filter(|(line, _)| !line.is_empty()) {
            let (time, value) = line.split_once(',').with_context(|| format!("line {number} has no comma"))?;
            series.times.push(parse_time(time).with_context(|| format!("line {number}"))?);
            let value: f64 = value.trim().parse().with_context(|| format!("line {number}: `{value}`"))?;
            series.values.push(value);
        }
        for [first, last] in windows {
            let (first, last) = (series.place(first)?, series.place(last)?);
            let after_others = series.windows.last().is_none_or(|before| *before.end() < first);
            ensure!(first <= last && after_others, "its windows are not in order");
            series.windows.push(first..=last);
        }
        Ok(series)
    }

    /// Which point was taken at a time; of several the first.
    fn place(&self, time: &str) -> anyhow::Result<usize> {
        let wanted = parse_time(time)?;
        let place = self.times.iter().position(|&time| time == wanted);
        place.with_context(|| format!("it has no point at {time}, where a window begins or ends"))
    }
}

fn parse_time(text: &str) -> anyhow::Result<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, TIME).with_context(|| format!("`{text}` is no time"))
}
