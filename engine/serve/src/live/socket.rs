//! One watcher: a WebSocket that is told, and never waited for.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use engine_core::run::RunId;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

use super::hub::Follow;
use super::update::{of_event, of_start};
use super::view::Live;
use super::{Joined, update::Update};
use crate::error::{ApiError, ErrorBody};
use crate::params::{Params, reference};
use crate::state::App;

/// A watcher that takes nothing for so long is dropped: it comes back and gets a snapshot.
const SLOW: Duration = Duration::from_secs(2);

/// Watchers have nothing to say.
const LONGEST: usize = 4 << 10;

/// What is watched.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LiveQuery {
    /// A run, or `live` for the newest that is under way.
    run: Option<String>,
    /// The epoch of the server that the last message came from.
    epoch: Option<String>,
    /// The number of the last message that was taken.
    after: Option<u64>,
}

/// What happens now, as a WebSocket: a snapshot, then numbered changes once a second.
#[utoipa::path(
    get,
    path = "/api/v1/live",
    tag = "live",
    params(LiveQuery),
    responses(
        (status = 101, description = "Messages as described in the guide"),
        (status = 400, description = "Not a WebSocket, or a query that means nothing", body = ErrorBody),
        (status = 426, description = "Only as a WebSocket", body = ErrorBody),
        (status = 503, description = "Too many watch already", body = ErrorBody),
        crate::api::Errors,
    )
)]
pub(crate) async fn live(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let Params(query): Params<LiveQuery> = Params::from_request_parts(&mut parts, &()).await?;
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(error) => return Err(ApiError::bad(format!("this is a WebSocket: {}", error.body_text()))),
    };
    let follow = match query.run.as_deref() {
        None | Some("live") => Follow::Newest,
        Some(text) => {
            let text = reference(text)?.to_owned();
            Follow::Run(app.work(move |app| app.database.read(|store| Ok::<_, ApiError>(store.resolve(&text)?))).await?)
        }
    };
    let Ok(seat) = Arc::clone(&app.seats).try_acquire_owned() else {
        return Err(ApiError::unavailable(format!("{} watch already", app.sockets)));
    };
    let view = match &follow {
        Follow::Run(run) if !app.hub.known().contains(run) => Some(stored(&app, run.clone()).await?),
        _ => None,
    };
    let from = query.epoch.as_deref().zip(query.after);
    let joined = app.hub.join(&follow, from, view);
    let hello = json!({
        "type": "hello", "epoch": app.hub.epoch(), "version": env!("CARGO_PKG_VERSION"),
        "now": crate::time::text(crate::time::now()), "period_seconds": 1, "resumed": joined.resumed,
    });
    let upgrade =
        upgrade.max_message_size(LONGEST).max_frame_size(LONGEST).write_buffer_size(0).max_write_buffer_size(8 << 20);
    Ok(upgrade.on_upgrade(move |socket| watch(socket, hello.to_string(), joined, seat)).into_response())
}

/// The view of a run that is not under way here, from the store.
async fn stored(app: &Arc<App>, run: RunId) -> Result<Live, ApiError> {
    app.work(move |app| {
        app.database.read(|store| {
            let mut follower = store.follow(&run)?;
            let Update::Started(head, steps) = of_start(follower.record(), "store") else {
                return Err(ApiError::internal("a run has no start"));
            };
            let mut view = Live::new(*head, steps);
            store.look(&mut follower, |envelope, record| {
                of_event(envelope, record, app.hub.estimates(), "store", &mut |update| view.take(envelope.at, update));
            })?;
            view.forget_news();
            Ok(view)
        })
    })
    .await
}

async fn watch(mut socket: WebSocket, hello: String, mut joined: Joined, seat: OwnedSemaphorePermit) {
    let first = std::iter::once(hello).chain(joined.first.drain(..).map(|text| text.to_string()));
    for text in first.collect::<Vec<_>>() {
        if send(&mut socket, text).await.is_err() {
            return;
        }
    }
    let reason = loop {
        let told = tokio::select! {
            biased;
            told = joined.messages.recv() => told,
            told = joined.site.recv() => told,
            heard = socket.recv() => match heard {
                // What is pinged is answered underneath.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Binary(_))) => continue,
                _ => return,
            },
        };
        match told {
            Ok(text) => {
                if send(&mut socket, text.to_string()).await.is_err() {
                    break "too slow";
                }
            }
            Err(RecvError::Lagged(_)) => break "too slow",
            Err(RecvError::Closed) => break "over",
        }
    };
    let close = Message::Close(Some(CloseFrame { code: 1013, reason: reason.into() }));
    let _ = tokio::time::timeout(SLOW, socket.send(close)).await;
    drop(seat);
}

async fn send(socket: &mut WebSocket, text: String) -> Result<(), ()> {
    match tokio::time::timeout(SLOW, socket.send(Message::Text(text.into()))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(()),
    }
}
