use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use engine_core::load::{DemoTarget, ServiceTime, Stall, Warmup};
use serde_json::Value;

use crate::{Options, ServeError, run};

/// A target on a thread of its own, which ends with the test's process.
struct Target {
    address: String,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Target {
    fn start(settings: DemoTarget) -> Self {
        let (send, receive) = channel();
        std::thread::spawn(move || run(settings, Options::default(), |address| send.send(address.to_owned()).unwrap()));
        let address = receive.recv().unwrap();
        Self { address: address.strip_prefix("http://").unwrap().to_owned() }
    }

    fn quick(change: impl FnOnce(&mut DemoTarget)) -> Self {
        let mut settings = DemoTarget { service: ServiceTime::Constant { mean: 0.0 }, ..DemoTarget::default() };
        change(&mut settings);
        Self::start(settings)
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n");
        stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer { status: head[9..12].parse().unwrap(), head: head.to_lowercase(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", "")
    }

    fn post(&self, path: &str, kind: &str, body: &str) -> Answer {
        self.ask("POST", path, &format!("Content-Type: {kind}\r\n"), body)
    }

    fn counter(&self, name: &str) -> f64 {
        let text = self.get("/metrics").body;
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).unwrap().to_owned();
        line.parse().unwrap()
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn between(&self, left: &str, right: &str) -> String {
        let text = self.json()["form"].as_str().unwrap().to_owned();
        text.split_once(left).unwrap().1.split_once(right).unwrap().0.to_owned()
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

#[test]
fn a_visit_to_the_shop() {
    let shop = Target::quick(|_| ());
    let login = shop.post("/login", FORM, "email=a%40b.c&password=x");
    assert_eq!((login.status, login.json()["user"].as_str()), (200, Some("a@b.c")));
    assert_eq!(login.json()["token"].as_str().unwrap().len(), 16);
    assert_eq!(shop.post("/login", JSON, r#"{"email": "a@b.c"}"#).status, 401);
    let list = shop.get("/products?page=20");
    assert_eq!((list.status, list.json()["items"][0]["sku"].as_str()), (200, Some("P-0381")));
    assert!(list.body.contains("value='"), "the page as text has the token too");
    assert_eq!((shop.get("/products?page=26").status, shop.get("/products?page=x").status), (404, 404));
    assert_eq!(shop.get("/products").json()["page"], 1);
    assert_eq!(shop.get("/products/500").json()["sku"], "P-0500");
    assert_eq!((shop.get("/products/P-0007").json()["id"].as_u64(), shop.get("/products/501").status), (Some(7), 404));
    let cart = shop.post("/cart", JSON, r#"{"sku": "P-0381", "n": 2}"#);
    assert_eq!((cart.status, &cart.json()["cart"]["items"][0]["n"]), (201, &2.into()));
    assert_eq!((shop.post("/cart", JSON, "{}").status, shop.post("/cart", JSON, "{").status), (422, 400));
    let csrf = list.between("value='", "'");
    let order = shop.post("/orders", FORM, &format!("csrf={csrf}"));
    assert_eq!((order.status, order.json()["order"]["id"].as_u64()), (201, Some(1)));
    assert_eq!(shop.post("/orders", FORM, "csrf=wrong").status, 403);
    let order = shop.post("/orders", JSON, r#"{"sku": 7, "n": 1}"#);
    assert_eq!(order.json()["order"]["id"], 2);
    let kept = shop.get("/orders/2");
    assert_eq!((kept.status, kept.json()["order"]["sku"].as_str()), (200, Some("7")));
    assert_eq!((shop.get("/orders/3").status, shop.get("/orders/x").status), (404, 404));
    assert_eq!((shop.get("/").status, shop.get("/feed?run=1").json()["entries"][9]["id"].as_u64()), (200, Some(10)));
    let found = shop.get("/search?q=red").json();
    assert!(found["hits"][0]["name"].as_str().unwrap().contains("red") && found["total"].as_u64().unwrap() > 10);
    let reset = shop.ask("POST", "/admin/reset", "X-Admin: any\r\n", "");
    assert_eq!((reset.status, reset.json()["order"]["id"].as_u64()), (201, Some(1)));
    assert_eq!((shop.get("/orders/2").status, shop.counter("orders_total")), (404, 2.0));
}

#[test]
fn tools_do_what_they_are_asked() {
    let shop = Target::quick(|settings| settings.admin = Some("secret".into()));
    assert_eq!(shop.get("/health").json()["status"], "ok");
    let bytes = shop.get("/bytes/100000");
    assert!(bytes.head.contains("content-length: 100000") && bytes.body.len() == 100_000);
    assert_eq!((shop.get("/bytes/0").body.len(), shop.get("/bytes/9999999999").status), (0, 400));
    assert_eq!(shop.post("/echo", "text/x", "what I said").body, "what I said");
    let statuses = ["204", "304", "418", "503", "100", "x"].map(|code| shop.get(&format!("/status/{code}")).status);
    assert_eq!(statuses, [204, 304, 418, 503, 400, 400]);
    let began = Instant::now();
    assert_eq!(shop.get("/delay/30.5").status, 200);
    assert!(began.elapsed() >= Duration::from_micros(30_500));
    assert_eq!(shop.get("/delay/-1").status, 400);
    let reset = |token: &str| shop.ask("POST", "/admin/reset", token, "").status;
    assert_eq!([reset(""), reset("X-Admin: wrong\r\n"), reset("X-Admin: secret\r\n")], [403, 403, 201]);
    let nowhere = shop.get("/nowhere");
    assert_eq!((nowhere.status, nowhere.json()["error"].as_str()), (404, Some("no such page")));
    assert_eq!(shop.get("/products/1/reviews").status, 404);
    assert_eq!((shop.counter("served_total"), shop.counter("in_flight")), (0.0, 1.0), "none of these held a worker");
}

#[test]
fn pages_are_as_large_as_asked() {
    let shop = Target::quick(|settings| settings.body = 70_000);
    for path in ["/", "/products", "/products/3", "/search?q=zzz", "/feed"] {
        assert_eq!(shop.get(path).body.len(), 70_000, "{path}");
    }
    assert_eq!(shop.get("/feed").json()["entries"][0]["id"], 1, "it is still JSON");
}

#[test]
fn the_seed_decides_which_requests_fail() {
    let settings = DemoTarget { errors: 0.3, seed: 5, ..DemoTarget::default() };
    let shop = Target::quick(|own| *own = DemoTarget { service: own.service, ..settings.clone() });
    let failed: Vec<bool> = (0..30).map(|_| shop.get("/feed").status == 500).collect();
    let want: Vec<bool> = (0..30).map(|n| settings.fails(n)).collect();
    assert!(want.contains(&true) && want.contains(&false));
    assert_eq!(failed, want);
    let counted = want.iter().filter(|failed| **failed).count() as f64;
    assert_eq!((shop.counter("served_total"), shop.counter("errors_total")), (30.0, counted));
}

/// Asks for a page from several threads at once; gives the answers' statuses, and how long the slowest took.
fn at_once(shop: &Target, count: usize) -> (Vec<u16>, Duration) {
    let began = Instant::now();
    let statuses = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..count).map(|_| scope.spawn(|| shop.get("/feed").status)).collect();
        asked.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    (statuses, began.elapsed())
}

#[test]
fn workers_are_held_one_request_each() {
    for cpu_bound in [false, true] {
        let service = ServiceTime::Constant { mean: 0.1 };
        let shop = Target::start(DemoTarget { service, workers: 2, cpu_bound, ..DemoTarget::default() });
        let (statuses, took) = at_once(&shop, 6);
        assert_eq!(statuses, [200; 6]);
        // Never faster than three rounds of two; a loaded machine may be slower.
        let shortest = Duration::from_millis(if cpu_bound { 100 } else { 300 });
        assert!(took >= shortest, "{took:?}");
        let (service, wait) = (shop.counter("service_seconds_total"), shop.counter("wait_seconds_total"));
        assert!(service >= 0.5999 && wait > 0.0, "{service} s of service, {wait} s of waiting");
        assert_eq!(
            (shop.counter("queue_length"), shop.counter("workers_busy"), shop.counter("workers")),
            (0.0, 0.0, 2.0)
        );
    }
}

#[test]
fn a_full_queue_refuses() {
    for cpu_bound in [false, true] {
        let service = ServiceTime::Constant { mean: 0.3 };
        let shop =
            Target::start(DemoTarget { service, workers: 1, queue: Some(1), cpu_bound, ..DemoTarget::default() });
        let (mut statuses, _) = at_once(&shop, 8);
        statuses.sort_unstable();
        assert_eq!((statuses[0], statuses[7]), (200, 503), "{statuses:?}");
        let refused = statuses.iter().filter(|status| **status == 503).count() as f64;
        assert_eq!((shop.counter("refused_total"), shop.counter("served_total")), (refused, 8.0 - refused));
    }
}

#[test]
fn a_frozen_target_answers_nothing_until_it_thaws() {
    let stall = Stall { at: 0.0, lasts: 0.25, every: None };
    let shop = Target::quick(|settings| settings.stalls = vec![stall]);
    let began = Instant::now();
    assert_eq!(shop.get("/health").status, 200);
    // The first request of the shop starts the clock of the stall, and meets it.
    let first = shop.get("/feed");
    let took = began.elapsed();
    assert!(first.status == 200 && took >= Duration::from_millis(250), "{took:?}");
    shop.ask("POST", "/admin/reset", "", "");
    let began = Instant::now();
    shop.get("/feed");
    assert!(began.elapsed() >= Duration::from_millis(250), "a reset starts it anew");
}

#[test]
fn it_is_slow_at_first() {
    let service = ServiceTime::Constant { mean: 0.005 };
    let warmup = Some(Warmup { factor: 20.0, seconds: 1000.0 });
    let shop = Target::start(DemoTarget { service, warmup, ..DemoTarget::default() });
    shop.get("/feed");
    let service = shop.counter("service_seconds_total");
    assert!((0.090..=0.1001).contains(&service), "{service}");
}

#[test]
fn memory_stays_behind_when_it_shall() {
    let shop = Target::quick(|settings| settings.leak = 1 << 20);
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let before = resident();
    for _ in 0..64 {
        shop.get("/feed");
    }
    assert!(resident() >= before + 48 * 1024, "{before} kB before, {} kB after 64 MiB", resident());
}

#[test]
fn a_target_that_is_down_refuses() {
    let down = Target::quick(|settings| settings.down = true);
    assert_eq!(TcpStream::connect(&down.address).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn what_cannot_be_served_says_why() {
    let fail =
        |settings: DemoTarget, port| run(settings, Options { port, until_input_ends: false }, |_| ()).unwrap_err();
    let other = Target::quick(|_| ());
    let port = other.address.rsplit_once(':').unwrap().1.parse().unwrap();
    let error = fail(DemoTarget::default(), port);
    assert!(
        matches!(error, ServeError::Listen { .. }) && error.to_string().contains("Address already in use"),
        "{error}"
    );
    let error = fail(DemoTarget { orders: Some("/no/such/folder/orders".into()), ..DemoTarget::default() }, 0);
    assert!(error.to_string().starts_with("cannot keep orders in `/no/such/folder/orders`: No such file"), "{error}");
    let error = fail(DemoTarget { workers: 0, ..DemoTarget::default() }, 0);
    assert!(matches!(error, ServeError::Settings(_)), "{error}");
}
