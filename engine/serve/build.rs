//! Compresses everything under `assets/` and writes the table of what is embedded: name, type, tag, bytes. What stands there as
//! gzip may have a neighbour as brotli, which takes seconds to make and so is stored made.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("assets");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=assets");
    let mut files = Vec::new();
    walk(&root, &mut files)?;
    files.sort();
    let mut table = String::from("pub(crate) static TABLE: &[Asset] = &[\n");
    for (number, file) in files.iter().enumerate() {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.strip_prefix(&root)?.to_string_lossy().replace('\\', "/");
        if name.ends_with(".br") {
            continue;
        }
        let smaller = match name.strip_suffix(".gz").map(|plain| root.join(format!("{plain}.br"))) {
            Some(neighbour) if neighbour.exists() => format!("Some(include_bytes!({neighbour:?}))"),
            _ => "None".to_owned(),
        };
        let bytes = std::fs::read(file)?;
        // What stands there compressed is served under its plain name.
        let (name, packed, plain) = match name.strip_suffix(".gz") {
            Some(name) => (name.to_owned(), bytes.clone(), inflated(&bytes)?),
            None => (name, deflated(&bytes)?, bytes),
        };
        let packed_at = out.join(format!("asset-{number}.gz"));
        std::fs::write(&packed_at, &packed)?;
        let tag: String = Sha256::digest(&plain).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        writeln!(
            table,
            "    Asset {{ name: {name:?}, tag: {tag:?}, plain_len: {}, packed: include_bytes!({packed_at:?}), smaller: {smaller} }},",
            plain.len()
        )?;
    }
    table.push_str("];\n");
    std::fs::write(out.join("assets.rs"), table)?;
    Ok(())
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        if path.is_dir() {
            println!("cargo::rerun-if-changed={}", path.display());
            walk(&path, into)?;
        } else {
            into.push(path);
        }
    }
    Ok(())
}

fn deflated(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn inflated(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain)?;
    Ok(plain)
}
