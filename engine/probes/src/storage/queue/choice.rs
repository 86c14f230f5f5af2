//! Which way requests go: the best that this system allows, with the reason for each that is better and was not taken.

use std::fs::File;

use engine_core::step::{Skip, SkipKind};

use super::aio::Aio;
use super::uring::{Obtained, Uring, Wishes};
use super::{Shape, sandbox};

/// The ways, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    IoUring,
    Libaio,
    Pread,
}

impl Engine {
    /// As options and results name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::Libaio => "libaio",
            Self::Pread => "pread",
        }
    }
}

/// The way that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) engine: Engine,
    /// Why not a better one.
    pub(crate) reasons: Vec<String>,
    /// The flags of a ring.
    pub(crate) ring: Option<Obtained>,
}

/// What has to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) file: &'a File,
    /// Whether the file goes past the page cache.
    pub(crate) direct: bool,
    pub(crate) shape: Shape,
    pub(crate) wishes: Wishes,
}

/// Takes the way that is wanted, or with `auto` the best that works here. Each is tried out with the file itself.
///
/// # Errors
/// A skip when the way that is wanted by name does not work.
pub(crate) fn choose(wanted: &str, task: &Task<'_>) -> Result<Choice, Skip> {
    let mut reasons = Vec::new();
    for engine in [Engine::IoUring, Engine::Libaio, Engine::Pread] {
        if wanted != "auto" && wanted != engine.name() {
            continue;
        }
        match trial(engine, task) {
            Ok(ring) => return Ok(Choice { engine, reasons, ring }),
            Err(reason) => reasons.push(format!("not {}: {reason}", engine.name())),
        }
    }
    let remedy = "use `engine: \"auto\"`, which takes what works";
    Err(Skip::new(SkipKind::Platform, format!("{wanted} does not work here ({})", reasons.join("; ")), remedy))
}

fn trial(engine: Engine, task: &Task<'_>) -> Result<Option<Obtained>, String> {
    let &Task { file, direct, shape, wishes } = task;
    match engine {
        Engine::IoUring => {
            sandbox::try_uring().map_err(|refusal| refusal.to_string())?;
            Uring::open(file, shape, wishes).map(|(_, ring)| Some(ring)).map_err(|error| error.to_string())
        }
        Engine::Libaio if !direct => Err("it is asynchronous with direct I/O only".to_owned()),
        Engine::Libaio => Aio::open(file, shape).map(|_| None).map_err(|error| error.to_string()),
        Engine::Pread => Ok(None),
    }
}
