//! Moments as text.

use engine_core::run::Timestamp;

/// RFC 3339 in UTC with microseconds.
pub(crate) fn text(moment: Timestamp) -> String {
    format!("{:.6}", jiff::Timestamp::from_microsecond(moment.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}

/// The calendar time.
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

/// Reads RFC 3339.
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|moment| Timestamp(moment.as_microsecond()))
}

/// CPU time of the threads of this process so far, in seconds; none where the system does not tell.
pub(crate) fn own_cpu() -> Option<f64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let one = |path: std::path::PathBuf| -> Option<f64> {
        std::fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    Some(threads.flatten().filter_map(|thread| one(thread.path())).sum::<f64>() / 1e9)
}
