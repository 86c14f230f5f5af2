//! `engine serve` and `engine run --dashboard` as processes.

use std::net::{SocketAddr, TcpListener};

use crate::client::{Socket, TOKEN, change, get};
use crate::sandbox::Sandbox;
use crate::server::Serving;

const ONE: &str = "bench(cpu::primes(#{ limit: 1000 }));";

#[test]
fn it_answers_on_this_machine_alone_and_ends_when_told() {
    let sandbox = Sandbox::new();
    sandbox.tiny(0, ONE);
    let mut serving = Serving::start(&sandbox, &["serve", "--port", "0"]);
    assert!(serving.at.ip().is_loopback());
    assert!(serving.said.iter().any(|line| line.ends_with(&format!("/#token={TOKEN}"))), "{:?}", serving.said);
    assert_eq!(get(serving.at, "/api/v1/runs?tiny=true").json()["total"], 1);
    let detail = get(serving.at, "/api/v1/runs/@last").json();
    assert_eq!(detail["report"]["steps"][0]["path"], "cpu.primes");
    assert!(get(serving.at, "/api/v1/machine").json()["rows"].as_array().unwrap().len() > 5);
    let markdown = get(serving.at, "/api/v1/runs/@last/report?format=md");
    assert!(markdown.header("content-disposition").unwrap().starts_with("attachment; filename=\"engine-"));
    assert!(markdown.text().contains("cpu.primes"));
    assert_eq!(get(serving.at, "/api/v1/runs/@last/report?format=exe").status, 400);
    serving.terminate();
    assert_eq!(serving.ended(), Some(0));
}

#[test]
fn a_taken_port_gives_the_next_one_and_says_so() {
    let sandbox = Sandbox::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let serving = Serving::start(&sandbox, &["serve", "--port", &port.to_string()]);
    assert!(serving.at.port() > port);
    let note = format!("port {port} is taken: the dashboard is on port {}", serving.at.port());
    assert!(serving.said.contains(&note), "{:?}", serving.said);
}

#[test]
fn another_address_needs_the_token_and_warns() {
    let sandbox = Sandbox::new();
    let serving = Serving::start(&sandbox, &["serve", "--port", "0", "--listen", "0.0.0.0"]);
    assert!(
        serving.said.iter().any(|line| line.starts_with("warning: the dashboard listens on 0.0.0.0")),
        "{:?}",
        serving.said
    );
    let at = SocketAddr::from(([127, 0, 0, 1], serving.at.port()));
    assert_eq!(get(at, "/api/v1/runs").status, 401);
    assert_eq!(change(at, "GET", "/api/v1/runs", "").status, 200);
    assert_eq!(Socket::open(at, "/api/v1/live").err().unwrap().status, 401);
}

#[test]
fn tokens_are_new_each_time_or_given_and_never_weak() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    let token = |serving: &Serving| serving.said.last().unwrap().rsplit_once('=').unwrap().1.to_owned();
    let first = token(&Serving::start_with(&sandbox, &["serve", "--port", "0"], None));
    let second = token(&Serving::start_with(&sandbox, &["serve", "--port", "0"], None));
    assert!(first.len() >= 32 && first != second);
    let file = sandbox.file("token", "from-a-file-0123456789\n");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    sandbox.expect(2, &["serve", "--port", "0", "--token-file", "token"]).says(&["can be read by others", "chmod 600"]);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let given = Serving::start_with(&sandbox, &["serve", "--port", "0", "--token-file", "token"], None);
    assert_eq!(token(&given), "from-a-file-0123456789");
    sandbox.file("short", "secret");
    std::fs::set_permissions(sandbox.path("short"), std::fs::Permissions::from_mode(0o600)).unwrap();
    sandbox.expect(2, &["serve", "--port", "0", "--token-file", "short"]).says(&["16 to 256 characters"]);
}

#[test]
fn a_run_with_a_dashboard_is_seen_and_is_stored() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "custom(\"wait\", || { let n = 0; while n < 3_000_000 { n += 1; } });");
    let mut serving = Serving::start(&sandbox, &["run", "s.rhai", "--profile", "tiny", "--dashboard=0"]);
    if let Ok(mut socket) = Socket::open(serving.at, "/api/v1/live") {
        assert_eq!(socket.next_of("hello")["period_seconds"], 1);
    }
    assert_eq!(serving.ended(), Some(0), "{:?}", serving.said);
    sandbox.expect(2, &["run", "s.rhai", "--dashboard=http"]).says(&["`--dashboard` takes a port"]);
}

#[test]
fn a_run_without_a_journal_is_stored_when_it_ends() {
    let sandbox = Sandbox::new();
    let run =
        ["run", "-e", "bench(#{ rounds: 5 }, cpu::primes(#{ limit: 1000 }));", "--profile", "short", "--seed", "1"];
    sandbox.expect(0, &run);
    sandbox.expect(0, &[&run[..], &["--no-journal"]].concat());
    for reference in ["@last", "@-2"] {
        let report = sandbox.expect(0, &["report", reference, "--json"]).json();
        assert_eq!(report["run"]["state"], "complete");
        let rounds = report["steps"][0]["metrics"][0]["rounds"].as_array().unwrap();
        assert!(!rounds.is_empty(), "{reference}");
    }
}

#[test]
fn scenarios_are_previewed_and_run_only_where_that_is_allowed() {
    let sandbox = Sandbox::new();
    sandbox.file("mine/deep/one.rhai", format!("//! One thing.\n{ONE}"));
    sandbox.file("secret.rhai", ONE);
    std::os::unix::fs::symlink(sandbox.path("secret.rhai"), sandbox.path("mine/link.rhai")).unwrap();
    let closed = Serving::start(&sandbox, &["serve", "--port", "0", "--scenarios", "mine"]);
    let list = get(closed.at, "/api/v1/scenarios").json();
    let names: Vec<&str> = list["items"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"quick") && names.contains(&"deep/one.rhai"), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("link") || name.contains("secret")), "{names:?}");
    let plan = get(closed.at, "/api/v1/scenarios/deep%2Fone.rhai/plan?profile=tiny").json();
    assert_eq!((plan["title"].as_str(), plan["steps"][0]["what"].as_str()), (Some("One thing."), Some("cpu.primes")));
    for outside in ["..%2Fsecret.rhai", "link.rhai", "secret.rhai", "%2Fetc%2Fpasswd"] {
        assert_eq!(get(closed.at, &format!("/api/v1/scenarios/{outside}/plan")).status, 404, "{outside}");
    }
    let start = |at, body: &str| change(at, "POST", "/api/v1/scenarios/deep%2Fone.rhai/runs", body);
    assert_eq!(start(closed.at, "{}").status, 403);
    drop(closed);
    let args = ["serve", "--port", "0", "--scenarios", "mine", "--allow-run-from-web"];
    let open = Serving::start(&sandbox, &args);
    let mut socket = Socket::open(open.at, "/api/v1/live").unwrap();
    let begun = start(open.at, r#"{"profile":"tiny"}"#);
    assert_eq!(begun.status, 202, "{}", begun.text());
    let ended = loop {
        let job = get(open.at, "/api/v1/jobs").json()["items"][0].clone();
        if job["state"] == "ended" {
            break job;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert_eq!(ended["exit_code"], 0, "{ended}");
    assert_eq!(get(open.at, "/api/v1/runs?tiny=true").json()["total"], 1);
    assert_eq!(start(open.at, r#"{"profile":"huge"}"#).status, 400);
    assert_eq!(start(open.at, r#"{"params":{"--db":"x"}}"#).status, 400);
    socket.next_of("hello");
}

#[test]
fn results_of_other_tools_are_taken_in() {
    let sandbox = Sandbox::new();
    let serving = Serving::start(&sandbox, &["serve", "--port", "0"]);
    let results = r#"{"results":[{"command":"sleep 0","mean":0.002,"stddev":0.0001,"median":0.002,"user":0.001,"system":0.001,
        "min":0.0019,"max":0.0021,"times":[0.0019,0.002,0.0021,0.002,0.002],"exit_codes":[0,0,0,0,0]}]}"#;
    let path = "/api/v1/runs?scenario=sleeping&branch=main&tags=ci%3Dyes,team%3Dx";
    let first = change(serving.at, "POST", path, results);
    assert_eq!(
        (first.status, first.json()["imported"][0]["format"].as_str()),
        (201, Some("hyperfine")),
        "{}",
        first.text()
    );
    assert_eq!(change(serving.at, "POST", path, results).json()["imported"][0]["run"].as_str().map(str::len), Some(26));
    let row = get(serving.at, "/api/v1/runs").json()["items"][0].clone();
    assert_eq!(
        (row["scenario"].as_str(), row["branch"].as_str(), row["tags"]["team"].as_str()),
        (Some("sleeping"), Some("main"), Some("x"))
    );
    assert_eq!(change(serving.at, "POST", "/api/v1/runs?format=cobol", results).status, 400);
    assert_eq!(change(serving.at, "POST", "/api/v1/runs", "what is this").status, 400);
}

#[test]
fn runs_are_compared_with_each_other_and_with_baselines() {
    let sandbox = Sandbox::new();
    for _ in 0..2 {
        sandbox
            .expect(0, &["run", "-e", "bench(#{ rounds: 5 }, cpu::primes(#{ limit: 1000 }));", "--profile", "short"]);
    }
    sandbox.expect(0, &["baseline", "set", "first", "@-2"]);
    sandbox.file("LICENSE", "a file whose name could be a run");
    let serving = Serving::start(&sandbox, &["serve", "--port", "0"]);
    for old in ["@-2", "first", "auto", "@first"] {
        let answer = get(serving.at, &format!("/api/v1/compare?old={old}&new=@last"));
        assert_eq!(answer.status, 200, "{old}: {}", answer.text());
        assert_eq!(answer.json()["kind"], "comparison");
    }
    let answer = get(serving.at, "/api/v1/compare?old=LICENSE&new=@last");
    assert_eq!(answer.status, 404, "{}", answer.text());
    assert_eq!(get(serving.at, "/api/v1/compare?old=@last&new=LICENSE").status, 404);
    assert_eq!(get(serving.at, "/api/v1/baselines").json()["items"][0]["name"], "first");
}

#[test]
fn the_settings_of_the_server() {
    let sandbox = Sandbox::new();
    sandbox.file("other/a.rhai", ONE);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let with = |settings: &str, args: &[&str]| {
        sandbox.file("set.toml", format!("[serve]\n{settings}\n"));
        Serving::start(&sandbox, &[&["--config", "set.toml", "serve"], args].concat())
    };
    assert!((free..=free + 20).contains(&with(&format!("port = {free}"), &[]).at.port()));
    let any = ["--port", "0"];
    assert_eq!(get(with("open = false", &any).at, "/api/v1/runs").status, 401);
    let named = with("hosts = [\"bench.example\"]", &any);
    let host = |name: &str| crate::client::request(named.at, "GET", "/api/v1/health", &[("Host", name)], "").status;
    assert_eq!((host("bench.example"), host("other.example")), (200, 421));
    let slow = with("rate = 1", &any);
    assert!((0..20).any(|_| get(slow.at, "/api/v1/session").status == 429));
    let one = with("sockets = 1", &any);
    let first = Socket::open(one.at, "/api/v1/live");
    assert!(first.is_ok());
    assert_eq!(Socket::open(one.at, "/api/v1/live").err().unwrap().status, 503);
    let listed = get(with("scenarios = \"other\"", &any).at, "/api/v1/scenarios").text();
    assert!(listed.contains("a.rhai"), "{listed}");
}
