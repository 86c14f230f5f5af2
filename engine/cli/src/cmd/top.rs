//! `engine top`: the machine, drawn; or, where there is no terminal, a line for each sample.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use engine_core::host_sample::HostSample;
use engine_core::unit::Unit;
use engine_probes::host::Monitor;
use engine_tui::Live;

use crate::app::{self, App};
use crate::args::TopArgs;
use crate::exit::{Exit, Fatal};
use crate::{signals, view};

pub(crate) fn run(app: &App, args: &TopArgs) -> Result<Exit, Fatal> {
    let period = app::time("--period", &args.period)?;
    if !(0.05..=3600.0).contains(&period) {
        return Err(Fatal::usage("`--period` is 50 ms .. 1 h".to_owned()));
    }
    let interrupt = signals::interrupt();
    let screen = match engine_tui::possible(std::env::var_os("TERM").as_deref()) {
        Ok(()) if !app.output.json && !app.output.quiet => Some(view::screen(Live::new("this machine"))?),
        _ => None,
    };
    let (send, samples) = mpsc::channel();
    let monitor = Monitor::start(
        Duration::from_secs_f64(period),
        Box::new(move |sample: HostSample| {
            // The receiver goes when enough has come.
            let _ = send.send(sample);
        }),
    );
    let monitor = monitor.map_err(|error| Fatal::new(Exit::Internal, format!("cannot start the monitor: {error}")))?;
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 && !interrupt.load(Ordering::Relaxed) && screen.as_ref().is_none_or(|screen| screen.is_drawing()) {
        let sample = match samples.recv_timeout(Duration::from_millis(200)) {
            Ok(sample) => sample,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        left -= 1;
        match &screen {
            Some(screen) => screen.update(|live| live.sample(&sample)),
            None if app.output.json => match serde_json::to_string(&sample) {
                Ok(text) => app.output.out(&text),
                Err(error) => return Err(Fatal::new(Exit::Internal, error.to_string())),
            },
            None => app.output.out(&line(&sample)),
        }
    }
    drop(screen);
    monitor.stop();
    Ok(Exit::Pass)
}

/// One sample in words.
fn line(sample: &HostSample) -> String {
    let rate = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| Unit::BytesPerSecond.format(value));
    format!(
        "{:8.1} s  cpu {}  memory {} of {}  read {}  written {}  received {}  sent {}  loopback {}",
        sample.at,
        Unit::Ratio.format(sample.cpu),
        Unit::Bytes.format(sample.memory_used as f64),
        Unit::Bytes.format(sample.memory_total as f64),
        rate(sample.disk_read),
        rate(sample.disk_write),
        rate(Some(sample.network_received)),
        rate(Some(sample.network_sent)),
        rate(Some(sample.loopback)),
    )
}
