//! WebSockets against a server of the test that does what it is told, right or wrong. Over both drivers.

mod common;
#[path = "common/tls.rs"]
mod identity;

use std::io::{Read, Write};

use common::{DRIVERS, Server, iterations, late, load, nap, reset, run};
use engine_load::record::{Kind, Row};
use engine_load::spec::Load;
use engine_load::user::WebSocketOptions;
use engine_load::websocket::Message;
use engine_load::{ErrorClass, Failure, User};
use identity::{Authority, secure};
use sha1::{Digest, Sha1};

const SECOND: u64 = 1_000_000_000;

/// What a server must say to this key.
fn accept(key: &str) -> String {
    let bytes = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain("+/".chars()).collect();
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let mut text = String::new();
    for six in bits.as_bytes().chunks(6) {
        let word = format!("{:0<6}", String::from_utf8_lossy(six));
        text.push(letters[usize::from_str_radix(&word, 2).expect("binary")]);
    }
    text + "="
}

/// Reads the handshake and agrees.
fn agree(stream: &mut (impl Read + Write)) -> Option<String> {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => seen.push(byte[0]),
            _ => return None,
        }
    }
    let text = String::from_utf8_lossy(&seen).into_owned();
    let key = text.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))?;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        accept(key)
    );
    stream.write_all(answer.as_bytes()).ok()?;
    Some(text)
}

/// Reads a frame of the client: its first byte and what it carries.
fn read(stream: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).ok()?;
    assert!(head[1] & 0x80 != 0, "a client masks");
    let len = match head[1] & 0x7f {
        126 => {
            let mut len = [0; 2];
            stream.read_exact(&mut len).ok()?;
            usize::from(u16::from_be_bytes(len))
        }
        127 => {
            let mut len = [0; 8];
            stream.read_exact(&mut len).ok()?;
            u64::from_be_bytes(len) as usize
        }
        len => usize::from(len),
    };
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).ok()?;
    let mut payload = vec![0; len];
    stream.read_exact(&mut payload).ok()?;
    payload.iter_mut().enumerate().for_each(|(at, byte)| *byte ^= mask[at % 4]);
    Some((head[0], payload))
}

fn write(stream: &mut impl Write, first: u8, payload: &[u8]) -> bool {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(len as u8),
        len @ 126..=0xffff => {
            frame.push(126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    stream.write_all(&frame).and_then(|()| stream.flush()).is_ok()
}

/// Echoes, and answers pings and farewells.
fn echo(stream: &mut (impl Read + Write)) {
    if agree(stream).is_none() {
        return;
    }
    while let Some((first, payload)) = read(stream) {
        let answer = match first & 0x0f {
            9 => 0x8a,
            10 => continue,
            _ => first,
        };
        if !write(stream, answer, &payload) || first & 0x0f == 8 {
            return;
        }
    }
}

/// Runs `journey` once each for 4 users over both drivers; it must succeed. Gives the rows of handshakes and messages.
fn each(server: &Server, journey: fn(&User) -> Result<(), Failure>) -> Vec<(Row, Row)> {
    DRIVERS
        .map(|driver| {
            let load = load(iterations(4, 1), server.origin(), move || journey);
            let outcome = run(Load { driver, ..load });
            let iterations = outcome.totals.sum(|label| label.kind == Kind::Iteration);
            assert_eq!(iterations.ok, 4, "{:?}", iterations.errors);
            (outcome.endpoint("WS /chat"), outcome.endpoint("WS /chat message"))
        })
        .into()
}

fn options() -> WebSocketOptions {
    WebSocketOptions { most: 1 << 20, ..WebSocketOptions::default() }
}

#[test]
fn messages_go_both_ways() {
    let server = Server::raw(|mut stream| echo(&mut stream));
    let rows = each(&server, |user| {
        let socket = user.websocket("/chat", &options())?;
        socket.send_text("grüße")?;
        assert_eq!(socket.receive(60 * SECOND)?, Message::Text("grüße".into()));
        for size in [0, 125, 126, 70_000] {
            socket.send_binary(&vec![3; size])?;
            assert_eq!(socket.receive(60 * SECOND)?, Message::Binary(vec![3; size]));
        }
        // Several in a row come back in order.
        for number in 0..20 {
            socket.send_text(&number.to_string())?;
        }
        for number in 0..20 {
            assert_eq!(socket.receive(60 * SECOND)?, Message::Text(number.to_string()));
        }
        socket.ping(60 * SECOND)?;
        assert_eq!(socket.receive(SECOND / 20).unwrap_err().class, ErrorClass::Timeout);
        socket.close(1000, "done")
    });
    for (handshake, messages) in rows {
        assert_eq!((handshake.ok, handshake.connections), (4, 4));
        assert!(handshake.connect.is_some() && handshake.first_byte.is_some());
        // Five exchanges, the first of the many, and the ping; what nobody asked for is no exchange.
        assert_eq!((messages.started, messages.ok), (28, 28), "{:?}", messages.errors);
        assert!(messages.bytes_out > 4 * 70_000 && messages.bytes_in > 4 * 70_000);
    }
}

#[test]
fn messages_in_parts_pings_and_a_farewell_of_the_server() {
    let server = Server::raw(|mut stream| {
        if agree(&mut stream).is_none() {
            return;
        }
        // While the user thinks: the answer comes from the loop, not from the user.
        assert!(write(&mut stream, 0x89, b"there?"));
        assert_eq!(read(&mut stream), Some((0x8a, b"there?".to_vec())));
        for (first, part) in [(0x01, "one "), (0x00, "message"), (0x89, "x"), (0x80, " in parts")] {
            assert!(write(&mut stream, first, part.as_bytes()));
            nap(3);
        }
        assert_eq!(read(&mut stream), Some((0x8a, b"x".to_vec())));
        assert!(write(&mut stream, 0x88, b"\x03\xe9away"));
        assert_eq!(read(&mut stream), Some((0x88, b"\x03\xe9".to_vec())));
    });
    each(&server, |user| {
        let socket = user.websocket("/chat", &options())?;
        user.pause(0.1)?;
        assert_eq!(socket.receive(60 * SECOND)?, Message::Text("one message in parts".into()));
        assert_eq!(socket.receive(60 * SECOND)?, Message::Close(Some((1001, "away".into()))));
        assert_eq!(socket.receive(60 * SECOND).unwrap_err().class, ErrorClass::Closed);
        assert_eq!(socket.send_text("x").unwrap_err().class, ErrorClass::Closed);
        Ok(())
    });
}

#[test]
fn a_message_right_behind_the_handshake_is_not_lost() {
    let server = Server::raw(|mut stream| {
        struct Late<'a>(&'a mut dyn Write, Vec<u8>);
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if !matches!(stream.read(&mut byte), Ok(1)) {
                return;
            }
            head.push(byte[0]);
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        let key = text.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
        let mut late = Late(&mut stream, Vec::new());
        late.1.extend_from_slice(
            b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
        );
        late.1.extend_from_slice(format!("{}\r\n\r\n", accept(key)).as_bytes());
        assert!(write(&mut late.1, 0x81, b"welcome"));
        let _ = late.0.write_all(&late.1);
        while read(&mut stream).is_some() {}
    });
    each(&server, |user| {
        let socket = user.websocket("/chat", &options())?;
        assert_eq!(socket.receive(60 * SECOND)?, Message::Text("welcome".into()));
        Ok(())
    });
}

#[test]
fn each_fault_is_a_class_that_is_counted() {
    type Serve = fn(&std::net::TcpStream);
    let handshakes: [(Serve, ErrorClass); 7] = [
        (|stream| reset(stream), ErrorClass::Reset),
        (|_| (), ErrorClass::Closed),
        (|mut stream| drop(stream.write_all(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")), ErrorClass::Status(403)),
        (|mut stream| drop(stream.write_all(b"\xff\xff\xff\xff garbage \r\n\r\n")), ErrorClass::Malformed),
        (
            |mut stream| {
                let wrong = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n";
                let _ = stream.write_all(format!("HTTP/1.1 101 Switching\r\n{wrong}").as_bytes());
            },
            ErrorClass::WebSocket,
        ),
        (|mut stream| while stream.write_all(&[b'A'; 1000]).is_ok() {}, ErrorClass::Malformed),
        (|mut stream| while let Ok(1..) = stream.read(&mut [0; 1000]) {}, ErrorClass::Timeout),
    ];
    for (serve, class) in handshakes {
        let server = Server::raw(move |mut stream| {
            let _ = stream.read(&mut [0; 1000]);
            serve(stream);
        });
        for driver in DRIVERS {
            let requests = |most: u64| {
                let load = load(iterations(4, 1), server.origin(), move || {
                    move |user: &User| {
                        let options = WebSocketOptions { timeout: most * 1_000_000, ..options() };
                        user.websocket("/chat", &options).map(drop)
                    }
                });
                run(Load { driver, ..load }).endpoint("WS /chat")
            };
            if class.is_timeout() {
                late(class, 4, requests);
                continue;
            }
            let row = requests(60_000);
            assert_eq!((row.errors.len(), row.ok), (1, 0), "{class:?}: {:?}", row.errors);
            assert_eq!((row.errors[0].class, row.errors[0].count), (class, 4), "{:?}", row.errors);
        }
    }
    let later: [(Serve, ErrorClass); 6] = [
        (|stream| reset(stream), ErrorClass::Reset),
        (|_| (), ErrorClass::Closed),
        (|mut stream| drop(stream.write_all(&[0x81, 5, b'h'])), ErrorClass::ClosedInBody),
        (|mut stream| drop(stream.write_all(&[0xff; 100])), ErrorClass::WebSocket),
        (
            |mut stream| while write(&mut stream, 0x02, &[0; 60_000]) && write(&mut stream, 0x00, b"") {},
            ErrorClass::WebSocket,
        ),
        (|mut stream| while let Ok(1..) = stream.read(&mut [0; 1000]) {}, ErrorClass::Timeout),
    ];
    for (serve, class) in later {
        let server = Server::raw(move |mut stream| {
            if agree(&mut stream).is_some() {
                let _ = read(&mut stream);
                serve(stream);
            }
        });
        for driver in DRIVERS {
            let load = load(iterations(4, 1), server.origin(), move || {
                move |user: &User| {
                    let socket = user.websocket("/chat", &options())?;
                    socket.send_text("hello")?;
                    let most = if class.is_timeout() { SECOND / 3 } else { 60 * SECOND };
                    assert_eq!(socket.receive(most).unwrap_err().class, class);
                    Ok(())
                }
            });
            let outcome = run(Load { driver, ..load });
            let row = outcome.endpoint("WS /chat message");
            assert_eq!((row.errors.len(), row.ok), (1, 0), "{class:?}: {:?}", row.errors);
            assert_eq!((row.errors[0].class, row.errors[0].count), (class, 4), "{:?}", row.errors);
            assert_eq!(outcome.totals.sum(|label| label.kind == Kind::Iteration).ok, 4);
        }
    }
}

#[test]
fn a_flood_is_cut_off() {
    let server = Server::raw(|mut stream| {
        if agree(&mut stream).is_some() {
            while write(&mut stream, 0x82, &[0; 60_000]) {}
        }
    });
    each(&server, |user| {
        let socket = user.websocket("/chat", &options())?;
        user.pause(0.3)?;
        // What came before is still there; then the failure.
        let failure = loop {
            match socket.receive(60 * SECOND) {
                Ok(message) => assert_eq!(message.size(), 60_000),
                Err(failure) => break failure,
            }
        };
        assert_eq!(failure.class, ErrorClass::BodyTooLarge);
        Ok(())
    });
}

#[test]
fn a_conversation_can_be_encrypted_and_choose_a_protocol() {
    let authority = Authority::new();
    let config = authority.vouch(&["127.0.0.1"], 2999).config(rustls::ALL_VERSIONS);
    let config = std::sync::Arc::new(config);
    let server = Server::raw(move |stream| {
        let mut connection = rustls::ServerConnection::new(config.clone()).expect("possible");
        let mut socket = stream;
        echo(&mut rustls::Stream::new(&mut connection, &mut socket));
    });
    let address = format!("wss://{}/chat", server.address);
    for driver in DRIVERS {
        let address = address.clone();
        let load = load(iterations(3, 2), secure(&server), move || {
            let address = address.clone();
            move |user: &User| {
                let socket = user.websocket(&address, &options())?;
                assert_eq!(socket.protocol(), None);
                for size in [1, 20_000, 200_000] {
                    socket.send_binary(&vec![1; size])?;
                    assert_eq!(socket.receive(60 * SECOND)?, Message::Binary(vec![1; size]));
                }
                socket.close(1000, "")
            }
        });
        let outcome = run(Load { driver, tls: authority.trusted(), ..load });
        let row = outcome.endpoint("WS /chat");
        assert_eq!((row.ok, row.tls.map(|tls| tls.count())), (6, Some(6)), "{:?}", row.errors);
        assert_eq!(outcome.endpoint("WS /chat message").ok, 18);
    }
}
