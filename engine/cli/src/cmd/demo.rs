//! `engine demo`: a load against a target of its own, and the report. Nothing to set up, no network.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::app::{self, App};
use crate::args::{DemoArgs, Reading};
use crate::exit::{Exit, Fatal};
use crate::pipeline::{self, Request};
use crate::{reports, source};

const SCENARIO: &str = include_str!("../../templates/scenarios/demo.rhai");

/// Programs that open a file for the user.
const OPENERS: [&str; 2] = ["xdg-open", "open"];

/// Runs the load and opens its report, or says where it is.
pub(crate) fn run(app: &App, args: &DemoArgs) -> Result<Exit, Fatal> {
    let seconds = app::time("--duration", &args.duration)?;
    if !(0.5..=3600.0).contains(&seconds) {
        return Err(Fatal::usage("`--duration` must be between half a second and an hour"));
    }
    let script = SCENARIO
        .replace("@RAMP@", &format!("{:.3}", seconds * 0.2))
        .replace("@STEADY@", &format!("{:.3}", seconds * 0.8));
    let reading = Reading { profile: args.profile.clone(), ..Reading::default() };
    let mut request = Request::new(app, source::given(&script), &reading)?;
    request.storing = args.storing.clone();
    let report = place(app, args)?;
    request.storing.report.push(report.clone());
    let exit = pipeline::run(app, request)?;
    if report.is_file() {
        let opened = !args.no_open && app.output.live() && open(&report);
        app.note(&format!("the report{}: {}", if opened { " is being opened" } else { "" }, report.display()));
    }
    Ok(exit)
}

/// A new file for the report: a page where this build writes pages, else Markdown.
fn place(app: &App, args: &DemoArgs) -> Result<PathBuf, Fatal> {
    let suffix = if reports::format_of(Path::new("demo.html")).is_ok() { "html" } else { "md" };
    let folder = app.reports(args.storing.out.as_deref())?;
    let millis = app::now().0 / 1000;
    Ok(folder.join(format!("demo-{millis}.{suffix}")))
}

/// Opens a file where there is a desktop. False where there is none.
fn open(path: &Path) -> bool {
    let desktop =
        cfg!(target_os = "macos") || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    desktop
        && OPENERS.iter().any(|program| {
            let started = Command::new(program)
                .arg(path)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            started.is_ok()
        })
}
