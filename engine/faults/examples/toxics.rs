//! What the proxy does to requests, measured by clients: latency on a share of them, and a bandwidth. Prints JSON.
//! `cargo run --release -p engine-faults --example toxics -- [REQUESTS]`
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

use engine_faults::proxy::{Direction, Kind, Proxy, Toxic};

/// Clients at once.
const CLIENTS: usize = 32;

type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Done<()> {
    let requests: usize = std::env::args().nth(1).map_or(Ok(8000), |text| text.parse())?;
    let proxy = Proxy::start(echo()?, 1)?;
    proxy.set(vec![Toxic::new(Kind::Latency { delay: 0.3, jitter: 0.0 }, Direction::Down).with(0.1)])?;
    let address = proxy.address();
    let clients: Vec<_> =
        (0..CLIENTS).map(|_| std::thread::spawn(move || client(address, requests / CLIENTS))).collect();
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.join().map_err(|_| "a client panicked")??);
    }
    times.sort_by(f64::total_cmp);
    let late = times.partition_point(|time| *time < 0.15);
    let (quick, late) = times.split_at(late);
    let of = |times: &[f64], share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank"
        )]
        let rank = ((times.len() as f64 - 1.0) * share) as usize;
        times.get(rank).copied()
    };
    #[expect(clippy::cast_precision_loss, reason = "numbers of requests")]
    let share = late.len() as f64 / times.len() as f64;
    let counts = proxy.counts();
    println!(
        "{}",
        serde_json::json!({ "requests": times.len(), "share": share, "late_p5": of(late, 0.05), "late_p50": of(late, 0.5),
            "late_p95": of(late, 0.95), "quick_p50": of(quick, 0.5), "asked": counts.asked, "hit": counts.hit })
    );
    for rate in [1e5, 1e6, 1e7, 5e7] {
        proxy.set(vec![Toxic::new(Kind::Bandwidth { rate }, Direction::Down)])?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes in two seconds")]
        let size = (rate * 2.0) as usize;
        let mut stream = TcpStream::connect(address)?;
        let mut writer = stream.try_clone()?;
        let sender = std::thread::spawn(move || writer.write_all(&vec![7; size]));
        let began = Instant::now();
        let mut back = vec![0; size];
        stream.read_exact(&mut back)?;
        let took = began.elapsed().as_secs_f64();
        sender.join().map_err(|_| "the sender panicked")??;
        #[expect(clippy::cast_precision_loss, reason = "a number of bytes")]
        let got = size as f64 / took;
        println!("{}", serde_json::json!({ "rate": rate, "got": got, "ratio": got / rate }));
    }
    Ok(())
}

/// Times of requests on one connection, in seconds.
fn client(address: SocketAddr, requests: usize) -> Done<Vec<f64>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut times = Vec::with_capacity(requests);
    let mut back = [0; 32];
    for _ in 0..requests {
        let began = Instant::now();
        stream.write_all(&[1; 32])?;
        stream.read_exact(&mut back)?;
        times.push(began.elapsed().as_secs_f64());
        // Without a pause the quick ones would only measure how busy the machine is.
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    Ok(times)
}

/// Sends back what it gets.
fn echo() -> Done<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

fn serve(mut stream: TcpStream) {
    let mut buffer = vec![0; 65_536];
    while let Ok(count) = stream.read(&mut buffer) {
        if count == 0 || stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}
