//! The dashboard as this program runs it: which address, whose token, and what a run tells it.

mod backend;
mod jobs;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use engine_core::event::Envelope;
use engine_core::run::RunRecord;
use engine_serve::{Hub, Server, Settings};
use engine_session::Sink;

use crate::app::App;
use crate::args::ServeArgs;
use crate::exit::{Exit, Fatal};
use crate::machine;

/// A dashboard that answers until it is dropped.
#[derive(Debug)]
pub(crate) struct Dashboard {
    server: Server,
    hub: Hub,
    token: String,
    instead_of: Option<u16>,
}

/// How it behaves.
fn settings(app: &App, args: &ServeArgs, token: &str) -> Result<Settings, Fatal> {
    let set = &app.config().serve;
    Ok(Settings {
        database: app.database()?,
        token: token.to_owned(),
        open: set.open,
        hosts: set.hosts.iter().chain(&args.allow_host).cloned().collect(),
        rate: f64::from(set.rate.max(1)),
        sockets: usize::try_from(set.sockets).unwrap_or(64),
        thresholds: machine::thresholds(app),
        criteria: app.comparing(None, false).criteria,
        ready: true,
    })
}

/// Has what a dashboard shows of a long run made and kept when the run ends. Where that fails it is made when it is asked for.
pub(crate) fn prepare(app: &App, record: RunRecord) {
    if record.duration < engine_serve::LONG {
        return;
    }
    let args = ServeArgs { no_schedules: true, ..ServeArgs::default() };
    let backend = backend::Local::new(app.clone(), &args);
    let prepared = backend.and_then(|backend| Ok((settings(app, &args, "")?, backend)));
    let failed = match prepared {
        Ok((settings, backend)) => engine_serve::prepare(&settings, Arc::new(backend), record).err(),
        Err(fatal) => Some(fatal.message),
    };
    if let Some(error) = failed {
        tracing::warn!(%error, "what the dashboard shows of the run is made when it is asked for");
    }
}

/// Starts it.
pub(crate) fn start(app: &App, args: &ServeArgs) -> Result<Dashboard, Fatal> {
    started(app, args, true)
}

fn started(app: &App, args: &ServeArgs, ready: bool) -> Result<Dashboard, Fatal> {
    let port = args.port.unwrap_or(app.config().serve.port);
    let failed = |error: std::io::Error| Fatal::usage(format!("cannot listen on port {port}: {error}"));
    let bound = engine_serve::bind(args.listen, port).map_err(failed)?;
    let instead_of = bound.instead_of;
    let token = token(args.token_file.as_deref())?;
    // A store that cannot be opened is said now, not to the first reader.
    drop(app.reader()?);
    let settings = Settings { ready, ..settings(app, args, &token)? };
    let hub = Hub::new();
    let backend = backend::Local::new(app.clone(), args)?;
    let server = Server::start(bound, &settings, Arc::new(backend), hub.clone())
        .map_err(|error| Fatal::new(Exit::Internal, format!("the dashboard did not start: {error}")))?;
    Ok(Dashboard { server, hub, token, instead_of })
}

/// Starts it beside a run; an empty port is that of the settings.
pub(crate) fn beside_run(app: &App, port: &str) -> Result<Dashboard, Fatal> {
    let wrong = |_| Fatal::usage(format!("`--dashboard` takes a port, got `{port}`"));
    let port = if port.is_empty() { None } else { Some(port.parse().map_err(wrong)?) };
    // A process that runs a scenario starts nothing else beside it.
    let dashboard = started(app, &ServeArgs { port, no_schedules: true, ..ServeArgs::default() }, false)?;
    dashboard.announce(app);
    Ok(dashboard)
}

impl Dashboard {
    /// What runs tell.
    pub(crate) fn hub(&self) -> Hub {
        self.hub.clone()
    }

    /// Says where it is. The token stands in the fragment, which browsers keep to themselves.
    pub(crate) fn announce(&self, app: &App) {
        let first = self.server.addresses().first().copied();
        let address = first.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 5000)));
        if let Some(port) = self.instead_of {
            app.note(&format!("port {port} is taken: the dashboard is on port {}", address.port()));
        }
        if !address.ip().is_loopback() {
            app.output.err(&format!(
                "warning: the dashboard listens on {address}: whoever can reach it and has the token can read and change \
                 everything, and nothing is encrypted on the way; a proxy with TLS, or `ssh -L`, is safer"
            ));
        }
        if app.output.json {
            let text = serde_json::json!({
                "schema_version": 1, "address": format!("http://{address}"), "token": self.token,
            });
            app.output.err(&text.to_string());
        } else {
            app.output.err(&format!("dashboard: http://{address}/#token={}", self.token));
        }
    }
}

/// The token: from a file that only its owner can read, from `ENGINE_TOKEN`, or a new one.
fn token(file: Option<&Path>) -> Result<String, Fatal> {
    let text = match file {
        Some(path) => {
            let wrong = |what: String| Fatal::usage(format!("`--token-file`: `{}` {what}", path.display()));
            private(path).map_err(wrong)?;
            Some(std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?)
        }
        None => std::env::var("ENGINE_TOKEN").ok().filter(|text| !text.is_empty()),
    };
    let Some(text) = text else {
        return engine_serve::fresh_token()
            .map_err(|error| Fatal::new(Exit::Internal, format!("the system has no randomness: {error}")));
    };
    let token = text.trim();
    let plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~+/=".contains(&byte));
    if token.len() < 16 || token.len() > 256 || !plain {
        return Err(Fatal::usage("the token must have 16 to 256 characters: letters, digits and -_.~+/="));
    }
    Ok(token.to_owned())
}

/// Whether only the owner can read a file.
fn private(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let about = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if about.permissions().mode() & 0o077 == 0 {
        Ok(())
    } else {
        Err("can be read by others: `chmod 600` it".to_owned())
    }
}

/// What a run tells the dashboard.
pub(crate) fn sink(hub: Hub) -> Box<dyn Sink> {
    struct Told(Hub);
    impl Sink for Told {
        fn event(&mut self, envelope: &Envelope, record: &RunRecord) {
            self.0.event(envelope, record);
        }
    }
    Box::new(Told(hub))
}
