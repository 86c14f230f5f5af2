//! What this machine can and cannot measure, with the fix for each shortcoming.
//!
//! Reading and judging are apart: [`rows`] reads, the functions in `judge` decide from plain values.

mod judge;

use super::collect::{Options, collect};
use super::tree::Tree;
use super::trial;
use super::{facts, live, storage, toolchain};
use engine_core::environment::Environment;
use engine_core::fact::Fact;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How a row came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing to do.
    Ok,
    /// Measurements are possible but worse, or narrower, than they could be.
    Warning,
    /// What needs it is skipped.
    Missing,
}

/// One row of the doctor's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorRow {
    /// What was looked at.
    pub name: String,
    /// How it came out.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// What to do about it; none when all is well.
    pub fix: Option<String>,
}

/// Where the run would write, and where programs are looked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Folder that results go to; it need not exist yet.
    pub results: PathBuf,
    /// Folder that test files go to; it need not exist yet.
    pub scratch: PathBuf,
    /// The folders in which programs are looked for, the value of `PATH`.
    pub search: String,
}

/// Examines this machine. Takes up to some seconds where a version manager stands before a tool.
pub fn rows(request: &Request) -> Vec<DoctorRow> {
    let tree = Tree::new(Path::new("/"));
    let options = Options {
        results: Some(request.results.clone()),
        scratch: Some(request.scratch.clone()),
        ..Options::default()
    };
    let env = collect(Path::new("/"), &options);
    let installed = |program: &str| facts::find(program, &request.search).is_some();
    let compiler = ["cc", "gcc", "clang"].into_iter().find(|name| installed(name));
    let python = ["python3", "python"].into_iter().find(|name| installed(name));
    let version =
        |program: Option<&str>, missing: &str| program.map_or_else(|| Fact::unknown(missing), toolchain::version);
    let tool = |name: &'static str| version(Some(name).filter(|name| installed(name)), "not found in `PATH`");
    vec![
        judge::memory(&usable_memory(&env)),
        judge::space("space for results", &env.storage.results.free_bytes, &storage::nearest(&request.results)),
        judge::space("space for test files", &env.storage.scratch.free_bytes, &storage::nearest(&request.scratch)),
        judge::tool("git", &tool("git"), "install git: without it the commit under test is read from `.git` only"),
        judge::tool("cargo", &tool("cargo"), "install Rust from rustup.rs: build benchmarks need it"),
        judge::tool(
            "C compiler",
            &version(compiler, "neither `cc`, `gcc` nor `clang` is in `PATH`"),
            "install gcc or clang",
        ),
        judge::python(&version(python, "neither `python3` nor `python` is in `PATH`")),
        judge::io_uring(trial::io_uring(), env.os.io_uring_disabled.copied()),
        judge::huge_pages(&env.os.hugepages_total, env.os.thp.as_deref()),
        judge::cgroups(&env.cgroup.version, cgroup_writable(&tree)),
        judge::namespaces(trial::namespaces()),
        judge::governor(&env.cpu.governor, env.virtualization.hypervisor.known().and_then(Option::as_deref)),
        judge::clock_limit(&env.cpu),
        judge::power(&env.power),
        judge::energy(&super::rapl::packages(&tree), |domain| tree.bytes(&domain.counter).is_known()),
        judge::temperature(&env.temperatures),
        judge::memory_modules(&env.memory),
        judge::clock_source(&env.os.clock_source),
        judge::gpu(&env.gpus),
        judge::perf(trial::perf_instructions(), env.os.perf_event_paranoid.copied()),
        judge::descriptors(&env.os.nofile),
        judge::load(&env.load.before.average_1, env.cpu.allowed_count.copied().unwrap_or(1)),
        judge::swap(&env.os.swap_bytes, env.os.zram.copied(), env.os.swappiness.copied()),
        judge::time_sync(live::clock_synchronised()),
    ]
}

/// The memory of the machine or the limit of our control group, whichever is less.
fn usable_memory(env: &Environment) -> Fact<u64> {
    let limit = env.cgroup.memory_limit_bytes.copied().flatten();
    env.memory.total_bytes.clone().map(|total| limit.map_or(total, |limit| limit.min(total)))
}

/// Whether we may make groups below our own.
fn cgroup_writable(tree: &Tree) -> Fact<bool> {
    super::cgroup::place(tree, "memory").map(|place| live::is_writable(&tree.path(&place.folder())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_there_and_every_shortcoming_has_a_fix() {
        let scratch = tempfile::tempdir().unwrap();
        let request = Request {
            results: scratch.path().join("not/yet"),
            scratch: scratch.path().to_owned(),
            search: "/usr/local/bin:/usr/bin:/bin".to_owned(),
        };
        let rows = rows(&request);
        for row in &rows {
            println!("{:?} {}: {} | {}", row.status, row.name, row.found, row.fix.as_deref().unwrap_or(""));
            assert_eq!(row.status == Status::Ok, row.fix.is_none(), "{row:?}");
            assert!(!row.found.is_empty(), "{row:?}");
        }
        for name in [
            "memory",
            "space for results",
            "space for test files",
            "git",
            "cargo",
            "C compiler",
            "Python",
            "io_uring",
            "huge pages",
            "cgroups",
            "namespaces",
            "governor",
            "clock limit",
            "power supply",
            "energy counters",
            "temperature",
            "memory modules",
            "clock source",
            "GPU",
            "performance counters",
            "file descriptors",
            "load",
            "swap",
            "time synchronisation",
        ] {
            assert_eq!(rows.iter().filter(|row| row.name == name).count(), 1, "{name}");
        }
    }
}
