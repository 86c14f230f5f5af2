//! Scenarios from recordings, the one-liner for one address, and streams: each is checked, and run where it can be.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::sandbox::Sandbox;

/// Answers everything with a short page, until the test ends. Gives its port.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let mut chunk = [0; 4096];
                while let Ok(n) = stream.read(&mut chunk) {
                    if n == 0 {
                        return;
                    }
                    bytes.extend_from_slice(&chunk[..n]);
                    while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                        bytes.drain(..end + 4);
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                        if stream.write_all(answer).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    port
}

#[test]
fn what_curl_sent_becomes_a_scenario_that_checks() {
    let sandbox = Sandbox::new();
    let command = r#"curl -u me:secret 'http://127.0.0.1:8080/api/users/42?x=1' -X PATCH -H 'X-Token: it'"'"'s' --json '{"in":true,"list":[1,2.5,null,"a\nb"],"map":{"case":{}}}' -k"#;
    let made = sandbox.expect(0, &["import", "curl", command]).out;
    sandbox.file("made.rhai", &made);
    sandbox.expect(0, &["check", "made.rhai"]);
    // The same, split by the shell that started the engine; and from standard input.
    let words = ["import", "curl", "curl", "-d", "a=1&b=two+words", "http://localhost:1/", "-H", "X: y"];
    let made = sandbox.expect(0, &words).out;
    assert!(made.contains("form: #{ a: \"1\", b: \"two words\" }"), "{made}");
    sandbox.file("made.rhai", &made);
    sandbox.expect(0, &["check", "made.rhai"]);
    let pasted = sandbox.command(&["import", "curl", "-"]).write_stdin(command).output().unwrap();
    assert!(pasted.status.success());
    sandbox.expect(2, &["import", "curl", "curl -H 'a: $b' http://h \"$c\""]).says(&["expand"]);
}

#[test]
fn what_a_browser_saved_becomes_a_scenario_that_checks() {
    let sandbox = Sandbox::new();
    let har = r#"{"log":{"version":"1.2","creator":{"name":"t","version":"1"},"entries":[
        {"startedDateTime":"2026-11-26T10:00:00.000Z","time":100,"request":{"method":"GET","url":"https://shop.example/","headers":[]},"response":{"status":200}},
        {"startedDateTime":"2026-11-26T10:00:00.020Z","time":20,"request":{"method":"GET","url":"https://cdn.example/a.js","headers":[]},"response":{"status":200}},
        {"startedDateTime":"2026-11-26T10:00:04.000Z","time":50,"request":{"method":"POST","url":"https://shop.example/cart","headers":[{"name":"Content-Type","value":"application/json"}],"postData":{"mimeType":"application/json","text":"{\"sku\":7,\"with\":[]}"}},"response":{"status":201}}]}}"#;
    sandbox.file("shop.har", har);
    let made = sandbox.expect(0, &["import", "har", "shop.har"]).out;
    assert!(made.contains("--allow-net=cdn.example:443 --allow-net=shop.example:443"), "{made}");
    assert!(made.contains("user.think(\"3.9 s\")") && made.contains("status: 201"), "{made}");
    sandbox.file("made.rhai", &made);
    sandbox.expect(0, &["check", "made.rhai", "--allow-net=cdn.example:443,shop.example:443"]);
    let few = sandbox.expect(0, &["import", "har", "shop.har", "--host", "shop.example"]).out;
    assert!(!few.contains("cdn.example"), "{few}");
    sandbox.file("bad.har", "{}");
    sandbox.expect(2, &["import", "har", "bad.har"]).says(&["bad.har", "log"]);
}

#[test]
fn one_address_is_a_scenario_too() {
    let sandbox = Sandbox::new();
    let print = |args: &[&str]| sandbox.expect(0, &[&["http", "--print-scenario"], args].concat()).out;
    let open =
        print(&["http://127.0.0.1:8080/a?b=1", "-r", "200/s", "-d", "30s", "--poisson", "-e", "response.p99 < 200 ms"]);
    assert!(open.contains("arrivals: poisson(\"200/s\")") && open.contains("duration: \"30s\""), "{open}");
    sandbox.file("open.rhai", &open);
    sandbox.expect(0, &["check", "open.rhai"]);
    let closed = print(&[
        "localhost:8080",
        "-u",
        "20",
        "-X",
        "PATCH",
        "-H",
        "X-A: \"1\"",
        "--json-body",
        "{\"a\": 1}",
        "-k",
        "--warmup",
        "1 s",
    ]);
    assert!(closed.contains("users: 20") && closed.contains("user.request(\"PATCH\", \"/\""), "{closed}");
    sandbox.file("closed.rhai", &closed);
    sandbox.expect(0, &["check", "closed.rhai"]);
    sandbox.expect(2, &["http", "http://h", "-r", "200"]).says(&["-r", "200/s"]);
    sandbox.expect(2, &["http", "http://h", "-d", "long"]).says(&["-d", "30 s"]);
    sandbox.expect(2, &["http", "ftp://h"]).says(&["http"]);
    sandbox.expect(2, &["http", "http://h", "--json-body", "{"]).says(&["JSON"]);
}

#[test]
fn one_address_is_loaded_and_streamed() {
    let sandbox = Sandbox::new();
    let url = format!("http://127.0.0.1:{}/", server());
    let lines = sandbox.path("s.ndjson");
    let stream = format!("ndjson={}", lines.display());
    let ran = sandbox.expect(0, &["http", &url, "-r", "50/s", "-d", "10 s", "--profile", "tiny", "--stream", &stream]);
    assert!(ran.out.contains("Load http") && ran.out.contains("p99"), "{}", ran.out);
    let text = std::fs::read_to_string(&lines).unwrap();
    let events: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events[0]["event"]["run_started"].is_object(), "{}", events[0]);
    assert!(text.lines().last().unwrap().contains("run_finished"), "the last line is the end of the run");
    assert!(events.iter().any(|event| event["point"] == "rate"), "a load gives windows: {text}");
    // What is elsewhere needs a permission, whoever names it.
    let ran = sandbox.run(&["http", "http://192.0.2.1/", "-d", "1 s", "--profile", "tiny"]);
    assert_eq!(ran.code, 21, "{} {}", ran.out, ran.err);
    sandbox.expect(2, &["http", &url, "--stream", "ndjso=x"]).says(&["did you mean `ndjson`?"]);
    sandbox.expect(2, &["http", &url, "--stream", "ndjson=/no/such/folder/x"]).says(&["cannot write"]);
}

#[test]
fn a_sweep_says_what_other_sizes_carry() {
    let sandbox = Sandbox::new();
    // A law of our own, so that the answers are known: 100 n / (1 + 0.05 (n - 1)).
    let law = |n: f64| 100.0 * n / (1.0 + 0.05 * (n - 1.0));
    let of = |n: u32| {
        format!(
            r#"{{"name": "b/threads:{n}", "run_type": "iteration", "threads": {n}, "real_time": 1.0, "time_unit": "ns", "items_per_second": {}}}"#,
            law(f64::from(n))
        )
    };
    let all: Vec<String> = [1, 2, 4, 8].into_iter().map(of).collect();
    sandbox.file("g.json", format!(r#"{{"context": {{}}, "benchmarks": [{}]}}"#, all.join(",")));
    sandbox.expect(0, &["runs", "import", "g.json"]);
    let ran = sandbox.expect(0, &["plan", "@last", "--rate", "700/s", "--of", "16,17"]);
    assert!(ran.out.contains("contention limits: 5 % of the work is done one at a time"), "{}", ran.out);
    // 700 = 100 n / (1 + 0.05 (n - 1)) at n = 10.2.
    assert!(ran.out.contains("700/s takes 11 (11 to 11) threads"), "{}", ran.out);
    assert!(ran.out.contains("16 threads carry 914.3/s") && ran.out.contains("more than twice the 8"), "{}", ran.out);
    let json = sandbox.expect(0, &["--json", "plan"]).json();
    assert_eq!(json["curves"][0]["fit"]["limit"], "contention", "{json}");
    sandbox.expect(2, &["plan", "--rate", "5 s"]).says(&["--rate"]);
    sandbox.expect(4, &["plan", "--step", "other"]).says(&["no rate over a sweep"]);
    sandbox.expect(2, &["plan", "@-9"]);
}
