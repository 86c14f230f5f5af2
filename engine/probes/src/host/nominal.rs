//! The clocks that the system declares for a CPU: none of them need be what the core really does.

use super::tree::{Tree, member};
use std::path::Path;

/// Declared clocks of a CPU in hertz, each with its source: the nominal and the highest of cpufreq, the one in the model's
/// name, and the one that `/proc/cpuinfo` shows (the current one, or a constant under most hypervisors).
#[must_use]
pub fn declared_clocks(cpu: usize) -> Vec<(&'static str, f64)> {
    declared(&Tree::new(Path::new("/")), cpu)
}

fn declared(tree: &Tree, cpu: usize) -> Vec<(&'static str, f64)> {
    let folder = format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq");
    let kilohertz = |file: &str| tree.value::<f64>(&format!("{folder}/{file}")).known().map(|value| value * 1e3);
    let cpuinfo = tree.text("/proc/cpuinfo");
    // The part of this CPU: a paragraph each.
    let own = cpuinfo.known().and_then(|text| {
        let mut parts = text.split("\n\n");
        parts.find(|part| member(part, "processor").and_then(|number| number.parse().ok()) == Some(cpu))
    });
    let of = |name: &str| own.and_then(|part| member(part, name));
    let shown = of("cpu MHz").and_then(|text| text.parse::<f64>().ok()).map(|value| value * 1e6);
    [
        ("cpufreq-nominal", kilohertz("base_frequency")),
        ("cpufreq-max", kilohertz("cpuinfo_max_freq")),
        ("model-name", of("model name").and_then(in_name)),
        ("cpuinfo", shown),
    ]
    .into_iter()
    .filter_map(|(source, hertz)| Some((source, hertz.filter(|hertz| hertz.is_finite() && *hertz > 0.0)?)))
    .collect()
}

/// `.. CPU @ 2.60GHz`.
fn in_name(name: &str) -> Option<f64> {
    let number = name.rsplit_once('@')?.1.trim();
    let (digits, factor) =
        number.strip_suffix("GHz").map(|digits| (digits, 1e9)).or(number.strip_suffix("MHz").map(|d| (d, 1e6)))?;
    digits.trim().parse::<f64>().ok().map(|value| value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)], cpu: usize) -> Vec<(&'static str, f64)> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        declared(&Tree::new(folder.path()), cpu)
    }

    #[test]
    fn every_source_is_read_for_the_right_cpu() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU @ 2.60GHz\ncpu MHz\t\t: 2600.000\n\nprocessor\t: 1\n\
            model name\t: Some CPU @ 2.60GHz\ncpu MHz\t\t: 3199.5\n";
        let files = [
            ("proc/cpuinfo", cpuinfo),
            ("sys/devices/system/cpu/cpu1/cpufreq/base_frequency", "2600000\n"),
            ("sys/devices/system/cpu/cpu1/cpufreq/cpuinfo_max_freq", "3800000\n"),
        ];
        let expected =
            [("cpufreq-nominal", 2.6e9), ("cpufreq-max", 3.8e9), ("model-name", 2.6e9), ("cpuinfo", 3.1995e9)];
        assert_eq!(of(&files, 1), expected);
        assert_eq!(of(&files, 0), [("model-name", 2.6e9), ("cpuinfo", 2.6e9)]);
        assert_eq!(of(&files, 7), []);
    }

    #[test]
    fn nothing_and_nonsense_are_no_clocks() {
        assert_eq!(of(&[], 0), []);
        let zero = ("sys/devices/system/cpu/cpu0/cpufreq/base_frequency", "0");
        assert_eq!(of(&[zero, ("proc/cpuinfo", "processor : 0\nmodel name : AMD EPYC @ fastGHz\ncpu MHz : ?")], 0), []);
        assert_eq!(in_name("x @ 800MHz"), Some(8e8));
    }
}
