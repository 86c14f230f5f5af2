//! The windows of a load that runs, on disk: memory stays flat, however long the load is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use engine_core::histogram::Packed;
use engine_core::load::{LoadWindow, MOST_WINDOWS, WindowRow, keep};

/// Holds the windows of one round of a load, in the bounded number of [`keep`], in a file that has no name: whatever the
/// process dies of, nothing is left. The store has the same windows; this one needs no store, and no waiting for it.
#[derive(Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
    file: File,
    /// Where the next window goes.
    end: u64,
    windows: Vec<LoadWindow>,
    places: Vec<Place>,
}

/// Where a window, or a part of one, lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    length: usize,
}

impl Shelf {
    /// An empty one, whose file is in `folder`.
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        // Room for all at once: it is no memory before it is used, and a list that grows leaves holes as large as itself.
        let (windows, places) = (Vec::with_capacity(MOST_WINDOWS + 1), Vec::with_capacity(MOST_WINDOWS + 1));
        Ok(Self { folder: folder.to_owned(), file, end: 0, windows, places })
    }

    /// Takes a window; gives it back where the disk does not.
    pub(crate) fn put(&mut self, window: LoadWindow) -> Result<(), LoadWindow> {
        if self.write(&window).is_err() {
            return Err(window);
        }
        let rows = Vec::new();
        // Without its rows a window costs next to nothing, and tells all that joining depends on.
        if keep(&mut self.windows, LoadWindow { rows, ..window }) && self.join().is_err() {
            tracing::warn!("the windows of a load cannot be joined on disk: {} are kept", self.places.len());
        }
        Ok(())
    }

    /// All windows, in order, in the bounded number.
    pub(crate) fn windows(&self) -> io::Result<Vec<LoadWindow>> {
        let mut windows = Vec::with_capacity(self.windows.len());
        self.each_joined(&mut |window| {
            windows.push(window);
            Ok(())
        })?;
        Ok(windows)
    }

    /// Writes the windows anew, each as what was joined in it, into another file; one at a time is in memory.
    fn join(&mut self) -> io::Result<()> {
        let mut other = Self::new(&self.folder)?;
        self.each_joined(&mut |window| other.write(&window))?;
        (self.file, self.end, self.places) = (other.file, other.end, other.places);
        Ok(())
    }

    /// Gives each window of the index with all that belongs to it.
    fn each_joined(&self, give: &mut dyn FnMut(LoadWindow) -> io::Result<()>) -> io::Result<()> {
        let mut parts = self.places.iter();
        let mut next = parts.next().map(|place| self.read(*place)).transpose()?;
        for (nth, bare) in self.windows.iter().enumerate() {
            let Some(mut window) = next.take() else { break };
            let following = self.windows.get(nth + 1);
            for place in parts.by_ref() {
                let part = self.read(*place)?;
                if following.is_some_and(|following| part.at >= following.at) {
                    next = Some(part);
                    break;
                }
                window.join(&part);
            }
            give(LoadWindow { rows: window.rows, ..bare.clone() })?;
        }
        Ok(())
    }

    /// Appends a window: as JSON without its histograms, and their bytes behind it, each with its length before it.
    fn write(&mut self, window: &LoadWindow) -> io::Result<()> {
        let bare = |row: &WindowRow| WindowRow {
            labels: row.labels.clone(),
            errors: row.errors.clone(),
            response: None,
            service: None,
            lag: None,
            ..*row
        };
        let rows = window.rows.iter().map(bare).collect();
        let head = serde_json::to_vec(&LoadWindow { rows, phase: window.phase.clone(), ..*window })?;
        let mut bytes = Vec::new();
        put(&mut bytes, &head);
        for histogram in window.rows.iter().flat_map(|row| [&row.response, &row.service, &row.lag]) {
            put(&mut bytes, histogram.as_ref().map_or(&[], Packed::bytes));
        }
        self.file.write_all_at(&bytes, self.end)?;
        self.places.push(Place { at: self.end, length: bytes.len() });
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn read(&self, place: Place) -> io::Result<LoadWindow> {
        let mut bytes = vec![0; place.length];
        self.file.read_exact_at(&mut bytes, place.at)?;
        let mut rest = bytes.as_slice();
        let mut window: LoadWindow = serde_json::from_slice(take(&mut rest)?)?;
        for row in &mut window.rows {
            for histogram in [&mut row.response, &mut row.service, &mut row.lag] {
                let bytes = take(&mut rest)?;
                if !bytes.is_empty() {
                    *histogram = Some(Packed::read(bytes).map_err(io::Error::other)?);
                }
            }
        }
        Ok(window)
    }
}

fn put(into: &mut Vec<u8>, bytes: &[u8]) {
    into.extend((bytes.len() as u64).to_le_bytes());
    into.extend(bytes);
}

fn take<'a>(rest: &mut &'a [u8]) -> io::Result<&'a [u8]> {
    let (length, after) = rest.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let (bytes, after) = after.split_at_checked(length).ok_or(io::ErrorKind::UnexpectedEof)?;
    *rest = after;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::histogram::Histogram;
    use engine_core::series::Labels;

    fn window(at: u32, phase: &str) -> LoadWindow {
        let mut response = Histogram::new();
        response.record_n(1000 + u64::from(at) * 7, 3);
        response.record_censored_n(5_000_000, 1);
        let total =
            WindowRow { started: 4, ok: 3, cut_off: 1, response: Some(response.into()), ..WindowRow::default() };
        let errors = if at.is_multiple_of(3) { vec![(format!("status {at}"), 1)] } else { Vec::new() };
        let named = WindowRow { labels: Labels::new().with("name", "GET /"), lag: None, errors, ..total.clone() };
        let rows = vec![total, named];
        // No window begins on the second.
        let at = f64::from(at) + 1e-7 * f64::from(at % 10);
        LoadWindow { step: 2, round: 1, at, seconds: 1.0, rows, users: 9, phase: phase.into() }
    }

    #[test]
    fn windows_come_back_as_they_would_be_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        for count in [0, 1, 50, 6000] {
            let (mut shelf, mut memory) = (Shelf::new(folder.path()).unwrap(), Vec::new());
            for at in 0..count {
                let window = window(at, if at < 1000 { "a" } else { "b" });
                shelf.put(window.clone()).unwrap();
                keep(&mut memory, window);
            }
            let back = shelf.windows().unwrap();
            assert!(back == memory, "{count}: {} and {}", back.len(), memory.len());
            // What was joined does not stay on the disk.
            let length = shelf.file.metadata().unwrap().len();
            assert!(length < 4000 * 700, "{length} bytes of {count} windows");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
    }

    #[test]
    fn a_full_disk_gives_the_window_back() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut shelf = Shelf { file: full, ..Shelf::new(&std::env::temp_dir()).unwrap() };
        assert_eq!(shelf.put(window(3, "a")), Err(window(3, "a")));
        assert_eq!(shelf.windows().unwrap(), []);
    }
}
