//! HTTP/2 against the server side of `h2` and against servers that break it. By prior knowledge, over both drivers; what
//! is agreed on within an encrypted channel is tried against nginx.

mod common;
#[path = "common/tls.rs"]
mod identity;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use common::{DRIVERS, Server, iterations, late, load, nap, reset, run};
use engine_load::http::{Body, Method, Request};
use engine_load::record::{Kind, Row};
use engine_load::spec::{HttpVersion, Limits, Load};
use engine_load::{ErrorClass, Failure, User};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use identity::{Authority, Then, secure, serving};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket for a runtime that knows none: it looks again and again.
struct Polled(TcpStream);

impl Polled {
    fn outcome<T>(result: io::Result<T>, cx: &Context<'_>) -> Poll<io::Result<T>> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_micros(200));
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            other => Poll::Ready(other),
        }
    }
}

impl AsyncRead for Polled {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut chunk = [0; 16_384];
        let len = chunk.len().min(into.remaining());
        Self::outcome(self.0.read(&mut chunk[..len]).map(|count| into.put_slice(&chunk[..count])), cx)
    }
}

impl AsyncWrite for Polled {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Self::outcome(self.0.write(bytes), cx)
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = self.0.shutdown(std::net::Shutdown::Write);
        Poll::Ready(Ok(()))
    }
}

/// What a server does with one request; `None` ends the connection.
type Answer = fn(http::Request<RecvStream>, SendResponse<Bytes>) -> Pin<Box<dyn Future<Output = Option<()>>>>;

/// A server of HTTP/2 that allows `streams` at once on a connection, and says farewell after `requests`.
fn server(streams: u32, requests: usize, answer: Answer) -> Server {
    Server::raw(move |stream| {
        stream.set_nonblocking(true).expect("it can");
        let socket = Polled(stream.try_clone().expect("another handle"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async move {
            let mut builder = h2::server::Builder::new();
            builder.max_concurrent_streams(streams);
            let Ok(mut connection) = builder.handshake::<_, Bytes>(socket).await else { return };
            let mut count = 0;
            while let Some(Ok((request, respond))) = connection.accept().await {
                count += 1;
                if count == requests {
                    connection.graceful_shutdown();
                }
                tokio::task::spawn_local(answer(request, respond));
            }
        });
        stream.set_nonblocking(false).expect("it can");
        leave(stream);
    })
}

/// Says the path, or what the request carried; with trailers.
fn echo(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> Pin<Box<dyn Future<Output = Option<()>>>> {
    Box::pin(async move {
        let path = request.uri().path().to_owned();
        let method = request.method().clone();
        let (head, mut body) = request.into_parts();
        let mut said = Vec::new();
        while let Some(piece) = body.data().await {
            let piece = piece.ok()?;
            let _ = body.flow_control().release_capacity(piece.len());
            said.extend_from_slice(&piece);
        }
        if said.is_empty() {
            said = path.clone().into_bytes();
        }
        let status = if path == "/none" { 204 } else { 200 };
        let answer = http::Response::builder()
            .status(status)
            .header("x-host", head.uri.authority()?.as_str())
            .header("x-mine", head.headers.get("x-mine")?.to_str().ok()?);
        if status == 204 || method == http::Method::HEAD {
            respond.send_response(answer.body(()).ok()?, true).ok()?;
            return Some(());
        }
        let mut send = respond.send_response(answer.body(()).ok()?, false).ok()?;
        send.send_data(Bytes::from(said), false).ok()?;
        let mut trailers = http::HeaderMap::new();
        trailers.insert("digest", http::HeaderValue::from_static("none"));
        send.send_trailers(trailers).ok()?;
        Some(())
    })
}

fn get(path: &str) -> Request {
    Request::get(path).header("X-Mine", "yes")
}

/// Runs `journey` for 3 users, twice each, over both drivers; it must succeed.
fn each(server: &Server, journey: fn(&User) -> Result<(), Failure>) -> Vec<Row> {
    DRIVERS
        .map(|driver| {
            let load = load(iterations(3, 2), server.origin(), move || journey);
            let limits = Limits { body: 4 << 20, ..load.limits };
            let outcome = run(Load { driver, limits, http: HttpVersion::Two, ..load });
            let iterations = outcome.totals.sum(|label| label.kind == Kind::Iteration);
            assert_eq!(iterations.ok, 6, "{:?}", iterations.errors);
            outcome.requests()
        })
        .into()
}

#[test]
fn requests_of_all_kinds_are_answered_on_one_connection() {
    let rows = each(&server(100, usize::MAX, echo), |user| {
        let response = user.request(&get("/a"))?;
        assert_eq!((response.status, &*response.text()), (200, "/a"));
        assert_eq!(response.headers.get("x-mine").as_deref(), Some("yes"));
        assert!(response.headers.get("x-host").expect("it says").starts_with("127.0.0.1:"));
        assert_eq!(response.trailers.get("digest").as_deref(), Some("none"));
        assert!(response.timings.first_byte > 0 && response.timings.total >= response.timings.first_byte);
        let head = Request { method: Method::Head, ..get("/b") };
        assert_eq!((user.request(&head)?.status, user.request(&head)?.size), (200, 0));
        assert_eq!(user.request(&get("/none"))?.status, 204);
        // Larger than every window.
        let big: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 253) as u8).collect();
        for body in [Body::Bytes(big.clone()), Body::Chunked(big.clone(), 100_000)] {
            let post = Request { method: Method::Post, body, ..get("/big") };
            assert!(user.request(&post)?.body == big);
        }
        let dropped = user.request(&get("/c").discarding())?;
        assert_eq!((dropped.size, dropped.body.len(), dropped.headers.iter().count()), (2, 0, 0));
        Ok(())
    });
    for row in rows {
        assert_eq!((row.ok, row.connections), (42, 3), "{:?}", row.errors);
    }
}

#[test]
fn requests_at_once_share_the_connection_and_keep_their_order() {
    // No more than 4 streams are allowed at once; the others wait.
    let rows = each(&server(4, usize::MAX, echo), |user| {
        let paths: Vec<String> = (0..20).map(|at| format!("/{at}/x")).collect();
        let all = paths.iter().map(|path| user.prepare(&get(path))).collect::<Result<Vec<_>, _>>()?;
        for (path, answer) in paths.iter().zip(user.get_all(all)) {
            assert_eq!(answer?.text(), *path);
        }
        Ok(())
    });
    for row in rows {
        assert_eq!((row.ok, row.connections), (120, 3), "{:?}", row.errors);
    }
}

#[test]
fn a_server_that_says_farewell_is_connected_to_again() {
    let rows = each(&server(100, 3, echo), |user| {
        for at in 0..10 {
            assert_eq!(user.request(&get(&format!("/{at}")))?.status, 200);
        }
        Ok(())
    });
    for row in rows {
        assert_eq!(row.ok, 60, "{:?}", row.errors);
        assert!(row.connections >= 20, "{}", row.connections);
    }
}

#[test]
fn one_stream_that_hangs_or_is_reset_harms_no_other() {
    let answer: Answer = |request, mut respond| {
        Box::pin(async move {
            match request.uri().path() {
                "/hang" => std::future::pending().await,
                "/reset" => respond.send_reset(Reason::INTERNAL_ERROR),
                "/half" => {
                    let head = http::Response::builder().header("content-length", 100);
                    let mut send = respond.send_response(head.body(()).ok()?, false).ok()?;
                    send.send_data(Bytes::from_static(b"abc"), false).ok()?;
                    for _ in 0..50 {
                        tokio::task::yield_now().await;
                    }
                    send.send_reset(Reason::INTERNAL_ERROR);
                }
                "/large" => {
                    let mut send = respond.send_response(http::Response::new(()), false).ok()?;
                    send.send_data(Bytes::from(vec![0; 5 << 20]), true).ok()?;
                }
                _ => drop(respond.send_response(http::Response::new(()), true)),
            }
            Some(())
        })
    };
    each(&server(100, usize::MAX, answer), |user| {
        let paths = ["/good", "/hang", "/reset", "/good", "/large", "/half"];
        // Only the one that hangs is not waited for.
        let most = |path: &str| if path == "/hang" { 400_000_000 } else { 60_000_000_000 };
        let all = paths.iter().map(|path| user.prepare(&get(path).within(most(path))));
        let answers = user.get_all(all.collect::<Result<Vec<_>, _>>()?);
        let classes: Vec<_> = answers.iter().map(|answer| answer.as_ref().err().map(|failure| failure.class)).collect();
        assert_eq!(classes[..4], [None, Some(ErrorClass::Timeout), Some(ErrorClass::Reset), None], "{answers:?}");
        assert_eq!(classes[4], Some(ErrorClass::BodyTooLarge));
        assert!(matches!(classes[5], Some(ErrorClass::ResetInBody | ErrorClass::Reset)), "{:?}", answers[5]);
        assert_eq!(user.request(&get("/good"))?.status, 200);
        Ok(())
    });
}

/// Ends a connection in order: what the client still sends is read, for unread bytes would make the end a reset.
fn leave(mut stream: &TcpStream) {
    let _ = stream.shutdown(std::net::Shutdown::Write);
    while let Ok(1..) = stream.read(&mut [0; 4096]) {}
}

/// A server of plain bytes that reads the client's preface and then does as `act` says.
fn wrong(act: impl Fn(&TcpStream) + Send + Sync + 'static, class: ErrorClass) {
    let server = Server::raw(move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        act(stream);
    });
    for driver in DRIVERS {
        let requests = |most: u64| {
            let load = load(iterations(5, 2), server.origin(), move || {
                move |user: &User| {
                    let _ = user.request(&get("/x").within(most * 1_000_000));
                    Ok(())
                }
            });
            run(Load { driver, http: HttpVersion::Two, ..load }).requests()
        };
        if class.is_timeout() {
            late(class, 10, requests);
            continue;
        }
        let row = requests(60_000);
        assert_eq!((row.errors.len(), row.ok), (1, 0), "{class:?}: {:?}", row.errors);
        assert_eq!((row.errors[0].class, row.errors[0].count), (class, 10), "{:?}", row.errors);
    }
}

#[test]
fn what_breaks_the_protocol_is_a_class_that_is_counted() {
    wrong(reset, ErrorClass::Reset);
    wrong(leave, ErrorClass::Closed);
    let refuse = |mut stream: &TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        leave(stream);
    };
    wrong(refuse, ErrorClass::Http2);
    wrong(|mut stream| while stream.write_all(&[0xff; 4096]).is_ok() {}, ErrorClass::Http2);
    // Settings, and then headers of nonsense for the first stream.
    wrong(
        |mut stream| {
            let _ = stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
            let _ = stream.write_all(&[0, 0, 4, 1, 4, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]);
            leave(stream);
        },
        ErrorClass::Http2,
    );
    wrong(|mut stream| while let Ok(1..) = stream.read(&mut [0; 1000]) {}, ErrorClass::Timeout);
    // Half a frame of settings, byte by byte.
    let drip = |mut stream: &TcpStream| {
        let _ = stream.write_all(&[0, 0, 96, 4, 0, 0, 0, 0, 0]);
        while stream.write_all(&[0]).is_ok() {
            nap(20);
        }
    };
    wrong(drip, ErrorClass::Timeout);
}

#[test]
fn a_host_that_does_not_agree_is_spoken_to_in_http_1_or_refused() {
    let authority = Authority::new();
    let config = authority.vouch(&["127.0.0.1"], 2999).config(rustls::ALL_VERSIONS);
    let (server, _) = serving(config, |plain, _| {
        let _ = plain.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").and_then(|()| plain.flush());
        Then::More
    });
    for driver in DRIVERS {
        for (http, ok) in [(HttpVersion::One, 6), (HttpVersion::Auto, 6), (HttpVersion::Two, 0)] {
            let load = load(iterations(3, 2), secure(&server), || |user: &User| user.get("/").map(drop));
            let row = run(Load { driver, tls: authority.trusted(), http, ..load }).requests();
            assert_eq!(row.ok, ok, "{http:?}: {:?}", row.errors);
            assert!(ok > 0 || row.errors.iter().all(|error| error.class == ErrorClass::Http2), "{:?}", row.errors);
        }
    }
}
