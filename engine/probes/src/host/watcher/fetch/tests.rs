use super::*;
use proptest::prelude::*;
use std::net::TcpListener;

/// What comes of an answer.
fn fetch(answer: &'static [u8]) -> Result<Vec<Counter>, String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 512];
        let count = stream.read(&mut asked).unwrap();
        assert!(asked[..count].starts_with(b"GET /metrics HTTP/1.1\r\n"));
        // Whoever asked may have heard enough.
        let _ = stream.write_all(answer);
    });
    let result = counters(&format!("http://{address}/metrics"), Duration::from_secs(120));
    server.join().unwrap();
    result.map_err(|error| error.rsplit_once("`: ").map_or(error.clone(), |(_, why)| why.to_owned()))
}

fn values(counters: &[Counter]) -> Vec<(String, f64)> {
    counters.iter().map(|counter| (format!("{}{}", counter.name, counter.labels), counter.value)).collect()
}

#[test]
fn prometheus_text_is_read() {
    let answer = b"HTTP/1.1 200 OK\r\n\r\n# HELP a b\n# TYPE a counter\nrequests_total 12\n\
        http_requests{code=\"200\", path=\"/a\\\"b,}\"} 7 1700000000000\nh_bucket{le=\"0.1\"} 3\nh_sum 1.5e-3\nbad NaN\n\
        q{quantile=\"0.5\"} 4\nworse +Inf\n9 nothing\nempty\n  spaced   {a=\"b\"}  3";
    let found = values(&fetch(answer).unwrap());
    let want = [
        ("requests_total", 12.0),
        ("http_requests{code=200,path=/a\"b,}}", 7.0),
        ("h_sum", 1.5e-3),
        ("q{quantile=0.5}", 4.0),
    ];
    assert_eq!(found, want.map(|(name, value)| (name.to_owned(), value)));
}

#[test]
fn numbers_of_json_are_read_by_their_paths() {
    let found = fetch(
        b"HTTP/1.0 200 OK\r\n\r\n{\"heap\": {\"used bytes\": 5, \"ok\": true}, \"gc\": [1.5, \"x\", 2], \"n\": null}",
    );
    let want = [("heap.used_bytes", 5.0), ("gc.0", 1.5), ("gc.2", 2.0)];
    assert_eq!(values(&found.unwrap()), want.map(|(name, value)| (name.to_owned(), value)));
}

#[test]
fn chunks_are_put_together() {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\na 1\nb\r\n3\r\n 2\n\r\n0\r\n\r\n";
    assert_eq!(values(&fetch(answer).unwrap()), [("a".to_owned(), 1.0), ("b".to_owned(), 2.0)]);
}

#[test]
fn what_is_wrong_is_said() {
    let why = |answer| fetch(answer).unwrap_err();
    assert_eq!(why(b"HTTP/1.1 503 No\r\n\r\n"), "the answer was 503");
    assert_eq!(why(b"SSH-2.0-x\r\n\r\n"), "the answer is not HTTP/1");
    assert_eq!(why(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na 1"), "the answer was cut short");
    assert_eq!(fetch(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na 1234").unwrap()[0].value, 1.0);
    assert_eq!(why(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"), "the answer is larger than 1 MiB");
    assert_eq!(why(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), "`xyz` is no size of a chunk");
    assert_eq!(why(b"HTTP/1.1 200 OK\r\n\r\nnothing here"), "no number in the answer");
    assert!(why(b"HTTP/1.1 200 OK\r\n\r\n{\"a\": ").starts_with("the answer is no JSON"));
    assert_eq!(why(b""), "the answer was cut short");
    let at = |address: &str| counters(address, Duration::from_secs(1)).unwrap_err();
    assert_eq!(at("https://127.0.0.1/"), "`https://127.0.0.1/`: only `http://` addresses can be read");
    assert_eq!(at("http://"), "`http://`: that is no address");
    assert_eq!(at("http://127.0.0.1:1/a\r\nX: y"), "`http://127.0.0.1:1/a\r\nX: y`: that is no address");
}

#[test]
fn one_that_never_answers_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let error = counters(&address, Duration::from_millis(100)).unwrap_err();
    assert!(error.ends_with("no answer in time"), "{error}");
}

#[test]
fn one_that_never_ends_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let line = "a 1\n".repeat(1000);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(line.as_bytes()).is_ok() {}
    });
    let error = counters(&address, Duration::from_secs(120)).unwrap_err();
    assert!(error.ends_with("the answer is larger than 1 MiB"), "{error}");
}

proptest! {
    #[test]
    fn no_answer_panics(head in "\\PC{0,40}", body in "\\PC{0,60}", ended in any::<bool>()) {
        let _ = whole(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}").as_bytes(), ended);
        let _ = whole(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}").as_bytes(), ended);
        let _ = (prometheus(&body), json(&body), prometheus(&format!("a{{{body}")), unchunked(head.as_bytes()));
    }
}
