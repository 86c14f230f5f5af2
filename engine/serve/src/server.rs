//! The server's thread.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::answers::keep_ready;
use crate::backend::Backend;
use crate::listen::{self, Bound};
use crate::live::{Hub, keep_pace};
use crate::state::{App, Settings};

/// Threads for what takes a while: reading the store, compressing.
const WORKERS: usize = 4;

/// A server that answers. It ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers on a thread of its own, with one for connections and a few for work.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start(bound: Bound, settings: &Settings, backend: Arc<dyn Backend>, hub: Hub) -> io::Result<Self> {
        let addresses = bound.addresses();
        let app = Arc::new(App::new(settings, &addresses, backend, hub));
        let ready = settings.ready;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(WORKERS)
            .thread_keep_alive(Duration::from_secs(30))
            .thread_name("engine-serve")
            .build()?;
        let (stop, stopped) = watch::channel(false);
        let listeners = bound.listeners;
        let thread = std::thread::Builder::new().name("engine-serve".to_owned()).spawn(move || {
            runtime.block_on(async {
                let router = crate::api::router(Arc::clone(&app));
                let room = listen::room();
                let mut tasks = tokio::task::JoinSet::new();
                for listener in listeners {
                    tasks.spawn(listen::serve(listener, router.clone(), Arc::clone(&room), stopped.clone()));
                }
                if ready {
                    tasks.spawn(keep_ready(Arc::clone(&app), stopped.clone()));
                }
                tasks.spawn(keep_pace(app, stopped));
                while tasks.join_next().await.is_some() {}
            });
            // Whoever is still connected, or still reading the store, is not waited for.
            runtime.shutdown_timeout(Duration::from_millis(200));
        })?;
        Ok(Self { addresses, stop, thread: Some(thread) })
    }

    /// Where it answers.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send(true).ok();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the server's thread had panicked");
        }
    }
}

/// A token for one start: 128 random bits, hexadecimal.
///
/// # Errors
/// When the system has no randomness.
pub fn fresh_token() -> io::Result<String> {
    crate::guard::fresh().map_err(io::Error::other)
}
