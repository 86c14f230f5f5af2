//! The HTTP/1.1 receiver against hyper's client, on generated answers: same status, headers, body and end, or both refuse.

use engine_load::http::{HeadMemo, Keep, Method, Progress, Receiver};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

/// tokio's streams for hyper, without a crate for it.
struct Io<T>(T);

impl<T: AsyncRead + Unpin> Read for Io<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut to: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut chunk = [0; 512];
        let len = chunk.len().min(to.remaining());
        let mut buffer = ReadBuf::new(&mut chunk[..len]);
        match Pin::new(&mut self.0).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) => {
                to.put_slice(buffer.filled());
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl<T: AsyncWrite + Unpin> Write for Io<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, from)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// What a client makes of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

fn sorted(mut headers: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    headers.sort();
    headers
}

/// What hyper makes of it; `None` if it refuses.
fn by_hyper(method: &str, answer: &[u8]) -> Option<Seen> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(Io(ours)).await.ok()?;
        let driving = tokio::spawn(connection);
        let (mut from, mut to) = tokio::io::split(theirs);
        let answer = answer.to_vec();
        let serving = tokio::spawn(async move {
            // After the request, or hyper takes it for something that nobody asked for.
            let mut chunk = [0; 1024];
            let _ = tokio::io::AsyncReadExt::read(&mut from, &mut chunk).await;
            let _ = to.write_all(&answer).await;
            let _ = to.shutdown().await;
            from
        });
        let request = hyper::Request::builder().method(method).uri("/").header("Host", "x").body(Empty::<Bytes>::new());
        let work = async {
            let response = sender.send_request(request.expect("a request")).await.ok()?;
            let status = response.status().as_u16();
            let headers =
                response.headers().iter().map(|(n, v)| (n.as_str().to_owned(), v.as_bytes().to_vec())).collect();
            let body = response.into_body().collect().await.ok()?.to_bytes().to_vec();
            Some(Seen { status, headers: sorted(headers), body })
        };
        let seen = work.await;
        driving.abort();
        serving.abort();
        seen
    })
}

/// What ours makes of it, taken in pieces.
fn by_ours(method: &str, answer: &[u8], piece: usize) -> Option<Seen> {
    let mut receiver = Receiver::new(Method::parse(method), Keep::All, 1 << 30);
    let mut memo = HeadMemo::default();
    let mut done = false;
    for part in answer.chunks(piece) {
        if let Progress::Done(_) = receiver.take(part, &mut memo).ok()? {
            done = true;
            break;
        }
    }
    if !done {
        receiver.end().ok()?;
    }
    let response = receiver.into_response();
    let headers = response.headers.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.as_bytes().to_vec())).collect();
    Some(Seen { status: response.status, headers: sorted(headers), body: response.body })
}

/// Answers that are right, and some that nearly are.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![
        2 => "X-[A-Za-z]{1,8}: [!-~]{0,12}",
        1 => Just("Connection: close".to_owned()),
        1 => Just("Connection: keep-alive".to_owned()),
        1 => Just("Server:  spaced \t".to_owned()),
    ];
    let framing = prop_oneof![
        4 => "[a-z]{0,40}".prop_map(|body| (format!("Content-Length: {}\r\n", body.len()), body)),
        1 => "[a-z]{0,40}".prop_map(|body| (format!("Content-Length: {}\r\n", body.len() + 3), body)),
        1 => "[a-z]{5,40}".prop_map(|body| (format!("Content-Length: {0}\r\nContent-Length: {0}\r\n", body.len()), body)),
        1 => "[a-z]{5,40}".prop_map(|body| (format!("Content-Length: {}\r\nContent-Length: 1\r\n", body.len()), body)),
        1 => Just(("Content-Length: nine\r\n".to_owned(), "x".to_owned())),
        1 => "[a-z]{0,40}".prop_map(|body| (String::new(), body)),
        5 => (prop::collection::vec("[a-z]{1,20}", 0..5), prop::sample::select(vec!["", ";a=b", " ;x"]), prop::bool::weighted(0.8))
            .prop_map(|(chunks, extension, whole)| {
                let mut body = String::new();
                for chunk in chunks {
                    write!(body, "{:X}{extension}\r\n{chunk}\r\n", chunk.len()).expect("a string takes it");
                }
                if whole {
                    body.push_str("0\r\n\r\n");
                }
                ("Transfer-Encoding: chunked\r\n".to_owned(), body)
            }),
        1 => Just(("Transfer-Encoding: chunked\r\n".to_owned(), "5\r\nabc".to_owned())),
        1 => Just(("Transfer-Encoding: chunked\r\n".to_owned(), "zz\r\nabc\r\n".to_owned())),
    ];
    let interim = prop_oneof![6 => Just(""), 1 => Just("HTTP/1.1 100 Continue\r\n\r\n"), 1 => Just("HTTP/1.1 103 Early\r\nLink: x\r\n\r\n")];
    let line = prop_oneof![
        8 => prop::sample::select(vec![200_u16, 201, 204, 206, 304, 400, 404, 500, 503]).prop_map(|s| format!("HTTP/1.1 {s} Word")),
        1 => Just("HTTP/1.0 200 OK".to_owned()),
        1 => Just("HTTP/1.1 200".to_owned()),
        1 => Just("HTTP/2.0 200 OK".to_owned()),
        1 => Just("HTTP/1.1 20 OK".to_owned()),
        1 => Just("nonsense".to_owned()),
    ];
    (interim, line, prop::collection::vec(header, 0..4), framing).prop_map(
        |(interim, line, headers, (framing, body))| {
            let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
            format!("{interim}{line}\r\n{headers}{framing}\r\n{body}").into_bytes()
        },
    )
}

#[test]
fn a_plain_answer_is_seen_by_both() {
    let answer = b"HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let seen = by_hyper("GET", answer).expect("it is right");
    assert_eq!((seen.status, seen.body.as_slice(), seen.headers.len()), (200, &b"abc"[..], 2));
    assert_eq!(by_ours("GET", answer, 7), Some(seen));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn both_see_the_same(
        answer in answers(), method in prop::sample::select(vec!["GET", "HEAD", "POST", "DELETE"]), piece in 1..60_usize
    ) {
        let (ours, theirs) = (by_ours(method, &answer, piece), by_hyper(method, &answer));
        prop_assert_eq!(ours, theirs, "{} answered by {}", method, answer.escape_ascii());
    }
}
