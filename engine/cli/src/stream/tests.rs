use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;

use engine_core::event::Event;
use engine_core::histogram::Histogram;
use engine_core::load::{LoadWindow, WindowRow};
use engine_core::plan::{Plan, PlannedStep, Rounds, Warmup, Work};
use engine_core::run::{RunId, ScenarioRef, Timestamp};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::ndjson::Lines;
use super::*;

fn header() -> RunHeader {
    let step = PlannedStep {
        name: "shop".into(),
        labels: Labels::new(),
        work: Work::Custom { index: 0, metrics: vec![] },
        rounds: Rounds::Exact(1),
        warmup: Warmup::Rounds(0),
        isolate: false,
        timeout: 1.0,
        budget: None,
        method: 0,
        estimate: 1.0,
    };
    RunHeader {
        id: RunId::new(Timestamp(1_700_000_000_000_000), 7),
        engine: "0.1.0".into(),
        scenario: ScenarioRef { name: "s".into(), ..ScenarioRef::default() },
        started: Timestamp(1_700_000_000_000_000),
        code: engine_core::code::CodeUnderTest::default(),
        machine: "m".into(),
        tags: BTreeMap::new(),
        environment: engine_core::environment::Environment::default(),
        plan: Plan { steps: vec![step], ..Plan::default() },
        machine_profile: None,
    }
}

/// A window that saw `ok` good answers of 10 ms and one bad one.
fn window(header: &RunHeader, sequence: u64, ok: u64) -> Envelope {
    let mut response = Histogram::new();
    response.record_n(10_000_000, ok);
    let row = WindowRow {
        started: ok + 1,
        ok,
        failed: 1,
        response: Some((&response).into()),
        bytes_in: 100,
        errors: vec![("status".into(), 1)],
        ..WindowRow::default()
    };
    let named = WindowRow { labels: Labels::new().with("name", "GET /a\"b"), ..row.clone() };
    let window = LoadWindow {
        step: 0,
        round: 0,
        at: 1.0,
        seconds: 1.0,
        rows: vec![row, named],
        users: 5,
        phase: "steady".into(),
    };
    Envelope {
        run: header.id.clone(),
        source: "engine".into(),
        sequence,
        at: sequence as f64,
        event: Event::Window(Box::new(window)),
    }
}

fn points(windows: u64) -> Vec<Point> {
    let header = header();
    let mut points = Points::new(&header);
    let mut all = Vec::new();
    for sequence in 1..=windows {
        points.of(&window(&header, sequence, 20), &mut all);
    }
    all
}

fn value(points: &[Point], name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
    let wanted: Labels = labels.iter().copied().collect();
    points
        .iter()
        .filter(|point| point.name == name && point.labels.matches(&wanted) && point.labels.get("name").is_none())
        .map(|point| point.value)
        .collect()
}

#[test]
fn windows_become_points() {
    let all = points(2);
    assert_eq!(value(&all, "users", &[]), [5.0, 5.0]);
    assert_eq!(value(&all, "rate", &[("step", "shop"), ("scenario", "s"), ("phase", "steady")]), [20.0, 20.0]);
    assert!(value(&all, "errors", &[]).iter().all(|share| (share - 1.0 / 21.0).abs() < 1e-12));
    let p99 = value(&all, "response", &[("quantile", "0.99")]);
    assert!(p99.len() == 2 && (p99[0] - 0.01).abs() < 1e-4, "{p99:?}");
    assert_eq!(value(&all, "requests", &[("outcome", "ok")]), [20.0, 40.0], "counters go on from window to window");
    assert_eq!(value(&all, "request.errors", &[("class", "status")]), [1.0, 2.0]);
    let at: Vec<i64> = all.iter().map(|point| point.at).collect();
    assert_eq!((at[0], at[at.len() - 1]), (1_700_000_001_000, 1_700_000_002_000));
}

#[test]
fn the_text_of_prometheus() {
    let text = prometheus::text(&points(2));
    assert!(text.contains("# TYPE engine_requests_total counter\n"), "{text}");
    assert!(text.contains("# TYPE engine_response_seconds gauge\n"), "{text}");
    assert!(text.contains("name=\"GET /a\\\"b\""), "quotes are escaped: {text}");
    let total = text.lines().find(|line| line.starts_with("engine_requests_total{outcome=\"ok\"")).unwrap();
    assert!(total.ends_with("} 40"), "the last value counts: {total}");
    assert_eq!(text.lines().filter(|line| line.starts_with("# TYPE engine_users ")).count(), 1);
}

/// A reader of protocol buffers and of snappy's literals, written for this test alone.
fn unpacked(block: &[u8]) -> Vec<u8> {
    let (length, mut at) = number(block, 0);
    let mut out = Vec::new();
    while at < block.len() {
        assert_eq!(block[at], 61 << 2, "only literals");
        let size = usize::from(u16::from_le_bytes([block[at + 1], block[at + 2]])) + 1;
        out.extend_from_slice(&block[at + 3..at + 3 + size]);
        at += 3 + size;
    }
    assert_eq!(out.len() as u64, length);
    out
}

fn number(bytes: &[u8], mut at: usize) -> (u64, usize) {
    let (mut value, mut shift) = (0, 0);
    loop {
        value |= u64::from(bytes[at] & 0x7f) << shift;
        shift += 7;
        at += 1;
        if bytes[at - 1] & 0x80 == 0 {
            return (value, at);
        }
    }
}

fn fields(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let (mut at, mut all) = (0, Vec::new());
    while at < bytes.len() {
        let (key, next) = number(bytes, at);
        let (content, end) = match key & 7 {
            0 => {
                let (_, end) = number(bytes, next);
                (bytes[next..end].to_vec(), end)
            }
            1 => (bytes[next..next + 8].to_vec(), next + 8),
            2 => {
                let (length, start) = number(bytes, next);
                let end = start + length as usize;
                (bytes[start..end].to_vec(), end)
            }
            other => panic!("wire type {other}"),
        };
        all.push((key >> 3, content));
        at = end;
    }
    all
}

#[test]
fn remote_write_can_be_read_back() {
    let all = points(3);
    let body = unpacked(&prometheus::remote_write(&all));
    let series = fields(&body);
    let mut seen = 0;
    for (number_of_field, one) in series {
        assert_eq!(number_of_field, 1);
        let (mut labels, mut samples) = (Vec::new(), Vec::new());
        for (kind, content) in fields(&one) {
            let parts = fields(&content);
            if kind == 1 {
                let text = |at: usize| String::from_utf8(parts[at].1.clone()).unwrap();
                labels.push((text(0), text(1)));
            } else {
                let value = f64::from_le_bytes(parts[0].1.clone().try_into().unwrap());
                samples.push((number(&parts[1].1, 0).0, value));
            }
        }
        assert!(labels.is_sorted() && labels[0].0 == "__name__", "{labels:?}");
        assert!(samples.is_sorted_by_key(|(at, _)| *at) && samples.len() == 3, "{labels:?} {samples:?}");
        if labels[0].1 == "engine_requests_total" && labels.iter().any(|(_, value)| value == "ok") {
            assert_eq!(samples.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [20.0, 40.0, 60.0]);
            assert_eq!(samples[0].0, 1_700_000_001_000);
            seen += 1;
        }
    }
    assert_eq!(seen, 2, "the total and the endpoint");
}

#[test]
fn otlp_has_gauges_and_cumulative_sums() {
    let body: serde_json::Value = serde_json::from_str(&otlp::request(&otlp::resource(&header()), &points(2))).unwrap();
    let resource = &body["resourceMetrics"][0];
    assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "engine");
    let metrics = resource["scopeMetrics"][0]["metrics"].as_array().unwrap();
    let of = |name: &str| metrics.iter().find(|metric| metric["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(of("engine.response")["unit"], "s");
    let sum = &of("engine.requests")["sum"];
    assert_eq!((&sum["aggregationTemporality"], &sum["isMonotonic"]), (&2.into(), &true.into()));
    let point = &sum["dataPoints"][0];
    assert_eq!(point["timeUnixNano"], "1700000001000000000");
    assert_eq!(point["startTimeUnixNano"], "1700000000000000000");
    assert_eq!(of("engine.users")["gauge"]["dataPoints"][1]["asDouble"], 5.0);
}

#[test]
fn targets_are_read() {
    let address = |text: &str| match Target::parse(text) {
        Ok(Target::Prometheus(address) | Target::Otlp(address)) => (address.host, address.port, address.path),
        other => panic!("{other:?}"),
    };
    assert_eq!(address("prometheus=http://h:9090"), ("h".into(), 9090, "/api/v1/write".into()));
    assert_eq!(address("prometheus=http://h/metrics/job/x"), ("h".into(), 80, "/metrics/job/x".into()));
    assert_eq!(address("otlp=http://[::1]:4318/"), ("::1".into(), 4318, "/v1/metrics".into()));
    assert_eq!(Target::parse("ndjson=a.json"), Ok(Target::Lines("a.json".into())));
    for (text, say) in [
        ("x", "must be ndjson=FILE"),
        ("ndjson=", "must be"),
        ("promteheus=http://h", "did you mean `prometheus`?"),
        ("otlp=https://h", "plain HTTP"),
        ("otlp=h:1", "http://"),
        ("otlp=http://:1", "no host"),
    ] {
        let error = Target::parse(text).expect_err(text);
        assert!(error.contains(say), "{text}: {error}");
    }
}

/// Head and body of each request.
type Posted = Vec<(String, Vec<u8>)>;

/// Answers each request with a status and hands over what was posted.
fn server(status: &'static str, requests: usize) -> (u16, JoinHandle<Posted>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let mut all = Vec::new();
        while all.len() < requests {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            let mut chunk = [0; 4096];
            let (head, body) = loop {
                let n = stream.read(&mut chunk).unwrap();
                bytes.extend_from_slice(&chunk[..n]);
                let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
                let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
                let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
                if bytes.len() - end - 4 >= length.parse::<usize>().unwrap() {
                    break (head, bytes[end + 4..].to_vec());
                }
            };
            stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\nsorry").as_bytes()).unwrap();
            all.push((head, body));
        }
        all
    });
    (port, thread)
}

fn streamed(target: &Target, windows: u64) -> Option<String> {
    let header = header();
    let (mut sink, stream) = start("test", target, &header).unwrap();
    let record = RunRecord::new(header.clone());
    for sequence in 1..=windows {
        sink.event(&window(&header, sequence, 20), &record);
    }
    drop(sink);
    stream.finish()
}

#[test]
fn what_is_sent_arrives_whole() {
    let (port, server) = server("204 No Content", 1);
    let target = Target::parse(&format!("prometheus=http://127.0.0.1:{port}")).unwrap();
    // One event is one request, however slow the machine is.
    assert_eq!(streamed(&target, 1), None);
    let got = server.join().unwrap();
    let (head, body) = &got[0];
    assert!(head.starts_with("POST /api/v1/write HTTP/1.1\r\n") && head.contains("Content-Encoding: snappy"), "{head}");
    assert_eq!(*body, prometheus::remote_write(&points(1)));
    let (port, server) = self::server("200 OK", 1);
    let target = Target::parse(&format!("prometheus=http://127.0.0.1:{port}/metrics/job/engine")).unwrap();
    assert_eq!(streamed(&target, 1), None);
    let (head, body) = server.join().unwrap().remove(0);
    assert!(head.contains("text/plain") && String::from_utf8(body).unwrap().contains("engine_users"), "{head}");
}

#[test]
fn what_is_refused_is_told() {
    let (port, server) = server("400 Bad Request", 1);
    let said = streamed(&Target::parse(&format!("otlp=http://127.0.0.1:{port}")).unwrap(), 1).expect("it was refused");
    assert!(said.contains("status 400: sorry") && said.contains("points were not taken"), "{said}");
    server.join().unwrap();
    // Nobody is given this port.
    let said = streamed(&Target::parse("otlp=http://127.0.0.1:1").unwrap(), 1).expect("nobody listens");
    assert!(said.contains("refused"), "{said}");
}

#[test]
fn a_server_that_never_answers_holds_nobody_up() {
    // It accepts by its backlog and reads nothing: were the sink to wait, this would never get past the loop's end.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target::parse(&format!("otlp=http://{}", silent.local_addr().unwrap())).unwrap();
    let header = header();
    let (mut sink, stream) = start("test", &target, &header).unwrap();
    let record = RunRecord::new(header.clone());
    let event = window(&header, 1, 1);
    for _ in 0..3 * QUEUE {
        sink.event(&event, &record);
    }
    drop(sink);
    let said = stream.finish().expect("something is lost");
    assert!(said.contains("not taken") || said.contains("faster"), "{said}");
    drop(silent);
}

#[test]
fn lines_are_events_and_points() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.ndjson");
    assert_eq!(streamed(&Target::Lines(path.clone()), 2), None);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<Envelope> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(events.len(), 2, "an event can be read back as it was");
    assert_eq!(events[1], window(&header(), 2, 20));
    let rate = lines.iter().find(|line| line["point"] == "rate").unwrap();
    assert_eq!((&rate["value"], &rate["unit"], &rate["labels"]["step"]), (&20.0.into(), &"1/s".into(), &"shop".into()));
    assert!(Lines::open(&folder.path().join("no/such/folder")).is_err());
}

#[test]
fn units_have_names_everywhere() {
    let mut point = points(1).remove(0);
    for (unit, grows, name) in [
        (Unit::Seconds, false, "engine_a_b_seconds{"),
        (Unit::BytesPerSecond, false, "engine_a_b_bytes_per_second{"),
        (Unit::Bytes, true, "engine_a_b_bytes_total{"),
        (Unit::Ratio, false, "engine_a_b_ratio{"),
    ] {
        point = Point { name: "a.b".into(), unit, grows, ..point };
        assert!(prometheus::text(std::slice::from_ref(&point)).contains(name), "{name}");
    }
}
