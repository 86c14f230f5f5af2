use super::*;
use crate::error::{ErrorClass, Failure};
use proptest::prelude::*;

const MOST: u64 = 1 << 20;

/// Feeds `bytes` in pieces of the given sizes (the last repeats), then the end of the connection.
fn receive(method: Method, bytes: &[u8], sizes: &[usize]) -> Result<(Response, bool, usize), Failure> {
    receive_keeping(method, bytes, sizes, Keep::All, &mut HeadMemo::default())
}

fn receive_keeping(
    method: Method,
    bytes: &[u8],
    sizes: &[usize],
    keep: Keep,
    memo: &mut HeadMemo,
) -> Result<(Response, bool, usize), Failure> {
    let mut receiver = Receiver::new(method, keep, MOST);
    let mut at = 0;
    let mut turn = 0;
    while at < bytes.len() {
        let size = sizes[turn.min(sizes.len() - 1)].clamp(1, bytes.len() - at);
        turn += 1;
        match receiver.take(&bytes[at..at + size], memo)? {
            Progress::Done(used) => {
                let reusable = receiver.reusable();
                return Ok((receiver.into_response(), reusable, at + used));
            }
            Progress::More => at += size,
        }
    }
    receiver.end()?;
    Ok((receiver.into_response(), false, at))
}

fn class(bytes: &[u8]) -> ErrorClass {
    receive(Method::Get, bytes, &[bytes.len()]).expect_err(&String::from_utf8_lossy(bytes)).class
}

#[test]
fn framings_of_rfc_9112() {
    for (text, method, status, body, reusable) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Method::Get, 200, "hi", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", Method::Head, 200, "", true),
        ("HTTP/1.1 204 No\r\n\r\n", Method::Get, 204, "", true),
        ("HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", Method::Get, 304, "", true),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", Method::Get, 200, "until the end", false),
        ("HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 1\r\n\r\n.", Method::Get, 200, ".", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n.", Method::Get, 200, ".", false),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n.", Method::Get, 200, ".", true),
        (
            "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hint\r\nA: b\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 0\r\n\r\n",
            Method::Post,
            201,
            "",
            true,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nhi", Method::Get, 200, "hi", true),
        // A coding wins over a length, and the connection is not trusted further.
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            Method::Get,
            200,
            "x",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3;a=\"b\"\r\nabc\r\nA \r\n0123456789\r\n000\r\nT: u\r\n\r\n",
            Method::Get,
            200,
            "abc0123456789",
            true,
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nraw", Method::Get, 200, "raw", false),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", Method::Get, 200, "", true),
        ("\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Method::Get, 200, "", true),
        ("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n", Method::Get, 101, "", false),
    ] {
        for size in [1, 2, 3, 7, text.len()] {
            let (response, kept, used) = receive(method.clone(), text.as_bytes(), &[size]).expect(text);
            assert_eq!(
                (response.status, &*response.text(), kept, used),
                (status, body, reusable, text.len()),
                "{text} {size}"
            );
        }
    }
}

#[test]
fn what_is_wrong_has_its_class() {
    for (text, want) in [
        ("\u{0}\u{1}garbage", ErrorClass::Malformed),
        ("SSH-2.0-OpenSSH_9.2\r\n", ErrorClass::Malformed),
        ("HTTP/1.1 2x0 OK\r\n\r\n", ErrorClass::Malformed),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", ErrorClass::Malformed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n..", ErrorClass::BadFraming),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", ErrorClass::BadFraming),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", ErrorClass::BadFraming),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n", ErrorClass::BodyTooLarge),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", ErrorClass::BadFraming),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", ErrorClass::BadFraming),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", ErrorClass::BadFraming),
        ("", ErrorClass::Closed),
        ("HTTP/1.1 200 OK\r\nA: b", ErrorClass::ClosedInHead),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", ErrorClass::ClosedInBody),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", ErrorClass::ClosedInBody),
    ] {
        assert_eq!(class(text.as_bytes()), want, "{text}");
    }
    let endless = format!("HTTP/1.1 200 OK\r\n{}", "A: b\r\n".repeat(20_000));
    assert_eq!(class(endless.as_bytes()), ErrorClass::HeadTooLarge);
    let one = format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(70_000));
    for size in [1000, 70_000] {
        let found = receive(Method::Get, one.as_bytes(), &[size]).expect_err("no end");
        assert_eq!(found.class, ErrorClass::HeadTooLarge, "{size}");
    }
    let body = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(MOST as usize + 1));
    assert_eq!(class(body.as_bytes()), ErrorClass::BodyTooLarge);
    let line = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", "0".repeat(20_000));
    assert_eq!(class(line.as_bytes()), ErrorClass::BadFraming);
}

#[test]
fn headers_and_trailers_can_be_asked_for() {
    let text = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nDigest: d\r\nE: f\r\n\r\n";
    let (response, ..) = receive(Method::Get, text.as_bytes(), &[9]).expect("valid");
    assert_eq!(response.headers.all("SET-COOKIE").collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert_eq!(response.headers.get("nothing"), None);
    assert_eq!(response.trailers.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>(), ["Digest=d", "E=f"]);
}

#[test]
fn a_head_seen_before_is_recognised_and_a_like_one_is_not() {
    let mut memo = HeadMemo::default();
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    let other = "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n";
    for _ in 0..3 {
        for (head, body, status) in [(head, "abc", 200), (head, "def", 200), (other, "xy", 500)] {
            let text = format!("{head}{body}HTTP");
            let (response, kept, used) =
                receive_keeping(Method::Get, text.as_bytes(), &[text.len()], Keep::Nothing, &mut memo).expect("valid");
            assert_eq!((response.status, response.size, kept, used), (status, body.len() as u64, true, text.len() - 4));
        }
    }
    // Headers come with a head that was first seen when nobody wanted them, and those of different heads stay apart.
    for n in (0..9).chain(0..9) {
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Number: {n}\r\n\r\n");
        for keep in [Keep::Nothing, Keep::All] {
            let (response, ..) =
                receive_keeping(Method::Get, text.as_bytes(), &[text.len()], keep, &mut memo).expect("valid");
            let number = response.headers.get("x-number").map(std::borrow::Cow::into_owned);
            assert_eq!(number, (keep == Keep::All).then(|| n.to_string()));
        }
    }
    // The same head means something else for another method.
    let (response, _, used) =
        receive_keeping(Method::Head, other.as_bytes(), &[other.len()], Keep::Nothing, &mut memo).expect("valid");
    assert_eq!((response.size, used), (0, other.len()));
}

#[test]
fn requests_are_written_as_they_should() {
    let origin = Url::parse("http://h:81/").unwrap().origin;
    let text = |request: Request| String::from_utf8(request.encode(&origin, "/p?q").unwrap()).unwrap();
    assert_eq!(text(Request::get("/p?q").header("A", "b")), "GET /p?q HTTP/1.1\r\nHost: h:81\r\nA: b\r\n\r\n");
    assert_eq!(text(Request::get("/").header("host", "x")), "GET /p?q HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(text(Request::post("/", "ab")), "POST /p?q HTTP/1.1\r\nHost: h:81\r\nContent-Length: 2\r\n\r\nab");
    assert_eq!(text(Request::new(Method::Put, "/")), "PUT /p?q HTTP/1.1\r\nHost: h:81\r\nContent-Length: 0\r\n\r\n");
    let chunked = Request { body: Body::Chunked(b"abcde".to_vec(), 3), ..Request::new(Method::Post, "/") };
    assert!(text(chunked).ends_with("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
    for bad in [
        Request::get("/").header("A", "b\r\nC: d"),
        Request::get("/").header("A b", "c"),
        Request::get("/").header("Content-Length", "7"),
        Request::new(Method::Other("G T".into()), "/"),
    ] {
        assert_eq!(bad.encode(&origin, "/").unwrap_err().class, ErrorClass::Invalid);
    }
    assert_eq!(Request::get("/a?b=1").endpoint(), "GET /a");
    let many = "/p/12/7b3f0c9e-1d2a-4c5b-8e6f-001122334455/0123456789abcdef0123/deadbeef/v2";
    assert_eq!(Request::get(many).endpoint(), "GET /p/:id/:id/:id/deadbeef/v2");
    assert_eq!(Request::get("http://127.0.0.1:80/5").endpoint(), "GET http://127.0.0.1:80/:id");
}

#[test]
fn redirects_follow_rfc_9110() {
    let from = Url::parse("http://a/b").unwrap();
    let post = Request::post("/b", "x").header("Content-Type", "t").header("Authorization", "s").header("X", "y");
    for (status, method) in
        [(301, Method::Get), (302, Method::Get), (303, Method::Get), (307, Method::Post), (308, Method::Post)]
    {
        let next = post.redirected(&from, status, "/c").unwrap();
        assert_eq!(
            (&next.method, next.target.as_str(), next.body == Body::None),
            (&method, "http://a/c", method == Method::Get)
        );
        assert_eq!(next.redirects + 1, post.redirects);
    }
    let away = post.redirected(&from, 307, "http://other/").unwrap();
    assert_eq!(away.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["Content-Type", "X"]);
    assert_eq!(post.redirected(&from, 301, "no where").unwrap_err().class, ErrorClass::Redirect);
}

#[test]
fn what_is_wrong_in_a_head_that_came_in_pieces_is_said_at_the_end() {
    let text = b"HTTP/1.1 100 X\r\n\r\n\n\0";
    for sizes in [&[text.len()][..], &[19], &[1]] {
        assert_eq!(receive(Method::Get, text, sizes).unwrap_err().class, ErrorClass::Malformed, "{sizes:?}");
    }
    let cut = &b"HTTP/1.1 200 OK\r\nX: "[..];
    assert_eq!(receive(Method::Get, cut, &[5]).unwrap_err().class, ErrorClass::ClosedInHead);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn pieces_change_nothing(text in response_text(), sizes in prop::collection::vec(1..40_usize, 1..20)) {
        let whole = receive(Method::Get, &text, &[text.len().max(1)]);
        let parts = receive(Method::Get, &text, &sizes);
        match (whole, parts) {
            (Ok(one), Ok(other)) => prop_assert_eq!(one, other),
            (Err(one), Err(other)) => prop_assert_eq!(one.class, other.class),
            (one, other) => prop_assert!(false, "{:?} against {:?}", one, other),
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), sizes in prop::collection::vec(1..50_usize, 1..9)) {
        let _ = receive(Method::Get, &bytes, &sizes);
        let start = [&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..], &bytes].concat();
        let _ = receive(Method::Get, &start, &sizes);
    }
}

/// Answers that are mostly right.
pub(super) fn response_text() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![
        Just("X: y".to_owned()),
        Just("Connection: close".to_owned()),
        Just("Connection: keep-alive".to_owned()),
        (0..12_u32).prop_map(|n| format!("Content-Length: {n}")),
        Just("Transfer-Encoding: chunked".to_owned()),
        "[A-Za-z-]{1,8}: [ -~]{0,12}",
    ];
    let status = prop_oneof![8 => Just(200_u16), 1 => Just(204), 1 => Just(304), 1 => Just(404), 1 => Just(100)];
    let body = prop_oneof![
        "[a-z0-9]{0,20}".prop_map(String::into_bytes),
        prop::collection::vec("[a-z]{1,9}", 0..4).prop_map(|chunks| {
            let mut text: String = chunks.iter().map(|c| format!("{:x}\r\n{c}\r\n", c.len())).collect();
            text.push_str("0\r\n\r\n");
            text.into_bytes()
        }),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    (status, prop::collection::vec(header, 0..4), body).prop_map(|(status, headers, body)| {
        let mut text = format!("HTTP/1.1 {status} X\r\n");
        for header in headers {
            text.push_str(&header);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        [text.into_bytes(), body].concat()
    })
}
