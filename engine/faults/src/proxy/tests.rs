use super::*;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Sends back what it gets, until the end; ends with the test.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut buffer = [0_u8; 65_536];
                while let Ok(count) = stream.read(&mut buffer) {
                    if count == 0 || stream.write_all(&buffer[..count]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn client(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// What a new connection comes to that the proxy resets: it may be gone before it is known to be there.
fn refused(proxy: &Proxy) -> ErrorKind {
    let read = |mut stream: TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(300)))?;
        stream.read(&mut [0])
    };
    TcpStream::connect(proxy.address()).and_then(read).unwrap_err().kind()
}

/// A message there and back; how long it took.
fn ask(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<Duration> {
    let began = Instant::now();
    stream.write_all(text)?;
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back)?;
    assert_eq!(back, text);
    Ok(began.elapsed())
}

/// What was passed on is counted a moment later.
fn settle(so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(300);
    while !so() {
        assert!(Instant::now() < deadline, "never counted");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn latency(delay: f64) -> Toxic {
    Toxic::new(Kind::Latency { delay, jitter: 0.0 }, Direction::Down)
}

#[test]
fn without_toxics_everything_goes_through_and_is_counted() {
    let proxy = Proxy::start(echo(), 1).unwrap();
    let large: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let mut one = client(&proxy);
    let mut writer = one.try_clone().unwrap();
    let sent = large.clone();
    let sender =
        std::thread::spawn(move || writer.write_all(&sent).and_then(|()| writer.shutdown(std::net::Shutdown::Write)));
    let mut back = Vec::new();
    one.read_to_end(&mut back).unwrap();
    sender.join().unwrap().unwrap();
    assert!(back == large, "the end of one way must not cut the other");
    settle(|| proxy.counts().down == 3_000_000);
    let counts = proxy.counts();
    assert_eq!((counts.accepted, counts.refused, counts.up, counts.down), (1, 0, 3_000_000, 3_000_000));
}

#[test]
fn a_share_of_the_messages_on_open_connections_is_late() {
    let proxy = Proxy::start(echo(), 7).unwrap();
    let mut open = client(&proxy);
    ask(&mut open, b"before").unwrap();
    proxy.set(vec![latency(0.05).with(0.1)]).unwrap();
    let late = (0..100).filter(|_| ask(&mut open, b"request").unwrap() >= Duration::from_millis(50)).count();
    settle(|| proxy.counts().asked == [100]);
    let counts = proxy.counts();
    assert_eq!((counts.asked[0], counts.hit[0], counts.open_before), (100, 10, 1));
    assert!(late >= 10, "each that was hit is late; a loaded machine may add more");
}

#[test]
fn taking_a_toxic_away_lets_go_what_is_held_back() {
    let proxy = Proxy::start(echo(), 1).unwrap();
    proxy.set(vec![latency(600.0)]).unwrap();
    let mut stream = client(&proxy);
    stream.write_all(b"x").unwrap();
    settle(|| proxy.counts().hit == [1]);
    proxy.set(Vec::new()).unwrap();
    let mut back = [0];
    stream.read_exact(&mut back).unwrap();
    ask(&mut stream, b"well again").unwrap();
}

#[test]
fn a_bandwidth_is_never_exceeded() {
    let proxy = Proxy::start(echo(), 1).unwrap();
    proxy.set(vec![Toxic::new(Kind::Bandwidth { rate: 1e6 }, Direction::Up)]).unwrap();
    assert!(ask(&mut client(&proxy), &[9; 300_000]).unwrap() >= Duration::from_millis(300));
}

#[test]
fn a_reset_hits_open_connections_and_new_ones() {
    let proxy = Proxy::start(echo(), 1).unwrap();
    let mut open = client(&proxy);
    ask(&mut open, b"x").unwrap();
    proxy.set(vec![Toxic::new(Kind::Reset { after: 0.0 }, Direction::Down)]).unwrap();
    assert_eq!(open.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(refused(&proxy), ErrorKind::ConnectionReset);
    proxy.set(Vec::new()).unwrap();
    ask(&mut client(&proxy), b"well again").unwrap();
}

#[test]
fn a_time_out_swallows_everything_and_is_reset_when_taken_away() {
    let proxy = Proxy::start(echo(), 1).unwrap();
    let mut open = client(&proxy);
    ask(&mut open, b"x").unwrap();
    proxy.set(vec![Toxic::new(Kind::Timeout { after: 0.0 }, Direction::Up)]).unwrap();
    open.write_all(b"lost").unwrap();
    open.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(matches!(open.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    open.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
    settle(|| proxy.counts().swallowed == 1);
    proxy.set(Vec::new()).unwrap();
    assert_eq!(open.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_limit_lets_exactly_so_much_through() {
    let proxy = Proxy::start(echo(), 1).unwrap();
    proxy.set(vec![Toxic::new(Kind::Limit { bytes: 1000 }, Direction::Down)]).unwrap();
    let mut stream = client(&proxy);
    stream.write_all(&[5; 4000]).unwrap();
    let mut back = Vec::new();
    // The end may come as a reset, for more was on its way.
    let _ = stream.read_to_end(&mut back);
    assert!(back.len() <= 1000);
    settle(|| proxy.counts().down == 1000);
}

#[test]
fn a_slicer_cuts_and_a_slow_close_holds_the_end_back() {
    let proxy = Proxy::start(echo(), 1).unwrap();
    proxy
        .set(vec![
            Toxic::new(Kind::Slicer { size: 10, delay: 0.005 }, Direction::Down),
            Toxic::new(Kind::SlowClose { delay: 0.1 }, Direction::Down),
        ])
        .unwrap();
    let mut stream = client(&proxy);
    assert!(ask(&mut stream, &[1; 100]).unwrap() >= Duration::from_millis(45), "nine pauses");
    let began = Instant::now();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert!(began.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_target_that_refuses_is_told_by_a_reset() {
    // A connection's own end: nobody listens there, and nobody can while it is open.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let proxy = Proxy::start(taken.local_addr().unwrap(), 1).unwrap();
    assert_eq!(refused(&proxy), ErrorKind::ConnectionReset);
    settle(|| proxy.counts().refused == 1);
}

#[test]
fn jitter_stays_within_its_bounds_and_nothing_overtakes() {
    let proxy = Proxy::start(echo(), 3).unwrap();
    proxy.set(vec![Toxic::new(Kind::Latency { delay: 0.01, jitter: 0.005 }, Direction::Up)]).unwrap();
    let mut stream = client(&proxy);
    for number in 0..20_u8 {
        assert!(ask(&mut stream, &[number; 100]).unwrap() >= Duration::from_millis(5));
    }
    settle(|| proxy.counts().hit == [20]);
    let bad = proxy.set(vec![latency(-1.0)]).unwrap_err();
    assert_eq!(bad, ToxicError::Time(-1.0));
    assert_eq!(proxy.counts().hit, [20], "what makes no sense changes nothing");
}
