//! The state behind a script: what it was given, what it declared so far, and what it may do right now.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use engine_core::event::{Note, NoteLevel};
use engine_core::plan::Profile;
use engine_core::probe::ProbeInfo;
use engine_core::stats::Stream;
use engine_core::step::Place;
use rhai::{AST, Engine, Module, NativeCallContext, Shared};

use crate::builder::{Builder, Frame};
use crate::diagnostic::{Diagnostic, ErrorClass};
use crate::fault::{At, Fault, Raised};
use crate::files::Files;
use crate::guard::Guard;
use crate::journey::Stage;
use crate::live::Live;
use crate::options::Options;
use crate::params::Params;
use crate::permissions::tidy;
use crate::plain::Plain;
use crate::secret::Vault;
use crate::sites::Shape;
use crate::sources::Sources;

/// What the script is being asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The top level: it declares.
    Plan,
    /// A plan function: it returns a spec.
    Point,
    /// A round of `custom`.
    Round,
    /// `setup` or `teardown`.
    Around,
    /// `finish`.
    Finish,
    /// The journeys of users.
    Journey,
}

/// A module that was loaded from a source.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) module: Shared<Module>,
    pub(crate) ast: Rc<AST>,
}

/// The state behind a script.
pub(crate) struct Host {
    /// Itself, for functions that outlive the call that made them.
    pub(crate) this: Weak<Self>,
    pub(crate) options: Options,
    /// The scenario's folder, with links followed; none for embedded ones.
    pub(crate) root: Option<PathBuf>,
    /// Folder that relative paths of data start from.
    pub(crate) base: PathBuf,
    pub(crate) guard: Rc<Guard>,
    pub(crate) files: Arc<Files>,
    pub(crate) sources: Sources,
    pub(crate) vault: Vault,
    pub(crate) phase: Cell<Phase>,
    pub(crate) frames: RefCell<Vec<Frame>>,
    pub(crate) builder: RefCell<Builder>,
    pub(crate) params: Params,
    /// Modules by the name of their source.
    pub(crate) modules: RefCell<BTreeMap<String, Loaded>>,
    /// Sources that are being imported or included, outermost first: for cycles.
    pub(crate) opening: RefCell<Vec<(String, Place)>>,
    /// What is wrong without ending the reading: missing permissions above all.
    pub(crate) found: RefCell<Vec<Diagnostic>>,
    /// Flags that the scenario needs.
    pub(crate) flags: RefCell<std::collections::BTreeSet<String>>,
    pub(crate) notes: RefCell<Vec<Note>>,
    pub(crate) live: RefCell<Option<Live>>,
    pub(crate) random: RefCell<Stream>,
    /// What `setup` returned, by the prefix of its scenario.
    pub(crate) setups: RefCell<BTreeMap<String, Plain>>,
    /// What virtual users share; only on the threads of a load.
    pub(crate) stage: OnceCell<Stage>,
    /// Compiles one-line forwarders: without strict variables, because their module is only there at the call.
    pub(crate) plain: Engine,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl Host {
    pub(crate) fn new(
        options: Options,
        root: Option<PathBuf>,
        base: PathBuf,
        guard: Rc<Guard>,
        files: Arc<Files>,
    ) -> Rc<Self> {
        let random = Stream::new(options.seed, &[Stream::key_of("plan")]);
        Rc::new_cyclic(|this| Self {
            this: this.clone(),
            options,
            root,
            base,
            guard,
            files,
            sources: Sources::default(),
            vault: Vault::default(),
            phase: Cell::new(Phase::Plan),
            frames: RefCell::new(Vec::new()),
            builder: RefCell::new(Builder::default()),
            params: Params::default(),
            modules: RefCell::new(BTreeMap::new()),
            opening: RefCell::new(Vec::new()),
            found: RefCell::new(Vec::new()),
            flags: RefCell::new(std::collections::BTreeSet::new()),
            notes: RefCell::new(Vec::new()),
            live: RefCell::new(None),
            random: RefCell::new(random),
            setups: RefCell::new(BTreeMap::new()),
            stage: OnceCell::new(),
            plain: Engine::new_raw(),
        })
    }

    pub(crate) fn tiny(&self) -> bool {
        self.options.profile == Profile::Tiny
    }

    pub(crate) fn probe(&self, id: &str) -> Option<&'static ProbeInfo> {
        let mut all = self.options.registry.iter().copied().chain(crate::verbs::stressors());
        all.find(|probe| probe.id == id)
    }

    /// The place of a call.
    pub(crate) fn at(&self, ctx: &NativeCallContext<'_>) -> At {
        At {
            file: ctx.call_source().unwrap_or_default().to_owned(),
            pos: ctx.call_position(),
            length: ctx.fn_name().len(),
        }
    }

    /// A place as the plan and events carry it.
    pub(crate) fn place(&self, at: &At) -> Place {
        self.sources.place(&at.file, at.pos).0
    }

    /// The shape of an argument of the call, as written.
    pub(crate) fn argument(&self, ctx: &NativeCallContext<'_>, index: usize) -> Option<Shape> {
        self.sources.sites(ctx.call_source()?)?.argument(ctx.call_position(), index)
    }

    /// The place of an argument of the call, else of the call.
    pub(crate) fn at_argument(&self, ctx: &NativeCallContext<'_>, index: usize) -> At {
        let call = self.at(ctx);
        match self.argument(ctx, index) {
            Some(shape) if !shape.position().is_none() => At { pos: shape.position(), length: 1, ..call },
            _ => call,
        }
    }

    /// Raises unless the script is at its top level, where it declares.
    pub(crate) fn declaring(&self, ctx: &NativeCallContext<'_>) -> Raised<()> {
        let verb = ctx.fn_name();
        let message = match self.phase.get() {
            Phase::Plan => return Ok(()),
            Phase::Point => format!("`{verb}` cannot stand in a function that returns a spec"),
            _ => format!("`{verb}` declares and cannot stand in code that runs"),
        };
        Err(Fault::invalid("misplaced", message).help("put it at the top level of the scenario").raise(ctx))
    }

    /// Raises unless the script is running: `measure`, `timed`, `record`.
    pub(crate) fn running(&self, ctx: &NativeCallContext<'_>) -> Raised<()> {
        let verb = ctx.fn_name();
        let fault = match self.phase.get() {
            Phase::Plan => {
                Fault::invalid("misplaced", format!("`{verb}` cannot stand at the top level, which only declares"))
                    .help(format!("put it into `custom(\"name\", || {{ {verb}(..); }});`"))
            }
            Phase::Point => {
                Fault::invalid("misplaced", format!("`{verb}` cannot stand in a function that returns a spec"))
                    .help(format!("return the spec, or put it into `custom(\"name\", |p| {{ {verb}(..); }})`"))
            }
            _ => return Ok(()),
        };
        Err(fault.raise(ctx))
    }

    /// Asks for a permission. While the plan is made a missing one is noted, so that all of them are told at once; once
    /// the script runs it is raised.
    pub(crate) fn permit(&self, granted: bool, flag: &str, what: &str, at: At) -> Raised<()> {
        self.flags.borrow_mut().insert(flag.to_owned());
        if granted {
            return Ok(());
        }
        let fault = Fault::new(ErrorClass::Permission, "permission", what.to_owned())
            .help(format!("allow it with `{flag}`"))
            .or_at(Some(at.clone()));
        if matches!(self.phase.get(), Phase::Plan | Phase::Point) {
            let diagnostic = crate::translate::fault(&self.sources, &fault, &at);
            let mut found = self.found.borrow_mut();
            // Once for each flag: the first place is enough.
            if !found.iter().any(|known| known.help == diagnostic.help) {
                found.push(diagnostic);
            }
            return Ok(());
        }
        Err(fault.boxed(at.pos))
    }

    /// Whether a file may be read, and the flag that allows it. Relative paths start at the scenario's folder.
    pub(crate) fn read_permission(&self, path: &str) -> (bool, String) {
        let full = tidy(&self.base.join(path));
        let folder = full.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.map_or_else(|| ".".to_owned(), |folder| folder.display().to_string());
        (self.options.permissions.allows_read(&full), format!("--allow-read={folder}"))
    }

    /// Leaves a message: with the run when it runs, else with the plan. Secrets are blacked out.
    pub(crate) fn note(&self, level: NoteLevel, message: &str, at: Option<&At>) {
        let message = self.vault.redact(message);
        let place = at.filter(|at| !at.pos.is_none()).map(|at| self.place(at));
        if let Some(stage) = self.stage.get() {
            stage.trace(|| format!("says: {message}"));
            return stage.note(Note { level, step: None, message, place, at: None });
        }
        match &*self.live.borrow() {
            Some(live) => live.note(level, message, place),
            None => self.notes.borrow_mut().push(Note { level, step: None, message, place, at: None }),
        }
    }
}
