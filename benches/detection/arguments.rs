//! What is asked for on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

/// Seeds that no detector was tuned on. Those that `detect` was tuned on are 1 to 4.
const FRESH: [u64; 5] = [21, 22, 23, 24, 25];

/// Those of the quick run, which everybody may look at.
const QUICK: [u64; 2] = [101, 102];

/// Where the corpus of the Numenta Anomaly Benchmark is, if no argument says so.
const NAB: &str = "LOGD_NAB";

/// What is asked for.
pub(crate) struct Arguments {
    /// `--seeds 1,2,3`: those of the workload.
    seeds: Option<Vec<u64>>,
    /// `--days`: how long the workload lasts, the warm-up included.
    pub(crate) days: Option<u32>,
    /// `--nab`: the corpus, of which nothing is in this repository.
    pub(crate) nab: Option<PathBuf>,
    /// `--quick`: less of everything. Its figures are too few to be judged.
    pub(crate) quick: bool,
}

impl Arguments {
    /// Reads them.
    ///
    /// # Errors
    /// What could not be understood.
    pub(crate) fn read(mut arguments: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let nab = std::env::var_os(NAB).map(PathBuf::from);
        let mut read = Self { seeds: None, days: None, nab, quick: false };
        while let Some(argument) = arguments.next() {
            let name = argument.to_string_lossy().into_owned();
            let mut value = || arguments.next().ok_or_else(|| format!("`{name}` needs a value"));
            let number = |text: &str| text.parse().map_err(|_| format!("`{name}`: `{text}` is no number"));
            match name.as_str() {
                "--seeds" => {
                    let seeds = value()?.to_string_lossy().split(',').map(number).collect::<Result<_, _>>()?;
                    read.seeds = Some(seeds);
                }
                "--days" => {
                    let days = number(&value()?.to_string_lossy())?;
                    read.days = Some(u32::try_from(days).map_err(|_| format!("`{name}`: {days} are too many"))?);
                }
                "--nab" => read.nab = Some(value()?.into()),
                "--quick" => read.quick = true,
                // Cargo's own.
                "--bench" => {}
                _ => return Err(format!("`{name}` is none of --seeds 1,2,3 --days N --nab FOLDER --quick")),
            }
        }
        Ok(read)
    }

    /// The seeds of the workload.
    pub(crate) fn seeds(&self) -> Vec<u64> {
        let usual = || if self.quick { QUICK.into() } else { FRESH.into() };
        self.seeds.clone().unwrap_or_else(usual)
    }
}
