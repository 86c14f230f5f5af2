//! What pages of other sites, and people with a terminal, would try. Each line is refused in its own way, and the server
//! still answers afterwards.

use crate::client::{Socket, change, connect, get, raw, request};
use crate::fixture::{Site, TOKEN};
use std::fmt::Write as _;

/// Name, bytes as they are sent (`{port}` and `{id}` are filled in), and the statuses that are right; 0: closed without one.
const RAW: &[(&str, &str, &[u16])] = &[
    // Names: a page of evil.example whose name was made to mean 127.0.0.1.
    ("DNS rebinding", "GET /api/v1/runs HTTP/1.1\r\nHost: evil.example\r\n\r\n", &[421]),
    ("DNS rebinding with the port", "GET /api/v1/runs HTTP/1.1\r\nHost: evil.example:{port}\r\n\r\n", &[421]),
    ("a name that begins like ours", "GET / HTTP/1.1\r\nHost: 127.0.0.1.evil.example:{port}\r\n\r\n", &[421]),
    ("a name that ends like ours", "GET / HTTP/1.1\r\nHost: evil.localhost:{port}\r\n\r\n", &[421]),
    ("user information before the name", "GET / HTTP/1.1\r\nHost: a@127.0.0.1:{port}\r\n\r\n", &[400, 421]),
    ("no name", "GET / HTTP/1.1\r\n\r\n", &[400, 421]),
    ("HTTP/1.0 without a name", "GET / HTTP/1.0\r\n\r\n", &[421]),
    ("two names", "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n\r\n", &[400, 421]),
    ("another name in the address", "GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", &[400, 421]),
    ("0.0.0.0", "GET /api/v1/runs HTTP/1.1\r\nHost: 0.0.0.0:{port}\r\n\r\n", &[421]),
    ("another port of this machine", "GET / HTTP/1.1\r\nHost: localhost:1\r\n\r\n", &[421]),
    // Changes from other sites. They carry the user's cookie, or no token at all.
    (
        "cross-site POST",
        "POST /api/v1/alerts/a/resolve HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://evil.example\r\nContent-Type: application/json\r\nX-Engine: 1\r\nContent-Length: 2\r\n\r\n{}",
        &[403],
    ),
    (
        "cross-site form",
        "POST /api/v1/runs HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://evil.example\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
        &[403],
    ),
    (
        "an origin without a name",
        "DELETE /api/v1/runs/{id} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: null\r\nX-Engine: 1\r\n\r\n",
        &[403],
    ),
    (
        "another port is another origin",
        "DELETE /api/v1/runs/{id} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:1\r\n\r\n",
        &[403],
    ),
    (
        "cross-site by the browser's own word",
        "DELETE /api/v1/runs/{id} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nSec-Fetch-Site: cross-site\r\n\r\n",
        &[403],
    ),
    ("a change without anything", "DELETE /api/v1/runs/{id} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", &[401]),
    (
        "a preflight",
        "OPTIONS /api/v1/runs HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n",
        &[403, 405],
    ),
    // Tokens.
    (
        "a wrong token",
        "GET /api/v1/runs HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer nonsense\r\n\r\n",
        &[401],
    ),
    ("an empty token", "GET /api/v1/runs HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer \r\n\r\n", &[401]),
    (
        "the beginning of the token",
        "GET /api/v1/runs HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n",
        &[401],
    ),
    (
        "the token as a password",
        "GET /api/v1/runs HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Basic MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n",
        &[401],
    ),
    (
        "the token in the address",
        "DELETE /api/v1/runs/{id}?token=0123456789abcdef0123456789abcdef HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        &[401],
    ),
    // Places.
    ("a path that climbs", "GET /assets/../../../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", &[404]),
    (
        "an encoded path that climbs",
        "GET /assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        &[404],
    ),
    (
        "a path with backslashes",
        "GET /assets/..%5c..%5cetc%5cpasswd HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        &[404],
    ),
    ("a path with a zero byte", "GET /assets/index.html%00.png HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", &[404]),
    ("a file instead of a run", "GET /api/v1/runs/%2fetc%2fpasswd HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", &[404]),
    (
        "a named file instead of a run",
        "GET /api/v1/runs/file:x.json HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        &[404],
    ),
    (
        "a file in a comparison",
        "GET /api/v1/compare?old=/etc/passwd&new=@last HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        &[404],
    ),
    (
        "a scenario outside its folder",
        "GET /api/v1/scenarios/..%2f..%2fetc%2fpasswd/plan HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        &[404],
    ),
    (
        "SQL in a filter",
        "GET /api/v1/runs?scenario=x%27%3BDROP%20TABLE%20runs%3B-- HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        &[200],
    ),
    ("a name that is no UTF-8", "GET /api/v1/runs/%ff%fe HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", &[400]),
    // Requests that are two, or none.
    (
        "a header injected through a name",
        "GET /api/v1/runs/x%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        &[404],
    ),
    (
        "two lengths",
        "POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
        &[400],
    ),
    (
        "a length and chunks",
        "POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /",
        &[400, 403, 413, 415],
    ),
    (
        "a negative length",
        "POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: -1\r\n\r\n",
        &[400],
    ),
    ("a line end within a header", "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX: a\0b\r\n\r\n", &[400]),
    ("no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03\r\n\r\n", &[0, 400]),
    ("HTTP/2 by prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0, 400, 505]),
    ("a method of its own", "BREW / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", &[405]),
    ("TRACE", "TRACE / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", &[405]),
    // Bodies.
    (
        "a body that says it is huge",
        "POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n",
        &[413],
    ),
    (
        "JSON that says it is text",
        "POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
        &[415],
    ),
];

#[test]
fn the_list_of_attacks_is_refused() {
    let site = Site::new();
    let id = site.runs("quick", 1)[0].0.clone();
    assert!(RAW.len() >= 30, "{}", RAW.len());
    for (name, text, right) in RAW {
        let text = text.replace("{port}", &site.at().port().to_string()).replace("{id}", &id);
        let text = text.replacen("\r\n", "\r\nConnection: close\r\n", usize::from(text.contains("HTTP/1.1\r\n")));
        let answer = raw(site.at(), text.as_bytes());
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        assert!(right.contains(&status), "{name}: {status}, not {right:?}");
        let Some(answer) = answer else { continue };
        for (header, value) in &answer.headers {
            assert!(!header.starts_with("access-control-"), "{name}: {header}: {value}");
            assert!(header != "set-cookie", "{name}: {value}");
        }
        let shown = String::from_utf8_lossy(&answer.body);
        assert!(!shown.contains("root:") && !shown.contains(TOKEN), "{name}: {shown}");
    }
    assert_eq!(get(site.at(), &format!("/api/v1/runs/{id}")).status, 200, "nothing was removed, and it still answers");
}

#[test]
fn every_answer_tells_browsers_to_be_strict() {
    let site = Site::new();
    for path in ["/", "/api/v1/runs", "/api/v1/runs/none", "/nothing", "/metrics", "/assets/index.html"] {
        let answer = get(site.at(), path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-eval"), "{path}: {policy}");
        for (header, value) in
            [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY")]
        {
            assert_eq!(answer.header(header), Some(value), "{path}");
        }
    }
}

#[test]
fn the_document_has_no_script_of_its_own_and_no_foreign_address() {
    let text = get(Site::new().at(), "/").text();
    for (at, _) in text.match_indices("<script") {
        let tag = &text[at..at + text[at..].find('>').unwrap()];
        assert!(tag.contains("src=\"/"), "{tag}");
    }
    let lower = text.to_lowercase();
    for bad in [" onclick=", " onload=", " onerror=", "javascript:", "src=\"http", "href=\"http", "//cdn"] {
        assert!(!lower.contains(bad), "{bad}");
    }
}

#[test]
fn a_websocket_of_another_site_is_refused() {
    let site = Site::new();
    let own = format!("http://127.0.0.1:{}", site.at().port());
    let status = |headers: &[(&str, &str)]| {
        Socket::open_with(site.at(), "/api/v1/live", headers).err().map(|answer| answer.status)
    };
    assert_eq!(status(&[("Origin", &own)]), None);
    assert_eq!(status(&[("Origin", "http://evil.example")]), Some(403));
    assert_eq!(status(&[("Origin", "null")]), Some(403));
    assert_eq!(status(&[]), Some(403), "no browser, and no token");
    assert_eq!(status(&[("Authorization", &format!("Bearer {TOKEN}"))]), None);
    assert_eq!(status(&[("Origin", &own), ("Host", "evil.example")]), Some(421));
    let port = site.at().port();
    let rebound = [("Origin", format!("http://evil.example:{port}")), ("Host", format!("evil.example:{port}"))];
    assert_eq!(status(&rebound.each_ref().map(|(name, value)| (*name, value.as_str()))), Some(421));
}

#[test]
fn guesses_are_counted() {
    let site = Site::new();
    let guess = |n: usize| {
        let token = format!("Bearer {n:032}");
        request(site.at(), "GET", "/api/v1/runs", &[("Authorization", &token)], "").status
    };
    let statuses: Vec<u16> = (0..30).map(guess).collect();
    assert_eq!(statuses[..10], [401; 10]);
    assert!(statuses[11..].contains(&429), "{statuses:?}");
    assert_eq!(change(site.at(), "GET", "/api/v1/runs", "").status, 200, "who knows it is not held up");
}

#[test]
fn too_many_requests_are_told_to_wait() {
    // Two at once, and one more in two and a half seconds: not even a slow machine asks so slowly.
    let site = Site::with(|settings| settings.rate = 0.4);
    let answers: Vec<_> = (0..20).map(|_| get(site.at(), "/api/v1/session")).collect();
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert!(refused.header("retry-after").is_some());
    assert!(answers[..2].iter().all(|answer| answer.status == 200));
}

#[test]
fn bodies_and_heads_have_a_limit() {
    let site = Site::new();
    let long = format!(r#"{{"who":"{}"}}"#, "a".repeat(1 << 20));
    assert_eq!(change(site.at(), "POST", "/api/v1/alerts/a/resolve", &long).status, 413);
    // The same without saying how long it is.
    let mut text = format!(
        "POST /api/v1/alerts/a/resolve HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        site.at().port()
    );
    for _ in 0..40 {
        let _ = write!(text, "8000\r\n{}\r\n", "a".repeat(0x8000));
    }
    assert_eq!(raw(site.at(), text.as_bytes()).map_or(413, |answer| answer.status), 413);
    let header = "a".repeat(20_000);
    let answer = request(site.at(), "GET", "/", &[("X-Long", &header)], "");
    assert!([0, 400, 431].contains(&answer.status), "{}", answer.status);
    let many: String = (0..300).map(|n| format!("X-{n}: a\r\n")).collect();
    let text = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{many}\r\n", site.at().port());
    let status = raw(site.at(), text.as_bytes()).map_or(0, |answer| answer.status);
    assert!([0, 400, 431].contains(&status), "{status}");
    assert_eq!(get(site.at(), "/api/v1/health").status, 200);
}

#[test]
fn sockets_have_a_limit_and_say_nothing_long() {
    let site = Site::with(|settings| settings.sockets = 3);
    let mut open: Vec<Socket> = (0..3).map(|_| Socket::open(site.at(), "/api/v1/live").unwrap()).collect();
    for socket in &mut open {
        assert_eq!(socket.next_of("hello")["resumed"], false);
    }
    let refused = Socket::open(site.at(), "/api/v1/live").err().unwrap();
    assert_eq!((refused.status, refused.code()), (503, "unavailable".to_owned()));
    // A watcher that talks is closed, and its place is free again.
    open[0].send(&vec![b'a'; 100_000]);
    while open[0].next().is_some() {}
    drop(open.remove(0));
    let again = (0..1200).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        Socket::open(site.at(), "/api/v1/live").ok()
    });
    assert!(again.is_some());
}

#[test]
fn many_idle_connections_do_not_shut_others_out_for_long() {
    let site = Site::new();
    let idle: Vec<_> = (0..200).map(|_| connect(site.at())).collect();
    assert_eq!(get(site.at(), "/api/v1/health").status, 200);
    drop(idle);
}
