//! What all answers share.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use engine_analysis::{Criteria, Thresholds};
use engine_core::run::Timestamp;
use tokio::sync::{Notify, Semaphore};

use crate::backend::Backend;
use crate::db::Database;
use crate::error::ApiError;
use crate::guard::{Names, Rates, Secret};
use crate::kept::Kept;
use crate::live::Hub;

/// How the server behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// File of the results.
    pub database: PathBuf,
    /// The token that changes need.
    pub token: String,
    /// Whether reading needs no token. Only ever true when all addresses are of this machine.
    pub open: bool,
    /// Names that it answers to beside its own addresses.
    pub hosts: Vec<String>,
    /// Requests a second from one address.
    pub rate: f64,
    /// Most open WebSockets.
    pub sockets: usize,
    /// The user's limits of a healthy machine.
    pub thresholds: Thresholds,
    /// How runs are compared within a run.
    pub criteria: Criteria,
    /// Whether answers about long runs are made before anybody asks. Not beside a run that this process measures.
    pub ready: bool,
}

/// What all answers share.
pub(crate) struct App {
    pub(crate) database: Database,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) hub: Hub,
    pub(crate) kept: Kept,
    /// Told where a long run was asked for whose answers the store does not have.
    pub(crate) lacking: Notify,
    pub(crate) names: Names,
    pub(crate) rates: Rates,
    pub(crate) secret: Secret,
    pub(crate) open: bool,
    pub(crate) sockets: usize,
    pub(crate) seats: Arc<Semaphore>,
    pub(crate) thresholds: Thresholds,
    pub(crate) criteria: Criteria,
    pub(crate) started: Timestamp,
}

impl App {
    pub(crate) fn new(settings: &Settings, addresses: &[SocketAddr], backend: Arc<dyn Backend>, hub: Hub) -> Self {
        let local = addresses.iter().all(|address| address.ip().is_loopback());
        Self {
            database: Database::new(settings.database.clone()),
            backend,
            hub,
            kept: Kept::default(),
            lacking: Notify::new(),
            names: Names::new(addresses, &settings.hosts),
            rates: Rates::new(settings.rate),
            secret: Secret::new(&settings.token),
            open: settings.open && local,
            sockets: settings.sockets,
            seats: Arc::new(Semaphore::new(settings.sockets)),
            thresholds: settings.thresholds,
            criteria: settings.criteria,
            started: crate::time::now(),
        }
    }

    /// Open WebSockets.
    pub(crate) fn watching(&self) -> usize {
        self.sockets.saturating_sub(self.seats.available_permits())
    }

    /// Does something that takes a while where that holds nobody up.
    pub(crate) async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        job: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let app = Arc::clone(self);
        match tokio::task::spawn_blocking(move || job(&app)).await {
            Ok(done) => done,
            Err(error) => Err(ApiError::internal(format!("an answer was not finished: {error}"))),
        }
    }
}
