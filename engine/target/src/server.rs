//! Listening, announcing, and ending.

use std::future::pending;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::serve::ListenerExt;
use engine_core::load::{DemoTarget, DemoTargetError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thiserror::Error;
use tokio::net::TcpSocket;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::cpu::Pool;
use crate::freeze::nanos;
use crate::routes::routes;
use crate::shop::Shop;

/// Connections that may wait to be accepted; the kernel's own bound is lower on most machines.
const BACKLOG: u32 = 16_384;

/// How the process runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Port on the loopback address; 0 takes a free one.
    pub port: u16,
    /// Ends when standard input ends: whoever started it has died or let go.
    pub until_input_ends: bool,
}

/// Why it cannot serve.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A setting is impossible.
    #[error(transparent)]
    Settings(#[from] DemoTargetError),
    /// The port cannot be had.
    #[error("cannot listen on 127.0.0.1:{port}: {error}")]
    Listen {
        /// Which.
        port: u16,
        /// Why.
        error: io::Error,
    },
    /// The file of the orders cannot be used.
    #[error("cannot keep orders in `{path}`: {error}")]
    Orders {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The system refused something else.
    #[error("the target cannot run: {0}")]
    System(#[from] io::Error),
}

/// Serves until SIGTERM, SIGINT, or the end of standard input where asked for. `announce` is given the address, such as
/// `http://127.0.0.1:40001`, when connections are accepted (or refused, if the target is to be down).
///
/// # Errors
/// If it cannot begin to serve.
pub fn run(settings: DemoTarget, options: Options, announce: impl FnOnce(&str)) -> Result<(), ServeError> {
    settings.check()?;
    let path = settings.orders.clone().unwrap_or_default();
    let shop = Arc::new(Shop::new(settings).map_err(|error| ServeError::Orders { path, error })?);
    // As many connections as the system allows; with fewer it serves fewer.
    let files = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files });
    // One thread: the other processors are for whoever makes the load.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let end = end(options.until_input_ends)?;
        tokio::select! {
            served = serve(shop, options.port, announce) => served,
            () = end => Ok(()),
        }
    });
    runtime.shutdown_background();
    served
}

async fn serve(shop: Arc<Shop>, port: u16, announce: impl FnOnce(&str)) -> Result<(), ServeError> {
    let timer = Arc::clone(&shop);
    let driven = tokio::spawn(async move { timer.timer.drive().await });
    shop.timer.until(nanos(shop.settings.start_delay)).await;
    let failed = |error| ServeError::Listen { port, error };
    let socket = TcpSocket::new_v4().map_err(failed)?;
    socket.set_reuseaddr(true).map_err(failed)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).map_err(failed)?;
    let address = format!("http://{}", socket.local_addr().map_err(failed)?);
    if shop.settings.down {
        // A port that is bound and does not listen refuses connections, and nobody else can take it.
        announce(&address);
        return pending().await;
    }
    let listener = socket.listen(BACKLOG).map_err(failed)?;
    if shop.pool.is_some() {
        Pool::start(&shop)?;
    }
    shop.open();
    announce(&address);
    // Where it fails, answers are late by Nagle's algorithm, and nothing else.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    tokio::select! {
        served = axum::serve(listener, routes(shop)) => Ok(served?),
        driven = driven => match driven {
            Ok(Err(error)) => Err(error.into()),
            _ => Err(io::Error::other("its timer ended").into()),
        },
    }
}

/// What is done when it shall end.
fn end(until_input_ends: bool) -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (ended, input) = oneshot::channel::<()>();
    if until_input_ends {
        std::thread::Builder::new().name("input".to_owned()).spawn(move || {
            let mut chunk = [0; 256];
            while io::stdin().lock().read(&mut chunk).is_ok_and(|count| count > 0) {}
            drop(ended);
        })?;
    }
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = input, if until_input_ends => {}
        }
    })
}
