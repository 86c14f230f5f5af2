//! Loads that the API was designed with: accepted as they stand, and run with the tiny profile.

use std::path::Path;

use engine_core::plan::{Profile, Work};
use engine_script::{Options, Scenario, Source, check, load};
use engine_session::Scripted;
use engine_session::load::TargetAt;

use crate::fakes::{FakeSession, trusted};
use crate::server::{Server, failures, run};

const CHECKOUT: &str = r#"//! Checkout: accounts from a file, cookies, think times, ramp, spike and abort.
import "lib/shop" as shop;
import "std/sla" as sla;
import "std/users" as users;
let rate = param("rate", "200/s");
fn buyer(user) {
    user.login();
    let list = user.get("/products?page=" + user.random(1..=20), #{ name: "list", status: 200 });
    let sku = list.json("items[0].sku");                            // absent: this iteration fails and says why
    user.think(users::casual_think());
    group("checkout", || {                                          // a free function: see trap 4
        user.post("/cart", #{ json: #{ sku: sku, n: 1 }, status: [200, 201] });
        let order = user.post("/orders", #{ form: #{ csrf: list.between("value='", "'") }, status: 201 });
        user.state.order = order.json("order.id");
    });
    if user.chance("20 %") { user.api(`/orders/${user.state.order}`, "order"); }
    user.check("list fast enough", list.time < "800 ms");
}
load("shop.checkout", #{
    target: demo_target(), data: #{ account: data("accounts.csv").per_user() },
    journeys: [#{ run: buyer, share: 70 }, #{ run: shop::browser, share: 30 }],
    phases: [#{ name: "ramp", rate: `0/s -> ${rate}`, duration: "30 s" },
             #{ name: "steady", rate: rate, duration: "60 s", expect: ["response.p99 < 1 s", "rate >= 0.99 * target"] },
             #{ name: "spike", rate: "800/s", duration: "10 s", expect: ["errors < 1 %"] }],
    expect: sla::web() + ["response{name=POST /orders}.p95 < 300 ms", "response.p99.9[10 s] < 2 s for 2 windows @abort"],
});
"#;

const SOAK: &str = r#"//! Eight hours: does anything grow, drift or leak?
import "lib/shop" as shop;
setup(|user| #{ run: user.post("/admin/reset", #{ headers: #{ "X-Admin": secret("ADMIN_TOKEN") }, status: 201 }).json("order.id") });
fn member(user) {
    if user.iteration == 0 { user.login(); }
    user.get("/feed?run=" + user.setup.run, #{ name: "feed" });      // setup's value: plain data, a copy for every user
    user.think("1 s", "3 s");
}
load("soak", #{
    target: param("url", "http://127.0.0.1:8080"), users: 200, warmup: "5 min", duration: param("duration", "8 h"),
    data: #{ account: data("accounts.csv").per_user() }, journey: member, watch: #{ shop: process("shop") },
    expect: ["response.p99[1 min] < 500 ms for 3 windows @abort", "errors[1 min] < 0.5 %", "response.p95.slope < 5 ms/h",
             "shop.rss.slope < 1 MiB/h", "shop.fds.slope < 1/h"],
});
teardown(|user| user.post("/admin/reset"));
"#;

const SHOP: &str = r#"fn User.login() {                       // a method on every user: no alias needed, works in all scenarios that import this file
    let a = this.data.account;
    let r = this.post("/login", #{ form: #{ email: a.email, password: a.password }, status: 200 });
    this.state.token = r.json("token");
}
fn User.api(path, name) { this.get(path, #{ name: name, headers: #{ Authorization: "Bearer " + this.state.token } }) }
fn browser(user) { user.get("/products/" + user.random(1..=500), #{ name: "product" }); user.think("2 s", "10 s"); }
"#;

const SLA: &str = r#"fn web() { ["response.p95 < 500 ms", "errors < 0.1 %", "host.cpu < 80 %", "host.memory < 75 %"] }
"#;

const USERS: &str = r#"fn casual_think() { uniform("2 s", "10 s") }
fn power_think() { uniform("0.5 s", "2 s") }
fn power_user(user) { user.get("/"); user.think(power_think()); }
"#;

fn folder(standard: bool) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("checkout.rhai", CHECKOUT);
    write("soak.rhai", SOAK);
    write("lib/shop.rhai", SHOP);
    write("accounts.csv", "email,password\na@x,1\nb@x,2\n");
    if standard {
        write("own/sla.rhai", SLA);
        write("own/users.rhai", USERS);
    }
    dir
}

fn options(dir: &Path, own: bool) -> Options {
    Options {
        profile: Profile::Tiny,
        stdlib_dir: own.then(|| dir.join("own")),
        env: std::sync::Arc::new(|name| (name == "ADMIN_TOKEN").then(|| "word".to_owned())),
        ..trusted()
    }
}

#[track_caller]
fn loaded(file: &Path, options: Options) -> Scenario {
    load(&Source::File(file.to_owned()), options)
        .unwrap_or_else(|e| panic!("{}", e.iter().map(|d| d.render(false)).collect::<String>()))
}

/// A shop as the scenarios expect it.
fn shop() -> Server {
    Server::new(|seen| {
        let path = seen.path.split('?').next().unwrap_or_default().to_owned();
        let (status, body) = match (seen.method.as_str(), path.as_str()) {
            ("POST", "/login") => ("200 OK", r#"{"token": "t"}"#),
            ("GET", "/products") => ("200 OK", r#"{"items": [{"sku": 5}], "form": "<input value='c1'>"}"#),
            ("POST", "/cart") => ("201 Created", "{}"),
            ("POST", "/orders" | "/admin/reset") => ("201 Created", r#"{"order": {"id": 9}}"#),
            ("GET", path) if path.starts_with("/products/") || path == "/feed" || path == "/orders/9" => {
                ("200 OK", "{}")
            }
            _ => ("404 Not Found", "{}"),
        };
        (status, "", body.to_owned())
    })
}

#[test]
fn the_checkout_is_accepted_and_runs_tiny() {
    for own in [true, false] {
        let dir = folder(own);
        let mut scenario = loaded(&dir.path().join("checkout.rhai"), options(dir.path(), own));
        let plan = scenario.plan().clone();
        let Work::Load { shape, .. } = &plan.steps[0].work else { panic!() };
        assert_eq!((shape.target.as_str(), shape.journeys.join(" ").as_str()), ("demo target", "buyer browser"));
        assert_eq!(shape.phases.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["ramp", "steady", "spike"]);
        let texts: Vec<&str> = plan.declarations[0].expect.iter().map(|e| e.text.as_str()).collect();
        for text in [
            "response{phase=steady}.p99 < 1 s",
            "errors{phase=spike} < 1 %",
            "response{name=POST /orders}.p95 < 300 ms",
            "checks == 100 %",
        ] {
            assert!(texts.contains(&text), "{text} is not in {texts:?}");
        }
        let server = shop();
        let mut request = scenario.load(0, &plan.steps[0].labels, &mut FakeSession::default()).unwrap();
        assert!(matches!(request.at, TargetAt::Demo(_)));
        request.at = TargetAt::Url(server.url());
        let outcome = run(request);
        assert_eq!(failures(&outcome), []);
        assert!(outcome.conservation.iterations > 50 && outcome.requests().failed == 0);
        let order = outcome.totals.rows.iter().find(|(label, _)| &*label.endpoint == "POST /orders").unwrap();
        assert_eq!(&*order.0.group, "checkout");
    }
}

#[test]
fn the_soak_is_accepted_and_runs_tiny() {
    let dir = folder(false);
    let server = shop();
    let mut options = options(dir.path(), false);
    options.params.insert("url".to_owned(), server.url());
    let mut scenario = loaded(&dir.path().join("soak.rhai"), options);
    let plan = scenario.plan().clone();
    assert!(plan.setup && plan.teardown);
    assert!((0.2..=1.0).contains(&plan.steps[0].estimate));
    let mut session = FakeSession::default();
    scenario.setup(&mut session).unwrap();
    let request = scenario.load(0, &plan.steps[0].labels, &mut session).unwrap();
    assert_eq!((request.load.most_users(), request.warmup > 0.0), (200, true));
    let outcome = run(request);
    scenario.teardown(&mut session).unwrap();
    assert_eq!(failures(&outcome), []);
    let seen = server.seen();
    assert!(
        seen.iter().any(|seen| seen.path == "/feed?run=9")
            && seen.iter().any(|seen| seen.body == "email=b%40x&password=2")
    );
    assert_eq!((seen[0].header("x-admin"), seen[0].path.as_str()), (Some("word"), "/admin/reset"));
    assert_eq!(seen.last().map(|seen| seen.path.as_str()), Some("/admin/reset"));
}

#[test]
fn both_need_their_permissions() {
    let dir = folder(false);
    let mut options = options(dir.path(), false);
    options.permissions = engine_script::Permissions::default();
    let needs = |name: &str| {
        let checked = check(&Source::File(dir.path().join(name)), &options);
        checked.permissions.iter().map(|flag| flag.split('=').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(needs("checkout.rhai"), ["--allow-read"]);
    assert_eq!(needs("soak.rhai"), ["--allow-env", "--allow-read"]);
}

/// What ships with the engine and sends load.
const SHIPPED: &[(&str, &str)] = &[
    ("load", include_str!("../../../../scenarios/load.rhai")),
    ("07_users", include_str!("../../../../examples/07_users.rhai")),
    ("08_arrivals", include_str!("../../../../examples/08_arrivals.rhai")),
    ("09_phases", include_str!("../../../../examples/09_phases.rhai")),
    ("10_shapes", include_str!("../../../../examples/10_shapes.rhai")),
    ("11_iterations", include_str!("../../../../examples/11_iterations.rhai")),
    ("12_data", include_str!("../../../../examples/12_data.rhai")),
];

#[test]
fn what_is_shipped_is_accepted_and_runs_tiny() {
    let server = Server::new(|seen| {
        let body = match seen.path.split('?').next().unwrap_or_default() {
            "/products" => r#"{"items": [{"sku": 5}]}"#,
            "/login" => r#"{"token": "t"}"#,
            path if path.starts_with("/products/") => r#"{"sku": 5}"#,
            _ => "{}",
        };
        (if seen.path.starts_with("/orders") { "201 Created" } else { "200 OK" }, "", body.to_owned())
    });
    for (name, text) in SHIPPED {
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        let source = Source::Text { name: format!("{name}.rhai"), text: (*text).to_owned(), base: base.clone() };
        let mut options = Options { profile: Profile::Tiny, ..crate::fakes::options() };
        options.permissions.read = vec![base.display().to_string()];
        let mut scenario = load(&source, options)
            .unwrap_or_else(|e| panic!("{name}: {}", e.iter().map(|d| d.render(false)).collect::<String>()));
        assert_eq!(scenario.warnings().len(), 0, "{name}");
        for step in scenario.plan().steps.clone() {
            let Work::Load { index, .. } = step.work else { continue };
            let mut request = scenario.load(index, &step.labels, &mut FakeSession::default()).unwrap();
            assert!(matches!(request.at, TargetAt::Demo(_)), "{name}");
            request.at = TargetAt::Url(server.url());
            let outcome = run(request);
            assert_eq!(failures(&outcome), [], "{}", step.path());
            let all = outcome.requests();
            assert!(all.ok > 0 && all.failed == 0, "{}: {:?}", step.path(), all.errors);
        }
    }
}
