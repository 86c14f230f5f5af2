//! One round's build: the toolchain, the project and the settings together, ready to be run any number of times.

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use engine_core::args::Args;

use super::cargo::{Call, Cost, Done, Runner};
use super::environment::Environment;
use super::linker::Linker;
use super::messages::{Messages, first_error};
use super::options::{self, Kind};
use super::place::Place;
use super::project::{Asker, Origin, Project};
use super::toolchain::Toolchain;
use super::workspace::{Shape, Workspace};
use crate::{Context, ProbeError};

/// Written last into a target folder that is kept for later rounds.
const COMPLETE: &str = "engine-complete";

/// Where cargo writes what lies between sources and results, when that is not the target folder.
const BUILD_DIR: &str = "CARGO_BUILD_BUILD_DIR";

/// A build that can be run.
#[derive(Debug)]
pub(crate) struct Job {
    /// What is compiled.
    pub(crate) kind: Kind,
    /// What is built.
    pub(crate) project: Project,
    /// By which compiler.
    pub(crate) toolchain: Toolchain,
    /// Starts programs.
    pub(crate) runner: Runner,
    /// What cargo and the compiler are given.
    pub(crate) environment: Environment,
    /// Folder for everything that the build probes keep between rounds of one run.
    pub(crate) folder: PathBuf,
    settings: Vec<OsString>,
    opt_level: Option<String>,
    linker: Option<Linker>,
    in_memory: bool,
}

/// What one build did.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    /// What it cost.
    pub(crate) cost: Cost,
    /// What was compiled.
    pub(crate) messages: Messages,
}

/// A target folder: a new one, gone afterwards, or one that is kept for the next round.
#[derive(Debug)]
pub(crate) enum Primed {
    /// Gone when dropped.
    New(Place),
    /// Kept in the scratch folder.
    Kept(PathBuf),
}

impl Primed {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::New(place) => place.path(),
            Self::Kept(path) => path,
        }
    }
}

impl Job {
    /// Finds everything that the options name.
    ///
    /// # Errors
    /// A skip where the machine has no Rust, or not the linker; a failure where the manifest is not one.
    pub(crate) fn new(args: &Args, kind: Kind, cx: &mut Context<'_>) -> Result<Self, ProbeError> {
        let folder = cx.scratch.join("build");
        fs::create_dir_all(&folder)
            .map_err(|error| ProbeError::failed(format!("cannot make the folder `{}`: {error}", folder.display())))?;
        let folder = folder.canonicalize().unwrap_or(folder);
        let runner = Runner::new(&folder);
        let mut environment = Environment::here();
        let given = args.text(options::MANIFEST.name);
        let (project, toolchain) = if given.is_empty() {
            // Nobody's settings either: no registry is needed.
            environment.set("CARGO_HOME", folder.join("home"));
            // In a new home cargo would first make the database by which it tidies registries: 30 ms of the first build.
            environment.set("CARGO_CACHE_AUTO_CLEAN_FREQUENCY", "never");
            let shape = Shape {
                crates: args.whole(options::CRATES.name) as usize,
                modules: args.whole(options::MODULES.name) as usize,
            };
            let workspace = Workspace::write(&folder, shape)
                .map_err(|error| ProbeError::failed(format!("cannot write the workspace to build: {error}")))?;
            configured(&workspace.root, true, &mut environment, cx);
            let toolchain = Toolchain::find(&environment, &workspace.root, &runner, cx)?;
            (Project::own(workspace), toolchain)
        } else {
            // A toolchain file in the project counts.
            let whole = std::path::absolute(given).unwrap_or_else(|_| PathBuf::from(given));
            let place = whole.ancestors().take(2).find(|path| path.is_dir()).unwrap_or(&folder);
            configured(place, false, &mut environment, cx);
            let toolchain = Toolchain::find(&environment, place, &runner, cx)?;
            let ask = Asker { cargo: &toolchain.cargo, environment: &environment, runner: &runner };
            (Project::given(given, &folder, &ask, cx)?, toolchain)
        };
        for (name, value) in options::variables(args, kind) {
            environment.set(&name, value);
        }
        if !environment.dropped.is_empty() {
            cx.note(format!("not passed on to the build: {}", environment.dropped.join(", ")));
        }
        cx.note(toolchain.version.clone());

        let mut settings: Vec<OsString> = Vec::new();
        let mut add = |words: [&str; 2]| settings.extend(words.map(OsString::from));
        match args.text(options::MEMBER.name) {
            "" => {}
            package => add(["--package", package]),
        }
        match args.whole(options::JOBS.name) {
            0 => {}
            jobs => add(["--jobs", &jobs.to_string()]),
        }
        let linker = Linker::find(args.text(options::LINKER.name), &toolchain, &environment, &runner, &folder, cx)?;
        if let Some(linker) = &linker {
            add(["--config", &linker.setting(&toolchain.host)]);
        }
        Ok(Self {
            kind,
            project,
            toolchain,
            runner,
            environment,
            folder,
            settings,
            opt_level: options::opt_level(args).map(str::to_owned),
            linker,
            in_memory: args.text(options::TARGET.name) == "memory",
        })
    }

    /// How cargo is asked for facts.
    pub(crate) fn asker(&self) -> Asker<'_> {
        Asker { cargo: &self.toolchain.cargo, environment: &self.environment, runner: &self.runner }
    }

    /// A call of cargo that writes below `target` only.
    pub(crate) fn call(&self, words: &[&str], target: &Path) -> Call {
        let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
        arguments.extend(self.project.arguments());
        arguments.extend(["--target-dir".into(), target.as_os_str().to_owned()]);
        let mut environment = self.environment.clone();
        if environment.get(BUILD_DIR).is_some() {
            environment.set(BUILD_DIR, target);
        }
        Call { program: self.toolchain.cargo.clone(), arguments, folder: self.project.folder().to_owned(), environment }
    }

    /// The call that builds.
    pub(crate) fn build_call(&self, target: &Path) -> Call {
        let mut call = self.call(self.kind.words(), target);
        call.arguments.push("--message-format=json".into());
        call.arguments.extend(self.settings.iter().cloned());
        call
    }

    /// Builds into `target`, and checks what came of it.
    ///
    /// # Errors
    /// When it does not compile, with the first error; when what it built is wrong.
    pub(crate) fn build(&self, target: &Path, cx: &mut Context<'_>) -> Result<Built, ProbeError> {
        self.build_by(&self.build_call(target), cx)
    }

    /// Builds by a call that was changed.
    ///
    /// # Errors
    /// As [`Job::build`].
    pub(crate) fn build_by(&self, call: &Call, cx: &mut Context<'_>) -> Result<Built, ProbeError> {
        cx.check()?;
        let done = self.runner.run(call, cx)?;
        let messages = Messages::read(&done.output);
        if !done.success {
            return Err(failed(&done, &messages));
        }
        self.verify(&messages, cx)?;
        Ok(Built { cost: done.cost, messages })
    }

    /// A target folder in which everything is built.
    ///
    /// # Errors
    /// As [`Job::build`].
    pub(crate) fn primed(&self, cx: &mut Context<'_>) -> Result<Primed, ProbeError> {
        if self.in_memory {
            let place = self.place()?;
            self.build(place.path(), cx)?;
            return Ok(Primed::New(place));
        }
        let what = (&self.project.manifest, self.kind.words(), &self.settings, &self.environment.variables);
        let path = self.folder.join(format!("target-{:016x}", hash(&what)));
        if !path.join(COMPLETE).is_file() {
            self.build(&path, cx)?;
            fs::write(path.join(COMPLETE), "")
                .map_err(|error| ProbeError::failed(format!("cannot write below `{}`: {error}", path.display())))?;
        }
        Ok(Primed::Kept(path))
    }

    /// A new and empty target folder.
    ///
    /// # Errors
    /// A skip where it should lie in memory and there is none for it.
    pub(crate) fn place(&self) -> Result<Place, ProbeError> {
        Place::new(&self.folder, self.in_memory)
    }

    /// Whether what is there afterwards is what was asked for: the settings, the linker, and what the program prints.
    fn verify(&self, messages: &Messages, cx: &mut Context<'_>) -> Result<(), ProbeError> {
        if messages.artifacts.is_empty() {
            return Err(ProbeError::verification("cargo succeeded and built nothing"));
        }
        let Origin::Own(workspace) = &self.project.origin else { return Ok(()) };
        if let Some(level) = &self.opt_level
            && let Some(other) = messages.artifacts.iter().find(|artifact| artifact.profile.opt_level != *level)
        {
            return Err(ProbeError::verification(format!(
                "`{}` was compiled at optimisation level {} instead of {level}",
                other.target.name, other.profile.opt_level
            )));
        }
        let Some(program) = messages.programs().next() else {
            return if self.kind == Kind::Check
                || messages.artifacts.iter().all(|artifact| artifact.target.name != "app")
            {
                Ok(())
            } else {
                Err(ProbeError::verification("the build made no program"))
            };
        };
        if let Some(linker) = &self.linker {
            linker.verify(program)?;
        }
        let call = Call {
            program: program.clone(),
            arguments: Vec::new(),
            folder: self.folder.clone(),
            environment: self.environment.clone(),
        };
        match self.runner.run(&call, cx) {
            Ok(done) if done.success && done.output.trim() == workspace.expected() => Ok(()),
            Ok(done) => Err(ProbeError::verification(format!(
                "the program that was built prints `{}` instead of `{}`{}",
                done.output.trim(),
                workspace.expected(),
                done.errors.lines().next().map_or_else(String::new, |line| format!(" ({line})"))
            ))),
            Err(ProbeError::Failed(failure)) if failure.message.contains("Permission denied") => {
                cx.note("programs may not be run where the build wrote: what it made was not tried");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// The configuration files that cargo reads when it works in a folder.
fn settings_files(folder: &Path, environment: &Environment) -> Vec<PathBuf> {
    let above = folder.ancestors().map(|folder| folder.join(".cargo"));
    let files = above.chain(environment.cargo_home()).flat_map(|home| [home.join("config.toml"), home.join("config")]);
    files.filter(|path| path.is_file()).collect()
}

/// Looks at the configuration files that count in a folder. A compiler cache that one of them names would answer instead
/// of the compiler: it is switched off. Only where there is one, because cargo then asks the compiler for its version
/// every time instead of remembering it.
fn configured(folder: &Path, own: bool, environment: &mut Environment, cx: &mut Context<'_>) {
    let files = settings_files(folder, environment);
    let named = |path: &&PathBuf| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.contains("rustc-wrapper") || text.contains("rustc-workspace-wrapper")
    };
    if let Some(file) = files.iter().find(named) {
        environment.set("RUSTC_WRAPPER", "");
        environment.set("RUSTC_WORKSPACE_WRAPPER", "");
        cx.note(format!("the compiler is called without the wrapper that `{}` names", file.display()));
    }
    // Only where a file sends it elsewhere: to be asked costs cargo some memory.
    if files.iter().any(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("build-dir"))) {
        environment.set(BUILD_DIR, "/nonexistent");
    }
    if let Some(file) = files.first().filter(|_| own) {
        cx.note(format!("cargo reads `{}` too: it lies above the folder for test files", file.display()));
    }
}

/// The first error of a build that failed.
fn failed(done: &Done, messages: &Messages) -> ProbeError {
    let why = match (&messages.error, first_error(&done.errors)) {
        (Some(error), _) => error.to_string(),
        (None, said) if said.is_empty() => "the build failed without a word".to_owned(),
        (None, said) => format!("the build failed: {said}"),
    };
    ProbeError::failed(why)
}

/// A number for the name of a folder.
pub(crate) fn hash(what: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
