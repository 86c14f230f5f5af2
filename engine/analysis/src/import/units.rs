//! Units as other tools write them.

use engine_core::unit::Unit;

/// A time unit in seconds.
pub(super) fn time(unit: &str) -> Option<f64> {
    Some(match unit {
        "ps" => 1e-12,
        "ns" => 1e-9,
        // The micro sign, the Greek letter, and what ASCII has.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
        "ms" => 1e-3,
        "s" | "sec" => 1.0,
        "min" | "m" => 60.0,
        "hr" | "h" => 3600.0,
        "day" => 86_400.0,
        _ => return None,
    })
}

/// A number of bytes.
pub(super) fn bytes(unit: &str) -> Option<f64> {
    Some(match unit {
        "B" => 1.0,
        "KB" | "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        "TiB" => 1_099_511_627_776.0,
        _ => return None,
    })
}

/// The throughput units of Criterion.
pub(super) fn throughput(unit: &str) -> Option<(f64, Unit)> {
    let amount = unit.strip_suffix("/s")?;
    if let Some(factor) = bytes(amount) {
        return Some((factor, Unit::BytesPerSecond));
    }
    if let Some(prefix) = amount.strip_suffix("elem") {
        let factor =
            [("", 1.0), ("K", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)].iter().find(|(name, _)| *name == prefix)?.1;
        return Some((factor, Unit::PerSecond));
    }
    // Bits: eight of them are a byte.
    let (prefix, _) = amount.split_once("bits").or_else(|| amount.split_once('b'))?;
    let factor = match prefix {
        "" => 1.0,
        "K" | "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        _ => return None,
    };
    Some((factor / 8.0, Unit::BytesPerSecond))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_throughput() {
        assert_eq!(throughput("GiB/s"), Some((1_073_741_824.0, Unit::BytesPerSecond)));
        assert_eq!(throughput("Melem/s"), Some((1e6, Unit::PerSecond)));
        assert_eq!(throughput("elem/s"), Some((1.0, Unit::PerSecond)));
        assert_eq!(throughput("Kbits/s"), Some((125.0, Unit::BytesPerSecond)));
        assert_eq!((throughput("furlong/s"), throughput("ns")), (None, None));
    }
}
