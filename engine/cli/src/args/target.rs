//! Arguments of the demo target. `DemoTarget::arguments` writes what is read here; a test holds the two together.

use std::path::PathBuf;

use clap::Args;
use engine_core::load::{DemoTarget, ServiceTime, Stall, Store, Warmup};
use engine_core::quantity::Quantity;
use engine_core::unit::Dimension;

const AFTER: &str = "Pages that hold a worker: / /products?page=N /products/ID /search?q=TEXT /feed, POST /login /cart /orders, \
/orders/ID. Tools that hold none: /bytes/N /echo /status/CODE /delay/MS /health /metrics, POST /admin/reset. \
Prints `listening on http://127.0.0.1:PORT` when it is ready; ends on Ctrl-C or SIGTERM.";

/// `engine target`.
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER)]
pub(crate) struct TargetArgs {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,
    /// Time for which a request holds a worker: constant 2 ms, exponential 5 ms, uniform 1 ms..9 ms or log-normal 5 ms
    /// sigma 0.8 [default: log-normal 2 ms sigma 0.5]
    #[arg(long, value_name = "TIME")]
    service: Option<ServiceTime>,
    /// Requests served at the same time; others wait in order [default: 8]
    #[arg(long, value_name = "N")]
    workers: Option<u32>,
    /// Requests that may wait; one more gets 503 [default: no bound]
    #[arg(long, value_name = "N")]
    queue: Option<u64>,
    /// Service takes a processor's time instead of sleeping
    #[arg(long)]
    cpu_bound: bool,
    /// Share of requests answered with 500, such as 1%
    #[arg(long, value_name = "SHARE", value_parser = share)]
    errors: Option<f64>,
    /// Pages have at least so many bytes, such as 64KiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    body: Option<u64>,
    /// Freeze: at 10 s for 2 s, or at 10 s for 2 s every 60 s, counted from the first request; may be repeated
    #[arg(long, value_name = "WHEN")]
    stall: Vec<Stall>,
    /// Listen only after this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    start_delay: Option<f64>,
    /// Slow at first, such as 3x over 10 s
    #[arg(long, value_name = "HOW")]
    warmup: Option<Warmup>,
    /// Memory that each request leaves behind
    #[arg(long, value_name = "SIZE", value_parser = size)]
    leak: Option<u64>,
    /// Keep orders in a file, so that they survive a crash [default: in memory]
    #[arg(long, value_name = "FILE")]
    orders: Option<PathBuf>,
    /// Keep orders in SQLite: right acknowledges what was written, wrong acknowledges before it writes
    #[arg(long, value_name = "HOW")]
    store: Option<Store>,
    /// What `X-Admin` must hold for POST /admin/reset [default: anybody may]
    #[arg(long, value_name = "TOKEN")]
    admin: Option<String>,
    /// Refuse connections
    #[arg(long)]
    down: bool,
    /// Decides service times, errors and tokens [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// End when standard input ends: for whoever starts it as a child.
    #[arg(long, hide = true)]
    pub(crate) until_input_ends: bool,
}

impl TargetArgs {
    /// The settings.
    pub(crate) fn settings(&self) -> DemoTarget {
        let usual = DemoTarget::default();
        DemoTarget {
            service: self.service.unwrap_or(usual.service),
            workers: self.workers.unwrap_or(usual.workers),
            queue: self.queue,
            cpu_bound: self.cpu_bound,
            errors: self.errors.unwrap_or(usual.errors),
            body: self.body.unwrap_or(usual.body),
            stalls: self.stall.clone(),
            start_delay: self.start_delay.unwrap_or(usual.start_delay),
            warmup: self.warmup,
            leak: self.leak.unwrap_or(usual.leak),
            orders: self.orders.as_ref().map(|path| path.to_string_lossy().into_owned()),
            store: self.store,
            admin: self.admin.clone(),
            down: self.down,
            seed: self.seed.unwrap_or(usual.seed),
        }
    }
}

/// A quantity of one kind.
fn quantity(text: &str, dimension: Dimension, kind: &str) -> Result<f64, String> {
    let quantity: Quantity = text.parse().map_err(|error| format!("{error}"))?;
    if quantity.dimension == dimension { Ok(quantity.value) } else { Err(format!("{kind} is needed")) }
}

fn share(text: &str) -> Result<f64, String> {
    quantity(text, Dimension::NONE, "a share")
}

fn time(text: &str) -> Result<f64, String> {
    quantity(text, Dimension::TIME, "a time")
}

fn size(text: &str) -> Result<u64, String> {
    let bytes = quantity(text, Dimension::DATA, "a size")?;
    // Beyond what a float counts exactly, nobody means a number of bytes.
    if (0.0..9e15).contains(&bytes) { Ok(bytes as u64) } else { Err("it must not be negative".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use engine_core::load::{DemoTarget, ServiceTime, Stall, Store, Warmup};

    use crate::args::{Cli, Command};

    fn read(words: Vec<String>) -> DemoTarget {
        let words = ["engine", "target"].map(str::to_owned).into_iter().chain(words);
        match Cli::try_parse_from(words).unwrap().command {
            Some(Command::Target(args)) => args.settings(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_child_is_told_the_same_settings() {
        let all = DemoTarget {
            service: ServiceTime::LogNormal { mean: 0.1 + 0.2, sigma: 0.7 },
            workers: 3,
            queue: Some(17),
            cpu_bound: true,
            errors: 0.07,
            body: 65_537,
            stalls: vec![
                Stall { at: 1.5, lasts: 0.1, every: Some(10.0) },
                Stall { at: 1e-3, lasts: 1.0 / 3.0, every: None },
            ],
            start_delay: 0.25,
            warmup: Some(Warmup { factor: 3.5, seconds: 1.0 / 7.0 }),
            leak: 1025,
            orders: Some("a folder/orders".to_owned()),
            store: Some(Store::Wrong),
            admin: Some("sec ret".to_owned()),
            down: true,
            seed: u64::MAX,
        };
        assert_eq!(read(all.arguments()), all);
        let usual = DemoTarget::default();
        assert_eq!(usual.arguments(), Vec::<String>::new());
        assert_eq!(read(vec![]), usual);
    }
}
