//! What every command needs: settings, places, output, the store.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use engine_core::plan::Profile;
use engine_core::quantity::Quantity;
use engine_core::run::{RunId, RunRecord, Timestamp};
use engine_core::unit::Dimension;
use engine_report::text::Style;
use engine_script::{Diagnostic, ErrorClass, Severity};
use engine_store::Store;
use toml::Value;

use crate::args::{Allow, Global};
use crate::config::{self, Config, Layer, Loaded};
use crate::exit::{Exit, Fatal};
use crate::output::{self, Output};

/// The program's state: what was asked, and what the settings say.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) global: Global,
    pub(crate) loaded: Loaded,
    pub(crate) output: Output,
    /// The configuration file in use.
    file: Option<PathBuf>,
}

impl App {
    /// Reads the configuration and decides how to show things.
    pub(crate) fn new(global: Global) -> Result<Self, Fatal> {
        let file = config_file(&global)?;
        let mut loaded = config::load(file.as_deref())?;
        let color = output::wants_color(&loaded.config.output.color, global.no_color);
        if let Some(path) = std::env::var_os("ENGINE_DB").filter(|path| !path.is_empty()) {
            set(&mut loaded, "store.path", path.to_string_lossy().into_owned(), Layer::Environment("ENGINE_DB"));
        }
        if let Some(path) = &global.db {
            set(&mut loaded, "store.path", path.to_string_lossy().into_owned(), Layer::CommandLine("--db"));
        }
        let output = Output { quiet: global.quiet, json: global.json, color, width: output::width() };
        Ok(Self { global, loaded, output, file })
    }

    /// Where the user's machine profiles stand, the first goes before: beside the configuration file, else in the usual
    /// places for one.
    pub(crate) fn machine_folders(&self) -> Vec<PathBuf> {
        let beside = |file: &Path| file.parent().unwrap_or_else(|| Path::new("")).join("machines");
        match &self.file {
            Some(file) => vec![beside(file)],
            None => usual_files().iter().map(|file| beside(file)).collect(),
        }
    }

    /// The configuration file in use.
    pub(crate) fn config_path(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The file that says who is told of alerts: `$ENGINE_NOTIFY`, else beside the configuration file, else in the usual
    /// places for one.
    pub(crate) fn notify_file(&self) -> Result<Option<PathBuf>, Fatal> {
        if let Some(path) = std::env::var_os("ENGINE_NOTIFY").filter(|path| !path.is_empty()).map(PathBuf::from) {
            if !path.is_file() {
                return Err(Fatal::usage(format!("ENGINE_NOTIFY: there is no file `{}`", path.display())));
            }
            return Ok(Some(path));
        }
        let beside = |file: &Path| {
            let folder = file.parent().unwrap_or_else(|| Path::new("")).to_owned();
            ["notify.toml", "notify.json"].map(|name| folder.join(name))
        };
        let places: Vec<PathBuf> = match &self.file {
            Some(file) => beside(file).to_vec(),
            None => usual_files().iter().flat_map(|file| beside(file)).collect(),
        };
        Ok(places.into_iter().find(|path| path.is_file()))
    }

    /// The folder of the user's rules: as set, else beside the configuration file, else in the usual places for one.
    pub(crate) fn rule_folders(&self) -> Vec<PathBuf> {
        let set = &self.loaded.config.advice.rules;
        if !set.is_empty() {
            return vec![PathBuf::from(set)];
        }
        let beside = |file: &Path| file.parent().unwrap_or_else(|| Path::new("")).join("rules");
        match &self.file {
            Some(file) => vec![beside(file)],
            None => usual_files().iter().map(|file| beside(file)).collect(),
        }
    }

    /// The settings.
    pub(crate) const fn config(&self) -> &Config {
        &self.loaded.config
    }

    /// A line of data on standard output.
    pub(crate) fn out(&self, text: &str) {
        self.output.out(text);
    }

    /// A remark on standard error, unless `--quiet`.
    pub(crate) fn note(&self, text: &str) {
        self.output.note(text);
    }

    /// The file of the results.
    pub(crate) fn database(&self) -> Result<PathBuf, Fatal> {
        let path = &self.loaded.config.store.path;
        if path.is_empty() { Ok(data_home()?.join("performance.db")) } else { Ok(PathBuf::from(path)) }
    }

    /// The store, open for writing.
    pub(crate) fn store(&self) -> Result<Store, Fatal> {
        Ok(Store::open(&self.database()?)?)
    }

    /// The store, open for reading: works on a full disk and in a read-only place too.
    pub(crate) fn reader(&self) -> Result<Store, Fatal> {
        let path = self.database()?;
        if Store::has_left(&path) {
            // Of a killed run; where it cannot be stored, what is stored is shown.
            if let Ok(store) = self.store() {
                return Ok(store);
            }
        }
        match Store::open_readonly(&path) {
            Ok(store) => Ok(store),
            // Nothing there yet, or to be migrated first.
            Err(engine_store::Error::Missing { .. } | engine_store::Error::OlderVersion { .. }) => self.store(),
            Err(error) => Err(error.into()),
        }
    }

    /// Folder of the report files.
    pub(crate) fn reports(&self, asked: Option<&Path>) -> Result<PathBuf, Fatal> {
        match asked {
            Some(path) => Ok(path.to_owned()),
            None if self.config().reports.dir.is_empty() => Ok(data_home()?.join("reports")),
            None => Ok(PathBuf::from(&self.config().reports.dir)),
        }
    }

    /// The profile: what was asked, else what the settings say.
    pub(crate) fn profile(&self, asked: Option<&str>) -> Result<Profile, Fatal> {
        let name = asked.unwrap_or(&self.config().run.profile);
        [Profile::Tiny, Profile::Short, Profile::Default, Profile::Long]
            .into_iter()
            .find(|profile| profile.name() == name)
            .ok_or_else(|| {
                let hint = engine_core::nearest::hint(name, ["tiny", "short", "default", "long"]);
                Fatal::usage(format!("`--profile` must be tiny, short, default or long, got `{name}`{hint}"))
            })
    }

    /// What scenarios may do: the settings and the flags together.
    pub(crate) fn permissions(&self, allow: &Allow) -> engine_script::Permissions {
        let own = &self.config().permissions;
        let both = |set: &[String], flags: &[String]| {
            let all: BTreeSet<String> = set.iter().chain(flags).cloned().collect();
            all.into_iter().collect()
        };
        engine_script::Permissions {
            net: both(&own.net, &allow.allow_net),
            run: both(&own.run, &allow.allow_run),
            read: both(&own.read, &allow.allow_read),
            write: both(&own.write, &allow.allow_write),
            env: both(&own.env, &allow.allow_env),
            fault: both(&own.fault, &allow.allow_fault),
        }
    }
}

/// The calendar time.
pub(crate) fn now() -> Timestamp {
    use engine_core::clock::Clock;
    engine_session::SystemClock::start().wall()
}

/// A time on the command line: `10min`, `7d`, `90 s`; in seconds.
pub(crate) fn time(flag: &str, text: &str) -> Result<f64, Fatal> {
    // `45m` is how people say it; a metre is no time.
    let minutes = text.strip_suffix('m').filter(|number| number.trim_end().ends_with(|c: char| c.is_ascii_digit()));
    let spelled = minutes.map_or_else(|| text.to_owned(), |number| format!("{number} min"));
    let quantity: Quantity = spelled.parse().map_err(|error| Fatal::usage(format!("`{flag}`: {error}")))?;
    if quantity.dimension != Dimension::TIME || quantity.value < 0.0 {
        return Err(Fatal::usage(format!("`{flag}` must be a time such as `10 min` or `7 d`, got `{text}`")));
    }
    Ok(quantity.value)
}

/// `K=V`.
pub(crate) fn pair(flag: &str, text: &str) -> Result<(String, String), Fatal> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err(Fatal::usage(format!("`{flag}` must be NAME=VALUE, got `{text}`"))),
    }
}

fn set(loaded: &mut Loaded, key: &str, value: String, layer: Layer) {
    if key == "store.path" {
        loaded.config.store.path.clone_from(&value);
    }
    loaded.values.insert(key.to_owned(), (Value::String(value), layer));
}

/// `$XDG_DATA_HOME/engine`, or `~/.local/share/engine`.
fn data_home() -> Result<PathBuf, Fatal> {
    xdg("XDG_DATA_HOME", ".local/share").ok_or_else(|| {
        Fatal::usage("neither XDG_DATA_HOME nor HOME is set: name the file of the results with `--db FILE`")
    })
}

/// `$ENGINE_STATE_DIR`, `$XDG_STATE_HOME/engine`, or `~/.local/state/engine`: what must be known after a crash.
pub(crate) fn state_home() -> Result<PathBuf, Fatal> {
    let own = std::env::var_os("ENGINE_STATE_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    own.or_else(|| xdg("XDG_STATE_HOME", ".local/state"))
        .ok_or_else(|| Fatal::usage("none of ENGINE_STATE_DIR, XDG_STATE_HOME and HOME is set"))
}

fn xdg(variable: &str, fallback: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    set(variable).or_else(|| set("HOME").map(|home| home.join(fallback))).map(|base| base.join("engine"))
}

/// The configuration file: as asked, or the first that exists of the usual places.
fn config_file(global: &Global) -> Result<Option<PathBuf>, Fatal> {
    let asked = global.config.clone().map(|path| ("--config", path)).or_else(|| {
        std::env::var_os("ENGINE_CONFIG")
            .filter(|path| !path.is_empty())
            .map(|path| ("ENGINE_CONFIG", PathBuf::from(path)))
    });
    if let Some((origin, path)) = asked {
        if !path.is_file() {
            return Err(Fatal::usage(format!("{origin}: there is no file `{}`", path.display())));
        }
        return Ok(Some(path));
    }
    Ok(usual_files().into_iter().find(|path| path.is_file()))
}

/// Where a configuration file is looked for.
fn usual_files() -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from("config/engine.toml")];
    places.extend(xdg("XDG_CONFIG_HOME", ".config").map(|base| base.join("engine.toml")));
    places
}

impl App {
    /// How the terminal is written to.
    pub(crate) fn style(&self) -> Style {
        let unicode = std::env::var("LC_ALL")
            .or_else(|_| std::env::var("LC_CTYPE"))
            .or_else(|_| std::env::var("LANG"))
            .map_or(true, |locale| locale != "C" && locale != "POSIX");
        Style::new(self.output.width, self.output.color, unicode)
    }

    /// A run of the store, or of an exported file.
    pub(crate) fn lookup(&self, reference: &str) -> Result<RunRecord, Fatal> {
        Ok(self.reader()?.load(reference.strip_prefix("file:").unwrap_or(reference))?)
    }

    /// The run that a reference means in an open store.
    pub(crate) fn resolve(&self, store: &Store, reference: &str) -> Result<RunId, Fatal> {
        Ok(store.resolve(reference)?)
    }

    /// How runs are compared.
    pub(crate) fn comparing(&self, effect: Option<f64>, allow_unlike: bool) -> engine_analysis::Options {
        let set = crate::config::share(&self.config().compare.min_effect).unwrap_or(0.01);
        let criteria =
            engine_analysis::Criteria { min_effect: effect.unwrap_or(set), ..engine_analysis::Criteria::default() };
        engine_analysis::Options { criteria, allow_unlike }
    }

    /// A diagnostic with its caret.
    pub(crate) fn rendered(&self, diagnostic: &Diagnostic) -> String {
        diagnostic.render(self.output.color)
    }

    /// The ending that errors of a scenario lead to; none without errors.
    pub(crate) fn class(&self, diagnostics: &[Diagnostic]) -> Option<Exit> {
        let exits: Vec<Exit> = diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .map(|diagnostic| match diagnostic.class {
                ErrorClass::Internal => Exit::Internal,
                ErrorClass::Usage => Exit::Usage,
                ErrorClass::Invalid => Exit::Invalid,
                ErrorClass::NothingDeclared => Exit::NothingRan,
                ErrorClass::Runtime => Exit::Script,
                ErrorClass::Permission | ErrorClass::Limit => Exit::Denied,
            })
            .collect();
        exits.into_iter().min()
    }

    /// Shows the errors of a scenario and gives what they lead to.
    pub(crate) fn diagnosed(&self, diagnostics: &[Diagnostic]) -> Fatal {
        for diagnostic in diagnostics {
            self.output.err(&self.rendered(diagnostic));
        }
        let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
        let exit = self.class(diagnostics).unwrap_or(Exit::Invalid);
        let first = diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error);
        let what = first.map(|diagnostic| diagnostic.message.clone()).unwrap_or_default();
        let more = if errors > 1 { format!(" (and {} more)", errors - 1) } else { String::new() };
        Fatal::new(exit, format!("{what}{more}"))
    }
}
