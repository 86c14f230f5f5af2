//! A journey written in Rhai, one `get` and one check for each iteration, to be measured beside wrk and the native one.
//!
//!     scripted URL CONNECTIONS SECONDS [THREADS] [idle]
//!
//! With `idle` each user sends one request and then thinks until the end: what a user weighs. Prints one line of JSON.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use std::time::{Duration, Instant};

use engine_core::args::Args;
use engine_core::event::NoteLevel;
use engine_core::measurement::Record;
use engine_core::series::Labels;
use engine_core::step::Place;
use engine_load::Runner;
use engine_load::http::Url;
use engine_script::{Options, Permissions, Source, load};
use engine_session::{CustomContext, ProbeError, Scripted};

/// A session that has nothing but time.
struct Alone;

impl CustomContext for Alone {
    fn record(&mut self, _: Record) {}

    fn measure(&mut self, _: &str, _: &Args) -> Result<Vec<Record>, ProbeError> {
        Err(ProbeError::Cancelled)
    }

    fn note(&mut self, _: NoteLevel, message: &str, _: Option<Place>) {
        eprintln!("{message}");
    }

    fn cancelled(&self) -> bool {
        false
    }

    fn seed(&self) -> u64 {
        1
    }

    fn deadline(&self) -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |at: usize, usual: &str| words.get(at).cloned().unwrap_or_else(|| usual.to_owned());
    let idle = words.iter().any(|word| word == "idle");
    let url = Url::parse(&word(0, "http://127.0.0.1:8080/")).expect("an address");
    let (users, seconds, threads) = (word(1, "50"), word(2, "3"), word(3, "1"));
    let rest = if idle { "user.think(\"1 h\");" } else { "" };
    let text = format!(
        "fn visit(user) {{ let page = user.get(\"{}\"); user.check(\"is there\", page.status == 200); {rest} }}\n\
         load(\"scripted\", #{{ target: \"{}\", users: {users}, duration: \"{seconds} s\", threads: {threads}, \
         graceful: \"1 ms\", journey: visit }});",
        url.path, url.origin
    );
    let source = Source::Text { name: "scripted".to_owned(), text, base: ".".into() };
    let options = Options { permissions: Permissions::all(), ..Options::new(Vec::new()) };
    let mut scenario = load(&source, options).unwrap_or_else(|all| panic!("{}", all[0].render(false)));
    let mut request = scenario.load(0, &Labels::new(), &mut Alone).expect("a load");
    request.load.target = Some(url.origin);
    let outcome = Runner::new(request.load).expect("a load").run(&mut |_| ()).expect("a run");
    let row = outcome.requests();
    let quantile = |q| row.response.value_at_quantile(q).map_or(0, |value| value.floor());
    let cpu: f64 = outcome.health.cpu.iter().sum();
    println!(
        "{{\"driver\": \"{:?}\", \"requests\": {}, \"ok\": {}, \"seconds\": {:.3}, \"rate\": {:.0}, \"cpu\": {cpu:.3}, \
         \"cpu_us\": {:.3}, \"p50_us\": {}, \"p99_us\": {}, \"resident\": {}, \"doubts\": {:?}}}",
        outcome.driver,
        row.started,
        row.ok,
        outcome.seconds,
        outcome.rate(),
        cpu / row.ok as f64 * 1e6,
        quantile(0.5) / 1000,
        quantile(0.99) / 1000,
        outcome.health.resident,
        outcome.doubts.iter().map(|doubt| &doubt.reason).collect::<Vec<_>>(),
    );
    for error in row.errors {
        eprintln!("{} x {}: {}", error.count, error.class, error.example);
    }
}
