//! What requests carry, as a server sees it: forms, files, and bodies that wait to be asked for. Over both drivers.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use common::{DRIVERS, Server, iterations, load, nap, run};
use engine_load::http::{Body, Method, Request, Response, form};
use engine_load::record::Kind;
use engine_load::spec::Load;
use engine_load::{Failure, User};

/// What came on a connection, in the order of its parts: a head, a body.
type Seen = Arc<Mutex<Vec<String>>>;

fn head(mut stream: &TcpStream) -> Option<String> {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return None;
        }
        seen.push(byte[0]);
    }
    String::from_utf8(seen).ok()
}

fn body(mut stream: &TcpStream, head: &str) -> Option<String> {
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

fn each(server: &Server, journey: impl Fn(&User) -> Result<(), Failure> + Clone + Send + Sync + 'static) {
    for driver in DRIVERS {
        let journey = journey.clone();
        let load = load(iterations(2, 2), server.origin(), move || journey.clone());
        let outcome = run(Load { driver, ..load });
        let iterations = outcome.totals.sum(|label| label.kind == Kind::Iteration);
        assert_eq!(iterations.ok, 4, "{:?} {:?}", iterations.errors, outcome.requests().errors);
    }
}

#[test]
fn forms_and_files_arrive_as_they_are() {
    let server = Server::raw(|stream| {
        while let Some(head) = head(stream) {
            let kind = head.lines().find_map(|line| line.strip_prefix("Content-Type: ")).unwrap_or("none").to_owned();
            let Some(body) = body(stream, &head) else { return };
            let said = format!("{kind}|{body}");
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{said}", said.len());
            let mut stream = stream;
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("upload.txt");
    std::fs::write(&path, "of the file").expect("written");
    each(&server, move |user| {
        let form = user.request(&Request::form("/f", [("a b", "c&d"), ("e", "ü")]))?;
        assert_eq!(form.text(), "application/x-www-form-urlencoded|a+b=c%26d&e=%C3%BC");
        let file = Request { body: Body::file(&path)?, ..Request::new(Method::Put, "/f") };
        assert_eq!(user.request(&file)?.text(), "none|of the file");
        let Body::Bytes(content) = Body::file(&path)? else { panic!("a file is bytes") };
        let part = form::Part { name: "up".into(), file: Some("upload.txt".into()), content, ..form::Part::default() };
        let text = user.request(&Request::multipart("/f", &[part]))?.text().into_owned();
        assert!(
            text.starts_with("multipart/form-data; boundary=") && text.contains("\r\n\r\nof the file\r\n--"),
            "{text}"
        );
        assert!(Body::file(&path.with_extension("none")).is_err());
        Ok(())
    });
}

/// A server that notes what comes in which order, and does `first` when it has the head.
fn asked(first: impl Fn(&TcpStream) -> bool + Send + Sync + 'static) -> (Server, Seen) {
    let seen = Seen::default();
    let notes = Arc::clone(&seen);
    let note = move |text: &str| notes.lock().expect("nobody panics with it").push(text.to_owned());
    let server = Server::raw(move |mut stream| {
        while let Some(head) = head(stream) {
            assert!(head.contains("Expect: 100-continue\r\n"));
            // Nothing may follow the head before it is asked for.
            stream.set_nonblocking(true).expect("it can");
            nap(30);
            note(if stream.peek(&mut [0]).is_ok() { "eager" } else { "waits" });
            stream.set_nonblocking(false).expect("it can");
            if !first(stream) {
                continue;
            }
            if let Some(body) = body(stream, &head) {
                note(&body);
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    (server, seen)
}

/// Counts answers that took so long that their body was rightly sent unasked: of a server that got no CPU.
fn note_late(late: &AtomicUsize, answer: &Response) {
    late.fetch_add(usize::from(answer.timings.total >= 900_000_000), Ordering::Relaxed);
}

fn post() -> Request {
    Request::post("/p", "the body").header("Expect", "100-continue")
}

#[test]
fn a_body_waits_until_it_is_asked_for() {
    let (server, seen) = asked(|mut stream| stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_ok());
    let late = Arc::new(AtomicUsize::new(0));
    let notes = Arc::clone(&late);
    each(&server, move |user| {
        let answer = user.request(&post())?;
        assert_eq!(answer.text(), "ok");
        note_late(&notes, &answer);
        let all = vec![user.prepare(&post())?, user.prepare(&post())?];
        for answer in user.get_all(all) {
            let answer = answer?;
            assert_eq!(answer.text(), "ok");
            note_late(&notes, &answer);
        }
        Ok(())
    });
    let seen = seen.lock().expect("over");
    let count = |what: &str| seen.iter().filter(|one| *one == what).count();
    assert_eq!((seen.len(), count("waits") + count("eager"), count("the body")), (48, 24, 24));
    assert!(count("eager") <= late.load(Ordering::Relaxed), "{seen:?}, {late:?} late");
}

#[test]
fn a_body_that_is_not_wanted_is_not_sent_and_the_connection_not_kept() {
    let (server, seen) = asked(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
        false
    });
    let late = Arc::new(AtomicUsize::new(0));
    let notes = Arc::clone(&late);
    each(&server, move |user| {
        let answer = user.request(&post().expecting(vec![413]))?;
        assert_eq!(answer.status, 413);
        note_late(&notes, &answer);
        Ok(())
    });
    let seen = seen.lock().expect("over");
    assert!(seen.len() == 8 && seen.iter().all(|one| one == "waits" || one == "eager"), "{seen:?}");
    let eager = seen.iter().filter(|one| *one == "eager").count();
    assert!(eager <= late.load(Ordering::Relaxed), "{seen:?}, {late:?} late");
    // One each: the server would take what comes next for the body.
    assert_eq!(server.accepted.load(Ordering::Relaxed), 8);
}

#[test]
fn a_server_that_never_asks_gets_the_body_after_a_while() {
    let (server, seen) = asked(|_| true);
    each(&server, |user| {
        let response = user.request(&post())?;
        assert!(response.timings.total >= 1_000_000_000);
        Ok(())
    });
    assert_eq!(seen.lock().expect("over").len(), 16);
}
