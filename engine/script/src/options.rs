//! What a scenario is read with: the probes, the profile, parameters, permissions and limits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine_core::plan::Profile;
use engine_core::probe::ProbeInfo;

use crate::permissions::Permissions;

/// Reads an environment variable. Handed in, because only the command line reads the environment.
pub type ReadEnv = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Takes a line about what a virtual user does.
pub type TraceLine = Arc<dyn Fn(&str) + Send + Sync>;

/// Where a scenario comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A text, such as that of `-e` or of standard input.
    Text {
        /// What messages call it.
        name: String,
        /// The script.
        text: String,
        /// Folder that relative paths start from.
        base: PathBuf,
    },
    /// One of the embedded scenarios, by name: `quick`.
    Embedded(String),
}

/// Everything that reading a scenario depends on.
#[derive(Clone)]
pub struct Options {
    /// The probes that scripts can name.
    pub registry: Vec<&'static ProbeInfo>,
    /// How much of everything is done.
    pub profile: Profile,
    /// Values of parameters (`-p NAME=VALUE`, `--params FILE`), as text.
    pub params: BTreeMap<String, String>,
    /// Seed of everything random.
    pub seed: u64,
    /// What the scenario may touch.
    pub permissions: Permissions,
    /// What scripts can ask about the machine.
    pub facts: HostFacts,
    /// Reads an environment variable.
    pub env: ReadEnv,
    /// Folder whose files come before the embedded standard modules.
    pub stdlib_dir: Option<PathBuf>,
    /// Bounds on what a script may use.
    pub limits: Limits,
    /// Scenarios that `include("NAME")` and [`Source::Embedded`] find: (name, text).
    pub embedded: &'static [(&'static str, &'static str)],
    /// Rounds of a step where the scenario does not say; none for 5 to 20, until the interval is narrow.
    pub rounds: Option<u32>,
    /// The longest that a round may take where the scenario does not say, in seconds; none for a minute, or twenty
    /// times the probe's typical round.
    pub timeout: Option<f64>,
    /// Globs of step names to keep; all when empty.
    pub only: Vec<String>,
    /// Globs of step names to leave out.
    pub skip: Vec<String>,
    /// Whether loads are tried and not run: each journey once, by one user that does not think.
    pub once: bool,
    /// Where virtual users say what they do: requests, answers, checks, failures.
    pub trace: Option<TraceLine>,
}

impl Options {
    /// The default profile, no parameters, no permissions, an empty environment, seed 0.
    #[must_use]
    pub fn new(registry: Vec<&'static ProbeInfo>) -> Self {
        Self {
            registry,
            profile: Profile::Default,
            params: BTreeMap::new(),
            seed: 0,
            permissions: Permissions::default(),
            facts: HostFacts::default(),
            env: Arc::new(|_| None),
            stdlib_dir: None,
            limits: Limits::default(),
            embedded: &[],
            rounds: None,
            timeout: None,
            only: Vec::new(),
            skip: Vec::new(),
            once: false,
            trace: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("probes", &self.registry.len())
            .field("profile", &self.profile)
            .field("params", &self.params)
            .field("seed", &self.seed)
            .field("permissions", &self.permissions)
            .field("facts", &self.facts)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What `host::*` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFacts {
    /// Threads that this process may use at once.
    pub cores: usize,
    /// Main memory in bytes.
    pub memory: u64,
    /// `linux`, ...
    pub os: String,
    /// `x86_64`, ...
    pub arch: String,
    /// Parts that are there: `gpu`, `io_uring`, ...
    pub has: BTreeSet<String>,
}

impl Default for HostFacts {
    fn default() -> Self {
        Self {
            cores: 1,
            memory: 0,
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            has: BTreeSet::new(),
        }
    }
}

/// Bounds on what a script may use. None of them is a default of the language: all are set explicitly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest scenario file, in bytes.
    pub source: usize,
    /// Longest file that a script reads, in bytes.
    pub file: u64,
    /// Operations while the plan is made.
    pub plan_operations: u64,
    /// Wall time while the plan is made.
    pub plan_time: Duration,
    /// Operations of one call of a kept function (a round of `custom`, `setup`, `finish`, ...).
    pub call_operations: u64,
    /// Operations of one iteration of a virtual user: some seconds of a loop that never ends.
    pub iteration_operations: u64,
    /// Nested script calls.
    pub call_levels: usize,
    /// Nested expressions, outside and inside functions.
    pub expression_depth: usize,
    /// Bytes of text in one value.
    pub string: usize,
    /// Elements of arrays in one value.
    pub array: usize,
    /// Entries of maps in one value.
    pub map: usize,
    /// Variables in scope.
    pub variables: usize,
    /// Functions of one file, closures counted.
    pub functions: usize,
    /// Modules in use at once.
    pub modules: usize,
    /// Steps of a plan.
    pub steps: usize,
    /// Stack of the thread that runs the script, in bytes.
    pub stack: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            source: 1 << 20,
            file: 16 << 20,
            plan_operations: 5_000_000,
            plan_time: Duration::from_secs(10),
            call_operations: 20_000_000_000,
            iteration_operations: 50_000_000,
            call_levels: 32,
            expression_depth: 128,
            string: 16 << 20,
            array: 1 << 20,
            map: 1 << 18,
            variables: 512,
            functions: 4096,
            modules: 64,
            steps: 10_000,
            stack: 64 << 20,
        }
    }
}
