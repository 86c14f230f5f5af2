//! The environment record, put together.

use super::tree::Tree;
use super::{cgroup, cpu, gpu, hwmon, load, machine, memory, os, storage, supply, virtualization};
use engine_core::environment::{Binary, Environment, Load, LoadPoint, Storage};
use engine_core::fact::Fact;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};

/// What to collect beyond the files of the kernel.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Folder that results go to.
    pub results: Option<PathBuf>,
    /// Folder that test files go to.
    pub scratch: Option<PathBuf>,
    /// Ask each tool for its version: tens of milliseconds, up to seconds behind a version manager.
    pub toolchain: bool,
    /// Hash the executable: some ten milliseconds.
    pub binary_hash: bool,
}

/// Reads the environment record under a root folder: `/` for this machine, or a recorded tree. Takes some
/// milliseconds without the two slow options. `load.after` stays unknown until the end of the run ([`load_now`]).
pub fn collect(root: &Path, options: &Options) -> Environment {
    let tree = Tree::new(root);
    let cpuinfo = tree.text("/proc/cpuinfo");
    let meminfo = tree.text("/proc/meminfo");
    let disk = |folder: &Option<PathBuf>| match folder {
        Some(folder) => storage::read(&tree, folder),
        None => storage::unread("no folder was given"),
    };
    Environment {
        machine: machine::read(&tree),
        cpu: cpu::read(&tree, &cpuinfo),
        os: os::read(&tree, &meminfo),
        virtualization: virtualization::read(&tree, &cpuinfo),
        cgroup: cgroup::read(&tree),
        memory: memory::read(&tree, &meminfo),
        storage: Storage { results: disk(&options.results), scratch: disk(&options.scratch) },
        gpus: gpu::read(&tree),
        load: Load { before: load::read(&tree), after: load::unread("the run has not ended") },
        temperatures: hwmon::temperatures(&tree),
        power: supply::read(&tree),
        toolchain: if options.toolchain { super::toolchain() } else { toolchain_not_asked() },
        binary: binary(options.binary_hash),
    }
}

/// Load and pressure of this machine now, for the end of a run.
pub fn load_now() -> LoadPoint {
    load::read(&Tree::new(Path::new("/")))
}

/// Version, build profile and, when asked for, the hash of the running executable.
pub fn binary(hash: bool) -> Binary {
    Binary {
        version: Fact::Known(env!("CARGO_PKG_VERSION").to_owned()),
        sha256: if hash { sha256(Path::new("/proc/self/exe")) } else { Fact::unknown("not asked for") },
        profile: Fact::Known(if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned()),
    }
}

fn toolchain_not_asked() -> engine_core::environment::Toolchain {
    let unknown = || Fact::unknown("not asked for");
    engine_core::environment::Toolchain {
        rustc: unknown(),
        cargo: unknown(),
        cc: unknown(),
        python: unknown(),
        git: unknown(),
    }
}

fn sha256(path: &Path) -> Fact<String> {
    let hash = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(path)?;
        let (mut hash, mut block) = (Sha256::new(), vec![0_u8; 1 << 18]);
        loop {
            match file.read(&mut block)? {
                0 => return Ok(super::machine::hex(&hash.finalize())),
                n => hash.update(&block[..n]),
            }
        }
    };
    match hash() {
        Ok(hash) => Fact::Known(hash),
        Err(error) => Fact::Unknown(format!("the executable could not be read: {}", error.kind())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // FIPS 180-2, example 1.
        assert_eq!(sha256(file.path()).as_deref(), Some(expected));
        assert!(!sha256(Path::new("/nonexistent")).is_known());
    }

    #[test]
    fn this_machine_is_collected() {
        let started = std::time::Instant::now();
        let root = PathBuf::from("/");
        let env = collect(&root, &Options { results: Some(root.clone()), ..Options::default() });
        println!("collected in {:?}", started.elapsed());
        for (field, value) in env.fields() {
            println!("{field} = {value}");
        }
        assert!(env.cpu.logical_cpus.is_known());
        assert!(env.memory.total_bytes.copied().is_some_and(|bytes| bytes > 1 << 20));
        assert!(env.os.kernel.is_known());
        assert_eq!(env.toolchain.rustc.reason(), Some("not asked for"));
    }
}
