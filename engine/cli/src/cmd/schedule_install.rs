//! `engine schedule install` and `uninstall`: units of systemd, lines of cron.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use engine_operate::cron::system_zone;
use engine_operate::install::manifest::{Manifest, ManifestError};
use engine_operate::install::units::{self, Target};
use engine_operate::install::{Planned, Program, crontab};

use crate::app::{self, App};
use crate::args::InstallArgs;
use crate::exit::{Exit, Fatal};

impl From<ManifestError> for Fatal {
    fn from(error: ManifestError) -> Self {
        let exit = match error {
            ManifestError::Foreign { .. } => Exit::Usage,
            ManifestError::File { .. } | ManifestError::Unreadable { .. } => Exit::Store,
        };
        Self::new(exit, error.to_string())
    }
}

/// Where the list of what was installed is.
fn list() -> Result<PathBuf, Fatal> {
    Ok(app::state_home()?.join("installed.json"))
}

/// Shows what is written, then writes it.
pub(crate) fn install(app: &App, args: &InstallArgs) -> Result<(), Fatal> {
    let schedules: Vec<_> = app
        .store()?
        .schedules()?
        .into_iter()
        .map(|followed| followed.schedule)
        .filter(|schedule| schedule.enabled)
        .collect();
    if schedules.is_empty() && !args.service {
        return Err(Fatal::usage(
            "there is no schedule to install: `engine schedule add`, or `engine schedule defaults`",
        ));
    }
    if !args.user && !args.dry_run && args.into.is_none() && !rustix::process::geteuid().is_root() {
        return Err(Fatal::usage("for the whole machine you must be root; `--user` installs for you alone"));
    }
    let program = program(app)?;
    let unlike = |error: engine_operate::install::calendar::Unlike| Fatal::usage(error.to_string());
    if args.cron && args.user && args.into.is_none() {
        let block = crontab::lines(&program, &schedules, &system_zone(), None).map_err(unlike)?;
        app.out(&block);
        return if args.dry_run { Ok(()) } else { into_crontab(app, &block) };
    }
    let planned = if args.cron {
        vec![crontab::system(&program, &schedules, &system_zone(), "root").map_err(unlike)?]
    } else {
        let target = Target { folder: units_folder(args)?, user: args.user };
        if args.service {
            let folder = std::env::current_dir().map_err(|error| Fatal::usage(error.to_string()))?;
            units::service_alone(&program, SERVICE, &folder.display().to_string(), &target)
        } else {
            units::timers(&program, &schedules, &target).map_err(unlike)?
        }
    };
    let planned = match &args.into {
        None => planned,
        Some(folder) => moved(planned, folder),
    };
    for file in &planned {
        app.out(&format!("# {}\n{}", file.path.display(), file.text));
    }
    if args.dry_run {
        return Ok(());
    }
    if args.into.is_none() {
        // What a unit may write to must be there when it starts: it could not make it itself.
        for folder in program.database.parent().into_iter().chain(program.writable.iter().map(PathBuf::as_path)) {
            std::fs::create_dir_all(folder)
                .map_err(|error| Fatal::new(Exit::Store, format!("`{}`: {error}", folder.display())))?;
        }
    }
    let list = list()?;
    let mut manifest = Manifest::read(&list)?;
    manifest.write(&planned, &list)?;
    for file in &planned {
        app.note(&format!("wrote {}", file.path.display()));
    }
    if args.systemd && args.into.is_none() {
        enable(app, &planned, args.user, &mut manifest);
        manifest.keep(&list)?;
    }
    Ok(())
}

/// What the long-running service runs: the dashboard, and the scheduler beside it.
const SERVICE: &[&str] = &["serve"];

fn program(app: &App) -> Result<Program, Fatal> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(|error| Fatal::usage(error.to_string()));
    let engine = std::env::current_exe().map_err(|error| Fatal::new(Exit::Internal, error.to_string()))?;
    let config = app.config_path().map(absolute).transpose()?;
    let writable = vec![absolute(&app.reports(None)?)?, absolute(&app::state_home()?)?];
    let environment =
        VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    Ok(Program { engine, database: absolute(&app.database()?)?, config, writable, environment })
}

/// What says where folders and tools are. A service of the machine has none of it by itself.
const VARIABLES: [&str; 8] = [
    "HOME",
    "PATH",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CONFIG_HOME",
    "ENGINE_STATE_DIR",
    "ENGINE_CONFIG",
    "ENGINE_NOTIFY",
];

fn units_folder(args: &InstallArgs) -> Result<PathBuf, Fatal> {
    if !args.user {
        return Ok(PathBuf::from("/etc/systemd/system"));
    }
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    set("XDG_CONFIG_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".config")))
        .map(|base| base.join("systemd/user"))
        .ok_or_else(|| {
            Fatal::usage("neither XDG_CONFIG_HOME nor HOME is set: there is no place for the units of a user")
        })
}

fn moved(planned: Vec<Planned>, folder: &Path) -> Vec<Planned> {
    let into = |file: Planned| {
        let name = file.path.file_name().unwrap_or_default().to_owned();
        Planned { path: folder.join(name), text: file.text }
    };
    planned.into_iter().map(into).collect()
}

/// Switches timers, or the service, on; where systemd does not run, says what to do.
fn enable(app: &App, planned: &[Planned], user: bool, manifest: &mut Manifest) {
    let names: Vec<String> = planned
        .iter()
        .filter(|file| file.text.contains("\n[Install]\n"))
        .filter_map(|file| file.path.file_name()?.to_str().map(str::to_owned))
        .collect();
    let mut arguments: Vec<&str> = if user { vec!["--user"] } else { Vec::new() };
    let reloaded = systemctl(&arguments, &["daemon-reload"]);
    arguments.extend(["enable", "--now"]);
    let names_of: Vec<&str> = names.iter().map(String::as_str).collect();
    let enabled = reloaded.and_then(|()| systemctl(&arguments, &names_of));
    for name in &names {
        manifest.units.retain(|(known, _)| known != name);
        manifest.units.push((name.clone(), user));
    }
    match enabled {
        Ok(()) => app.note(&format!("enabled {}", names.join(", "))),
        Err(reason) => {
            let user = if user { "--user " } else { "" };
            app.note(&engine_report::clean::line(&format!("not enabled: {reason}")));
            app.note(&format!(
                "do it with: systemctl {user}daemon-reload && systemctl {user}enable --now {}",
                names.join(" ")
            ));
        }
    }
}

fn systemctl(first: &[&str], rest: &[&str]) -> Result<(), String> {
    let output = Command::new("systemctl")
        .args(first)
        .args(rest)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`systemctl`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(text.lines().next().unwrap_or("`systemctl` failed").to_owned())
}

fn table() -> Result<String, Fatal> {
    let output = Command::new("crontab")
        .arg("-l")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Fatal::usage(format!("`crontab`: {error}; is cron installed?")))?;
    // Without a table it fails, and that is an empty one.
    Ok(if output.status.success() { String::from_utf8_lossy(&output.stdout).into_owned() } else { String::new() })
}

fn set_table(text: &str) -> Result<(), Fatal> {
    let failed = |reason: String| Fatal::new(Exit::Store, format!("the table of cron was not changed: {reason}"));
    let arguments: &[&str] = if text.is_empty() { &["-r"] } else { &["-"] };
    let mut child = Command::new("crontab")
        .args(arguments)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(text.as_bytes()).map_err(|error| failed(error.to_string()))?;
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

fn into_crontab(app: &App, block: &str) -> Result<(), Fatal> {
    let list = list()?;
    let mut manifest = Manifest::read(&list)?;
    set_table(&crontab::replaced(&table()?, block))?;
    manifest.crontab = true;
    manifest.keep(&list)?;
    app.note("wrote a block into your table of cron; `crontab -l` shows it");
    Ok(())
}

/// Removes exactly what was written.
pub(crate) fn uninstall(app: &App) -> Result<(), Fatal> {
    let list = list()?;
    let mut manifest = Manifest::read(&list)?;
    if manifest == Manifest::default() {
        app.note("nothing was installed from here");
        return Ok(());
    }
    for (unit, user) in std::mem::take(&mut manifest.units) {
        let first: &[&str] = if user { &["--user", "disable", "--now"] } else { &["disable", "--now"] };
        if let Err(reason) = systemctl(first, &[&unit]) {
            app.note(&engine_report::clean::line(&format!("{unit} was not disabled: {reason}")));
        }
    }
    if manifest.crontab {
        let before = table()?;
        let after = crontab::replaced(&before, "");
        if after != before {
            set_table(&after)?;
            app.note("removed the block from your table of cron");
        }
        manifest.crontab = false;
    }
    let removed = manifest.remove()?;
    for path in &removed.files {
        app.note(&format!("removed {}", path.display()));
    }
    for path in &removed.changed {
        app.note(&format!("left {}: it was changed since it was written", path.display()));
    }
    manifest.keep(&list)?;
    Ok(())
}
