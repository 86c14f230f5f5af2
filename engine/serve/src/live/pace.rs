//! The server's beat: once a second what is new is folded and told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use engine_core::run::RunId;
use engine_store::{AlertFilter, Follower};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::update::{Told, of_event, of_start};
use crate::error::ApiError;
use crate::shape::{AlertCounts, NewAlert};
use crate::state::App;

/// Between two deltas.
const PERIOD: Duration = Duration::from_secs(1);

/// Beats after which a server that nobody watches looks for runs of others.
const IDLE: u32 = 5;

/// Runs of other processes that are followed, by id.
type Followed = HashMap<RunId, Follower>;

/// Folds and tells until told to stop. Does next to nothing while nobody watches.
pub(crate) async fn keep_pace(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut followed = Followed::new();
    let mut idle = 0;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = stop.changed() => return,
        }
        let watched = app.hub.watchers() > 0;
        idle = if watched { 0 } else { idle + 1 };
        let mut others = Vec::new();
        if watched || idle % IDLE == 1 {
            let mut taken = std::mem::take(&mut followed);
            let looked = app
                .work(move |app| {
                    let mut told = Vec::new();
                    let site = look(app, &mut taken, &mut told);
                    Ok((taken, told, site))
                })
                .await;
            if let Ok((back, told, site)) = looked {
                followed = back;
                others = told;
                if let Ok((counts, newest)) = site {
                    app.hub.fold(std::mem::take(&mut others));
                    app.hub.tell_site(&json!({
                        "type": "site", "running": app.hub.running(), "alerts": counts, "newest": newest,
                    }));
                }
            }
        }
        app.hub.fold(others);
        app.hub.tell();
    }
}

/// Looks at the store: runs of other processes, and alerts.
fn look(app: &App, followed: &mut Followed, told: &mut Vec<Told>) -> Result<(Value, Value), ApiError> {
    if !app.database.path().exists() {
        return Ok((json!(AlertCounts::default()), json!([])));
    }
    app.database.read(|store| {
        let known = app.hub.known();
        for run in store.running()? {
            if !followed.contains_key(&run) && !known.contains(&run) {
                let follower = store.follow(&run)?;
                told.push((run.clone(), 0.0, of_start(follower.record(), "store")));
                followed.insert(run, follower);
            }
        }
        followed.retain(|run, follower| {
            let looked = store.look(follower, |envelope, record| {
                of_event(envelope, record, app.hub.estimates(), "store", &mut |update| {
                    told.push((run.clone(), envelope.at, update))
                });
            });
            // A run that was removed, or cannot be read, is not followed any more; a store that is busy is asked again.
            let lost = looked.is_err_and(|error| !error.is_locked());
            !lost && !follower.is_finished()
        });
        let alerts = store.alerts(&AlertFilter::default())?;
        let newest: Vec<NewAlert> = alerts.iter().take(5).map(NewAlert::of).collect();
        Ok((json!(AlertCounts::of(&alerts)), json!(newest)))
    })
}
