//! What the monitor reads of the hardware each second: clock, temperatures, power. Every file is opened once; what a
//! machine does not have is not there, and what stops answering is left out of that sample.

use super::tree::Tree;
use super::{cpufreq, hwmon, rapl};
use engine_core::environment::Temperature;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// More clocks than this are not read: a sample must stay cheap on a machine of many cores. The rest is left out evenly.
const MOST_CLOCKS: usize = 32;

/// The open files.
#[derive(Debug, Default)]
pub(crate) struct Sensors {
    clocks: Vec<File>,
    temperatures: Vec<(String, File)>,
    /// Counter and range of each package.
    energies: Vec<(File, u64)>,
}

/// The energy counters at one moment, in microjoules; none where one did not answer.
pub(crate) type Energies = Vec<Option<u64>>;

impl Sensors {
    /// Opens what the machine has and this user may read.
    pub(crate) fn open(tree: &Tree) -> Self {
        let open = |path: &str| File::open(tree.path(path)).ok();
        let clocks = cpufreq::current_files(tree);
        let step = clocks.len().div_ceil(MOST_CLOCKS).max(1);
        Self {
            clocks: clocks.iter().step_by(step).filter_map(|path| open(path)).collect(),
            temperatures: hwmon::sensors(tree)
                .into_iter()
                .filter_map(|(label, path)| Some((label, open(&path)?)))
                .collect(),
            energies: rapl::packages(tree)
                .into_iter()
                .filter_map(|domain| Some((open(&domain.counter)?, domain.range)))
                .collect(),
        }
    }

    /// The mean clock of the CPUs in hertz.
    pub(crate) fn frequency(&self) -> Option<f64> {
        let clocks: Vec<f64> = self.clocks.iter().filter_map(number).map(|khz| khz as f64 * 1000.0).collect();
        let mean = clocks.iter().sum::<f64>() / clocks.len() as f64;
        Some(mean).filter(|mean| *mean > 0.0)
    }

    /// Every sensor that answers.
    pub(crate) fn temperatures(&self) -> Vec<Temperature> {
        let read = |(label, file): &(String, File)| {
            Some(Temperature { label: label.clone(), celsius: number(file)? as f64 / 1000.0 })
        };
        self.temperatures.iter().filter_map(read).collect()
    }

    /// The energy counters now.
    pub(crate) fn energies(&self) -> Energies {
        self.energies.iter().map(|(file, _)| number(file).and_then(|energy| u64::try_from(energy).ok())).collect()
    }

    /// The power of all packages between two readings, in watts; none without counters, or when one did not answer.
    pub(crate) fn power(&self, before: &Energies, after: &Energies, seconds: f64) -> Option<f64> {
        if self.energies.is_empty() || seconds <= 0.0 || seconds.is_nan() {
            return None;
        }
        let mut joules = 0.0;
        for (index, (_, range)) in self.energies.iter().enumerate() {
            let (before, after) = (before.get(index).copied().flatten()?, after.get(index).copied().flatten()?);
            joules += rapl::spent(before, after, *range) as f64 / 1e6;
        }
        Some(joules / seconds)
    }
}

/// The whole number that a file holds now.
fn number(file: &File) -> Option<i64> {
    let mut buffer = [0_u8; 32];
    let length = file.read_at(&mut buffer, 0).ok()?;
    std::str::from_utf8(buffer.get(..length)?).ok()?.trim().parse().ok()
}
