use super::frame::write;
use super::handshake::accept;
use super::*;
use crate::http::{HeadMemo, Keep, Method, Receiver, Response};
use proptest::prelude::*;

/// A frame as a server sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..=125 => out.push(len as u8),
        len @ 126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

/// Everything that a client makes of some bytes in pieces of this size, and what it answers.
fn receive(bytes: &[u8], size: usize) -> (Vec<Message>, Vec<u8>, Result<(), Failure>) {
    let mut client = Client::new(1000, 7);
    let mut out = Vec::new();
    let mut result = Ok(());
    for piece in bytes.chunks(size.max(1)) {
        result = client.incoming(1, piece, &mut out);
        if result.is_err() {
            break;
        }
    }
    (std::iter::from_fn(|| client.next()).map(|(_, message)| message).collect(), out, result)
}

/// Takes our own frames apart, as a server does.
fn unmask(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut at, mut all) = (0, Vec::new());
    while at < bytes.len() {
        let first = bytes[at];
        assert!(bytes[at + 1] & 0x80 != 0, "a client masks");
        let (head, len) = match bytes[at + 1] & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]))),
            127 => (10, u64::from_be_bytes(bytes[at + 2..at + 10].try_into().unwrap()) as usize),
            len => (2, usize::from(len)),
        };
        let mask = &bytes[at + head..at + head + 4];
        let payload = &bytes[at + head + 4..at + head + 4 + len];
        all.push((first, payload.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]).collect()));
        at += head + 4 + len;
    }
    all
}

#[test]
fn the_examples_of_rfc_6455() {
    // Section 1.3.
    assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(key(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
    // Section 5.7.
    let mut out = Vec::new();
    write(Opcode::Text, true, b"Hello", [0x37, 0xfa, 0x21, 0x3d], &mut out);
    assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    for (bytes, want) in [
        (&[0x81, 5, 0x48, 0x65, 0x6c, 0x6c, 0x6f][..], Message::Text("Hello".into())),
        (&[1, 3, 0x48, 0x65, 0x6c, 0x80, 2, 0x6c, 0x6f], Message::Text("Hello".into())),
        (&frame(0x82, &[9; 256]), Message::Binary(vec![9; 256])),
    ] {
        for size in [1, 2, 300] {
            assert_eq!(receive(bytes, size), (vec![want.clone()], Vec::new(), Ok(())));
        }
    }
    let (messages, out, _) = receive(&[0x89, 5, 0x48, 0x65, 0x6c, 0x6c, 0x6f], 3);
    assert_eq!((messages, unmask(&out)), (Vec::new(), vec![(0x8a, b"Hello".to_vec())]));
}

#[test]
fn a_ping_within_a_message_is_answered_and_the_message_whole() {
    let bytes = [frame(1, b"a"), frame(0x89, b"?"), frame(0, b"b"), frame(0x8a, b"old"), frame(0x80, b"c")].concat();
    for size in [1, 4, 100] {
        let (messages, out, result) = receive(&bytes, size);
        assert_eq!((messages, result), (vec![Message::Text("abc".into())], Ok(())));
        assert_eq!(unmask(&out), [(0x8a, b"?".to_vec())]);
    }
}

#[test]
fn a_farewell_is_returned_once_and_nothing_follows() {
    let bytes = [frame(0x81, b"x"), frame(0x88, b"\x03\xe8bye"), frame(0x81, b"after")].concat();
    let (messages, out, result) = receive(&bytes, 100);
    assert_eq!(messages, [Message::Text("x".into()), Message::Close(Some((1000, "bye".into())))]);
    assert_eq!((unmask(&out), result), (vec![(0x88, b"\x03\xe8".to_vec())], Ok(())));
    let mut client = Client::new(10, 0);
    let mut out = Vec::new();
    client.close(1000, &"ü".repeat(100), &mut out);
    client.close(1000, "again", &mut out);
    let said = unmask(&out);
    assert_eq!((said.len(), said[0].1.len()), (1, 2 + 122));
    assert!(std::str::from_utf8(&said[0].1[2..]).is_ok());
    assert_eq!(client.send(true, b"x", &mut out).unwrap_err().class, ErrorClass::Closed);
}

#[test]
fn what_breaks_the_protocol_is_refused_with_its_code() {
    for (bytes, code) in [
        (frame(0xc1, b"x"), 1002),               // A reserved bit.
        (frame(0x83, b"x"), 1002),               // An unknown kind.
        (vec![0x81, 0x81, 0, 0, 0, 0, 0], 1002), // Masked.
        (vec![0x81, 126, 0, 5], 1002),           // A short length in the long form.
        (vec![0x81, 127, 0, 0, 0, 0, 0, 0, 1, 0], 1002),
        (vec![0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], 1002),
        (frame(0x89, &[0; 126]), 1002), // A long ping.
        (frame(0x09, b"x"), 1002),      // A ping in parts.
        (frame(0x80, b"x"), 1002),      // The continuation of nothing.
        ([frame(1, b"a"), frame(0x81, b"b")].concat(), 1002),
        (frame(0x88, &[3]), 1002),
        (frame(0x88, &1005_u16.to_be_bytes()), 1002),
        (frame(0x88, &[3, 0xe8, 0xff]), 1007),
        (frame(0x81, &[0xff, 0xfe]), 1007),
        (frame(0x82, &[0; 1001]), 1009),
        (frame(0x82, &[0; 1001])[..4].to_vec(), 1009), // Known before it has come.
        ([frame(2, &[0; 600]), frame(0x80, &[0; 600])].concat(), 1009),
        ([frame(0x82, &[0; 600]), frame(0x82, &[0; 600])].concat(), 1008), // Nobody takes them.
    ] {
        for size in [1, 1 << 20] {
            let (_, out, result) = receive(&bytes, size);
            let failure = result.expect_err("it is wrong");
            let class = if matches!(code, 1008 | 1009) { ErrorClass::BodyTooLarge } else { ErrorClass::WebSocket };
            assert_eq!(failure.class, class, "{bytes:?}");
            assert_eq!(unmask(&out), [(0x88, u16::to_be_bytes(code).to_vec())], "{bytes:?}");
        }
    }
}

#[test]
fn an_answer_must_agree() {
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let answer = |text: &str| -> Response {
        let mut receiver = Receiver::new(Method::Get, Keep::All, 1000);
        receiver.take(text.as_bytes(), &mut HeadMemo::default()).expect("an answer");
        receiver.into_response()
    };
    let good = "HTTP/1.1 101 S\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let chat = ["chat".to_owned()];
    assert_eq!(check(&answer(good), key, &[]), Ok(None));
    let with = |line: &str| good.replace("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"));
    assert_eq!(check(&answer(&with("Sec-WebSocket-Protocol: chat")), key, &chat), Ok(Some("chat".into())));
    let class = |text: &str| check(&answer(text), key, &[]).expect_err(text).class;
    assert_eq!(class("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), ErrorClass::Status(403));
    for text in [
        good.replace("WebSocket\r", "h2c\r"),
        good.replace(", Upgrade", ""),
        good.replace("s3p", "s3q"),
        with("Sec-WebSocket-Extensions: permessage-deflate"),
        with("Sec-WebSocket-Protocol: chat"),
    ] {
        assert_eq!(class(&text), ErrorClass::WebSocket, "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1..50_usize) {
        let _ = receive(&bytes, size);
    }

    #[test]
    fn pieces_change_nothing(
        parts in prop::collection::vec((prop::sample::select(vec![1_u8, 2, 0, 0x80, 0x81, 0x82, 0x89, 0x8a]), "[a-zü]{0,130}"), 0..8),
        size in 1..40_usize
    ) {
        let bytes: Vec<u8> = parts.iter().flat_map(|(first, text)| frame(*first, &text.as_bytes()[..text.len().min(if *first > 0x88 { 120 } else { 999 })])).collect();
        let (whole, parts) = (receive(&bytes, bytes.len()), receive(&bytes, size));
        prop_assert_eq!(whole.2.clone().map_err(|failure| failure.class), parts.2.clone().map_err(|failure| failure.class));
        prop_assert_eq!(unmask(&whole.1), unmask(&parts.1));
        prop_assert_eq!(whole.0, parts.0);
    }

    #[test]
    fn what_is_written_can_be_read(payload in prop::collection::vec(any::<u8>(), 0..70_000)) {
        let mut client = Client::new(1 << 20, 3);
        let mut out = Vec::new();
        client.send(false, &payload, &mut out).unwrap();
        prop_assert_eq!(unmask(&out), vec![(0x82, payload)]);
    }
}
