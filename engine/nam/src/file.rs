//! A network as bytes: a header, the layers, the parameters, and a CRC-32 over all of it.
//!
//! Layout, little-endian: `ENAM`, version (`u32`), number of layers (`u32`), for each layer a kind and six sizes (`u32`
//! each), number of parameters (`u64`), the parameters (`f32`), CRC-32 (ISO-HDLC) of all before (`u32`).

use std::io::Write as _;
use std::path::Path;

use crate::network::{Activation, Layer, Network, NetworkError};

const MAGIC: &[u8; 4] = b"ENAM";
const VERSION: u32 = 1;
/// Numbers that describe a layer: a kind and six sizes.
const WORDS: usize = 7;

/// Why bytes are no network.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Something else.
    #[error("this is not a network file")]
    Magic,
    /// Written by a later version.
    #[error("the file has version {0}, this program knows 1")]
    Version(u32),
    /// Fewer or more bytes than the header says.
    #[error("the file is damaged: {expected} bytes expected, {found} found")]
    Length {
        /// By the header.
        expected: u64,
        /// There.
        found: u64,
    },
    /// The checksum is another.
    #[error("the file is damaged: its checksum is {found:08x} instead of {expected:08x}")]
    Checksum {
        /// In the file.
        expected: u32,
        /// Of its content.
        found: u32,
    },
    /// A layer of an unknown kind.
    #[error("layer {0} is of an unknown kind")]
    Kind(usize),
    /// The layers make no network.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl Network {
    /// The network as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(24 + self.layers().len() * WORDS * 4 + self.parameters().len() * 4);
        bytes.extend_from_slice(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((self.layers().len() as u32).to_le_bytes());
        for layer in self.layers() {
            let words: [usize; WORDS] = match *layer {
                Layer::Dense { inputs, outputs, activation } => [0, inputs, outputs, relu(activation), 0, 0, 0],
                Layer::Conv { height, width, channels, filters, kernel, activation } => {
                    [1, height, width, channels, filters, kernel, relu(activation)]
                }
                Layer::Mean { height, width, channels } => [2, height, width, channels, 0, 0, 0],
            };
            words.iter().for_each(|word| bytes.extend((*word as u32).to_le_bytes()));
        }
        bytes.extend((self.parameters().len() as u64).to_le_bytes());
        self.parameters().iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        let checksum = crc32fast::hash(&bytes);
        bytes.extend(checksum.to_le_bytes());
        bytes
    }

    /// The network that [`Network::to_bytes`] wrote.
    ///
    /// # Errors
    /// When a bit is wrong, something is missing or too much, or the content makes no network.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FileError> {
        let word = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let short = |expected: usize| FileError::Length { expected: expected as u64, found: bytes.len() as u64 };
        if bytes.get(..4).ok_or_else(|| short(24))? != MAGIC {
            return Err(FileError::Magic);
        }
        let version = word(4).ok_or_else(|| short(24))?;
        if version != VERSION {
            return Err(FileError::Version(version));
        }
        let layers = word(8).ok_or_else(|| short(24))? as usize;
        // Nothing is allocated by a number from the file before the file is known to be as long.
        let table =
            layers.checked_mul(WORDS * 4).and_then(|size| size.checked_add(12)).ok_or_else(|| short(usize::MAX))?;
        let (Some(low), Some(high)) = (word(table), word(table.saturating_add(4))) else {
            return Err(short(table.saturating_add(12)));
        };
        let count = u64::from(low) | u64::from(high) << 32;
        let expected = count.checked_mul(4).and_then(|size| size.checked_add(table as u64 + 12)).unwrap_or(u64::MAX);
        if expected != bytes.len() as u64 {
            return Err(FileError::Length { expected, found: bytes.len() as u64 });
        }
        let end = bytes.len() - 4;
        let (expected, found) = (word(end).unwrap_or_default(), crc32fast::hash(&bytes[..end]));
        if expected != found {
            return Err(FileError::Checksum { expected, found });
        }
        let layers = bytes[12..table].chunks_exact(WORDS * 4).enumerate().map(|(at, words)| read_layer(at, words));
        let parameters = bytes[table + 8..end].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        Ok(Self::with_parameters(layers.collect::<Result<_, _>>()?, parameters.collect())?)
    }

    /// Writes the network into a file: beside it first, then in its place, so that no half of one is ever there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".part");
        let beside = std::path::PathBuf::from(beside);
        let written = std::fs::File::create(&beside).and_then(|mut file| {
            file.write_all(&self.to_bytes())?;
            file.sync_all()
        });
        match written.and_then(|()| std::fs::rename(&beside, path)) {
            Ok(()) => Ok(()),
            Err(error) => {
                // What is left beside it is of no use; that it may be impossible to remove changes nothing.
                let _ = std::fs::remove_file(&beside);
                Err(error.into())
            }
        }
    }

    /// The network in a file.
    ///
    /// # Errors
    /// When it cannot be read, or as [`Network::from_bytes`].
    pub fn load(path: &Path) -> Result<Self, FileError> {
        Self::from_bytes(&std::fs::read(path)?)
    }
}

const fn relu(activation: Activation) -> usize {
    matches!(activation, Activation::Relu) as usize
}

fn read_layer(at: usize, words: &[u8]) -> Result<Layer, FileError> {
    let word = |at: usize| {
        let b = &words[at * 4..at * 4 + 4];
        u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize
    };
    let activation = |at| if word(at) == 1 { Activation::Relu } else { Activation::Identity };
    match word(0) {
        0 => Ok(Layer::Dense { inputs: word(1), outputs: word(2), activation: activation(3) }),
        1 => Ok(Layer::Conv {
            height: word(1),
            width: word(2),
            channels: word(3),
            filters: word(4),
            kernel: word(5),
            activation: activation(6),
        }),
        2 => Ok(Layer::Mean { height: word(1), width: word(2), channels: word(3) }),
        _ => Err(FileError::Kind(at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network {
        let activation = Activation::Relu;
        let conv = Layer::Conv { height: 3, width: 2, channels: 2, filters: 4, kernel: 3, activation };
        let dense = Layer::Dense { inputs: 4, outputs: 2, activation: Activation::Identity };
        Network::new(vec![conv, Layer::Mean { height: 3, width: 2, channels: 4 }, dense], 8).unwrap()
    }

    #[test]
    fn what_was_written_is_read() {
        let network = network();
        assert_eq!(Network::from_bytes(&network.to_bytes()).unwrap(), network);
        let path = std::env::temp_dir().join(format!("nam-file-test-{}", std::process::id()));
        network.save(&path).unwrap();
        let back = Network::load(&path);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(back.unwrap(), network);
        assert!(matches!(Network::load(&path), Err(FileError::Io(_))));
        assert!(network.save(Path::new("/no/such/folder/x")).is_err());
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_noticed() {
        let bytes = network().to_bytes();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(Network::from_bytes(&changed).is_err(), "byte {at}");
            assert!(Network::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(matches!(Network::from_bytes(&longer), Err(FileError::Length { .. })));
        let mut huge = bytes;
        huge[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(Network::from_bytes(&huge), Err(FileError::Length { .. })));
        assert!(matches!(Network::from_bytes(b"PNG....."), Err(FileError::Magic)));
    }

    #[test]
    fn a_right_checksum_over_nonsense_is_still_refused() {
        let mut bytes = network().to_bytes();
        bytes[12] = 9;
        let end = bytes.len() - 4;
        let checksum = crc32fast::hash(&bytes[..end]);
        bytes[end..].copy_from_slice(&checksum.to_le_bytes());
        assert!(matches!(Network::from_bytes(&bytes), Err(FileError::Kind(0))));
    }
}
