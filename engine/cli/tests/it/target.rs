//! The demo target as the engine's child and alone.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use engine_core::load::{DemoTarget, ServiceTime};
use engine_session::target::start;

fn engine() -> String {
    assert_cmd::cargo::cargo_bin("engine").to_str().unwrap().to_owned()
}

/// The status and body of a page.
fn get(url: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

/// `engine target` with arguments, and what it says first.
fn alone(words: &[&str]) -> (Child, String) {
    let mut child = Command::new(engine())
        .arg("target")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .env("HOME", "/nonexistent")
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim_end().to_owned())
}

#[test]
fn the_session_starts_it_with_its_settings_and_ends_it() {
    let settings =
        DemoTarget { service: ServiceTime::Constant { mean: 0.0 }, body: 3000, workers: 2, ..DemoTarget::default() };
    let started = start(&[engine(), "target".to_owned()], &settings).unwrap();
    let (status, body) = get(&started.url, "/feed");
    assert_eq!((status, body.len()), (200, 3000));
    assert!(get(&started.url, "/metrics").1.contains("\nworkers 2\n"));
    assert!(std::fs::exists(format!("/proc/{}", started.pid)).unwrap());
    let (pid, url) = (started.pid, started.url.clone());
    drop(started);
    assert!(!std::fs::exists(format!("/proc/{pid}")).unwrap());
    assert!(TcpStream::connect(url.strip_prefix("http://").unwrap()).is_err());
}

#[test]
fn a_file_that_cannot_be_used_is_named_by_the_session_too() {
    let settings = DemoTarget { orders: Some("/no/such/folder/orders".into()), ..DemoTarget::default() };
    let error = start(&[engine(), "target".to_owned()], &settings).unwrap_err().to_string();
    assert!(
        error.contains("exit code 2") && error.contains("cannot keep orders in `/no/such/folder/orders`"),
        "{error}"
    );
}

#[test]
fn it_ends_well_when_told_to() {
    for signal in ["TERM", "INT"] {
        let (mut child, line) = alone(&["--service", "constant 1 ms"]);
        let url = line.strip_prefix("listening on ").unwrap();
        assert_eq!(get(url, "/products/1").0, 200);
        let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success() && child.wait().unwrap().success());
    }
}

#[test]
fn a_child_ends_with_its_parent() {
    let (mut child, line) = alone(&["--until-input-ends", "--down"]);
    assert!(line.starts_with("down on http://127.0.0.1:"), "{line}");
    // What a parent holds is closed when it dies, however it dies.
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    // Without the option the end of input means nothing: it still runs when a page has been read after it.
    let (mut child, line) = alone(&[]);
    drop(child.stdin.take());
    assert_eq!(get(line.strip_prefix("listening on ").unwrap(), "/health").0, 200);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn orders_survive_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders");
    let order = |url: &str| {
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        let head = "POST /orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n";
        stream.write_all(format!("{head}Content-Length: 12\r\n\r\n{{\"sku\": \"a\"}}").as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 201"), "{text}");
    };
    let words = ["--orders", path.to_str().unwrap(), "--service", "constant 0 s"];
    let (mut child, line) = alone(&words);
    order(line.strip_prefix("listening on ").unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    let (mut child, line) = alone(&words);
    assert_eq!(get(line.strip_prefix("listening on ").unwrap(), "/orders/1").0, 200);
    child.kill().unwrap();
    child.wait().unwrap();
}
