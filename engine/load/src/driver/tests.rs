use super::*;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// Everything that happened so far, data joined.
#[derive(Debug, Default)]
struct Seen {
    connected: Option<Result<(), i32>>,
    sent: usize,
    data: Vec<u8>,
    end: Option<Result<(), i32>>,
    closed: bool,
}

impl Seen {
    fn note(&mut self, event: Event<'_>) {
        match event {
            Event::Connected(result) => self.connected = Some(result),
            Event::Sent(result) => self.sent += usize::from(result.is_ok()),
            Event::Data(bytes) => self.data.extend_from_slice(bytes),
            Event::End(result) => self.end = Some(result),
            Event::Closed => self.closed = true,
        }
    }
}

fn drivers() -> Vec<Box<dyn Driver>> {
    let mut all: Vec<Box<dyn Driver>> = vec![Box::new(Epoll::new().unwrap())];
    if let Ok(ring) = Uring::new(64) {
        all.push(Box::new(ring));
    }
    all
}

/// Polls until `done`, which must come: a test that hangs here has found a fault.
fn until(driver: &mut dyn Driver, seen: &mut Seen, done: impl Fn(&Seen) -> bool) {
    while !done(seen) {
        driver.poll(Wait::Nanos(50_000_000), &mut |_, _, event| seen.note(event)).unwrap();
    }
}

fn connected(driver: &mut dyn Driver, seen: &mut Seen) -> (Key, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let key = driver.adopt(tcp_socket(&address, false).unwrap());
    driver.connect(key, address);
    until(driver, seen, |seen| seen.connected.is_some());
    assert_eq!(seen.connected, Some(Ok(())));
    (key, listener.accept().unwrap().0)
}

#[test]
fn bytes_go_both_ways_and_the_end_is_seen() {
    for mut driver in drivers() {
        let mut seen = Seen::default();
        let (key, mut peer) = connected(driver.as_mut(), &mut seen);
        driver.receive(key);
        assert!(!driver.send(key, Rc::new(b"ping".to_vec())), "a short one needs no word");
        driver.poll(Wait::No, &mut |_, _, event| seen.note(event)).unwrap();
        let mut four = [0; 4];
        peer.read_exact(&mut four).unwrap();
        assert_eq!(&four, b"ping");
        // More than all shared buffers together.
        let long: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
        let copy = long.clone();
        let writer = std::thread::spawn(move || peer.write_all(&copy).unwrap());
        until(driver.as_mut(), &mut seen, |seen| seen.end.is_some());
        writer.join().unwrap();
        assert_eq!(
            (seen.data.len(), seen.data == long, seen.end),
            (long.len(), true, Some(Ok(()))),
            "{:?}",
            driver.kind()
        );
        driver.close(key, false);
        until(driver.as_mut(), &mut seen, |seen| seen.closed);
    }
}

#[test]
fn a_long_message_is_sent_whole() {
    for mut driver in drivers() {
        let mut seen = Seen::default();
        let (key, mut peer) = connected(driver.as_mut(), &mut seen);
        let long = Rc::new(vec![7_u8; 8_000_000]);
        assert!(driver.send(key, Rc::clone(&long)));
        let reader = std::thread::spawn(move || {
            let mut all = vec![0; 8_000_000];
            peer.read_exact(&mut all).map(|()| all.iter().all(|byte| *byte == 7)).unwrap()
        });
        until(driver.as_mut(), &mut seen, |seen| seen.sent == 1);
        assert!(reader.join().unwrap(), "{:?}", driver.kind());
    }
}

#[test]
fn refusals_and_resets_are_named() {
    for mut driver in drivers() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let key = driver.adopt(tcp_socket(&address, false).unwrap());
        driver.connect(key, address);
        let mut seen = Seen::default();
        until(driver.as_mut(), &mut seen, |seen| seen.connected.is_some());
        assert_eq!(seen.connected, Some(Err(libc::ECONNREFUSED)), "{:?}", driver.kind());

        let mut seen = Seen::default();
        let (key, peer) = connected(driver.as_mut(), &mut seen);
        driver.receive(key);
        reset_on_close(std::os::fd::AsRawFd::as_raw_fd(&peer));
        drop(peer);
        until(driver.as_mut(), &mut seen, |seen| seen.end.is_some());
        assert_eq!(seen.end, Some(Err(libc::ECONNRESET)), "{:?}", driver.kind());
    }
}

#[test]
fn closing_ends_what_is_under_way() {
    for mut driver in drivers() {
        let mut seen = Seen::default();
        let (key, peer) = connected(driver.as_mut(), &mut seen);
        driver.receive(key);
        // Nobody reads, so this send cannot end.
        driver.send(key, Rc::new(vec![0; 16_000_000]));
        driver.poll(Wait::No, &mut |_, _, event| seen.note(event)).unwrap();
        driver.close(key, true);
        until(driver.as_mut(), &mut seen, |seen| seen.closed);
        assert_eq!((seen.sent, seen.end), (0, None), "{:?}", driver.kind());
        drop(peer);
    }
}

#[test]
fn many_sockets_outnumber_queue_and_buffers() {
    for mut driver in drivers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let mut peers: Vec<TcpStream> = (0..300).map(|_| listener.accept().unwrap().0).collect();
            for peer in &mut peers {
                peer.write_all(&[1; 9000]).unwrap();
            }
            peers
        });
        let (mut up, mut bytes) = (0, 0);
        let mut keys: Vec<Key> = Vec::new();
        // Fewer at a time than wait to be accepted, or the kernel lets some hang half open.
        while keys.len() < 300 {
            for _ in 0..50 {
                let key = driver.adopt(tcp_socket(&address, false).unwrap());
                driver.connect(key, address);
                keys.push(key);
            }
            while up < keys.len() {
                driver
                    .poll(Wait::Nanos(50_000_000), &mut |_, _, event| {
                        up += usize::from(event == Event::Connected(Ok(())));
                    })
                    .unwrap();
            }
        }
        for key in &keys {
            driver.receive(*key);
        }
        let peers = server.join().unwrap();
        while bytes < 300 * 9000 {
            driver
                .poll(Wait::Nanos(50_000_000), &mut |_, _, event| {
                    if let Event::Data(data) = event {
                        bytes += data.len();
                    }
                })
                .unwrap();
        }
        assert_eq!(bytes, 300 * 9000);
        drop(peers);
    }
}
