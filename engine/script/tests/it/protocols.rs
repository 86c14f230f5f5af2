//! What users do beyond one request at a time, and what bodies they send, from the script's text to the socket.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};

use data_encoding::BASE64;
use sha1::{Digest, Sha1};

use crate::server::{Server, against, failures, once};

/// Serves one connection after the other, each by `talk`, until the test's process ends.
fn listening(talk: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().flatten().for_each(talk));
    address
}

#[test]
fn several_requests_go_out_at_once() {
    let server = Server::new(|seen| match seen.path.as_str() {
        "/bad" => ("500 No", "", "no".to_owned()),
        path => ("200 OK", "", format!("this is {path}")),
    });
    let outcome = once(
        &server,
        "let all = user.get_all([\"/a\", \"/b\", #{ post: \"/c\", json: #{ n: 1 }, name: \"third\" }, \"/bad\"]); \
         if all.len() != 4 || all[0].body != \"this is /a\" || all[2].body != \"this is /c\" { user.fail(\"order\"); } \
         if all[3].ok || all[3].status != 500 { user.fail(\"error\"); }",
    );
    assert_eq!(failures(&outcome), []);
    let mut seen: Vec<(String, String, String)> =
        server.seen().into_iter().map(|seen| (seen.method, seen.path, seen.body)).collect();
    seen.sort();
    let expected = [("GET", "/a", ""), ("GET", "/b", ""), ("GET", "/bad", ""), ("POST", "/c", "{\"n\":1}")];
    assert_eq!(seen, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
    assert_eq!((outcome.endpoint("third").ok, outcome.endpoint("GET /bad").failed), (1, 1));
    let wrong = once(&server, "user.get_all([#{ name: \"x\" }]);");
    assert!(failures(&wrong)[0].1.contains("`get_all` takes paths, or maps"), "{:?}", failures(&wrong));
}

#[test]
fn bodies_are_forms_files_json_and_texts() {
    let server = Server::json("{}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picture.bin");
    std::fs::write(&file, b"bytes of a file").unwrap();
    let path = file.display();
    let text = format!(
        "load(#{{ target: \"TARGET\", users: 1, iterations: 2, duration: \"20 s\", journey: |user| {{ \
         user.post(\"/form\", #{{ form: #{{ \"first name\": \"Ann & co\", n: 7 }} }}); \
         user.put(\"/file\", #{{ file: \"{path}\", headers: #{{ \"X-A\": \"b\" }} }}); \
         user.post(\"/json\", #{{ json: #{{ list: [1, #{{ a: () }}] }} }}); \
         user.post(\"/text\", #{{ body: \"plain \" + user.iteration }}); \
         user.get(\"/query\", #{{ query: #{{ q: \"a b\", n: 1 }} }}); }} }});"
    );
    let outcome = against(&server, &text);
    assert_eq!(failures(&outcome), []);
    let seen = server.seen();
    let of = |start: &str| -> Vec<(String, String)> {
        let own = seen.iter().filter(|seen| seen.path.starts_with(start));
        own.map(|seen| (seen.header("content-type").unwrap_or("").to_owned(), seen.body.clone())).collect()
    };
    let twice = |kind: &str, body: &str| vec![(kind.to_owned(), body.to_owned()); 2];
    assert_eq!(
        of("/form"),
        twice("application/x-www-form-urlencoded", "first%20name=Ann+%26+co&n=7".replace("%20", "+").as_str())
    );
    assert_eq!(of("/file"), twice("application/octet-stream", "bytes of a file"));
    assert_eq!(of("/json"), twice("application/json", "{\"list\":[1,{\"a\":null}]}"));
    assert_eq!(of("/text").iter().map(|(_, body)| body.as_str()).collect::<Vec<_>>(), ["plain 0", "plain 1"]);
    assert_eq!(seen.iter().filter(|seen| seen.path == "/query?n=1&q=a%20b").count(), 2);
    let put = seen.iter().find(|seen| seen.path == "/file").unwrap();
    assert_eq!((put.method.as_str(), put.header("x-a")), ("PUT", Some("b")));
}

/// Requests that are written with constants are made ready once; they must be what those are that are not.
#[test]
fn a_request_is_the_same_however_its_options_are_written() {
    let written = |options: &str, target: &str| {
        let server = Server::json("{}");
        let outcome = against(
            &server,
            &format!(
                "fn visit(user) {{ let path = \"/a\"; let name = \"n\"; for turn in 0..2 {{ \
                 let page = user.post({target}, {options}); if !page.ok {{ user.fail(\"no\"); }} }} \
                 if user.check(\"c\", true) {{ return 5; }} user.fail(\"not reached\"); }} \
                 load(#{{ target: \"TARGET\", users: 2, iterations_per_user: 2, duration: \"20 s\", journey: visit }});"
            ),
        );
        assert_eq!(failures(&outcome), [], "{options}");
        assert_eq!((outcome.endpoint("n").ok, outcome.requests().started), (8, 8), "{options}");
        let of = |seen: crate::server::Seen| {
            let header = seen.header("x").map(str::to_owned);
            (seen.method, seen.path, header, seen.body)
        };
        let heads = server.seen().into_iter().map(of);
        heads.collect::<Vec<_>>()
    };
    let constant = "#{ name: \"n\", headers: #{ x: \"y\" }, json: [1], status: [200, 201], timeout: \"9 s\" }";
    let all = written(constant, "\"/a\"");
    assert_eq!(all.len(), 8);
    assert_eq!(all[0], ("POST".to_owned(), "/a".to_owned(), Some("y".to_owned()), "[1]".to_owned()));
    assert_eq!(written(&constant.replace("\"n\"", "name"), "\"/a\""), all);
    assert_eq!(written(constant, "path"), all);
    assert_eq!(written(&constant.replace("\"n\"", "name"), "path"), all);
}

#[test]
fn constant_options_that_are_wrong_are_told_when_they_are_reached() {
    let server = Server::json("{}");
    for (options, said) in
        [("#{ status: 99 }", "`status` of a request must be"), ("#{ timeout: \"soon\" }", "`timeout`")]
    {
        // That `99` is no status is seen when the request is made; that `soon` is no time, before anything runs.
        if options.contains("99") {
            let outcome = once(&server, &format!("if user.iteration > 5 {{ user.get(\"/\", {options}); }}"));
            assert_eq!(failures(&outcome), [], "never reached");
        }
        // The check of a scenario does not look into options that are made elsewhere.
        let made = format!("let options = {options}; user.get(\"/\", options);");
        let told = failures(&once(&server, &made));
        assert!(told[0].1.contains(said), "{told:?}");
    }
    assert!(server.seen().is_empty());
}

#[test]
fn methods_of_the_scenario_come_before_ours() {
    let server = Server::json("{}");
    let text = "fn User.get(path) { this.request(\"GET\", \"/own\" + path) }\n\
                fn visit(user) { user.get(\"/x\"); }\n\
                load(#{ target: \"TARGET\", users: 1, iterations: 1, duration: \"20 s\", journey: visit });";
    assert_eq!(failures(&against(&server, text)), []);
    assert_eq!(server.seen()[0].path, "/own/x");
}

#[test]
fn a_name_that_means_something_else_is_not_the_user() {
    let server = Server::json("{\"a\": 1}");
    let text = "fn visit(user) { let other = user; { let user = #{ get: |path| path + \"!\" }; \
                if user.get.call(\"/x\") != \"/x!\" { other.fail(\"wrong\"); } } \
                for user in [1] { if user != 1 { other.fail(\"wrong\"); } } user.get(\"/y\"); }\n\
                load(#{ target: \"TARGET\", users: 1, iterations: 1, duration: \"20 s\", journey: visit });";
    assert_eq!(failures(&against(&server, text)), []);
    assert_eq!(server.seen()[0].path, "/y");
}

#[test]
fn a_raw_connection_is_spoken_on() {
    let address = listening(|mut stream| {
        let mut line = Vec::new();
        let mut byte = [0];
        while stream.read(&mut byte).is_ok_and(|count| count == 1) {
            line.push(byte[0]);
            if byte[0] == b'\n' {
                let text = String::from_utf8_lossy(&line).to_uppercase();
                if stream.write_all(text.as_bytes()).is_err() || text == "BYE\n" {
                    return;
                }
                line.clear();
            }
        }
    });
    let server = Server::json("{}");
    let outcome = once(
        &server,
        &format!(
            "let wire = user.tcp(\"{address}\"); wire.send(\"hello\\n\"); let line = wire.receive_until(\"\\n\"); \
             if line != \"HELLO\\n\" {{ user.fail(\"got \" + line); }} \
             wire.send(\"abc\\n\"); if wire.receive(2) != \"AB\" {{ user.fail(\"two\"); }} \
             wire.send(\"bye\\n\"); let rest = wire.receive_all(); if rest != \"C\\nBYE\\n\" {{ user.fail(\"rest \" + rest); }} \
             wire.close();"
        ),
    );
    assert_eq!(failures(&outcome), []);
}

#[test]
fn datagrams_come_and_go_each_by_itself() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut bytes = [0; 100];
        while let Ok((count, from)) = socket.recv_from(&mut bytes) {
            bytes[..count].reverse();
            let _ = socket.send_to(&bytes[..count], from);
        }
    });
    let server = Server::json("{}");
    let outcome = once(
        &server,
        &format!(
            "let wire = user.udp(\"{address}\"); wire.send(\"abc\"); \
             let back = wire.receive(); if back != \"cba\" {{ user.fail(\"got \" + back); }} wire.close();"
        ),
    );
    assert_eq!(failures(&outcome), []);
}

/// One frame of a client: its kind and what it carries.
fn frame(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 6];
    stream.read_exact(&mut head).ok()?;
    let mut payload = vec![0; usize::from(head[1] & 0x7f)];
    stream.read_exact(&mut payload).ok()?;
    let mask = &head[2..6];
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    Some((head[0] & 0x0f, payload))
}

#[test]
fn a_conversation_over_a_websocket() {
    let address = listening(|mut stream| {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let Some(key) = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")) else { return };
        let accept = BASE64.encode(&Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
        let agreed = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        let _ = stream.write_all(agreed.as_bytes());
        // Texts and bytes come back as they are; a farewell is answered.
        while let Some((kind, payload)) = frame(&mut stream) {
            let mut out = vec![0x80 | kind, payload.len() as u8];
            out.extend_from_slice(&payload);
            if stream.write_all(&out).is_err() || kind == 8 {
                return;
            }
        }
    });
    let server = Server::json("{}");
    let outcome = once(
        &server,
        &format!(
            "let talk = user.websocket(\"ws://{address}/chat\"); talk.send(\"hello\"); \
             if talk.receive() != \"hello\" {{ user.fail(\"text\"); }} \
             talk.send(blob(3, 7)); let bytes = talk.receive(\"60 s\"); \
             if bytes.len() != 3 || bytes[0] != 7 {{ user.fail(\"bytes\"); }} talk.close();"
        ),
    );
    assert_eq!(failures(&outcome), []);
}
